"""Operations on batches give what they would on lists of drawings."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickdraw_kit.errors import DataError
from quickdraw_kit.strokes.batch import DrawingBatch
from quickdraw_kit.strokes.columns import lengths_to_offsets

from .strategies import batches

any_batch = batches(words=("cat", "dog", "Ä", None), empties=True, unknown=True)


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


def same_nulls(*batches: DrawingBatch) -> bool:
    """Whether the same key_ids are known."""
    masks = [batch.key_id_known for batch in batches]
    return len({None if mask is None else mask.tobytes() for mask in masks}) == 1


def timed(batch: DrawingBatch) -> DrawingBatch:
    """Return the same drawings as raw ones."""
    t = np.arange(len(batch.x), dtype=np.int32)
    return replace(batch, x=batch.x.astype("f8"), y=batch.y.astype("f8"), t=t)


@given(any_batch, st.data(), st.booleans())
def test_take(batch, data, raw):
    batch = timed(batch) if raw else batch
    valid = st.integers(0, max(len(batch) - 1, 0))
    indices = data.draw(st.lists(valid, max_size=8 if len(batch) else 0))
    taken = batch.take(indices)
    assert listed(taken) == [listed(batch)[i] for i in indices]
    assert taken.x.dtype == batch.x.dtype
    taken.x[:] = 0  # a copy: the batch does not change
    assert listed(batch.take(indices)) == [listed(batch)[i] for i in indices]


@given(any_batch, st.slices(6))
def test_slices(batch, index):
    assert listed(batch[index]) == listed(batch)[index]


@given(any_batch, st.data())
def test_filter(batch, data):
    mask = data.draw(st.lists(st.booleans(), min_size=len(batch), max_size=len(batch)))
    kept = batch.filter(np.array(mask, np.bool_))
    assert listed(kept) == [
        drawing for drawing, keep in zip(listed(batch), mask, strict=True) if keep
    ]


@given(st.lists(any_batch | batches(words=("dog", "owl")), min_size=1, max_size=4), st.booleans())
def test_concat(parts, raw):
    parts = [timed(part) for part in parts] if raw else parts
    whole = DrawingBatch.concat(parts)
    assert listed(whole) == [drawing for part in parts for drawing in listed(part)]
    assert len(set(whole.words)) == len(whole.words)


@given(any_batch)
def test_equality_ignores_the_order_of_the_words(batch):
    reordered = replace(
        batch, words=batch.words[::-1], word_code=len(batch.words) - 1 - batch.word_code
    )
    assert batch.equals(reordered)
    assert pickle.loads(pickle.dumps(batch)).equals(batch)
    if len(batch):
        flipped = replace(batch, recognized=~batch.recognized, recognized_known=None)
        assert not batch.equals(flipped)
        unknown = np.zeros(len(batch), np.bool_)
        for changed in (
            replace(flipped, recognized=unknown, recognized_known=unknown),
            replace(batch, key_id_known=unknown),
        ):
            assert batch.equals(changed) == (
                listed(batch) == listed(changed) and same_nulls(batch, changed)
            )
        assert not batch.equals(timed(batch))
        assert not batch.equals(batch[1:])


def test_batches_of_different_dtypes_cannot_be_concatenated():
    batch = DrawingBatch.from_strokes([[([1], [1])]], words=["a"])
    with pytest.raises(DataError, match="different dtypes"):
        DrawingBatch.concat([batch, timed(batch)])
    with pytest.raises(DataError, match="at least one"):
        DrawingBatch.concat([])


@given(any_batch)
def test_unknown_flags_count_as_false_and_are_distinct_from_it(batch):
    assert not (batch.recognized & (batch.recognition == 2)).any()
    states = [{None: 2, False: 0, True: 1}[drawing.recognized] for drawing in batch]
    assert batch.recognition.tolist() == states
    assert all(drawing.recognized for drawing in batch.filter(batch.recognized))
    # all known is one form, whatever was passed
    known = replace(batch, recognized_known=np.ones(len(batch), np.bool_))
    assert known.recognized_known is None


def test_a_flag_cannot_be_true_and_unknown():
    batch = DrawingBatch.from_strokes([[([1], [1])]])
    assert batch[0].recognized is None
    with pytest.raises(DataError, match="pass recognized_known=None"):
        replace(batch, recognized=np.array([True]))


def test_indices_out_of_range():
    batch = DrawingBatch.from_strokes([[([1], [1])], [([2], [2])]], words=["a", "b"])
    for outside in (2, -3):
        with pytest.raises(IndexError):
            batch.take([0, outside])


def test_lengths_to_offsets():
    assert lengths_to_offsets([]).tolist() == [0]
    assert lengths_to_offsets(np.array([2, 0, 5], np.int32)).tolist() == [0, 2, 2, 7]
