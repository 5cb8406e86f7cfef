"""Packed strokes: drawings do not affect each other, and the features are as documented."""

import numpy as np
import pytest
import torch

from quickdraw_kit.errors import DataError
from quickdraw_kit.learn.data.sequences import StrokeDataset, pack_strokes
from quickdraw_kit.strokes.batch import DrawingBatch
from quickdraw_kit.synthetic.generator import generate_drawings

NAMES = ("ladder", "line", "star", "sun")


def dataset_of(count: int, seed: int = 0) -> StrokeDataset:
    drawings = generate_drawings(NAMES, count, seed=seed, raw=False)
    return StrokeDataset(drawings, drawings.word_code.astype(np.int64), drawings.words)


def test_features():
    drawings = DrawingBatch.from_strokes(
        [[([10, 30], [5, 5]), ([30], [15])], [([7], [7])]], words=["a", "b"]
    )
    packed = pack_strokes(drawings)
    expected = [
        [-1.0, -0.5, 0.0, 0.0, 0.0],
        [1.0, -0.5, 2.0, 0.0, 1.0],
        [1.0, 0.5, 0.0, 1.0, 1.0],
        [0.0, 0.0, 0.0, 0.0, 1.0],  # a dot has no size: it stays in the center
    ]
    assert packed.points.tolist() == expected
    assert (packed.drawing.tolist(), packed.size) == ([0, 0, 0, 1], 2)


def test_size_and_position_in_the_frame_do_not_matter():
    small = DrawingBatch.from_strokes([[([0, 40, 80], [0, 10, 0])]], words=["a"])
    large = DrawingBatch.from_strokes([[([50, 130, 210], [90, 110, 90])]], words=["a"])
    torch.testing.assert_close(pack_strokes(small).points, pack_strokes(large).points)


@pytest.mark.parametrize("batch_size", [1, 7, 100])
def test_each_drawing_is_yielded_once_with_its_label(batch_size):
    dataset = dataset_of(5)
    yielded = [
        (int(key), int(label))
        for drawings, labels in dataset.batches(batch_size, shuffle=True, seed=3)
        for key, label in zip(drawings.key_id, labels, strict=True)
    ]
    assert sorted(yielded) == sorted(zip(dataset.drawings.key_id, dataset.labels, strict=True))
    again = [
        int(key)
        for drawings, _ in dataset.batches(9, shuffle=True, seed=3)
        for key in drawings.key_id
    ]
    assert [key for key, _ in yielded] == again


def test_labels_that_do_not_match_and_empty_drawings_are_refused():
    drawings = generate_drawings(["sun"], 2, raw=False)
    with pytest.raises(DataError, match=r"expected int64 \(2,\)"):
        StrokeDataset(drawings, np.zeros(3, np.int64), ("sun",))
    with pytest.raises(DataError, match="labels are from 0 to 1, expected 0 to 0"):
        StrokeDataset(drawings, np.array([0, 1]), ("sun",))
    with pytest.raises(DataError, match="no points"):
        pack_strokes(drawings[:0])
