"""Kernels for the official ``.bin``: count what the bytes hold, unpack them, pack them.

Unpacking indexes with unsigned numbers: numba tests whether a signed index is negative, which
prevents the compiler from making a copy one wide load and store, and takes four times as long.
"""

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from quickdraw_kit.kernels import kernel, read_only

HEADER = 17  # bytes before the first stroke
BLOCK = 16  # points copied at once: buffers and coordinates of `unpack` have as many to spare
_U = np.uint64

Bytes: TypeAlias = npt.NDArray[np.uint8]
Count: TypeAlias = np.int64 | int


def _measure_examples() -> Iterator[tuple[Any, ...]]:
    yield np.zeros(1, np.uint8), 0


@kernel(examples=_measure_examples)
def measure(buffer: Bytes, filled: int) -> tuple[Count, Count, Count, Count, bool]:
    """Count the whole drawings at the start of a buffer, up to the first that is damaged.

    Returns the bytes of these drawings, their counts, and whether a damaged drawing follows.
    """
    end, drawings, strokes, points = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    while end + HEADER <= filled:
        # a country is printable ASCII or missing: anything else means that a length was wrong
        first, second = buffer[end + 8], buffer[end + 9]
        known = (first == 0 or 32 <= first < 127) and (second == 0 or 32 <= second < 127)
        if not known or buffer[end + 10] > 1:
            return end, drawings, strokes, points, True
        count = np.int64(buffer[end + 15]) | np.int64(buffer[end + 16]) << 8
        position, drawing_points = end + HEADER, np.int64(0)
        for _ in range(count):
            if position + 2 > filled:
                position += 2  # marks the drawing as incomplete
                break
            length = np.int64(buffer[position]) | np.int64(buffer[position + 1]) << 8
            position += 2 + 2 * length
            drawing_points += length
        if position > filled:
            break
        end = position
        drawings += 1
        strokes += count
        points += drawing_points
    return end, drawings, strokes, points, False


def _columns() -> tuple[npt.NDArray[Any], ...]:
    """Empty columns, from the key_id on, with countries as pairs of bytes."""
    dtypes = (np.uint64, np.uint8, np.uint8, np.uint32, np.int64, np.int64, np.uint8, np.uint8)
    key_id, country, *others = (np.zeros(0, dtype) for dtype in dtypes)
    return (key_id, country.reshape(0, 2), *others)


def _unpack_examples() -> Iterator[tuple[Any, ...]]:
    yield (np.zeros(1, np.uint8), 0, 0, 0, 0, *_columns())


@kernel(examples=_unpack_examples)
def unpack(
    buffer: Bytes,
    drawings: int,
    drawing: int,
    stroke: int,
    point: int,
    key_id: npt.NDArray[np.uint64],
    country: Bytes,
    recognized: Bytes,
    seconds: npt.NDArray[np.uint32],
    drawing_offsets: npt.NDArray[np.int64],
    stroke_offsets: npt.NDArray[np.int64],
    x: Bytes,
    y: Bytes,
) -> None:
    """Unpack the drawings at the start of a buffer; `measure` has checked all lengths."""
    row, last, end, position = _U(drawing), _U(stroke), _U(point), _U(0)
    for _ in range(drawings):
        key_id[row] = _little(buffer, position, _U(8))
        country[row, 0] = buffer[position + _U(8)]
        country[row, 1] = buffer[position + _U(9)]
        recognized[row] = buffer[position + _U(10)]
        seconds[row] = _little(buffer, position + _U(11), _U(4))
        strokes = _little(buffer, position + _U(15), _U(2))
        position += _U(HEADER)
        for _ in range(strokes):
            length = _little(buffer, position, _U(2))
            position += _U(2)
            if length <= _U(BLOCK):
                # most strokes: copy a whole block, and let the next stroke overwrite the excess
                for i in range(_U(BLOCK)):
                    x[end + i] = buffer[position + i]
                position += length
                for i in range(_U(BLOCK)):
                    y[end + i] = buffer[position + i]
            else:
                for i in range(length):
                    x[end + i] = buffer[position + i]
                position += length
                for i in range(length):
                    y[end + i] = buffer[position + i]
            position += length
            end += length
            last += _U(1)
            stroke_offsets[last] = end
        row += _U(1)
        drawing_offsets[row] = last


def _pack_examples() -> Iterator[tuple[Any, ...]]:
    yield (np.zeros(1, np.uint8), *map(read_only, _columns()))


@kernel(examples=_pack_examples)
def pack(
    data: Bytes,
    key_id: npt.NDArray[np.uint64],
    country: Bytes,
    recognized: Bytes,
    seconds: npt.NDArray[np.uint32],
    drawing_offsets: npt.NDArray[np.int64],
    stroke_offsets: npt.NDArray[np.int64],
    x: Bytes,
    y: Bytes,
) -> None:
    """Pack drawings; the inverse of `unpack`."""
    position = 0
    for drawing in range(len(key_id)):
        first, last = drawing_offsets[drawing], drawing_offsets[drawing + 1]
        for i in range(8):
            data[position + i] = key_id[drawing] >> _U(8 * i) & _U(255)
        data[position + 8] = country[drawing, 0]
        data[position + 9] = country[drawing, 1]
        data[position + 10] = recognized[drawing]
        for i in range(4):
            data[position + 11 + i] = seconds[drawing] >> np.uint32(8 * i) & np.uint32(255)
        data[position + 15] = (last - first) & 255
        data[position + 16] = (last - first) >> 8
        position += HEADER
        for stroke in range(first, last):
            start, stop = stroke_offsets[stroke], stroke_offsets[stroke + 1]
            data[position] = (stop - start) & 255
            data[position + 1] = (stop - start) >> 8
            position += 2
            for i in range(start, stop):
                data[position] = x[i]
                position += 1
            for i in range(start, stop):
                data[position] = y[i]
                position += 1


@kernel
def _little(buffer: Bytes, position: np.uint64, size: np.uint64) -> np.uint64:
    value = _U(0)
    for i in range(size):
        value |= _U(buffer[position + i]) << (_U(8) * i)
    return value
