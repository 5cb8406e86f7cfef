"""The header of a ``.npy``: parsed by numpy, and checked against the size of the file.

numpy's loader allocates what a header declares before it knows whether the file holds that much,
and unpickles arrays of objects when `allow_pickle` is set. Here a header is only data: it declares
a plain type and a shape, and both must agree with the size of the file to the byte.
"""

import io
import math
import re
import tokenize
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy_format

from quickdraw_kit.errors import DataError

_MAGIC = b"\x93NUMPY"
_MAX_BYTES = 4096  # of a header; those of plain arrays have 128
_READERS = {
    (1, 0): npy_format.read_array_header_1_0,
    (2, 0): npy_format.read_array_header_2_0,
}
_PLAIN_KINDS = "iufbSU"
_MAX_ITEM_BYTES = {"S": 9999, "U": 4 * 9999}  # of texts; numbers have at most 8
_LONG_INTEGER = re.compile(rb"(?<=[0-9])L")  # as Python 2 writes them in shapes


@dataclass(frozen=True, slots=True)
class NpyHeader:
    """What a ``.npy`` declares."""

    dtype: np.dtype[Any] | None  # None for Python objects
    shape: tuple[int, ...]
    fortran_order: bool
    offset: int  # of the content

    @property
    def content_size(self) -> int:
        """Bytes of the content; of Python objects a lower bound, a byte each."""
        return math.prod(self.shape) * (1 if self.dtype is None else self.dtype.itemsize)


def parse_header(head: bytes, size: int, where: str) -> NpyHeader:
    """Parse the header of a ``.npy`` from its first bytes, and check it against the file's size."""
    if head[:6] != _MAGIC:
        raise DataError(f"{where} is not a .npy: it begins with {head[:8]!r}")
    # numpy warns about long integers; as a space, the L leaves the offsets as they are
    stream = io.BytesIO(_LONG_INTEGER.sub(b" ", head[:_MAX_BYTES]))
    try:
        version = npy_format.read_magic(stream)
        if version not in _READERS:
            raise DataError(f"{where} has version {version} of .npy, expected 1.0 or 2.0")
        shape, fortran_order, dtype = _READERS[version](stream, max_header_size=_MAX_BYTES)
    except (ValueError, SyntaxError, TypeError, tokenize.TokenError, RecursionError,
            MemoryError) as error:  # fmt: skip
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"{where} has a header that cannot be read: it is damaged, download it again"
        ) from error

    if not all(type(length) is int and length >= 0 for length in shape):
        raise DataError(f"{where} declares the shape {shape}, expected lengths from 0")
    is_object = dtype == np.dtype(object)
    max_item_bytes = _MAX_ITEM_BYTES.get(dtype.kind, 8)
    if not is_object and (dtype.kind not in _PLAIN_KINDS or dtype.itemsize > max_item_bytes):
        raise DataError(f"{where} declares the type {str(dtype)[:80]}, expected plain numbers")

    # Before anything is allocated: the content must be exactly as long as declared.
    header = NpyHeader(None if is_object else dtype, shape, fortran_order, stream.tell())
    content = size - header.offset
    if header.content_size > content or (not is_object and header.content_size != content):
        raise DataError(
            f"{where} declares {dtype} {shape}, {header.content_size} bytes, "
            f"but holds {content} after the header. It is damaged or cut off: download it again."
        )
    return header


def parse_npy(data: bytes, where: str) -> npt.NDArray[Any]:
    """Return the array of a ``.npy``, without copying it."""
    header = parse_header(data[:_MAX_BYTES], len(data), where)
    if header.dtype is None:
        raise DataError(f"{where} holds Python objects, expected plain numbers")
    values = np.frombuffer(data, header.dtype, offset=header.offset)
    return values.reshape(header.shape, order="F" if header.fortran_order else "C")
