"""The polygon round a stroke: what it winds round is what the pen goes over."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from quickdraw_kit.raster.outline import outline
from quickdraw_kit.raster.pen import make_pen, pen_vertices
from quickdraw_kit.raster.segments import left_offsets
from quickdraw_kit.raster.style import RasterStyle
from quickdraw_kit.raster.workspace import make_workspace
from tests.conftest import examples

STYLES = [RasterStyle(), RasterStyle(line_diameter=40, padding=0), RasterStyle(64, 4.0, 8.0)]
TOLERANCE = 26  # a tenth of a pixel
ROUNDED = 2


def outlined(points, style=STYLES[0]):
    """Return the polygon's vertices, the first again at the end, and its two positions."""
    grid, pen = make_pen(style)
    n = len(points)
    workspace = make_workspace(
        points=n, strokes=1, drawings=1, longest=n, pen=grid.vertices, side=grid.side
    )
    workspace.x[:n], workspace.y[:n] = np.array(points).T
    left_offsets(n, grid, pen, workspace)
    number, left, right = outline(0, n, grid, pen, workspace)
    return (
        np.stack([workspace.vx, workspace.vy], axis=1)[: number + 1].astype(np.int64),
        left,
        right,
    )


def winding(polygon, point) -> int:
    x, y = point
    turns = 0
    for (x1, y1), (x2, y2) in zip(polygon[:-1].tolist(), polygon[1:].tolist(), strict=True):
        right = (x2 - x1) * (y - y1) - (x - x1) * (y2 - y1)
        turns += (y1 <= y < y2 and right > 0) - (y2 <= y < y1 and right < 0)
    return turns


def distance(points, point) -> float:
    def to_segment(a, b):
        direction, off = np.subtract(b, a), np.subtract(point, a)
        along = np.clip(direction @ off / max(direction @ direction, 1), 0, 1)
        return math.hypot(*(off - along * direction))

    return min(map(to_segment, points, points[1:] or points))


def normal(points):
    """What `straighten` leaves: no point twice in a row, nothing that goes straight on."""
    kept = []
    for point in points:
        if kept and point == kept[-1]:
            continue
        if len(kept) > 1:
            before, behind = np.subtract(kept[-1], kept[-2]), np.subtract(point, kept[-1])
            if before[0] * behind[1] == before[1] * behind[0] and before @ behind > 0:
                kept.pop()
        kept.append(point)
    return kept


inside = st.tuples(st.integers(800, 6000), st.integers(800, 6000))
near = st.tuples(st.integers(3000, 3300), st.integers(3000, 3300))
right_angles = st.tuples(st.integers(4, 8), st.integers(4, 8)).map(
    lambda point: (point[0] * 500, point[1] * 500)
)


@examples(60)
@given(
    st.one_of(*(st.lists(point, min_size=1, max_size=6) for point in (inside, near, right_angles))),
    st.sampled_from(STYLES),
    st.integers(0, 2**32 - 1),
)
@example([(2000, 2000), (4000, 2000), (2000, 2000)], STYLES[0], 1)  # back the same way
@example([(2000, 2000), (4000, 2000), (4000, 4000), (2000, 4000), (2000, 2000)], STYLES[0], 2)
@example([(3000, 3000)], STYLES[0], 3)
def test_it_winds_round_what_the_pen_goes_over(points, style, seed):
    points = normal(points)
    reach = make_pen(style)[0].reach
    polygon, _, _ = outlined(points, style)
    rng = np.random.default_rng(seed)
    center = np.array(points)[rng.integers(0, len(points), 40)]
    for point in (center + rng.integers(-2 * reach, 2 * reach + 1, (40, 2))).tolist():
        away = distance(points, point)
        if away < reach - TOLERANCE - ROUNDED:
            assert winding(polygon, point) != 0
        elif away > reach + ROUNDED:
            assert winding(polygon, point) == 0


@given(st.lists(inside, min_size=1, max_size=8), st.sampled_from(STYLES))
def test_it_is_closed_and_keeps_within_the_pen(points, style):
    points = normal(points)
    grid, _ = make_pen(style)
    polygon, left, right = outlined(points, style)
    assert polygon[0].tolist() == polygon[-1].tolist()
    assert 0 < left <= right <= len(polygon) - 1
    workspace_for = len(points) * (grid.vertices + 6) + 3 * grid.vertices
    assert len(polygon) <= workspace_for
    for vertex in polygon.tolist():
        assert distance(points, vertex) <= grid.reach + ROUNDED


@pytest.mark.parametrize("style", STYLES, ids=str)
def test_a_dot_is_the_pen(style):
    reach = make_pen(style)[0].reach
    polygon, _, _ = outlined([(3000, 3100)], style)
    actual = {tuple(vertex) for vertex in polygon.tolist()}
    pen = {(3000 + x, 3100 + y) for x, y in pen_vertices(style).tolist()}
    assert actual == pen | {(3000, 3100 + reach), (3000, 3100 - reach)}


@pytest.mark.parametrize("direction", [(1000, 0), (0, 1000), (-1000, 0), (0, -1000), (600, -800)])
def test_a_segment_is_a_rectangle_and_half_a_pen_at_each_end(direction):
    polygon, left, right = outlined([(3000, 3000), (3000 + direction[0], 3000 + direction[1])])
    x, y = polygon.T
    area = abs(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1])) / 2
    px, py = pen_vertices(STYLES[0]).T
    pen = abs(np.sum(px * np.roll(py, -1) - np.roll(px, -1) * py)) / 2
    assert area == pytest.approx(1000 * 2 * 188.6 + pen, rel=0.01)
    # first the left side and the cap of the end, then the right side, then the other cap
    side = np.array([-direction[1], direction[0]]) * 189 // 1000
    assert np.abs(polygon[0] - 3000 - side).max() <= 1
    ahead = (polygon[2:left] - 3000 - direction) @ direction / 1000
    assert ahead.min() > -189 * math.sin(math.pi / 12) - 1
    assert ahead.max() > 189 * math.cos(math.pi / 12) - 1
    assert np.abs(polygon[right] - 3000 + side).max() <= 1


def test_no_fan_is_made_where_the_pen_leaves_no_trace():
    grid, _ = make_pen(STYLES[0])
    first, last = -grid.reach, 256 * grid.side + grid.reach  # the pen touches the border
    for x, capped in ((last, True), (last + 1, False), (first, True), (first - 1, False)):
        polygon, _, _ = outlined([(x, 3000), (3000, 3000)])
        start = np.abs(polygon[:, 0] - x) <= grid.reach
        assert start.sum() == (4 + grid.vertices // 2 if capped else 3), x
