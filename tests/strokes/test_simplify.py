"""`simplify`: properties of the four steps, and that they reproduce the official files."""

import itertools
import json
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickdraw_kit.errors import DataError, UsageError
from quickdraw_kit.formats.ndjson.files import read_ndjson
from quickdraw_kit.strokes.batch import DrawingBatch
from quickdraw_kit.strokes.columns import lengths_to_offsets
from quickdraw_kit.strokes.simplify import simplify, simplify_arrays

numbers = st.integers(-1000, 2000) | st.integers(0, 9)
points = st.lists(st.tuples(numbers, numbers, st.just(0)), min_size=1, max_size=20)
drawings = st.lists(points.map(lambda rows: np.array(rows, np.float64).T), min_size=1, max_size=4)


def raw(*drawings) -> DrawingBatch:
    return DrawingBatch.from_strokes(list(drawings), words=["cat"] * len(drawings))


@given(drawings)
def test_a_drawing_keeps_its_strokes_and_becomes_like_official_ones(drawing):
    batch = simplify(raw(drawing))
    assert batch.x.dtype == np.uint8
    assert batch.t is None
    assert len(batch[0].strokes) == len(drawing)
    assert all(len(stroke) >= 2 for stroke in batch[0].strokes)


@given(drawings, st.sampled_from([0.0, 1e-7, 1e-6, 2.0]) | st.floats(0, 20))
def test_the_kernel_computes_the_four_steps(drawing, epsilon):
    for stroke, expected in zip(
        simplify(raw(drawing), epsilon)[0].strokes, by_hand(drawing, epsilon), strict=True
    ):
        assert stroke.tolist() == expected


def by_hand(drawing, epsilon):
    """Simplify point by point, with every rounding spelled out."""
    low_x, low_y = (min(stroke[axis].min() for stroke in drawing) for axis in (0, 1))
    strokes = [[(x - low_x, y - low_y) for x, y, _ in stroke.T.tolist()] for stroke in drawing]
    extent = max(max(point) for stroke in strokes for point in stroke)
    if extent > 0:
        strokes = [[(x * 255 / extent, y * 255 / extent) for x, y in stroke] for stroke in strokes]
    return [
        [[round(x), round(y)] for x, y in reduce(resample(stroke), epsilon)] for stroke in strokes
    ]


def resample(stroke):
    path = [stroke[0]]
    start = 0.0
    for (x0, y0), (x1, y1) in itertools.pairwise(stroke):
        length = math.sqrt((x1 - x0) * (x1 - x0) + (y1 - y0) * (y1 - y0))
        while len(path) <= start + length:
            fraction = (len(path) - start) / length
            path.append(((1 - fraction) * x0 + fraction * x1, (1 - fraction) * y0 + fraction * y1))
        start += length
    return [*path, stroke[-1]]


def reduce(path, epsilon):
    (ax, ay), (bx, by) = path[0], path[-1]
    length = norm(bx - ax, by - ay)
    distances = [
        abs((bx - ax) * (ay - y) - (ax - x) * (by - ay)) / length
        if length
        else norm(x - ax, y - ay)
        for x, y in path[1:-1]
    ]
    if not distances or max(distances) <= epsilon:
        return [path[0], path[-1]]
    split = 1 + distances.index(max(distances))
    return reduce(path[: split + 1], epsilon)[:-1] + reduce(path[split:], epsilon)


def norm(dx, dy):
    return math.sqrt(float(Fraction(dx) * Fraction(dx) + Fraction(dy * dy)))


@given(drawings, st.integers(-500, 500), st.sampled_from([0.5, 1, 2, 4]))
def test_position_and_size_do_not_matter(drawing, move, size):
    moved = [np.vstack([(stroke[:2] + move) * size, stroke[2:]]) for stroke in drawing]
    assert simplify(raw(drawing)).equals(simplify(raw(moved)))


@given(st.lists(drawings, min_size=2, max_size=5), st.data())
def test_drawings_do_not_depend_on_their_batch(several, data):
    batch = raw(*several)
    middle = data.draw(st.integers(0, len(batch)))
    parts = [simplify(batch[:middle]), simplify(batch[middle:])]
    assert simplify(batch).equals(DrawingBatch.concat(parts))


@given(drawings)
def test_a_batch_is_not_changed(drawing):
    batch = raw(drawing)
    before = batch.x.tobytes(), batch.y.tobytes()
    simplify(batch)
    assert (batch.x.tobytes(), batch.y.tobytes()) == before


