"""Figures, contact sheets, terminal previews and pages."""
