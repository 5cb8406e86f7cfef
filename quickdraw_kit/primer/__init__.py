"""Convolutional networks from scratch, in numpy alone: to read, to run and to look at.

Read `operations` first, then `kernels`, `layers` and `forward`; ``docs/primer.md`` has the figures.
"""
