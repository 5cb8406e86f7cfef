"""Areas of a pixel row against exact ones, and the blending of them, over all there are."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from quickdraw_kit.raster.cells import blend, blend_sums, trapezoid
from quickdraw_kit.raster.workspace import LINES
from tests.conftest import examples
from tests.raster.slow import PIXEL, alpha, area_right_of, edges_of

SIDE = 8
EDGE = 256 * SIDE


def areas(x, y, dx, dy, row, sign=1, c0=0, c1=SIDE):
    """Return what `trapezoid` adds to each pixel, as sums, and the pixels that it names."""
    area = np.zeros(SIDE + 3, np.int32)
    ends = trapezoid(area, x, y, dx, dy, LINES * row, sign, c0, c1)
    assert not area[c1 + 1 :].any()
    return np.cumsum(area)[:SIDE], ends


within = st.integers(0, EDGE - 1)


@examples(300)
@given(within, within, st.integers(0, 3), st.integers(0, 300), st.integers(0, 900))
@example(300, 300, 0, 0, 0)
@example(1279, 256, 1, 0, 0)
@example(0, EDGE - 1, 2, 0, 0)
@example(EDGE - 1, 0, 2, 0, 0)
@example(255, 257, 0, 0, 0)
def test_an_edge_leaves_the_exact_area_right_of_it(x1, x2, row, above, below):
    """The ends are rounded to the grid, and heights in pixels to whole lines of the fifteen."""
    y1, y2 = 256 * row - above, 256 * (row + 1) + below
    actual, (first, last) = areas(x1, y1, x2 - x1, y2 - y1, row)
    (edge,) = edges_of([(x1, y1), (x2, y2)])[:1]
    exact = [area_right_of(edge, row, c) for c in range(SIDE)]
    ends = sorted(edge.at(y) for y in (256 * row, 256 * row + 256))
    assert abs(first - ends[0] // 256) <= 1
    assert abs(last - ends[1] // 256) <= 1
    assert (actual[: max(first, 0)] == 0).all()
    assert (actual[last + 1 :] == PIXEL).all()
    rounding = 4 * LINES  # both ends, two grid units each
    if first < last:
        rounding += 512
    assert max(abs(f - e) for f, e in zip(actual.tolist(), exact, strict=True)) <= rounding
    assert abs(sum(actual.tolist()) - sum(exact)) <= 8 * LINES + 512 * (last - first)


@given(st.integers(0, EDGE - 1), st.integers(0, 3))
def test_a_vertical_edge_is_exact(x, row):
    actual, ends = areas(x, 256 * row - 7, 0, 300, row)
    assert ends == (x // 256, x // 256)
    assert actual.tolist() == [
        2 * LINES * (256 - min(max(x - 256 * c, 0), 256)) for c in range(SIDE)
    ]


@given(within, within, st.integers(0, 3), st.integers(0, 300), st.integers(0, 900))
def test_what_one_edge_adds_the_same_takes_away(x1, x2, row, above, below):
    edge = (x1, 256 * row - above, x2 - x1, 256 + above + below, row)
    assert (areas(*edge)[0] == -areas(*edge, sign=-1)[0]).all()


@given(within, within, st.integers(0, 3), st.integers(0, SIDE), st.integers(0, SIDE))
def test_pixels_outside_the_polygon_are_left_out(x1, x2, row, c0, c1):
    c0, c1 = sorted([c0, c1])
    edge = (x1, 256 * row, x2 - x1, 256)
    actual, _ = areas(*edge, row, c0=c0, c1=c1)
    whole, _ = areas(*edge, row)
    assert (actual[:c0] == 0).all()
    if c0 < c1:
        np.testing.assert_array_equal(actual[c0:c1], whole[c0:c1])


ALL = np.arange(PIXEL + 1, dtype=np.int32)


@pytest.mark.parametrize("old", [0, 1, 2, 100, 127, 128, 200, 254, 255])
def test_every_area_is_blended_in_eight_bits(old):
    area, canvas = ALL.copy(), np.full(ALL.size + 9, old, np.int32)
    blend(area, canvas, 5, 0, ALL.size - 1)
    actual = canvas[5 : 5 + ALL.size].tolist()
    for value, each in zip(actual, ALL.tolist(), strict=True):
        a = alpha(each)
        left = old * (255 - a) + 127
        assert value == a + (left + left // 256) // 256
    assert (actual[0], actual[-1]) == (old, 255)
    assert np.diff(actual).min() >= 0
    assert np.abs(actual - (old + ALL / PIXEL * (255 - old))).max() <= 1.5
    assert not area.any()
    assert (canvas[:5] == old).all()
    assert (canvas[5 + ALL.size :] == old).all()


@given(
    st.lists(st.integers(0, PIXEL), min_size=SIDE, max_size=SIDE),
    st.lists(st.integers(0, 255), min_size=SIDE, max_size=SIDE),
    st.integers(0, SIDE - 1),
    st.integers(0, SIDE - 1),
)
def test_differences_are_blended_as_the_areas_they_stand_for(amounts, old, low, high):
    low, high = sorted([low, high])
    amounts = [each if low <= c <= high else 0 for c, each in enumerate(amounts)]
    sums = np.zeros(SIDE + 2, np.int32)
    sums[: SIDE + 1] = np.diff([0, *amounts, 0])
    area = np.array(amounts, np.int32)
    one, other = np.array(old, np.int32), np.array(old, np.int32)
    blend(area, one, 0, low, high)
    blend_sums(sums, other, 0, low, high, 0, SIDE)
    np.testing.assert_array_equal(one, other)
    assert not area.any()
    assert not sums.any()
