"""Drawings as strokes: the batch in columns, the official forms, the generator."""
