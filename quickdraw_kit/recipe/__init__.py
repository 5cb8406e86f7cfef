"""Recipes: the options of their steps, reading and checking them, running them."""
