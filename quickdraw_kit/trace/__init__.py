"""Pictures to strokes: find the ink in a picture and trace its center lines."""
