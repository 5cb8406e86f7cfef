"""Figures, contact sheets, terminal previews and HTML pages."""
