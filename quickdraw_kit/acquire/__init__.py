"""Name and fetch what is to be read: files, folders, globs, categories."""
