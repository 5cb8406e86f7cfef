"""The rules of coverage in plain Python and fractions, a sample line after the other.

A polygon is a list of whole (x, y) in grid units; the last vertex leads back to the first.
"""

from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple

import numba
import numpy as np

from quickdraw_kit.raster._simd import addresses
from quickdraw_kit.raster.coverage import cover
from quickdraw_kit.raster.scan import scan
from quickdraw_kit.raster.workspace import LINES, Workspace, make_workspace

PIXEL = 2 * 256 * LINES  # the area of one


class Edge(NamedTuple):
    x: int
    y: int
    slope: Fraction
    first: int  # of the sample lines that it crosses
    stop: int
    direction: int

    def at(self, y: Any) -> Fraction:
        return self.x + (y - self.y) * self.slope


def edges_of(polygon) -> list[Edge]:
    edges = []
    for (x1, y1), (x2, y2) in pairwise([*polygon, polygon[0]]):
        first, stop = ((y * LINES + 128) // 256 for y in sorted([y1, y2]))
        if first < stop:
            edges.append(
                Edge(x1, y1, Fraction(x2 - x1, y2 - y1), first, stop, 1 if y1 < y2 else -1)
            )
    return edges


def crossing(edge: Edge, line: int) -> int:
    """Where an edge crosses the middle of a line, to the next grid point."""
    return int((edge.at(Fraction((2 * line + 1) * 256, 2 * LINES)) + Fraction(1, 2)) // 1)


def spans(crossed) -> list[tuple[Any, Any]]:
    """Cut what is inside into spans; `crossed` is (place, direction, ...) each."""
    actual, winding = [], 0
    for item in sorted(crossed, key=lambda item: item[0]):
        if winding == 0:
            begin = item
        winding += item[1]
        if winding == 0:
            actual.append((begin, item))
    return actual


def is_whole(edges, row: int) -> bool:
    """Whether no edge begins, ends or crosses another in a pixel row."""
    head, tail = row * LINES, (row + 1) * LINES
    if any(head < line < tail for edge in edges for line in (edge.first, edge.stop)):
        return False
    spanning_count = [edge for edge in edges if edge.first <= head and edge.stop >= tail]
    spanning_count.sort(key=lambda edge: (crossing(edge, head), crossing(edge, tail)))
    below = [crossing(edge, tail) for edge in spanning_count]
    return below == sorted(below)


def is_open(edges, row: int) -> bool:
    """Whether two edges enter the row at one place: then their order decides."""
    entered = [crossing(e, row * LINES) for e in edges if e.first <= row * LINES < e.stop]
    return len(set(entered)) < len(entered)


def sampled_row(edges, row: int, side: int) -> list[int]:
    """The areas of a row, sampled on fifteen lines."""
    areas = [0] * side
    for line in range(row * LINES, (row + 1) * LINES):
        crossed = [(crossing(e, line), e.direction) for e in edges if e.first <= line < e.stop]
        for (begin, _), (end, _) in spans(crossed):
            for c in range(side):
                left, right = max(begin, 256 * c), min(end, 256 * c + 256)
                areas[c] += 2 * max(right - left, 0)
    return areas


def area_right_of(edge: Edge, row: int, c: int) -> Fraction:
    """The exact area of a pixel that lies to the right of an edge through its row."""
    x1, x2 = sorted(edge.at(Fraction(y * 256)) - 256 * c for y in (row, row + 1))

    if x1 == x2:
        return Fraction(PIXEL, 256) * (256 - min(max(x1, 0), 256))
    low, high = max(x1, Fraction(0)), min(x2, Fraction(256))
    total = max(min(x2, Fraction(0)) - x1, Fraction(0)) * 256
    if low < high:
        total += ((256 - low) ** 2 - (256 - high) ** 2) / 2
    return Fraction(PIXEL, 256) * total / (x2 - x1)


def exact_row(edges, row: int, side: int) -> list[Fraction]:
    """The areas of a row that every edge goes through."""
    head = row * LINES
    crossed = [(crossing(e, head), e.direction, e) for e in edges if e.first <= head < e.stop]
    areas = [Fraction(0)] * side
    for (_, _, begin), (_, _, end) in spans(crossed):
        for c in range(side):
            areas[c] += area_right_of(begin, row, c) - area_right_of(end, row, c)
    return areas


def alpha(area: Any) -> int:
    return int((17 * area + 256) // 512)


def workspace_for(polygon, side: int) -> Workspace:
    n = len(polygon)
    return make_workspace(points=1, strokes=1, drawings=1, longest=n + 1, pen=n, side=side)


def load_polygon(polygon, workspace: Workspace) -> int:
    n = len(polygon)
    workspace.vx[: n + 1], workspace.vy[: n + 1] = np.array([*polygon, polygon[0]]).T
    return n


@numba.njit
def _cover(n, left, right, side, workspace):
    at = addresses(workspace)
    row = cover(n, side, at)
    if row < side:
        scan(n, left, right, side, row, at)


@numba.njit
def _scan(n, left, right, side, from_row, workspace):
    scan(n, left, right, side, from_row, addresses(workspace))


def canvas_of(workspace: Workspace, side: int) -> np.ndarray:
    return workspace.canvas.reshape(side, -1)[:, :side].copy()


def covered(polygon, side: int, workspace: Workspace | None = None) -> np.ndarray:
    """The fast path's bitmap."""
    workspace = workspace_for(polygon, side) if workspace is None else workspace
    n = load_polygon(polygon, workspace)
    _cover(n, n, n, side, workspace)
    return canvas_of(workspace, side)


def scanned(
    polygon, side: int, from_row: int = 0, workspace: Workspace | None = None
) -> np.ndarray:
    """The scanline path's bitmap."""
    workspace = workspace_for(polygon, side) if workspace is None else workspace
    n = load_polygon(polygon, workspace)
    _scan(n, n, n, side, from_row, workspace)
    return canvas_of(workspace, side)


def assert_follows_the_rules(image: np.ndarray, polygon, side: int) -> None:
    """Hold a bitmap to the rules; trapezoids to one line's area, each edge of them."""
    edges = edges_of(polygon)
    for row in range(side):
        actual = image[row].tolist()
        if not is_whole(edges, row):
            expected = sampled_row(edges, row, side)
            if not is_open(edges, row):
                assert actual == [alpha(area) for area in expected], row
        elif not is_open(edges, row):
            spanning_count = sum(e.first <= row * LINES < e.stop for e in edges)
            for value, area in zip(actual, exact_row(edges, row, side), strict=True):
                assert abs(value - 255 * area / PIXEL) <= 18 * spanning_count, row
