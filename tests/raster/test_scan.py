"""The scanline path follows the rules, also outside the bitmap and where edges touch."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from quickdraw_kit.raster.render import rasterize
from quickdraw_kit.raster.style import RasterStyle
from quickdraw_kit.strokes.batch import DrawingBatch
from tests.conftest import examples
from tests.raster.oracle import cairo, draw_with_cairo
from tests.raster.slow import assert_follows_the_rules, scanned, workspace_for

SIDE = 5
EDGE = 256 * SIDE

inside = st.integers(0, EDGE)
outside = st.integers(-EDGE, 2 * EDGE)
steps = st.integers(-4, 14).map(lambda n: n * 128)
polygons = st.lists(st.tuples(inside, inside), min_size=2, max_size=10)
leaving = st.lists(st.tuples(outside, outside), min_size=3, max_size=6)


@examples(200)
@given(polygons)
@example([(0, 0), (EDGE, 0), (EDGE, EDGE), (0, EDGE)] * 2)
def test_rows_are_sampled_or_exact_as_the_rules_say(polygon):
    assert_follows_the_rules(scanned(polygon, SIDE), polygon, SIDE)


@examples(200)
@given(st.lists(st.tuples(steps, steps), min_size=1, max_size=6))
@example([(-256, -256), (2000, 2000)])
def test_upright_polygons_are_cut_at_the_borders(corners):
    """Where all edges are vertical or horizontal, no cut is rounded: not a byte is another."""
    polygon = [
        vertex
        for (x1, y1), (x2, y2) in zip(corners, corners[1:] + corners[:1], strict=True)
        for vertex in ((x1, y1), (x2, y1), (x2, y2))
    ]
    moved = [(x + 4 * 256, y + 4 * 256) for x, y in polygon]
    window = scanned(moved, 16)[4 : 4 + SIDE, 4 : 4 + SIDE]
    np.testing.assert_array_equal(scanned(polygon, SIDE), window)


@examples(200)
@given(leaving)
def test_what_leaves_the_bitmap_changes_nothing_in_it(polygon):
    """Up to a line's area an edge: a row in which an edge is cut is sampled, not exact."""
    moved = [(x + EDGE, y + EDGE) for x, y in polygon]
    window = scanned(moved, 3 * SIDE)[SIDE : 2 * SIDE, SIDE : 2 * SIDE]
    away = np.abs(scanned(polygon, SIDE) - window)
    assert away.max() <= 18 * len(polygon)
    assert (away > 18).sum() <= 2 * len(polygon)


@given(polygons, st.integers(0, SIDE))
def test_rows_above_the_first_are_left_alone(polygon, row):
    workspace = workspace_for(polygon, SIDE)
    workspace.canvas[:] = 7
    whole = workspace_for(polygon, SIDE)
    whole.canvas[:] = 7
    actual, expected = scanned(polygon, SIDE, row, workspace), scanned(polygon, SIDE, 0, whole)
    assert (actual[:row] == 7).all()
    np.testing.assert_array_equal(actual[row:], expected[row:])
    assert not workspace.area.any()


def batch_of(points) -> DrawingBatch:
    return DrawingBatch.from_strokes([[points]], words=["line"])


# Two sides of a thin stroke that begin a row at one place and part in it: a pixel each, as cairo
# draws them; filled one by one, the spans leave the gap that is named last.
TOUCHING = [
    (RasterStyle(28, 2), [[216, 119, 113], [220, 171, 203]], (20, 14), [39, 242, 136]),
    (RasterStyle(28, 2), [[209, 116, 98], [122, 74, 254]], (9, 15), [243, 136]),
    (RasterStyle(56, 1), [[59, 97, 180], [248, 77, 117]], (19, 29), [223, 179, 52]),
]


@pytest.mark.parametrize(("style", "points", "place", "expected"), TOUCHING)
def test_spans_that_touch_where_the_row_begins_are_filled_as_one(style, points, place, expected):
    """Without the rule these pixels are [38, 57, 60], [69, 51] and [70, 51, 37]."""
    image = rasterize(batch_of(points), style)[0]
    row, column = place
    assert image[row, column : column + len(expected)].tolist() == expected
    if cairo is not None:
        np.testing.assert_array_equal(image, draw_with_cairo([np.array(points, float)], style))


def test_two_wedges_that_touch_are_one_until_the_row_ends():
    """They meet down to (640, 264), before the middle of a row's first line, and part below."""
    wedges = [(640, 128), (640, 264), (512, 640), (256, 640), (256, 128)]
    wedges += [(640, 128), (640, 264), (768, 640), (1024, 640), (1024, 128)]
    image = scanned(wedges, SIDE)
    assert image[1, 1:4].tolist() == [255, 255, 255]
    assert image[2, 2] < 255
