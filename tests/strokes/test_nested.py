"""Batches from nested lists."""

import numpy as np
import pytest

from quickdraw_kit.errors import DataError
from quickdraw_kit.strokes.batch import DrawingBatch


def test_simplified():
    batch = DrawingBatch.from_strokes([[([1, 2], [3, 4]), ([5], [255])], []], words=["cat", "dog"])
    assert batch.x.dtype == np.uint8
    assert [stroke.tolist() for stroke in batch[0].strokes] == [[[1, 3], [2, 4]], [[5, 255]]]
    assert batch[1].strokes == []
    assert batch.words_of_drawings() == ["cat", "dog"]
    assert not batch.key_id_known.any()
    assert np.isnat(batch.timestamp).all()
    assert batch.countrycode.tolist() == [b"", b""]
    assert batch[0].recognized is None
    assert not batch.recognized.any()
    assert DrawingBatch.from_strokes([[([1], [3])]]).words_of_drawings() == [None]


def test_raw():
    batch = DrawingBatch.from_strokes([[([0.5], [-3], [16.5])]], words=["cat"], key_id=[2**64 - 1])
    assert batch.is_float
    assert batch[0].strokes[0].tolist() == [[0.5, -3, 16]]
    assert batch.key_id.tolist() == [2**64 - 1]


def test_the_dtype_can_be_chosen():
    assert DrawingBatch.from_strokes(
        [[([300], [-1])]], words=["cat"], dtype="int16"
    ).x.tolist() == [300]
    assert DrawingBatch.from_strokes([[([0.5], [1])]], words=["cat"], dtype="float64").t is None


def test_one_word_per_drawing():
    with pytest.raises(DataError, match="word_code"):
        DrawingBatch.from_strokes([[([1], [1])]], words=["cat", "dog"])


@pytest.mark.parametrize(
    ("strokes", "options", "message"),
    [
        ([[([], [])]], {}, "at least 1"),
        ([[([1, 2], [1])]], {}, "of the same length"),
        ([[(1, 2)]], {}, "rows x, y"),
        ([[([1], [1], [1], [1])]], {}, "rows x, y"),
        ([[([1], [1])], [([1], [1], [1])]], {}, "some strokes have times"),
        ([[([256], [1])]], {}, "do not fit uint8"),
        ([[([0.5], [1])]], {}, "do not fit uint8"),
        ([[([40_000], [1])]], {"dtype": "int16"}, "do not fit int16"),
        ([[([1], [1], [2**31])]], {}, "times do not fit int32"),
        ([[([1], [1], [np.nan])]], {}, "times do not fit int32"),
    ],
)
def test_invalid_lists(strokes, options, message):
    with pytest.raises(DataError, match=message):
        DrawingBatch.from_strokes(strokes, words=["a"] * len(strokes), **options)
