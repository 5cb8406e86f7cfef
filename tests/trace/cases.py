"""Drawings in pictures as people make them."""

from dataclasses import replace

import numpy as np

from quickdraw_kit.raster.render import rasterize
from quickdraw_kit.raster.style import RasterStyle
from quickdraw_kit.strokes.batch import DrawingBatch
from quickdraw_kit.strokes.simplify import simplify
from quickdraw_kit.synthetic.generator import generate_drawings
from quickdraw_kit.trace.image import trace_image

HOUSES = generate_drawings(("house", "star", "fish"), 4, seed=7, raw=False)


def large(drawing: DrawingBatch, width: float = 8, side: int = 512) -> np.ndarray:
    """White on black, with a pen of so many pixels and a margin."""
    unit = 0.78 * side / 256
    line = width / unit
    style = RasterStyle(side=side, line_diameter=line, padding=(side / unit - 256 - line) / 2)
    return rasterize(drawing, style)[0]


def normalized(picture: np.ndarray) -> np.ndarray:
    return rasterize(simplify(trace_image(picture)))[0]


def away(one: np.ndarray, other: np.ndarray) -> float:
    """Mean difference of two bitmaps, as a share of the ink in one of them."""
    return float(np.abs(one.astype(int) - other).sum() / max(int(one.sum()), 1))


def exact(drawing: DrawingBatch) -> np.ndarray:
    """The drawing as the way through a picture at its best would leave it: simplified twice."""
    wide = replace(drawing, x=drawing.x.astype(np.int16), y=drawing.y.astype(np.int16))
    return rasterize(simplify(wide))[0]
