"""The local web page: draw and be guessed, browse drawings, compare training runs."""
