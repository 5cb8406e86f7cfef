"""The batch of drawings in columns, and what is done to strokes: normalize and simplify."""
