"""The kernels behind the official ``.bin``: count what the bytes hold, unpack them, pack them.

Unpacking indexes with unsigned numbers throughout: numba tests a signed index for being negative,
which keeps a copy from becoming one wide load and store and makes the whole four times slower.
"""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from quickdraw_kit.kernels import kernel

__all__ = ["BLOCK", "HEADER", "measure", "pack", "unpack"]

HEADER = 17  # bytes in front of the first stroke
BLOCK = 16  # points that are copied at once: buffers and coordinates of `unpack` have room for it
_U = np.uint64

Bytes: TypeAlias = npt.NDArray[np.uint8]
Count: TypeAlias = np.int64 | int


@kernel
def measure(buffer: Bytes, held: int) -> tuple[Count, Count, Count, Count, bool]:
    """Count the whole drawings at the head of a buffer, up to the first that cannot be one.

    Parameters
    ----------
    buffer : ndarray of uint8
        Bytes of a ``.bin``, from the first of a drawing on.
    held : int
        How many of them are there.

    Returns
    -------
    tuple of int, int, int, int, bool
        End of the last whole drawing, and the drawings, strokes and points up to there; and
        whether what follows has a country or a recognized that no drawing has.

    Examples
    --------
    >>> measure(np.zeros(40, np.uint8), 40)  # two drawings without strokes, and half of a third
    (34, 2, 0, 0, False)
    """
    end, drawings, strokes, points = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    while end + HEADER <= held:
        first, second = buffer[end + 8], buffer[end + 9]
        known = (first == 0 or 32 <= first < 127) and (second == 0 or 32 <= second < 127)
        if not known or buffer[end + 10] > 1:
            return end, drawings, strokes, points, True
        count = np.int64(buffer[end + 15]) | np.int64(buffer[end + 16]) << 8
        position, inside = end + HEADER, np.int64(0)
        for _ in range(count):
            if position + 2 > held:
                position += 2
                break
            length = np.int64(buffer[position]) | np.int64(buffer[position + 1]) << 8
            position += 2 + 2 * length
            inside += length
        if position > held:
            break
        end = position
        drawings += 1
        strokes += count
        points += inside
    return end, drawings, strokes, points, False


@kernel
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
    """Unpack the drawings at the head of a buffer.

    Parameters
    ----------
    buffer : ndarray of uint8
        What `measure` has counted, and at least `BLOCK` more bytes.
    drawings : int
        How many to unpack.
    drawing, stroke, point : int
        How many of each are in the columns already.
    key_id, country, recognized, seconds : ndarray, a row a drawing
        Filled with the metadata; country has shape (drawings, 2).
    drawing_offsets, stroke_offsets : ndarray of int64
        Filled with where each drawing ends in the strokes, and each stroke in the points, from
        entry 1 on.
    x, y : ndarray of uint8
        Filled with the coordinates; there must be room for `BLOCK` points behind the last one.

    Examples
    --------
    >>> drawing = bytes([1, *[0] * 14, 1, 0, 2, 0, 30, 40, 50, 60])  # one stroke of two points
    >>> buffer = np.frombuffer(drawing + bytes(BLOCK), np.uint8)
    >>> key_id, seconds = np.empty(1, np.uint64), np.empty(1, np.uint32)
    >>> country, recognized = np.empty((1, 2), np.uint8), np.empty(1, np.uint8)
    >>> strokes, points = np.zeros(2, np.int64), np.zeros(2, np.int64)
    >>> x, y = np.empty(2 + BLOCK, np.uint8), np.empty(2 + BLOCK, np.uint8)
    >>> unpack(buffer, 1, 0, 0, 0, key_id, country, recognized, seconds, strokes, points, x, y)
    >>> key_id[0], points, x[:2], y[:2]
    (np.uint64(1), array([0, 2]), array([30, 40], dtype=uint8), array([50, 60], dtype=uint8))
    """
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
            if length <= _U(BLOCK):  # as most are; what is copied too much, the next overwrites
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


@kernel
def pack(
    data: Bytes,
    key_id: npt.NDArray[np.uint64],
    country: Bytes,
    recognized: npt.NDArray[np.bool_],
    seconds: npt.NDArray[np.uint32],
    drawing_offsets: npt.NDArray[np.int64],
    stroke_offsets: npt.NDArray[np.int64],
    x: npt.NDArray[Any],
    y: npt.NDArray[Any],
) -> None:
    """Pack drawings; the inverse of `unpack`.

    Parameters
    ----------
    data : ndarray of uint8
        Filled with the bytes: `HEADER` a drawing, 2 a stroke and 2 a point.
    key_id, country, recognized, seconds : ndarray, a row a drawing
        The metadata; country is uint8 of shape (drawings, 2).
    drawing_offsets, stroke_offsets : ndarray of int64
        Where each drawing begins in the strokes and each stroke in the points.
    x, y : ndarray of int, shape (points,)
        The coordinates, from 0 to 255.

    Examples
    --------
    >>> data = np.empty(HEADER + 2 + 2, np.uint8)
    >>> one, offsets = np.ones(1, np.uint64), np.array([0, 1])
    >>> country, dot = np.array([[65, 66]], np.uint8), np.array([9], np.uint8)
    >>> pack(data, one, country, one > 0, one.astype(np.uint32), offsets, offsets, dot, dot)
    >>> data[:10], data[-4:]
    (array([ 1,  0,  0,  0,  0,  0,  0,  0, 65, 66], dtype=uint8),
     array([1, 0, 9, 9], dtype=uint8))
    """
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
