"""Points to segments, against exact arithmetic."""

import itertools
import math
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from quickdraw_kit.raster.pen import _directions, make_pen, pen_vertices
from quickdraw_kit.raster.pen import _edge_lines as lines_of
from quickdraw_kit.raster.segments import left_offset, left_offsets, merge_collinear, to_grid
from quickdraw_kit.raster.style import RasterStyle
from quickdraw_kit.raster.workspace import Workspace, make_workspace

HALVES = RasterStyle(side=1, line_diameter=16, padding=120)  # scale 1/512: a grid unit is 2
TIES = RasterStyle(side=10, line_diameter=1, padding=127.5)  # the pen's radius is 2.5 grid units


def workspace_for(points: int, style: RasterStyle = HALVES) -> Workspace:
    grid, _ = make_pen(style)
    return make_workspace(
        points=points, strokes=points, drawings=2, longest=points, pen=grid.vertices, side=grid.side
    )


def placed(points, style) -> tuple[list[tuple[int, int]], bool]:
    grid, _ = make_pen(style)
    workspace = workspace_for(len(points), style)
    x, y = np.array(points, np.float32).T.copy()
    offsets = np.array([0, len(points)])
    to_grid(x, y, offsets, np.array([0, 1]), 0, 1, grid, workspace)
    n = len(points)
    return list(zip(workspace.x[:n].tolist(), workspace.y[:n].tolist(), strict=True)), bool(
        workspace.inside[0]
    )


coordinate = st.integers(0, 255)
drawing = st.lists(st.tuples(coordinate, coordinate), min_size=1, max_size=30)


@pytest.mark.parametrize(
    ("style", "scale", "shift"),
    [(HALVES, Fraction(1, 2), 128), (RasterStyle(), Fraction(448, 19), 24)],
)
@given(points=drawing)
@example(points=[(x, 255 - x) for x in range(256)])
def test_points_are_centered_by_their_maximum_and_rounded_half_to_even(style, scale, shift, points):
    right, bottom = (max(axis) for axis in zip(*points, strict=True))
    actual, _ = placed(points, style)
    assert actual == [
        (
            round((x + Fraction(256 - right, 2) + shift) * scale),
            round((y + Fraction(256 - bottom, 2) + shift) * scale),
        )
        for x, y in points
    ]


@given(
    st.lists(st.tuples(st.integers(-300, 300), st.integers(-300, 300)), min_size=1, max_size=5),
    st.sampled_from([RasterStyle(), RasterStyle(line_diameter=40, padding=0), TIES]),
)
def test_a_drawing_is_inside_if_the_pen_touches_no_border(points, style):
    grid, _ = make_pen(style)
    actual, inside = placed(points, style)
    assert inside == all(
        value - grid.reach > 0 and value + grid.reach < 256 * style.side
        for point in actual
        for value in point
    )


def test_drawings_of_a_block_are_placed_by_themselves():
    grid, _ = make_pen(HALVES)
    points = np.array([[0, 10, 20, 255, 3, 4], [7, 9, 20, 2, 255, 1]], np.float32)
    strokes, drawings = np.array([0, 1, 2, 4, 6]), np.array([0, 1, 3, 4])
    workspace = workspace_for(6, HALVES)
    to_grid(
        *points, strokes, drawings, 1, 3, grid, workspace
    )  # not the first: its points count from 0
    for begin, end in ((1, 4), (4, 6)):
        alone, _ = placed(points[:, begin:end].T, HALVES)
        kept = np.stack([workspace.x, workspace.y], axis=1)[begin - 1 : end - 1]
        assert list(map(tuple, kept.tolist())) == alone


def straightened(strokes) -> list[list[tuple[int, int]]]:
    points = [point for stroke in strokes for point in stroke]
    workspace = workspace_for(max(len(points), len(strokes)) + 1)
    for number, (x, y) in enumerate(points):
        workspace.x[number], workspace.y[number] = x, y
    offsets = np.cumsum([0, *map(len, strokes)])
    total = merge_collinear(offsets, 0, len(strokes), workspace)
    begin = workspace.begin[: len(strokes) + 1].tolist()
    assert begin[-1] == total
    return [
        list(zip(workspace.x[a:b].tolist(), workspace.y[a:b].tolist(), strict=True))
        for a, b in itertools.pairwise(begin)
    ]


def straight(stroke) -> list[tuple[int, int]]:
    """The rule in plain words, a point after the other."""
    kept: list[tuple[int, int]] = []
    for point in stroke:
        if kept and point == kept[-1]:
            continue
        if len(kept) > 1:
            (ax, ay), (bx, by) = kept[-2:]
            before, behind = (bx - ax, by - ay), (point[0] - bx, point[1] - by)
            cross = before[0] * behind[1] - before[1] * behind[0]
            along = before[0] * behind[0] + before[1] * behind[1]
            if cross == 0 and along > 0:
                kept.pop()
        kept.append(point)
    return kept


small = st.integers(0, 3)
stroke = st.lists(st.tuples(small, small), min_size=1, max_size=12)


@given(st.lists(stroke, min_size=1, max_size=3))
@example([[(0, 0), (1, 1), (3, 3), (3, 3), (2, 2)]])  # on, again, and back
@example([[(1, 1)] * 3, [(1, 1), (2, 2)]])  # a stroke does not go on with the one before
def test_repeated_points_and_straight_ways_fall_out(strokes):
    assert straightened(strokes) == [straight(each) for each in strokes]


