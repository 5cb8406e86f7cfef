"""Pictures to strokes: what a person drew, on paper or on a screen, as the pen went."""
