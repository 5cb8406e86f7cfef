"""Random numbers that are a pure function of their place, for many drawings at once.

The generator must make any drawing alone and get the same bytes on every machine. A stream that is
drawn one number after the other can do neither when work is cut differently, so each drawing has a
key, and its j-th number is a hash of key and j. The hash is integer arithmetic; the few reals are
made with operations that IEEE 754 rounds in one way only.

References
----------
The hash is SplitMix64, used as a counter (Steele, Lea, Flood: Fast splittable pseudorandom number
generators, OOPSLA 2014).
"""

import hashlib
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = [
    "BoolArray",
    "CounterRNG",
    "FloatArray",
    "IntArray",
    "UInt64Array",
    "normal",
    "point_bits",
    "uniform",
]

BoolArray: TypeAlias = npt.NDArray[np.bool_]
FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
UInt64Array: TypeAlias = npt.NDArray[np.uint64]

_STEP = np.uint64(0x9E3779B97F4A7C15)


class CounterRNG:
    """Random numbers for n drawings; each call draws one number (or a row) for every drawing."""

    def __init__(self, name: str, start: int, stop: int) -> None:
        digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
        base = np.uint64(int.from_bytes(digest, "little"))
        numbers = np.arange(start, stop, dtype=np.uint64)
        self._keys = _mix(base + numbers * _STEP)
        self._drawn = 0

    def __len__(self) -> int:
        return len(self._keys)

    def bits(self) -> UInt64Array:
        """Return 64 random bits for each drawing, shape (n,)."""
        self._drawn += 1
        return _mix(self._keys + np.uint64(self._drawn * int(_STEP) % 2**64))

    def uniform(self, low: float, high: float) -> FloatArray:
        """Return reals from low to below high, shape (n,)."""
        return low + (high - low) * uniform(self.bits())

    def normal(self, spread: float) -> FloatArray:
        """Return reals about 0 with a standard deviation, at most 3 of them away, shape (n,)."""
        return spread * normal(self.bits())

    def chance(self, share: float) -> BoolArray:
        """Return True for a share of the drawings, shape (n,)."""
        return uniform(self.bits()) < share

    def whole(self, low: int, high: int) -> IntArray:
        """Return whole numbers from low to high, both included, shape (n,)."""
        return low + (uniform(self.bits()) * (high - low + 1)).astype(np.int64)

    def columns(self, count: int) -> UInt64Array:
        """Return 64 random bits for each drawing and column, shape (n, count)."""
        return np.stack([self.bits() for _ in range(count)], axis=1)


def uniform(bits: UInt64Array) -> FloatArray:
    """Turn random bits into reals from 0 to below 1."""
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53


def normal(bits: UInt64Array) -> FloatArray:
    """Turn random bits into reals with mean 0 and variance 1: the sum of three uniform numbers."""
    part = np.uint64((1 << 21) - 1)
    total: UInt64Array = (bits & part) + (bits >> np.uint64(21) & part) + (bits >> np.uint64(43))
    return total.astype(np.float64) * 2.0**-20 - 3.0


def point_bits(keys: UInt64Array, index: IntArray) -> UInt64Array:
    """Return the bits number `index` of each key."""
    return _mix(keys + (index + 1).view(np.uint64) * _STEP)


def _mix(value: UInt64Array) -> UInt64Array:
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))
