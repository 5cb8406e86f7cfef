"""Kernel that hashes the strokes of drawings, for those without a key_id."""

from typing import Any

import numpy as np
import numpy.typing as npt

from quickdraw_kit.kernels import kernel

# odd numbers with irregular bits, one for each axis and one for the sum
_X, _Y, _T = (np.uint64(k) for k in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))
_NEXT = np.uint64(0xD6E8FEB86659FD93)
_HALF = np.uint64(32)


@kernel
def hash_strokes(
    hashes: npt.NDArray[np.uint64],
    x: npt.NDArray[Any],
    y: npt.NDArray[Any],
    t: npt.NDArray[np.int32] | None,
    stroke_offsets: npt.NDArray[np.int64],
    drawing_offsets: npt.NDArray[np.int64],
) -> None:
    """Update a hash per drawing with its strokes; equal numbers of any dtype hash alike."""
    for drawing in range(hashes.size):
        value = hashes[drawing]
        for stroke in range(drawing_offsets[drawing], drawing_offsets[drawing + 1]):
            first, last = stroke_offsets[stroke], stroke_offsets[stroke + 1]
            value = _add(value, np.uint64(last - first))
            for i in range(first, last):
                point = _bits(x[i]) * _X + _bits(y[i]) * _Y
                if t is not None:
                    point += _bits(t[i]) * _T
                value = _add(value, point)
        hashes[drawing] = value


@kernel
def _bits(number: Any) -> np.uint64:
    # a sum with 0, because -0 equals 0; folded, because products only carry bits upwards
    bits = np.uint64(np.float64(number + 0.0).view(np.int64))
    return bits ^ (bits >> _HALF)


@kernel
def _add(value: np.uint64, item: np.uint64) -> np.uint64:
    value = (value ^ item) * _NEXT
    return value ^ (value >> _HALF)
