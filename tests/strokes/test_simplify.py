"""`simplify`: the laws of the four steps, and how near they come to the official files."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickdraw_kit.errors import DataError, UsageError
from quickdraw_kit.strokes.batch import DrawingBatch
from quickdraw_kit.strokes.ndjson import read_ndjson
from quickdraw_kit.strokes.simplify import simplify

numbers = st.integers(-1000, 2000)
points = st.lists(st.tuples(numbers, numbers, st.just(0)), min_size=1, max_size=20)
drawings = st.lists(points.map(lambda rows: np.array(rows, np.float64).T), min_size=1, max_size=4)


def raw(drawing) -> DrawingBatch:
    return DrawingBatch.from_strokes([drawing], words=["cat"])


@given(drawings)
def test_a_drawing_keeps_its_strokes_and_takes_the_form_of_the_official_files(drawing):
    batch = simplify(raw(drawing))
    assert batch.x.dtype == np.uint8
    assert batch.t is None
    assert len(batch[0].strokes) == len(drawing)
    assert all(len(stroke) >= 2 for stroke in batch[0].strokes)


@given(drawings, st.integers(-500, 500), st.sampled_from([0.5, 1, 2, 4]))
def test_place_and_size_do_not_matter(drawing, move, size):
    moved = [np.vstack([(stroke[:2] + move) * size, stroke[2:]]) for stroke in drawing]
    assert simplify(raw(drawing)).equals(simplify(raw(moved)))


@given(drawings)
def test_a_larger_tolerance_never_keeps_more(drawing):
    counts = [len(simplify(raw(drawing), epsilon).x) for epsilon in (0.0, 1.0, 2.0, 50.0)]
    assert counts == sorted(counts, reverse=True)


@given(drawings)
def test_the_ends_of_a_stroke_stay(drawing):
    low = np.hstack(drawing)[:2].min(axis=1)
    extent = np.ptp(np.hstack(drawing)[:2], axis=1).max()
    scale = 255 / extent if extent else 1
    for stroke, simple in zip(drawing, simplify(raw(drawing))[0].strokes, strict=True):
        for end in (0, -1):
            expected = (stroke[:2, end] - low) * scale
            assert np.abs(simple[end] - expected).max() <= 0.5 + 1e-9


def test_most_official_drawings_come_out_identical(real_data):
    same = total = 0
    for path in sorted((real_data / "quickdraw" / "raw").glob("*.ndjson")):
        official_path = real_data / "quickdraw" / "simplified" / path.name
        if not official_path.exists():
            continue
        official = read_ndjson(official_path)
        place = {key: row for row, key in enumerate(official.key_id.tolist())}
        ours = simplify(read_ndjson(path))
        for row, key in enumerate(ours.key_id.tolist()):
            if key in place:
                theirs = official[place[key]].strokes
                mine = ours[row].strokes
                total += 1
                same += len(mine) == len(theirs) and all(map(np.array_equal, mine, theirs))
    assert total > 6000
    assert same / total > 0.935


def test_what_cannot_be_simplified_is_refused():
    done = DrawingBatch.from_strokes([[([0, 1], [0, 1])]], words=["cat"])
    with pytest.raises(DataError, match="simplified already"):
        simplify(done)
    lost = DrawingBatch.from_strokes([[([0, np.nan], [0, 1], [0, 1])]], words=["cat"])
    with pytest.raises(DataError, match="not finite"):
        simplify(lost)
    for epsilon in (-1.0, float("nan")):
        with pytest.raises(UsageError, match="epsilon"):
            simplify(raw([np.zeros((3, 1))]), epsilon)
