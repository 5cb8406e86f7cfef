"""Figures are checked by what can be read in them: the texts of an SVG, the pixels of a PNG."""

import re

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def texts(monkeypatch):
    """Write text in SVG files as text instead of outlines, and return a function that reads it."""
    monkeypatch.setitem(mpl.rcParams, "svg.fonttype", "none")

    def read(path):
        return re.findall(r"<text[^>]*>([^<]*)</text>", path.read_text("utf-8"))

    return read


@pytest.fixture(scope="session")
def share_of():
    """Return a function for the share of the pixels of a PNG that have a color."""

    def share(path, color):
        pixels = np.asarray(Image.open(path).convert("RGB")).astype(int)
        rgb = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
        return (np.abs(pixels - rgb).max(axis=2) <= 2).mean()

    return share
