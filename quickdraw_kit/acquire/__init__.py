"""Resolve names, paths and URLs to sources, and download what is not on this machine."""
