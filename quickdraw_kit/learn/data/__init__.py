"""Data sets for training and evaluation, and the splits that they come in."""
