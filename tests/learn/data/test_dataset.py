"""Data sets in memory: every row once, split among ranks, and invalid arrays are refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickdraw_kit.errors import DataError
from quickdraw_kit.learn.data.dataset import ArrayDataset, BitmapDataset
from quickdraw_kit.learn.data.sequences import StrokeDataset
from quickdraw_kit.strokes.batch import DrawingBatch

NAMES = ("a", "b", "c")


def rows_of(batches):
    return [
        (int(image[0, 0]), int(label))
        for images, labels in batches
        for image, label in zip(images, labels, strict=True)
    ]


@given(
    rows=st.integers(0, 40),
    batch_size=st.integers(1, 50),
    shuffle=st.booleans(),
    seed=st.integers(0, 9),
)
def test_each_row_is_yielded_once_with_its_label(rows, batch_size, shuffle, seed):
    images = np.arange(rows, dtype=np.uint8).reshape(rows, 1, 1)
    dataset = ArrayDataset(images, np.arange(rows) % 3, NAMES)
    batches = list(dataset.batches(batch_size, shuffle=shuffle, seed=seed))
    assert all(len(labels) == batch_size for _, labels in batches[:-1])
    yielded = rows_of(batches)
    assert sorted(yielded) == [(row, row % 3) for row in range(rows)]
    assert yielded == rows_of(dataset.batches(batch_size, shuffle=shuffle, seed=seed))


def test_another_seed_gives_another_order():
    dataset = ArrayDataset(np.zeros((99, 1, 1), np.uint8), np.arange(99) % 3, NAMES)
    orders = [
        next(iter(dataset.batches(99, shuffle=True, seed=seed)))[1].tolist() for seed in (0, 1)
    ]
    assert orders[0] != orders[1]


def as_array(rows):
    images = np.arange(rows, dtype=np.uint8).reshape(rows, 1, 1)
    return ArrayDataset(images, np.arange(rows) % 3, NAMES)


def as_bitmaps(rows):
    files = [np.arange(label, 3 * rows, 3, dtype=np.uint8)[:, None] for label in range(3)]
    return BitmapDataset(files, [np.arange(rows // 3 + (rows % 3 > n)) for n in range(3)], NAMES)


def as_strokes(rows):
    drawings = DrawingBatch.from_strokes(
        [[([row, 0], [0, 9])] for row in range(rows)], words=["a"] * rows
    )
    return StrokeDataset(drawings, np.arange(rows) % 3, NAMES)


def row_numbers(inputs):
    if isinstance(inputs, DrawingBatch):
        return inputs.x[::2].tolist()
    return inputs[:, 0, 0].tolist()


@pytest.mark.parametrize("make_dataset", [as_array, as_bitmaps, as_strokes])
@given(
    rows=st.integers(1, 40),
    batch_size=st.integers(1, 50),
    shuffle=st.booleans(),
    skip=st.integers(0, 5),
    world_size=st.integers(1, 4),
)
def test_all_ranks_together_see_the_batches_of_one_process_after_those_skipped(
    make_dataset, rows, batch_size, shuffle, skip, world_size
):
    dataset = make_dataset(rows)
    expected = [
        (row_numbers(inputs), labels.tolist())
        for inputs, labels in dataset.batches(batch_size, shuffle=shuffle, seed=3)
    ]
    passes = [
        dataset.batches(
            batch_size, shuffle=shuffle, seed=3, skip=skip, rank=rank, world_size=world_size
        )
        for rank in range(world_size)
    ]
    together = []
    for shares in zip(*passes, strict=True):
        sizes = [len(labels) for _, labels in shares]
        assert max(sizes) - min(sizes) <= 1
        together.append(
            (
                [row for inputs, _ in shares for row in row_numbers(inputs)],
                [label for _, labels in shares for label in labels.tolist()],
            )
        )
    assert together == expected[skip:]


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((2, 4, 4)), np.zeros(2, np.int64), "float64 .* expected uint8"),
        (np.zeros((2, 4, 5), np.uint8), np.zeros(2, np.int64), r"expected uint8 \(n, side, side\)"),
        (np.zeros((2, 4, 4), np.uint8), np.zeros(3, np.int64), r"expected int64 \(2,\)"),
        (np.zeros((2, 4, 4), np.uint8), np.zeros(2, np.int32), "int32"),
        (np.zeros((2, 4, 4), np.uint8), np.array([0, 3]), "are from 0 to 3, expected 0 to 2"),
        (np.zeros((2, 4, 4), np.uint8), np.array([-1, 0]), "are from -1"),
    ],
)
def test_arrays_that_do_not_match_are_refused(images, labels, message):
    with pytest.raises(DataError, match=message):
        ArrayDataset(images, labels, NAMES)
