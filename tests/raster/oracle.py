"""The recipe of the dataset's authors, on cairo: what every bitmap is held to."""

import numpy as np
import pytest

from quickdraw_kit.raster.style import RasterStyle

try:
    import cairocffi as cairo
except (ImportError, OSError) as error:  # OSError: the binding is there and libcairo is not
    cairo = None
    REASON = f"cairo is not there: {error}"

needs_cairo = pytest.mark.skipif(cairo is None, reason="" if cairo else REASON)


def draw_with_cairo(strokes, style: RasterStyle) -> np.ndarray:
    """Render a drawing, given as arrays of shape (2, points), as the authors did."""
    side = style.side
    surface = cairo.ImageSurface(cairo.FORMAT_ARGB32, side, side)
    context = cairo.Context(surface)
    context.set_antialias(cairo.ANTIALIAS_BEST)
    context.set_line_cap(cairo.LINE_CAP_ROUND)
    context.set_line_join(cairo.LINE_JOIN_ROUND)
    context.set_line_width(style.line_diameter)
    margin = style.padding * 2.0 + style.line_diameter
    context.scale(side / (256.0 + margin), side / (256.0 + margin))
    context.translate(margin / 2.0, margin / 2.0)
    offset = (256.0 - np.hstack(strokes).max(axis=1, keepdims=True)) / 2.0
    context.set_source_rgb(0, 0, 0)
    context.paint()
    context.set_source_rgb(1, 1, 1)
    for stroke in strokes:
        xs, ys = stroke + offset
        context.move_to(xs[0], ys[0])
        for x, y in zip(xs, ys, strict=True):
            context.line_to(x, y)
        context.stroke()
    surface.flush()
    data = np.frombuffer(surface.get_data(), np.uint8)
    return data.reshape(side, -1)[:, : side * 4 : 4].copy()
