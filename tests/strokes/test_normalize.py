"""Normalization: the top left corner, a longer side of 255, one scale for both sides."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from quickdraw_kit.strokes.batch import DrawingBatch
from quickdraw_kit.strokes.normalize import normalize

coordinates = st.floats(-2000, 3000, width=32)
drawings = st.lists(
    st.lists(st.lists(st.tuples(coordinates, coordinates), min_size=1, max_size=6), max_size=3),
    max_size=4,
)


def batch_of(drawings):
    strokes = [
        [(*zip(*points, strict=True), range(len(points))) for points in drawing]
        for drawing in drawings
    ]
    return DrawingBatch.from_strokes(strokes, words=["cat"] * len(drawings), dtype="float64")


@given(drawings)
def test_each_drawing_fills_the_frame(drawings):
    batch = batch_of(drawings)
    normalized = normalize(batch)
    assert normalized.x.dtype == normalized.y.dtype == np.float64
    # in float32 the longer side is 255 to the bit
    assert (normalized.x == normalized.x.astype(np.float32)).all()
    assert normalize(normalized).equals(normalized)
    assert normalized.stroke_offsets is batch.stroke_offsets
    assert normalized.t is batch.t
    for before, after in zip(batch, normalized, strict=True):
        if not before.strokes:
            continue
        old = np.concatenate(before.strokes)[:, :2].astype(np.float64)
        new = np.concatenate(after.strokes)[:, :2].astype(np.float64)
        old -= old.min(axis=0)
        assert new.min() == 0
        assert (new.min(axis=0) == 0).all()
        if old.max() == 0:
            assert (new == 0).all()
        else:
            assert new.max() == 255
            np.testing.assert_allclose(new, old * (255 / old.max()), rtol=1e-6, atol=1e-30)


def test_a_normalized_drawing_does_not_change():
    x, y = np.arange(256), np.arange(256)[::-1] / 2 - 0.5
    batch = batch_of([[list(zip(x, np.maximum(y, 0), strict=True))]])
    normalized = normalize(batch)
    assert np.array_equal(normalized.x, batch.x)
    assert np.array_equal(normalized.y, batch.y)


def test_no_drawings_no_points_and_single_points():
    assert len(normalize(batch_of([]))) == 0
    assert normalize(batch_of([[], []])).x.dtype == np.float64
    point = normalize(batch_of([[[(700, -3), (700, -3)]]]))
    assert point.x.tolist() == point.y.tolist() == [0, 0]
