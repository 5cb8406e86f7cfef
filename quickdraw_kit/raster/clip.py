"""Edges of a polygon, clipped to the bitmap.

What is left or right of the bitmap still counts for the winding number inside it, so it becomes an
edge along the border. The position of a cut is rounded to the grid.
"""

import numpy as np
import numpy.typing as npt

from quickdraw_kit.kernels import kernel
from quickdraw_kit.raster.workspace import LINES

# columns of an edge; top and bottom are sample lines
X, Y, DX, DY, TOP, BOTTOM, DIRECTION = range(7)

Edges = npt.NDArray[np.int64]


@kernel
def clip(
    edges: Edges, n: int, extent: Edges, x1: int, y1: int, x2: int, y2: int, limit: int
) -> int:
    """Add an edge, or the up to three edges that it becomes; return the number of edges.

    `extent` grows to hold every x; `limit` is the side of the bitmap in grid units.
    """
    if y1 == y2:
        return n
    direction = 1
    if y1 > y2:
        x1, y1, x2, y2, direction = x2, y2, x1, y1, -1

    # entirely on one side: one edge, as it is or along the border
    top, bottom = max(y1, 0), min(y2, limit)
    if top >= bottom:
        return n
    low, high = min(x1, x2), max(x1, x2)
    if low >= 0 and high <= limit:
        return _add(edges, n, extent, x1, y1, x2, y2, top, bottom, direction)
    if high <= 0:
        return _add(edges, n, extent, 0, top, 0, bottom, top, bottom, direction)
    if low >= limit:
        return _add(edges, n, extent, limit, top, limit, bottom, top, bottom, direction)

    # the part before the border that the edge crosses first; a rounded cut that is still outside
    # moves by one
    near, far = (0, limit) if x1 <= x2 else (limit, 0)
    if min(near, far) <= x1 <= max(near, far):
        cut = top
    else:
        cut = _y_at(x1, y1, x2, y2, near)
        if _outside(_x_at(x1, y1, x2, y2, cut), near):
            cut += 1
    cut = min(cut, bottom)
    if top < cut:
        n = _add(edges, n, extent, near, top, near, cut, top, cut, direction)
        top = cut

    # the part after the border that it crosses last
    if min(near, far) <= x2 <= max(near, far):
        cut = bottom
    else:
        cut = _y_at(x1, y1, x2, y2, far)
        if _outside(_x_at(x1, y1, x2, y2, cut), far):
            cut -= 1
    cut = max(cut, top)
    if bottom > cut:
        n = _add(edges, n, extent, far, cut, far, bottom, cut, bottom, direction)
        bottom = cut

    if top != bottom:
        n = _add(edges, n, extent, x1, y1, x2, y2, top, bottom, direction)
    return n


@kernel
def _outside(x: int, border: int) -> bool:
    return x < 0 if border == 0 else x > border


@kernel
def _x_at(x1: int, y1: int, x2: int, y2: int, y: int) -> int:
    if y == y2:
        return x2
    product = (y - y1) * (x2 - x1)
    return x1 + (product // (y2 - y1) if product >= 0 else -(-product // (y2 - y1)))


@kernel
def _y_at(x1: int, y1: int, x2: int, y2: int, x: int) -> int:
    return y1 + (x - x1) * (y2 - y1) // (x2 - x1)


@kernel
def _add(
    edges: Edges,
    n: int,
    extent: Edges,
    x1: int,
    y1: int,
    x2: int,
    y2: int,
    top: int,
    bottom: int,
    direction: int,
) -> int:
    for x in (_x_at(x1, y1, x2, y2, top), _x_at(x1, y1, x2, y2, bottom)):
        extent[0] = min(extent[0], x)
        extent[1] = max(extent[1], x)

    # an edge between two sample lines crosses none of them
    first, last = (top * LINES + 128) >> 8, (bottom * LINES + 128) >> 8
    if first == last:
        return n
    edge = edges[n]
    edge[X], edge[Y], edge[DX], edge[DY] = x1, y1, x2 - x1, y2 - y1
    edge[TOP], edge[BOTTOM], edge[DIRECTION] = first, last, direction
    return n + 1