def test_a_way_back_is_not_merged():
    assert straightened([[(0, 0), (4, 2), (2, 1)]]) == [[(0, 0), (4, 2), (2, 1)]]
    assert straightened([[(0, 0), (2, 1), (4, 2), (6, 3)]]) == [[(0, 0), (6, 3)]]


def exact_side(dx: int, dy: int, style: RasterStyle) -> tuple[Decimal, Decimal]:
    with localcontext() as context:
        context.prec = 60
        scale = Decimal(style.side) / (
            256 + 2 * Decimal(style.padding) + Decimal(style.line_diameter)
        )
        unit = scale * Decimal(style.line_diameter) / 2 * 256
        unit /= Decimal(dx * dx + dy * dy).sqrt()
        return -dy * unit, dx * unit


STYLES = [RasterStyle(), RasterStyle(side=256), RasterStyle(64, 1.0, 8.0), TIES]
direction = st.integers(-(2**14), 2**14)
segment = st.tuples(direction, direction).filter(any)


@given(segment, st.sampled_from(STYLES))
@example((5, 0), RasterStyle())
@example((0, -5), RasterStyle())
def test_the_side_of_a_segment_is_rounded_from_its_exact_place(segment, style):
    grid, pen = make_pen(style)
    exact = exact_side(*segment, style)
    assume(all(abs(abs(v - round(v)) - Decimal("0.5")) > Decimal("1e-9") for v in exact))
    workspace = workspace_for(2, style)
    workspace.x[:2], workspace.y[:2] = (100, 100 + segment[0]), (-3, -3 + segment[1])
    left_offsets(2, grid, pen, workspace)
    expected = tuple(round(v) for v in exact)
    assert (int(workspace.side_x[0]), int(workspace.side_y[0])) == expected
    assert tuple(map(int, left_offset(*segment, grid))) == expected


@pytest.mark.parametrize("times", [1, 7, 300])
@pytest.mark.parametrize("direction", [(4, 3), (-4, 3), (4, -3), (-4, -3), (3, 4), (-3, -4)])
def test_where_a_side_lies_between_two_grid_points_the_steps_of_the_original_decide(
    direction, times
):
    """2.5 x 3 / 5 is 1.5, and 2.5 x 4 / 5 is 2: sides of one length, but which is a matter of bits.

    The first point of the three repeats in the list of points: a segment without a length.
    """
    grid, pen = make_pen(TIES)
    dx, dy = direction[0] * times, direction[1] * times
    workspace = workspace_for(4, TIES)
    workspace.x[:4], workspace.y[:4] = (9, 9, 9 + dx, 9 + 2 * dx), (5, 5, 5 + dy, 5 + 2 * dy)
    left_offsets(4, grid, pen, workspace)
    expected = tuple(map(int, left_offset(dx, dy, grid)))
    for k in (1, 2):
        assert (int(workspace.side_x[k]), int(workspace.side_y[k])) == expected
    exact = exact_side(dx, dy, TIES)
    assert all(abs(e - v) <= Decimal("0.5") for e, v in zip(expected, exact, strict=True))
    x, y = -dy / math.hypot(dx, dy), dx / math.hypot(dx, dy)
    assert np.sign(expected[0]) == np.sign(x)
    assert np.sign(expected[1]) == np.sign(y)


@given(st.lists(segment, min_size=1, max_size=8), st.sampled_from(STYLES))
@example([(1, 0), (-1, 0), (0, 1), (0, -1)], RasterStyle())
@example([(25, 43), (-25, -43), (25, -43), (-25, 43)], RasterStyle(line_diameter=4))
def test_a_sector_lies_as_its_segment_does_to_all_lines_of_the_pen(directions, style):
    grid, pen = make_pen(style)
    vertices = pen_vertices(style)
    lines = lines_of(np.roll(vertices, -1, axis=0) - vertices)
    directions = [
        *directions,
        *((dx * directions[0][0], dx * directions[0][1]) for dx in (1, -1)),
        *lines,
    ]
    workspace = workspace_for(len(directions) + 1, style)
    path = np.cumsum([(0, 0), *directions], axis=0)
    workspace.x[: len(path)], workspace.y[: len(path)] = path.T
    left_offsets(len(path), grid, pen, workspace)
    for (dx, dy), sector in zip(directions, workspace.sector.tolist(), strict=False):
        ux, uy = _directions(lines)[sector]
        assert ux * dx + uy * dy > 0
        for lx, ly in lines:
            assert np.sign(lx * dy - ly * dx) == np.sign(lx * uy - ly * ux)


@pytest.mark.parametrize(("side", "lengths"), [(30, (26, 44, 52, 55)), (50, (11, 22, 39, 44))])
@pytest.mark.parametrize("sign", [1, -1])
def test_half_a_grid_unit_of_an_upright_segment_is_rounded_as_in_the_original(side, lengths, sign):
    """The pen's radius is 7.5 or 12.5: a side one rounding off it falls on the other grid point."""
    style = RasterStyle(side=side, line_diameter=1, padding=127.5)
    grid, pen = make_pen(style)
    workspace = workspace_for(2, style)
    for length in lengths:
        workspace.x[:2], workspace.y[:2] = (0, sign * length), (0, 0)
        left_offsets(2, grid, pen, workspace)
        assert abs(int(workspace.side_y[0])) == round(side / 4)
