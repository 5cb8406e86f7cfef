"""Indexing, counts, and the validation of columns."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from quickdraw_kit.errors import DataError
from quickdraw_kit.strokes.batch import DrawingBatch


def test_index():
    batch = DrawingBatch.from_strokes([[([1], [1])], [([2], [2])]], words=["a", "b"])
    assert batch[-1].word == batch[1].word == "b"
    for outside in (2, -3):
        with pytest.raises(IndexError, match=f"drawing {outside} of 2"):
            batch[outside]


def test_counts():
    batch = DrawingBatch.from_strokes(
        [[([1, 2], [1, 2]), ([3], [3])], [([4] * 5, [4] * 5)]], words=["a", "b"]
    )
    assert batch.stroke_counts.tolist() == [2, 1]
    assert batch.point_counts.tolist() == [3, 5]
    assert batch.point_offsets.tolist() == [0, 3, 8]


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
        ({"word_code": np.array([-1], np.int32)}, "expected indices of 1 words"),
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


def test_invalid_masks():
    batch = DrawingBatch.from_strokes([[([1], [1])]], words=["a"])
    for mask in ([True, False], [1]):
        with pytest.raises(DataError, match="mask is"):
            batch.filter(mask)


def test_importing_the_module_loads_nothing_heavy():
    code = "import quickdraw_kit.strokes.batch, sys; print(*sys.modules)"
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not {"numba", "pandas", "pyarrow"}.intersection(process.stdout.split())


def test_lists_arrays_and_masks_select_as_in_numpy():
    batch = DrawingBatch.from_strokes([[([n], [n])] for n in range(5)], words=list("abcde"))
    for index, words in (
        ([3, 0, 3], "dad"),
        ((1, -1), "be"),
        (np.array([2]), "c"),
        (np.array([True, False, False, False, True]), "ae"),
        ([False] * 4 + [True], "e"),
    ):
        assert batch[index].words_of_drawings() == list(words)
    with pytest.raises(DataError, match="mask is bool"):
        batch[np.array([True])]
    with pytest.raises(IndexError):
        batch[[5]]
