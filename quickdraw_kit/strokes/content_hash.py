"""Kernel that hashes the strokes of drawings, for those without a key_id."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from quickdraw_kit.kernels import kernel, read_only
from quickdraw_kit.strokes.columns import Columns

# odd numbers with irregular bits, one for each axis and one for the sum
_X, _Y, _T = (np.uint64(k) for k in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))
_NEXT = np.uint64(0xD6E8FEB86659FD93)
_HALF = np.uint64(32)


def hash_strokes(columns: Columns, seeds: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return a hash per drawing of its seed and its strokes; equal numbers hash alike."""
    t = np.zeros(0, np.int32) if columns["t"] is None else columns["t"]
    hashes = seeds.copy()
    # doubles, whatever a file had: one compiled kernel, and one hash, for every dtype
    _hash(
        hashes,
        read_only(columns["x"].astype(np.float64, copy=False)),
        read_only(columns["y"].astype(np.float64, copy=False)),
        read_only(t),
        read_only(columns["stroke_offsets"]),
        read_only(columns["drawing_offsets"]),
    )
    return hashes


def _hash_examples() -> Iterator[tuple[Any, ...]]:
    points, offsets = read_only(np.zeros(1)), read_only(np.zeros(1, np.int64))
    yield np.zeros(1, np.uint64), points, points, read_only(np.zeros(1, np.int32)), offsets, offsets


@kernel(examples=_hash_examples)
def _hash(
    hashes: npt.NDArray[np.uint64],
    x: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
    t: npt.NDArray[np.int32],
    stroke_offsets: npt.NDArray[np.int64],
    drawing_offsets: npt.NDArray[np.int64],
) -> None:
    for drawing in range(hashes.size):
        value = hashes[drawing]
        for stroke in range(drawing_offsets[drawing], drawing_offsets[drawing + 1]):
            first, last = stroke_offsets[stroke], stroke_offsets[stroke + 1]
            value = _add(value, np.uint64(last - first))
            for i in range(first, last):
                point = _bits(x[i]) * _X + _bits(y[i]) * _Y
                if t.size > 0:
                    point += np.uint64(t[i]) * _T
                value = _add(value, point)
        hashes[drawing] = value


@kernel
def _bits(number: np.float64) -> np.uint64:
    # a sum with 0, because -0 equals 0; folded, because products only carry bits upwards
    bits = np.uint64(np.float64(number + 0.0).view(np.int64))
    return bits ^ (bits >> _HALF)


@kernel
def _add(value: np.uint64, item: np.uint64) -> np.uint64:
    value = (value ^ item) * _NEXT
    return value ^ (value >> _HALF)
