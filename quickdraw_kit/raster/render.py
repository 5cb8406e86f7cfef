"""`rasterize`: drawings to bitmaps."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import DataError
from quickdraw_kit.kernels import kernel
from quickdraw_kit.raster.coverage import cover
from quickdraw_kit.raster.outline import outline, straighten
from quickdraw_kit.raster.pen import pen_vertices
from quickdraw_kit.raster.style import RasterStyle
from quickdraw_kit.strokes.batch import DrawingBatch
from quickdraw_kit.strokes.fit import fit_to_frame

__all__ = ["rasterize"]


def rasterize(batch: DrawingBatch, style: RasterStyle = RasterStyle(), *, threads: int = 1, out=None):
    if batch.is_raw:
        batch = fit_to_frame(batch)
    images = np.zeros((len(batch), style.side, style.side), np.uint8) if out is None else out
    _render(batch.x.astype(np.float64), batch.y.astype(np.float64), batch.stroke_offsets, batch.drawing_offsets, pen_vertices(style), style.scale, style.translation, style.line_diameter / 2, images)
    return images


@kernel
def _render(x, y, strokes, drawings, pen, scale, translation, radius, images):
    most = 0
    for s in range(strokes.size - 1):
        most = max(most, strokes[s + 1] - strokes[s])
    side = images.shape[1]
    fx = np.empty(most, np.int64)
    fy = np.empty(most, np.int64)
    px = np.empty(most, np.int64)
    py = np.empty(most, np.int64)
    edges = np.empty((7, (most + 1) * (2 * pen.shape[0] + 8)), np.int64)
    right = np.empty_like(edges)
    order = np.empty(edges.shape[1], np.uint32)
    xs = np.empty(edges.shape[1], np.int64)
    base = np.empty(edges.shape[1], np.float64)
    step = np.empty(edges.shape[1], np.float64)
    following = np.empty(edges.shape[1], np.uint32)
    starting = np.empty(15 * side, np.uint32)
    area = np.zeros(side + 3, np.int64)
    for d in range(drawings.size - 1):
        first, last = strokes[drawings[d]], strokes[drawings[d + 1]]
        if first == last:
            continue
        mx, my = x[first], y[first]
        for i in range(first, last):
            mx = max(mx, x[i])
            my = max(my, y[i])
        ox, oy = (256.0 - mx) / 2.0, (256.0 - my) / 2.0
        for s in range(drawings[d], drawings[d + 1]):
            a, b = strokes[s], strokes[s + 1]
            for i in range(a, b):
                fx[i - a] = np.int64(np.rint((scale * (x[i] + ox) + scale * translation) * 256.0))
                fy[i - a] = np.int64(np.rint((scale * (y[i] + oy) + scale * translation) * 256.0))
            points = straighten(fx[: b - a], fy[: b - a], px, py)
            n = outline(px, py, points, pen, scale, radius, edges, right)
            if n:
                cover(edges, n, images[d], area, base, step, following, starting, order, xs)
