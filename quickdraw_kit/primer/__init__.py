"""Convolutional networks from scratch, on numpy alone: to read, to run and to look at."""
