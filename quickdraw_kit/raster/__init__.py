"""Strokes to bitmaps, byte for byte as the official bitmaps were drawn."""
