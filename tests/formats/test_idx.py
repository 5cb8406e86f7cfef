import gzip
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from quickdraw_kit.errors import DataError
from quickdraw_kit.formats.format import ReadOptions
from quickdraw_kit.formats.idx import IDX, read_idx
from quickdraw_kit.formats.registry import find_format

IDX_CODES = {"u1": 8, "i1": 9, ">i2": 11, ">i4": 12, ">f4": 13, ">f8": 14}


def idx(array, code=8):
    return (
        bytes([0, 0, code, array.ndim])
        + struct.pack(f">{array.ndim}I", *array.shape)
        + (array.tobytes())
    )


@pytest.fixture
def write(tmp_path):
    def save(data, name):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return save


@given(
    st.sampled_from(sorted(IDX_CODES)).flatmap(
        lambda dtype: hnp.arrays(dtype, hnp.array_shapes(max_dims=3, min_side=0))
    )
)
def test_reads_any_type(tmp_path_factory, array):
    path = tmp_path_factory.mktemp("idx") / "data"
    path.write_bytes(idx(array, IDX_CODES[array.dtype.str.lstrip("|")]))
    actual = read_idx(path)
    np.testing.assert_array_equal(actual, array)
    assert (actual.dtype, actual.shape) == (array.dtype, array.shape)


def test_reads_mnist(real_data):
    images = read_idx(real_data / "mnist" / "t10k-images-idx3-ubyte.gz")
    labels = read_idx(real_data / "mnist" / "t10k-labels-idx1-ubyte.gz")
    assert (images.shape, images.dtype) == ((10000, 28, 28), np.uint8)
    assert np.bincount(labels).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
    ]  # fmt: skip


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_files_of_another_size_are_refused(write, pack):
    whole = idx(np.zeros((3, 4, 4), np.uint8))
    for cut in (0, 3, 9, 16, len(whole) - 1):
        with pytest.raises(DataError, match="data"):
            read_idx(write(pack(whole[:cut]), "data"))
    with pytest.raises(DataError, match="more than that"):
        read_idx(write(pack(whole + b"x"), "data"))


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_declared_terabytes_allocate_nothing(write, pack):
    header = bytes([0, 0, 8, 3]) + struct.pack(">3I", 2**32 - 1, 2**32 - 1, 2**32 - 1)
    with pytest.raises(DataError, match=r"more than its .* bytes can hold"):
        read_idx(write(pack(header + bytes(100)), "data"))


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
        ("train-images.idx3-ubyte", "train-labels.idx1-ubyte"),
        ("train-images-idx3-ubyte", "train-labels.idx1-ubyte.gz"),
        ("Train-Images.IDX3-ubyte.gz", "train_labels-idx1-ubyte"),
        ("emnist-letters-train-images-idx3-ubyte", "emnist-letters-train-labels-idx1-ubyte"),
        ("qmnist-train-images-idx3-ubyte", "qmnist-train-labels-idx2-int"),
    ],
)
def test_labels_are_found_beside_images_in_every_spelling(write, images, labels):
    path = write(idx(np.zeros((3, 4, 4), np.uint8)), images)
    write(idx(np.zeros(9, np.uint8)), "t10k-labels-idx1-ubyte")
    with pytest.raises(DataError, match=r"has images without labels: expected .*labels"):
        list(IDX.read(path, ReadOptions()))
    values = np.array([7, 2, 7])
    if "idx2" in labels:  # eight columns, of which the first is the class
        content = idx(np.stack([values] + [values + 90] * 7, axis=1).astype(">i4"), 12)
    else:
        content = idx(values.astype(np.uint8))
    write(gzip.compress(content) if labels.endswith(".gz") else content, labels)
    [records] = IDX.read(path, ReadOptions())
    names = records.batch.words_of_drawings()
    assert names == (["g", "b", "g"] if "emnist" in images else ["7", "2", "7"])
    assert find_format(path) is IDX


def test_both_spellings_of_mnist_have_the_same_key_ids(write):
    keys = []
    for dot in "-.":
        path = write(idx(np.zeros((3, 4, 4), np.uint8)), f"train-images{dot}idx3-ubyte")
        write(idx(np.zeros(3, np.uint8)), f"train-labels{dot}idx1-ubyte")
        [records] = IDX.read(path, ReadOptions())
        keys.append(records.batch.key_id.tolist())
    assert keys[0] == keys[1]


@pytest.mark.parametrize("magic", [b"\0\0\7\1", b"\0\0\x08\0", b"\x93NUM", b"\0\1\x08\1"])
def test_other_files_are_refused(write, magic):
    with pytest.raises(DataError, match="is not an IDX file"):
        read_idx(write(magic + bytes(100), "data"))
