"""The pen: the regular polygon that stands for a circle, on the fixed-point grid.

Grid coordinates are integers, 1/256 of a pixel. The polygon has the smallest even number of
vertices that keeps it within a tenth of a pixel of the circle: 12 at the official scale.

Where a stroke turns, and at its ends, the outline follows some of the vertices: a fan. cairo finds
the first and the last vertex of a fan by two searches over the edges of the pen, and the result at
ties is visible in drawings. But these searches only compare directions. So they are done once for
each sector into which the lines through the pen's edges divide the plane, and for each of these
lines; a kernel then finds the sector of a direction by counting, and the fan in a table.
"""

import math
from functools import cmp_to_key, lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from quickdraw_kit.raster.style import RasterStyle

FIXED = 256  # grid units per pixel
_TOLERANCE = 0.1  # pixels

Direction = tuple[int, int]


class Grid(NamedTuple):
    """The numbers of a style, for the kernels."""

    scale: float  # from the frame to pixels
    shift: float
    radius: float  # of the pen, in the frame
    side: int
    vertices: int  # of the pen
    lines: int  # through its center, parallel to its edges
    sectors: int  # that the lines divide the directions into, the lines themselves included
    east: int  # the sector of the direction (1, 0)
    reach: int  # of the pen, in grid units
    low: int  # the pen can touch the bitmap if its center is from low to high
    high: int


class Pen(NamedTuple):
    """The arrays of a style, for the kernels."""

    x: Any  # vertices
    y: Any
    line_x: Any  # directions of the lines
    line_y: Any
    start: Any  # [turn, sector]: first vertex of a fan; turn is 0 to the right, 1 to the left; flat
    stop: Any  # [turn, first vertex, sector]: the vertex after the last one; flat


@lru_cache(maxsize=16)
def make_pen(style: RasterStyle) -> tuple[Grid, Pen]:
    """Return what the kernels need to know about a style."""
    vertices = pen_vertices(style)
    number = len(vertices)
    edges = np.roll(vertices, -1, axis=0) - vertices  # of vertex i to vertex i + 1
    lines = _edge_lines(edges)
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
    """Return the vertices of the pen, relative to its center."""
    scale, radius = style.scale, style.line_diameter / 2
    number = _vertex_count(scale, radius)
    angles = [2 * math.pi * i / number for i in range(number)]
    circle = [(radius * math.cos(angle), radius * math.sin(angle)) for angle in angles]
    return np.array([[round(scale * dx * FIXED), round(scale * dy * FIXED)] for dx, dy in circle])


def _vertex_count(scale: float, radius: float) -> int:
    """Return the number of vertices that keeps a polygon within the tolerance of a circle."""
    unscaled = abs(scale**4 - 1) < 1 / 256
    pixels = radius if unscaled else radius * math.sqrt(scale * scale)
    if pixels <= _TOLERANCE / 4:
        return 1
    if pixels <= _TOLERANCE:
        return 4
    number = math.ceil(2 * math.pi / math.acos(1 - _TOLERANCE / pixels))
    return max(number + number % 2, 4)


def _edge_lines(edges: npt.NDArray[np.int64]) -> list[Direction]:
    """Return the distinct directions of edges, without sign, by angle from 0 to 180 degrees."""
    lines: set[Direction] = set()
    for dx, dy in edges.tolist():
        if dx or dy:
            divisor = math.gcd(dx, dy) * (-1 if dy < 0 or (dy == 0 and dx < 0) else 1)
            lines.add((dx // divisor, dy // divisor))
    return sorted(lines, key=cmp_to_key(_by_angle))


def _by_angle(a: Direction, b: Direction) -> int:
    return a[1] * b[0] - b[1] * a[0]


def _directions(lines: list[Direction]) -> list[Direction]:
    """Return one direction per sector: between lines, on a line, ..., then the opposite ones."""
    half = []
    for a, b in pairwise([(1, 0), *lines, (-1, 0)]):
        middle = (a[0] + b[0], a[1] + b[1])
        half += [middle if middle != (0, 0) else (0, 1), b]
    half.pop()
    return half + [(-dx, -dy) for dx, dy in half]


def _compare(a: Direction, b: Direction) -> int:
    """Compare two directions by angle; of opposite ones, the one in the right half is smaller."""
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
    """Find the first vertices of all fans, and the ones after their last; see `Pen`."""
    number = len(edges)
    start = np.empty((2, len(directions)), np.int32)
    stop = np.empty((2, number, len(directions)), np.int32)
    for s, direction in enumerate(directions):
        # compare the direction with the edges before and after each vertex
        before = [_compare(edges[i - 1], direction) for i in range(number)]
        after = [_compare(direction, edges[i]) for i in range(number)]
        start[0, s] = _first(before)
        start[1, s] = _first(after)
        for i in range(number):
            stop[0, i, s] = _last(before, i) if after[i] >= 0 else i
            stop[1, i, s] = _last(after, i) if before[i] <= 0 else i
    return start, stop


def _first(order: list[int]) -> int:
    """Find the first vertex by cairo's binary search, which may miss an earlier one at ties."""
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
    """Find the vertex after the last one, by cairo's binary search."""
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
