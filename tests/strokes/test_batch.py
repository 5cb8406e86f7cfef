"""A batch is a list of drawings: every operation gives what it would on the list."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickdraw_kit.errors import DataError
from quickdraw_kit.strokes.batch import DrawingBatch, lengths_to_offsets

from .strategies import batches

some = batches(words=("cat", "dog", "Ä"), empties=True)


def listed(batch: DrawingBatch) -> list:
    return [
        (
            [stroke.tolist() for stroke in drawing.strokes],
            drawing.word,
            drawing.key_id,
            drawing.countrycode,
            str(drawing.timestamp),
            drawing.recognized,
        )
        for drawing in batch
    ]


def timed(batch: DrawingBatch) -> DrawingBatch:
    """The same drawings as raw ones."""
    t = np.arange(len(batch.x), dtype=np.int32)
    return replace(batch, x=batch.x.astype("f4"), y=batch.y.astype("f4"), t=t)


@given(some, st.data(), st.booleans())
def test_take(batch, data, raw):
    batch = timed(batch) if raw else batch
    positions = st.integers(0, max(len(batch) - 1, 0))
    chosen = data.draw(st.lists(positions, max_size=8 if len(batch) else 0))
    taken = batch.take(chosen)
    assert listed(taken) == [listed(batch)[i] for i in chosen]
    assert taken.x.dtype == batch.x.dtype
    taken.x[:] = 0  # a copy: the batch keeps its own
    assert listed(batch.take(chosen)) == [listed(batch)[i] for i in chosen]


@given(some, st.slices(6))
def test_slices(batch, piece):
    assert listed(batch[piece]) == listed(batch)[piece]


@given(some, st.data())
def test_filter(batch, data):
    mask = data.draw(st.lists(st.booleans(), min_size=len(batch), max_size=len(batch)))
    kept = batch.filter(np.array(mask, np.bool_))
    assert listed(kept) == [
        drawing for drawing, keep in zip(listed(batch), mask, strict=True) if keep
    ]


@given(st.lists(some | batches(words=("dog", "owl")), min_size=1, max_size=4), st.booleans())
def test_concat(parts, raw):
    parts = [timed(part) for part in parts] if raw else parts
    whole = DrawingBatch.concat(parts)
    assert listed(whole) == [drawing for part in parts for drawing in listed(part)]
    assert len(set(whole.words)) == len(whole.words)


@given(some)
def test_equal_is_equal_whatever_the_order_of_the_words(batch):
    turned = replace(
        batch, words=batch.words[::-1], word_code=len(batch.words) - 1 - batch.word_code
    )
    assert batch.equals(turned)
    assert pickle.loads(pickle.dumps(batch)).equals(batch)
    if len(batch):
        assert not batch.equals(replace(batch, recognized=~batch.recognized))
        assert not batch.equals(timed(batch))
        assert not batch.equals(batch[1:])


def test_index():
    batch = DrawingBatch.from_strokes([[([1], [1])], [([2], [2])]], words=["a", "b"])
    assert batch[-1].word == batch[1].word == "b"
    for outside in (2, -3):
        with pytest.raises(IndexError, match=f"drawing {outside} of 2"):
            batch[outside]
        with pytest.raises(IndexError):
            batch.take([outside])


def test_counts():
    batch = DrawingBatch.from_strokes(
        [[([1, 2], [1, 2]), ([3], [3])], [([4] * 5, [4] * 5)]], words=["a", "b"]
    )
    assert batch.stroke_counts.tolist() == [2, 1]
    assert batch.point_counts.tolist() == [3, 5]
    assert batch.point_offsets.tolist() == [0, 3, 8]


@pytest.mark.parametrize(
    ("strokes", "options", "message"),
    [
        ([[([], [])]], {}, "at least 1"),
        ([[([1], [1], [1], [1])]], {}, "rows x, y"),
        ([[([1], [1])], [([1], [1], [1])]], {}, "some strokes have times"),
        ([[([256], [1])]], {}, "do not fit uint8"),
        ([[([0.5], [1])]], {}, "do not fit uint8"),
        ([[([40_000], [1])]], {"dtype": "int16"}, "do not fit int16"),
    ],
)
def test_lists_that_are_no_drawings(strokes, options, message):
    with pytest.raises(DataError, match=message):
        DrawingBatch.from_strokes(strokes, words=["a"] * len(strokes), **options)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": np.zeros(3, np.int64)}, "x is int64 and y is uint8, expected both"),
        ({"y": np.zeros(3, np.int16)}, "x is uint8 and y is int16"),
        ({"y": np.zeros(2, np.uint8)}, "x, y and t differ in length"),
        ({"t": np.zeros(2, np.int32)}, "x, y and t differ in length"),
        ({"t": np.zeros(3, np.int64)}, "t is int64, expected int32"),
        ({"stroke_offsets": np.array([0, 2])}, "stroke_offsets runs from 0 to 2, expected 0 to 3"),
        ({"stroke_offsets": np.array([0, 3], np.int32)}, "stroke_offsets is not a vector of int64"),
        ({"drawing_offsets": np.array([1, 1])}, "drawing_offsets runs from 1 to 1"),
        ({"drawing_offsets": np.zeros(0, np.int64)}, "drawing_offsets is not a vector"),
        (
            {"stroke_offsets": np.array([0, 4, 3]), "drawing_offsets": np.array([0, 2])},
            "stroke_offsets decreases at 1",
        ),
        ({"word_code": np.array([1], np.int32)}, "word_code runs from 1 to 1"),
        ({"word_code": np.array([-1], np.int32)}, "expected places among 1 words"),
        ({"key_id": np.zeros(1, np.int64)}, "key_id is int64"),
        ({"recognized": np.zeros(2, np.bool_)}, r"recognized is bool \(2,\), expected bool \(1,\)"),
        ({"countrycode": np.zeros(1, "S3")}, "countrycode is"),
        ({"timestamp": np.zeros(1, "M8[s]")}, "timestamp is"),
    ],
)
def test_columns_that_do_not_fit_together(changes, message):
    batch = DrawingBatch.from_strokes([[([1, 2, 3], [1, 2, 3])]], words=["a"])
    with pytest.raises(DataError, match=message):
        replace(batch, **changes)


def test_a_mask_that_does_not_fit():
    batch = DrawingBatch.from_strokes([[([1], [1])]], words=["a"])
    for mask in ([True, False], [1]):
        with pytest.raises(DataError, match="mask is"):
            batch.filter(mask)


def test_batches_of_different_kinds_do_not_mix():
    batch = DrawingBatch.from_strokes([[([1], [1])]], words=["a"])
    with pytest.raises(DataError, match="different kinds"):
        DrawingBatch.concat([batch, timed(batch)])
    with pytest.raises(DataError, match="at least one"):
        DrawingBatch.concat([])


def test_lengths_to_offsets():
    assert lengths_to_offsets([]).tolist() == [0]
    assert lengths_to_offsets(np.array([2, 0, 5], np.int32)).tolist() == [0, 2, 2, 7]
