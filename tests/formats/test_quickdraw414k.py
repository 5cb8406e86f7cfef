import pickle

import numpy as np
import pytest

from quickdraw_kit.errors import DataError, UsageError
from quickdraw_kit.formats.quickdraw414k import iter_quickdraw414k

POINTS = [[3, 4, 1, 0], [5, 6, 0, 1], [0, 255, 0, 1], [9, 9, 1, 0], [8, 8, 0, 1]]
STROKES = [[[3, 4], [5, 6]], [[0, 255]], [[9, 9], [8, 8]]]


def rows(points=POINTS, length=100, dtype=np.int16):
    full = np.full((length, 4), -1, dtype)
    for row, point in enumerate(points):
        full[row] = point
    return full


@pytest.fixture
def save(tmp_path):
    def write(array, split="train", category="cat", name="cat_0"):
        folder = tmp_path / "coordinate_files" / split / category
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / f"{name}.npy", array, allow_pickle=True)
        return folder / f"{name}.npy"

    return write


def lists(batch):
    return [[stroke.tolist() for stroke in batch[i].strokes] for i in range(len(batch))]


def test_order_of_splits_categories_and_files(save, tmp_path):
    save(rows(), name="cat_2")
    save(rows([[1, 1, 0, 1]]), name="cat_10")
    save(rows(), category="hot_air_balloon")
    save(rows(dtype=np.float64), split="test", category="t-shirt")
    save(rows(), split="val", category="The_Great_Wall_of_China")
    batches = list(iter_quickdraw414k(tmp_path))
    assert [batch.words for batch in batches] == [
        ("cat",),
        ("hot air balloon",),
        ("The Great Wall of China",),
        ("t-shirt",),
    ]
    assert lists(batches[0]) == [[[[1, 1]]], STROKES]
    keys = np.concatenate([batch.key_id for batch in batches])
    assert len(set(keys.tolist())) == 5
    assert (keys >> np.uint64(63)).all()
    (test,) = iter_quickdraw414k(tmp_path / "coordinate_files", split="test")
    assert test.equals(batches[3])


def test_key_ids_do_not_depend_on_other_files(save, tmp_path):
    gone = save(rows(), name="cat_0")
    save(rows(), name="cat_1")
    (both,) = iter_quickdraw414k(tmp_path)
    gone.unlink()
    (one,) = iter_quickdraw414k(tmp_path)
    assert one.equals(both[1:])


@pytest.mark.parametrize("protocol", [2, 3, 4])
@pytest.mark.parametrize("shape", [(), (1,)])
def test_reads_pickled_rows(save, tmp_path, protocol, shape):
    wrapped = np.empty(shape, object)
    wrapped[...] = 0
    wrapped.reshape(-1)[:1] = [None]
    wrapped.reshape(-1)[0] = rows()
    path = save(wrapped)
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"\n") + 1] + pickle.dumps(wrapped, protocol))
    (batch,) = iter_quickdraw414k(tmp_path)
    assert lists(batch) == [STROKES]


@pytest.mark.parametrize(
    "points",
    [
        [*POINTS, [0, 0, 0, 0]],
        [*POINTS[:4], [8, 8, 1, 0]],  # cut off within a stroke
        POINTS,
    ],
)
def test_padding_and_open_ends(save, tmp_path, points):
    save(rows(points, length=len(points)))
    (batch,) = iter_quickdraw414k(tmp_path)
    assert lists(batch) == [STROKES]


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (rows([[1, 2, 1, 1]]), r"row 0: \[1, 2, 1, 1\] is neither a point nor padding"),
        (rows([[1, 2, 1, 0], [3, 4, 2, 0]]), "row 1"),
        (rows([[1, 2, 1, 0], [-1] * 4, [3, 4, 1, 0]]), "neither a point"),
        (rows([]), "has no points"),
        (rows([[0.5, 2, 1, 0]], dtype=np.float64), "not whole numbers"),
        (rows([[1e9, 2, 1, 0]], dtype=np.float64), "not whole numbers"),
        (rows([[np.nan, 2, 1, 0]], dtype=np.float64), "not whole numbers"),
        (rows([[np.inf, 2, 1, 0]], dtype=np.float64), "not whole numbers"),
        (rows([[1, 2, 1, 0], [3, 4, np.nan, 0]], dtype=np.float64), "row 1"),
        (np.zeros((100, 3), np.int16), r"expected numbers \(100, 4\)"),
        (np.zeros((100, 4), "S1"), r"expected numbers \(100, 4\)"),
        (np.zeros((100, 400)), "has more than"),
        (np.zeros(0, object), "holds 0 arrays"),
        (np.array([{"a": 1}], object), "the pickle has the opcode"),
    ],
)
def test_other_arrays_are_refused(save, tmp_path, array, reason):
    path = save(array)
    with pytest.raises(DataError, match=reason) as error:
        list(iter_quickdraw414k(tmp_path))
    assert str(path) in str(error.value)


def test_missing_folders_and_splits(save, tmp_path):
    with pytest.raises(DataError, match="has no folder train or val or test"):
        list(iter_quickdraw414k(tmp_path))
    save(rows())
    with pytest.raises(DataError, match="has no folder val"):
        list(iter_quickdraw414k(tmp_path, split="val"))
    with pytest.raises(UsageError, match="no split 'valid'"):
        list(iter_quickdraw414k(tmp_path, split="valid"))
