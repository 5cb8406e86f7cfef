import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from quickdraw_kit.errors import DataError
from quickdraw_kit.formats.npy_header import parse_header, parse_npy

TERABYTES = 10**12


def npy(content: bytes, shape="(3,)", descr="|O") -> bytes:
    """A .npy with any header."""
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + content


def saved(array, version=None):
    file = io.BytesIO()
    np.lib.format.write_array(file, array, version=version)
    return file.getvalue()


@given(
    hnp.arrays(
        st.sampled_from(["u1", "<i2", ">i4", "i8", "f4", ">f8", "?", "<U5", "S3"]),
        hnp.array_shapes(min_dims=0, max_dims=4, min_side=0),
    ),
    st.sampled_from([(1, 0), (2, 0)]),
    st.booleans(),
)
def test_reads_what_numpy_writes(array, version, transposed):
    array = array.T if transposed else array
    actual = parse_npy(saved(array, version), "a.npy")
    np.testing.assert_array_equal(actual, array)
    assert (actual.dtype, actual.shape) == (array.dtype, array.shape)


def test_reads_headers_of_python_2():
    assert parse_npy(npy(b"abc", "(3L, 1L)", "|u1"), "a.npy").tolist() == [[97], [98], [99]]


def test_objects_are_recognized_and_not_returned():
    data = npy(b"\x80\x02.", "(1,)")
    assert parse_header(data, len(data), "a.npy").dtype is None
    with pytest.raises(DataError, match="holds Python objects, expected plain numbers"):
        parse_npy(data, "a.npy")


@given(st.integers(0, 133))
def test_detects_every_cut(cut):
    data = saved(np.arange(6, dtype=np.uint8))
    with pytest.raises(DataError, match=r"a\.npy"):
        parse_npy(data[:cut], "a.npy")


def test_detects_bytes_after_the_array():
    with pytest.raises(DataError, match="but holds 7 after the header"):
        parse_npy(saved(np.arange(6, dtype=np.uint8)) + b"x", "a.npy")


@given(st.binary(max_size=60))
def test_arbitrary_headers_raise(text):
    data = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text
    with pytest.raises(DataError):
        parse_npy(data, "a.npy")


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        (npy(b"", f"({TERABYTES}, 3)", "<i2"), "but holds 0 after the header"),
        (npy(b"\x80\x02.", f"({TERABYTES},)"), "but holds 3 after the header"),
        (npy(b"", f"({10**4000},)"), "after the header"),
        (npy(b"", "(-1,)", "<i2"), "expected lengths from 0"),
        (npy(b"", "(True,)", "<i2"), "expected lengths from 0"),
        (npy(b"", "(1,", "<i2"), "cannot be read"),
        (npy(b"", "__import__('os')", "<i2"), "cannot be read"),
        (npy(bytes(12), "(2, 3)", "V2"), "expected plain numbers"),
        (b"PK\x03\x04", "is not a .npy"),
        (b"\x93NUMPY\x01\x00\xff\xff" + b" " * 5000, "header that cannot be read"),
    ],
)
def test_headers_that_declare_too_much_are_refused(member, reason):
    with pytest.raises(DataError, match=reason):
        parse_npy(member, "a.npy")