@given(drawings)
def test_a_larger_tolerance_never_keeps_more(drawing):
    counts = [len(simplify(raw(drawing), epsilon).x) for epsilon in (0.0, 1.0, 2.0, 50.0)]
    assert counts == sorted(counts, reverse=True)


@given(drawings)
def test_the_ends_of_a_stroke_are_kept(drawing):
    low = np.hstack(drawing)[:2].min(axis=1)
    extent = np.ptp(np.hstack(drawing)[:2], axis=1).max()
    scale = 255 / extent if extent else 1
    for stroke, simple in zip(drawing, simplify(raw(drawing))[0].strokes, strict=True):
        for end in (0, -1):
            expected = (stroke[:2, end] - low) * scale
            assert np.abs(simple[end] - expected).max() <= 0.5 + 1e-9


@given(st.lists(st.lists(st.integers(0, 255), min_size=4, max_size=4), max_size=8))
def test_straight_strokes_that_fill_the_frame_do_not_change(ends):
    ends = [[0, 0, 255, 255], *ends]
    drawing = [np.array([[x0, x1], [y0, y1], [0, 1]], np.float64) for x0, y0, x1, y1 in ends]
    simple = simplify(raw(drawing))[0].strokes
    assert [stroke.ravel().tolist() for stroke in simple] == ends


def test_a_long_stroke_that_keeps_every_point_outgrows_the_workspace():
    drawing = [np.array([[0, 1] * 40, np.arange(80) % 3, [0] * 80], np.float64)]
    stroke = simplify(raw(drawing), 0.0)[0].strokes[0]
    assert stroke.tolist() == by_hand(drawing, 0.0)[0]
    assert len(stroke) > 1000


@pytest.mark.slow
def test_every_official_drawing_is_reproduced_from_doubles(real_data):
    total = 0
    for path in raw_files(real_data):
        official = read_ndjson(real_data / "quickdraw" / "simplified" / path.name)
        known = set(map(str, official.key_id.tolist()))
        row_of_key = {key: row for row, key in enumerate(official.key_id.tolist())}
        lines = map(json.loads, path.read_text().splitlines())
        wanted = [line for line in lines if line["key_id"] in known]
        strokes = [stroke for line in wanted for stroke in line["drawing"]]
        stroke_offsets = lengths_to_offsets([len(stroke[0]) for stroke in strokes])
        drawing_offsets = lengths_to_offsets([len(line["drawing"]) for line in wanted])
        x, y = (
            np.array([number for stroke in strokes for number in stroke[axis]], np.float64)
            for axis in (0, 1)
        )
        expected = official.take(
            np.array([row_of_key[int(line["key_id"])] for line in wanted], int)
        )
        x, y, offsets = simplify_arrays(x, y, stroke_offsets, drawing_offsets, 2.0)
        assert expected.drawing_offsets.tolist() == drawing_offsets.tolist()
        assert expected.stroke_offsets.tolist() == offsets.tolist()
        assert expected.x.tolist() == x.tolist()
        assert expected.y.tolist() == y.tolist()
        total += len(wanted)
    assert total > 6000


def test_all_official_drawings_are_reproduced_from_a_batch(real_data):
    same = total = 0
    for path in raw_files(real_data):
        official = read_ndjson(real_data / "quickdraw" / "simplified" / path.name)
        row_of_key = {key: row for row, key in enumerate(official.key_id.tolist())}
        simplified = simplify(read_ndjson(path))
        for row, key in enumerate(simplified.key_id.tolist()):
            if key in row_of_key:
                expected = official[row_of_key[key]].strokes
                strokes = simplified[row].strokes
                total += 1
                same += len(strokes) == len(expected) and all(
                    map(np.array_equal, strokes, expected)
                )
    assert total > 6000
    assert same == total


def raw_files(real_data):
    """Return the raw files for which there is a simplified one."""
    folder = real_data / "quickdraw"
    paths = sorted((folder / "raw").glob("*.ndjson"))
    return [path for path in paths if (folder / "simplified" / path.name).exists()]


def test_drawings_that_cannot_be_simplified():
    simplified = DrawingBatch.from_strokes([[([0, 1], [0, 1])]], words=["cat"])
    with pytest.raises(DataError, match="simplified already"):
        simplify(simplified)
    not_finite = DrawingBatch.from_strokes([[([0, np.nan], [0, 1], [0, 1])]], words=["cat"])
    with pytest.raises(DataError, match="not finite"):
        simplify(not_finite)
    for epsilon in (-1.0, float("nan")):
        with pytest.raises(UsageError, match="epsilon"):
            simplify(raw([np.zeros((3, 1))]), epsilon)
