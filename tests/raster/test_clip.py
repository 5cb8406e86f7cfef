"""Clipped edges are, on every sample line, the whole edge held to the bitmap's borders."""

from fractions import Fraction

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from quickdraw_kit.raster.clip import BOTTOM, DIRECTION, DX, DY, TOP, X, Y, clip
from quickdraw_kit.raster.workspace import LINES
from tests.conftest import examples

LIMIT = 16 * 256


def clipped(x1, y1, x2, y2, limit=LIMIT):
    edges = np.empty((6, 7), np.int64)
    extent = np.array([1 << 40, -1 << 40])
    n = clip(edges, 0, extent, x1, y1, x2, y2, limit)
    return edges[:n], extent.tolist()


def middle(line: int) -> Fraction:
    return Fraction((2 * line + 1) * 256, 2 * LINES)


def at(edge, y) -> Fraction:
    return edge[X] + (y - int(edge[Y])) * Fraction(int(edge[DX]), int(edge[DY]))


def lines_of(y1: int, y2: int) -> range:
    """Sample lines whose middle lies from one y to before the other."""
    return range((y1 * LINES + 128) // 256, (y2 * LINES + 128) // 256)


within = st.integers(0, LIMIT)
anywhere = st.integers(-3 * LIMIT, 4 * LIMIT)


@given(within, within, within, within)
@example(0, 0, LIMIT, LIMIT)
@example(LIMIT, LIMIT, LIMIT, 0)
def test_an_edge_inside_is_kept_as_it_is(x1, y1, x2, y2):
    edges, extent = clipped(x1, y1, x2, y2)
    (top, bottom), direction = sorted([(y1, x1), (y2, x2)]), 1 if y1 < y2 else -1
    lines = lines_of(top[0], bottom[0])
    if y1 != y2:
        assert extent == sorted([x1, x2])
    expected = [[top[1], top[0], bottom[1] - top[1], bottom[0] - top[0],
                 lines.start, lines.stop, direction]]  # fmt: skip
    assert edges.tolist() == (expected if lines else [])


@examples(300)
@given(anywhere, anywhere, anywhere, anywhere)
@example(-1, -1, LIMIT + 1, LIMIT + 1)
@example(-LIMIT, 0, 2 * LIMIT, LIMIT)
@example(2 * LIMIT, LIMIT, -LIMIT, 0)
@example(-100, 0, 0, LIMIT)
@example(LIMIT, 0, LIMIT + 100, LIMIT)
@example(0, 0, -1, LIMIT)
def test_the_pieces_are_the_edge_held_to_the_borders(x1, y1, x2, y2):
    edges, extent = clipped(x1, y1, x2, y2)
    if y1 == y2:
        assert len(edges) == 0
        return
    slope = Fraction(x2 - x1, y2 - y1)
    slack = abs(slope) + 1  # a cut is rounded to the grid in y, and x is
    covered = []
    for edge in edges:
        assert edge[DIRECTION] == (1 if y1 < y2 else -1)
        for line in range(edge[TOP], edge[BOTTOM]):
            exact = x1 + (middle(line) - y1) * slope
            kept = min(max(exact, 0), LIMIT)
            actual = at(edge, middle(line))
            assert abs(actual - kept) <= slack
            if slack < exact < LIMIT - slack:
                assert actual == exact
            elif exact < -slack or exact > LIMIT + slack:
                assert actual == kept
        covered += range(edge[TOP], edge[BOTTOM])
        assert extent[0] <= min(at(edge, middle(k)) for k in (edge[TOP], edge[BOTTOM] - 1)) + slack
        assert extent[1] >= max(at(edge, middle(k)) for k in (edge[TOP], edge[BOTTOM] - 1)) - slack
    top, bottom = max(min(y1, y2), 0), min(max(y1, y2), LIMIT)
    assert sorted(covered) == list(lines_of(top, bottom) if top < bottom else [])


@given(anywhere, anywhere, anywhere, anywhere)
def test_the_extent_is_that_of_the_pieces_in_the_bitmap(x1, y1, x2, y2):
    edges, extent = clipped(x1, y1, x2, y2)
    if len(edges) and min(x1, x2) >= 0 and max(x1, x2) <= LIMIT:
        assert min(x1, x2) <= extent[0] <= extent[1] <= max(x1, x2)
    elif len(edges):
        slack = abs(x2 - x1) // abs(y2 - y1) + 1
        assert -slack <= extent[0] <= extent[1] <= LIMIT + slack


@given(anywhere, anywhere, anywhere, anywhere)
def test_an_edge_and_its_way_back_wind_round_nothing(x1, y1, x2, y2):
    present, _ = clipped(x1, y1, x2, y2)
    back, _ = clipped(x2, y2, x1, y1)
    columns = [X, Y, DX, DY, TOP, BOTTOM]
    assert present[:, columns].tolist() == back[:, columns].tolist()
    assert (present[:, DIRECTION] == -back[:, DIRECTION]).all()


def test_known_cuts():
    """Cut where x is 0 or the limit: y there is 1365 1/3 and 2730 2/3, rounded into the bitmap."""
    columns = [X, Y, DX, DY, TOP, BOTTOM, DIRECTION]
    edges, extent = clipped(-4096, -4096, 8192, 8192)
    assert edges[:, columns].tolist() == [[-4096, -4096, 12288, 12288, 0, 240, 1]]
    edges, extent = clipped(8192, 4096, -4096, 0)
    assert edges[:, columns].tolist() == [
        [0, 0, 0, 1366, 0, 80, -1],
        [4096, 2730, 0, 1366, 160, 240, -1],
        [-4096, 0, 12288, 4096, 80, 160, -1],
    ]
    assert extent == [0, 4096]
