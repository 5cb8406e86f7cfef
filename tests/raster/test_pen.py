"""The pen: how many vertices, where they stand, and which of them a fan goes round."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from quickdraw_kit.raster.pen import _directions, _edge_lines, make_pen, pen_vertices
from quickdraw_kit.raster.style import RasterStyle

STYLES = [
    RasterStyle(),
    RasterStyle(line_diameter=4),
    RasterStyle(line_diameter=40, padding=0),
    RasterStyle(side=64, line_diameter=1, padding=8),
    RasterStyle(side=256),
]


def with_radius(pixels: float) -> RasterStyle:
    """A style whose pen has this radius: at side 1024, a scale of 2 to 4."""
    frame = pixels * 512 / (1024 - 2 * pixels)  # diameter d with 1024 / (256 + d) * d / 2 = pixels
    return RasterStyle(side=1024, line_diameter=frame, padding=0)


def vertex_count(style: RasterStyle) -> int:
    return len(pen_vertices(style))


@pytest.mark.parametrize(
    ("pixels", "vertices"),
    [
        (0.024, 1),  # up to a quarter of the tolerance
        (0.026, 4),
        (0.099, 4),  # up to the tolerance
        (0.101, 6),  # 4.03
        (0.15, 6),  # 5.10, rounded up
        (0.5, 10),  # 9.76
        (0.7, 12),  # 11.61
        (1.0, 14),  # 13.93
        (1.3, 16),  # 15.91
        (2.0, 20),  # 19.77
        (5.0, 32),  # 31.37
        (10.0, 46),  # 44.39: 45 is odd
        (100.0, 142),  # 140.48: 141 is odd
    ],
)
def test_known_counts_of_vertices(pixels, vertices):
    assert vertex_count(with_radius(pixels)) == vertices


@given(st.floats(0.11, 250))
def test_the_count_is_the_least_even_one_within_the_tolerance(pixels):
    """The chord over two edges stays within a tenth of a pixel of the circle."""

    def deviation(number):
        return pixels * (1 - math.cos(2 * math.pi / number))

    number = vertex_count(with_radius(pixels))
    assume(all(abs(deviation(n) - 0.1) > 1e-9 for n in (number - 2, number) if n > 2))
    assert number % 2 == 0
    assert deviation(number) < 0.1 or number == 4
    assert number == 4 or deviation(number - 2) > 0.1


@pytest.mark.parametrize("style", STYLES, ids=str)
def test_vertices_stand_on_the_circle_and_opposite_each_other(style):
    vertices = pen_vertices(style)
    radius = 256 * style.scale * style.line_diameter / 2
    angles = np.arange(len(vertices)) * 2 * np.pi / len(vertices)
    circle = radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    assert np.abs(vertices - circle).max() <= 0.5 + 1e-6
    np.testing.assert_array_equal(np.roll(vertices, len(vertices) // 2, axis=0), -vertices)


@pytest.mark.parametrize("style", STYLES, ids=str)
def test_a_grid_says_where_the_pen_may_leave_a_trace(style):
    grid, pen = make_pen(style)
    assert grid.reach == pen.x.max() == pen.y.max() or grid.vertices % 4
    assert (grid.low, grid.high) == (-grid.reach, 256 * style.side + grid.reach)
    assert grid.side == style.side
    assert grid.sectors == 2 * (2 * grid.lines + 1)


def test_make_pen_is_made_once_for_a_style():
    assert make_pen(RasterStyle(40)) is make_pen(RasterStyle(side=40))


@pytest.mark.parametrize("style", STYLES, ids=str)
def test_fans_go_from_the_outermost_vertex_of_one_direction_to_that_of_the_other(style):
    """Between the lines of the pen's edges there is one vertex farthest to a side.

    A turn to the right goes round those between the two on the left side; one to the left goes
    round the two on the right side as well, unless they are one.
    """
    grid, pen = make_pen(style)
    vertices = pen_vertices(style)
    lines = _edge_lines(np.roll(vertices, -1, axis=0) - vertices)
    assert len(lines) == grid.lines
    start = pen.start.reshape(2, grid.sectors)
    stop = pen.stop.reshape(2, grid.vertices, grid.sectors)

    def walk(turn, from_, to):
        v = int(start[turn, from_])
        end = int(stop[turn, v, to])
        while v != end:
            yield v
            v = (v + 1 - 2 * turn) % grid.vertices

    directions = {
        sector: np.array(direction)
        for sector, direction in enumerate(_directions(lines))
        if all(direction[0] * ly != direction[1] * lx for lx, ly in lines)
    }
    assert len(directions) >= grid.vertices
    for from_, (ax, ay) in directions.items():
        for to, (bx, by) in directions.items():
            turn = ax * by - ay * bx
            if turn > 0:
                first, last = (int(np.argmax(vertices @ (y, -x))) for x, y in ((ax, ay), (bx, by)))
                between = (last - first - 1) % grid.vertices if first != last else 0
                expected = [(first + 1 + k) % grid.vertices for k in range(between)]
                assert list(walk(0, from_, to)) == expected
            elif turn < 0:
                first, last = (int(np.argmin(vertices @ (y, -x))) for x, y in ((ax, ay), (bx, by)))
                number = (first - last) % grid.vertices + 1 if first != last else 0
                expected = [(first - k) % grid.vertices for k in range(number)]
                assert list(walk(1, from_, to)) == expected


def test_a_pen_of_one_vertex_has_no_lines():
    grid, pen = make_pen(RasterStyle(side=3, line_diameter=0.01, padding=0))
    assert (grid.vertices, grid.lines, pen.x.size) == (1, 0, 1)
