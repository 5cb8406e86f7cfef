"""The fast path is what the rules say, and byte for byte the scanline path."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from quickdraw_kit.raster.coverage import _find_vertex_rows
from quickdraw_kit.raster.workspace import LINES, NO_CROSSING, SLOTS
from tests.conftest import examples
from tests.raster.slow import (
    alpha,
    assert_follows_the_rules,
    covered,
    crossing,
    edges_of,
    load_polygon,
    scanned,
    workspace_for,
)

SIDE = 6
EDGE = 256 * SIDE

inside = st.integers(0, EDGE)
random = st.tuples(inside, inside)
tall = st.tuples(st.integers(256, EDGE), st.sampled_from([0, 5, EDGE - 9, EDGE]))
coarse = st.tuples(st.integers(0, 12), st.integers(0, 12)).map(lambda p: (p[0] * 128, p[1] * 128))
steep = st.tuples(st.sampled_from([300, 301, 302, 330]), st.sampled_from([0, 256, 700, EDGE]))
polygons = st.one_of(
    *(st.lists(vertex, min_size=2, max_size=9) for vertex in (random, tall, coarse, steep))
)
RECTANGLE = [(300, 200), (900, 200), (900, 1200), (300, 1200)]


@examples(300)
@given(polygons)
@example(RECTANGLE)
@example(RECTANGLE + RECTANGLE)  # inside twice
@example([(0, 0), (EDGE, 0), (EDGE, EDGE), (0, EDGE)])
@example([(100, 0), (1400, EDGE), (1400, 0), (100, EDGE)])  # crossed in the middle
def test_rows_are_sampled_or_exact_as_the_rules_say(polygon):
    assert_follows_the_rules(covered(polygon, SIDE), polygon, SIDE)


@examples(300)
@given(polygons)
@example([(100, 0), (1400, EDGE), (1400, 0), (100, EDGE)])
def test_the_quick_way_is_the_long_way(polygon):
    np.testing.assert_array_equal(covered(polygon, SIDE), scanned(polygon, SIDE))


@pytest.mark.parametrize("width", [1, 128, 255, 256, 600])
@pytest.mark.parametrize(("y1", "y2"), [(256, 512), (200, 520), (17, 1536), (300, 310)])
def test_a_rectangle_covers_its_lines_times_its_width(width, y1, y2):
    polygon = [(700, y1), (700 + width, y1), (700 + width, y2), (700, y2)]
    rows = np.zeros(SIDE, int)
    for line in range((y1 * LINES + 128) // 256, (y2 * LINES + 128) // 256):
        rows[line // LINES] += 1
    columns = [max(min(700 + width, 256 * c + 256) - max(700, 256 * c), 0) for c in range(SIDE)]
    expected = [[alpha(2 * lines * column) for column in columns] for lines in rows]
    assert covered(polygon, SIDE).tolist() == expected
    assert scanned(polygon, SIDE).tolist() == expected


@pytest.mark.parametrize("edges", [2 * SLOTS - 2, 2 * SLOTS + 2, 4 * SLOTS])
@pytest.mark.parametrize("height", [9, EDGE])
def test_more_edges_than_slots_take_the_scanline_path(edges, height):
    """Up and down so often that a row's slots, or its list of edges, are full."""
    polygon = [(200 + 4 * k, (k % 2) * height) for k in range(edges)]
    image = covered(polygon, SIDE)
    np.testing.assert_array_equal(image, scanned(polygon, SIDE))
    assert_follows_the_rules(image, polygon, SIDE)


@given(st.lists(polygons, min_size=2, max_size=4))
@example([[(200 + 4 * k, (k % 2) * 9) for k in range(4 * SLOTS)], RECTANGLE])
@example([[(100, 0), (1400, EDGE), (1400, 0), (100, EDGE)] * 2, RECTANGLE])
def test_nothing_stays_of_the_polygon_before(several):
    workspace = workspace_for(max(several, key=len), SIDE)
    for polygon in several:
        workspace.canvas[:] = 0
        actual = covered(polygon, SIDE, workspace)
        np.testing.assert_array_equal(actual, covered(polygon, SIDE))
        assert (workspace.slots == NO_CROSSING).all()
        for name in ("slots_used", "spanning_count", "area"):
            assert not getattr(workspace, name).any(), name
        assert not workspace.has_vertex[:SIDE].any()


def test_polygons_are_laid_over_each_other():
    workspace = workspace_for(RECTANGLE, SIDE)
    workspace.canvas[:] = 100
    once = covered(RECTANGLE, SIDE)
    over = covered(RECTANGLE, SIDE, workspace)
    assert (over[once == 0] == 100).all()
    assert (over[once == 255] == 255).all()
    part = (once > 0) & (once < 255)
    assert part.any()
    exact = 100 + once[part] * 155 / 255
    assert np.abs(over[part] - exact).max() <= 1


@given(random, random)
@example((11, 15), (606, 117))  # here x and a half is a whole number, on a line
@example((1093, 302), (71, 1094))
@example((134, 117), (1200, 1497))
@example((13, 515), (850, 617))
@example((116, 1054), (819, 1250))
def test_the_floor_of_a_crossing_in_float64_is_exact(start, stop):
    workspace = workspace_for([start, stop], SIDE)
    _find_vertex_rows(load_polygon([start, stop], workspace), workspace)
    for i, edge in enumerate(edges_of([start, stop])):
        for line in range(edge.first, edge.stop):
            x = workspace.base[i] + workspace.slope[i] * (workspace.origin[i] + 512.0 * line)
            assert math.floor(x) == crossing(edge, line)
