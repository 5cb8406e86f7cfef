import gzip
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from quickdraw_kit.errors import DataError
from quickdraw_kit.formats.idx import read_idx

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


@pytest.mark.parametrize("magic", [b"\0\0\7\1", b"\0\0\x08\0", b"\x93NUM", b"\0\1\x08\1"])
def test_other_files_are_refused(write, magic):
    with pytest.raises(DataError, match="is not an IDX file"):
        read_idx(write(magic + bytes(100), "data"))
