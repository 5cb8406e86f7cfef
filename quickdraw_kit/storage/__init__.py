"""Open, write, hash and cache files, in folders, object stores and on web servers."""
