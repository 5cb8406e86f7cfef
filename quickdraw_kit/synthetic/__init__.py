"""A generator of synthetic drawings."""
