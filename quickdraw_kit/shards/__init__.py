"""Bitmaps on disk: split, shuffled, checksummed, resumable, verified."""
