"""The pen: the regular polygon that stands for a circle, on the fixed-point grid.

Grid coordinates are integers, 1/256 of a pixel. The polygon has as many vertices as keep it within
a tenth of a pixel of the circle, an even number; 12 at the official scale.

Where a stroke turns, and at its ends, it goes round some of the vertices: a fan. The first and the
last of them follow from two searches over the pen's edges, whose outcome at ties is part of what a
drawing looks like. But the searches only compare directions, so they can be made once for each
sector that the lines of the pen's edges cut the plane into, and for each of those lines; a kernel
then finds the sector of a direction by counting, and the fan in a table.
"""

import math
from functools import cmp_to_key, lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from quickdraw_kit.raster.style import RasterStyle

__all__ = ["FIXED", "Grid", "Pen", "make_pen", "pen_vertices"]

FIXED = 256  # grid units of a pixel
_TOLERANCE = 0.1  # pixels

Direction = tuple[int, int]


class Grid(NamedTuple):
    """The numbers of a style, as the kernels take them.

    `scale` and `shift` lead from the frame to the bitmap, which is `side` pixels wide; `radius` is
    the pen's, in the frame. The pen has so many `vertices`; its edges lie on so many `lines`
    through the centre, which cut the plane into `sectors`; `east` is the one of the direction
    (1, 0). In grid units, the pen reaches `reach` from its centre, and leaves no trace in the
    bitmap unless the centre is from `low` to `high`.
    """

    scale: float
    shift: float
    radius: float
    side: int
    vertices: int
    lines: int
    sectors: int
    east: int
    reach: int
    low: int
    high: int


class Pen(NamedTuple):
    """The arrays of a style, as the kernels take them.

    Vertices `x`, `y`; directions of the lines, `line_x`, `line_y`; for turns to the right and to
    the left, the first vertex of a fan, `start[turn, sector]`, and the one behind its last,
    `stop[turn, first vertex, sector]`, both flat.
    """

    x: Any
    y: Any
    line_x: Any
    line_y: Any
    start: Any
    stop: Any


@lru_cache(maxsize=16)
def make_pen(style: RasterStyle) -> tuple[Grid, Pen]:
    """Return all that the kernels need to know of a style."""
    vertices = pen_vertices(style)
    number = len(vertices)
    edges = np.roll(vertices, -1, axis=0) - vertices  # of vertex i to vertex i + 1
    lines = _lines(edges)
    directions = _directions(lines)
    start, stop = _fans([(int(dx), int(dy)) for dx, dy in edges], directions)
    scale, radius = style.scale, style.line_diameter / 2
    reach = round(scale * radius * FIXED)
    grid = Grid(
        scale=scale,
        shift=scale * style.translation,
        radius=radius,
        side=style.side,
        vertices=number,
        lines=len(lines),
        sectors=len(directions),
        east=sum(dy == 0 for _, dy in lines),
        reach=reach,
        low=-reach,
        high=style.side * FIXED + reach,
    )
    line_x, line_y = np.array(lines, np.float64).reshape(-1, 2).T.copy()
    x, y = vertices.astype(np.int32).T.copy()
    return grid, Pen(x, y, line_x, line_y, start.ravel(), stop.ravel())


def pen_vertices(style: RasterStyle) -> npt.NDArray[np.int64]:
    """Return the vertices of the pen, relative to its centre."""
    scale, radius = style.scale, style.line_diameter / 2
    number = _vertex_count(scale, radius)
    angles = [2 * math.pi * i / number for i in range(number)]
    ways = [(radius * math.cos(angle), radius * math.sin(angle)) for angle in angles]
    return np.array([[round(scale * dx * FIXED), round(scale * dy * FIXED)] for dx, dy in ways])


def _vertex_count(scale: float, radius: float) -> int:
    """How many vertices keep a polygon within the tolerance of a circle."""
    unscaled = abs(scale**4 - 1) < 1 / 256
    pixels = radius if unscaled else radius * math.sqrt(scale * scale)
    if pixels <= _TOLERANCE / 4:
        return 1
    if pixels <= _TOLERANCE:
        return 4
    number = math.ceil(2 * math.pi / math.acos(1 - _TOLERANCE / pixels))
    return max(number + number % 2, 4)


def _lines(edges: npt.NDArray[np.int64]) -> list[Direction]:
    """Return the edges' directions without sign, once each, by angle from 0 to 180 degrees."""
    found: set[Direction] = set()
    for dx, dy in edges.tolist():
        if dx or dy:
            divisor = math.gcd(dx, dy) * (-1 if dy < 0 or (dy == 0 and dx < 0) else 1)
            found.add((dx // divisor, dy // divisor))
    return sorted(found, key=cmp_to_key(_by_angle))


def _by_angle(a: Direction, b: Direction) -> int:
    return a[1] * b[0] - b[1] * a[0]


def _directions(lines: list[Direction]) -> list[Direction]:
    """Return a direction in each sector: between lines, on a line, ..., then the opposite ones."""
    half = []
    for a, b in pairwise([(1, 0), *lines, (-1, 0)]):
        middle = (a[0] + b[0], a[1] + b[1])
        half += [middle if middle != (0, 0) else (0, 1), b]
    half.pop()
    return half + [(-dx, -dy) for dx, dy in half]


def _compare(a: Direction, b: Direction) -> int:
    """Order two directions by angle, as the sign; opposite ones by which lies in the right half."""
    turn = _by_angle(a, b)
    if turn:
        return turn
    if not any(a) or not any(b):
        return any(b) - any(a)
    if a[0] * b[0] + a[1] * b[1] > 0:
        return 0
    return -1 if a > (0, 0) else 1


def _fans(
    edges: list[Direction], directions: list[Direction]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Search the first vertices of fans, and the ones behind their last; see `Pen`."""
    number = len(edges)
    start = np.empty((2, len(directions)), np.int32)
    stop = np.empty((2, number, len(directions)), np.int32)
    for s, direction in enumerate(directions):
        # how the edges before and behind each vertex lie to the direction
        before = [_compare(edges[i - 1], direction) for i in range(number)]
        behind = [_compare(direction, edges[i]) for i in range(number)]
        start[0, s] = _first(before)
        start[1, s] = _first(behind)
        for i in range(number):
            stop[0, i, s] = _last(before, i) if behind[i] >= 0 else i
            stop[1, i, s] = _last(behind, i) if before[i] <= 0 else i
    return start, stop


def _first(order: list[int]) -> int:
    low, high = 0, len(order)
    middle = (low + high) >> 1
    while True:
        if order[middle] < 0:
            low = middle
        else:
            high = middle
        middle = (low + high) >> 1
        if high - low <= 1:
            return (middle + (order[middle] < 0)) % len(order)


def _last(order: list[int], first: int) -> int:
    low, high = first, first + len(order)
    middle = (low + high) >> 1
    while True:
        if order[middle % len(order)] > 0:
            high = middle
        else:
            low = middle
        middle = (low + high) >> 1
        if high - low <= 1:
            return middle % len(order)
