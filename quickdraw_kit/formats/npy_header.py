"""The header of a ``.npy``, read without numpy's loader: what it declares is checked first.

numpy's loader allocates what a header declares before it looks whether the file can hold it, and
unpickles object arrays when asked to. Here a header is data: it names a plain type and a shape, and
both must agree with the size of the file to the byte.
"""

import ast
import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import DataError

__all__ = ["NpyHeader", "parse_header", "parse_npy"]

_MAGIC = b"\x93NUMPY"
_LONGEST = 4096  # bytes of header text; those of plain arrays take 118
_PLAIN = re.compile(r"[<>|=]?(?:[iu][1248]|f[248]|b1|[SU][0-9]{1,4})")
_OBJECT = re.compile(r"\|?O8?")
_LONG_INTEGER = re.compile(r"(?<=[0-9])L")  # as Python 2 writes them


@dataclass(frozen=True, slots=True)
class NpyHeader:
    """What a ``.npy`` declares."""

    dtype: np.dtype[Any] | None
    shape: tuple[int, ...]
    fortran_order: bool
    offset: int

    @property
    def content_size(self) -> int:
        """Bytes that the content takes; of an array of objects, at least one each."""
        return math.prod(self.shape) * (1 if self.dtype is None else self.dtype.itemsize)


def parse_header(head: bytes, size: int, where: str) -> NpyHeader:
    """Parse the header of a ``.npy`` and check it against the size of the file."""
    if head[:6] != _MAGIC or len(head) < 12 or head[6] not in (1, 2):
        raise DataError(f"{where} is no .npy: it begins with {head[:8]!r}")
    start = 10 if head[6] == 1 else 12
    offset = start + int.from_bytes(head[8:start], "little")
    if offset > min(len(head), _LONGEST):
        raise DataError(f"{where} declares a header of {offset} bytes, expected some 128")
    try:
        text = _LONG_INTEGER.sub("", head[start:offset].decode("ascii"))
        declared = ast.literal_eval(text.strip())
        dtype, order, shape = (declared[key] for key in ("descr", "fortran_order", "shape"))
    except (ValueError, SyntaxError, KeyError, TypeError, RecursionError, MemoryError) as error:
        raise DataError(f"{where} has a header that cannot be read: {error}") from error
    plain = isinstance(dtype, str) and _PLAIN.fullmatch(dtype)
    if not plain and not (isinstance(dtype, str) and _OBJECT.fullmatch(dtype)):
        raise DataError(f"{where} declares the type {str(dtype)[:80]}, expected plain numbers")
    if not isinstance(order, bool) or not isinstance(shape, tuple):
        raise DataError(f"{where} declares the order {order!r} and the shape {shape!r}")
    if not all(type(length) is int and length >= 0 for length in shape):
        raise DataError(f"{where} declares the shape {shape}, expected lengths from 0")
    header = NpyHeader(np.dtype(dtype) if plain else None, shape, order, offset)
    content = size - offset
    if header.content_size > content or (plain and header.content_size != content):
        raise DataError(
            f"{where} declares {dtype} {shape}, {header.content_size} bytes, "
            f"but holds {content} behind the header. It is damaged or cut off: fetch it again."
        )
    return header


def parse_npy(data: bytes, where: str) -> npt.NDArray[Any]:
    """Return the array of a ``.npy``, without copying it."""
    header = parse_header(data[:_LONGEST], len(data), where)
    if header.dtype is None:
        raise DataError(f"{where} holds Python objects, expected plain numbers")
    values = np.frombuffer(data, header.dtype, offset=header.offset)
    return values.reshape(header.shape, order="F" if header.fortran_order else "C")
