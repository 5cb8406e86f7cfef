"""A counter-based random number generator, for many drawings at once.

The generator must make any drawing alone and get the same bytes on every machine. A stream of
random numbers depends on how the work is divided, so each drawing has a key instead, and its j-th
number is a hash of the key and j. The hash is integer arithmetic; the floating-point operations
that follow are those that IEEE 754 rounds in one way only.

References
----------
The hash is SplitMix64, used as a counter (Steele, Lea, Flood: Fast splittable pseudorandom number
generators, OOPSLA 2014).
"""

import hashlib
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

BoolArray: TypeAlias = npt.NDArray[np.bool_]
FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
UInt64Array: TypeAlias = npt.NDArray[np.uint64]

_STEP = np.uint64(0x9E3779B97F4A7C15)


class CounterRNG:
    """Random numbers for n drawings: each call returns one number (or row) for every drawing.

    The values depend on the order of the calls, but not on n: drawings `start` to `stop` of `name`
    get what they would in any other range.
    """

    def __init__(self, name: str, start: int, stop: int) -> None:
        digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
        base = np.uint64(int.from_bytes(digest, "little"))
        numbers = np.arange(start, stop, dtype=np.uint64)
        # mixed, so that drawing i + 1 does not get the numbers of drawing i one call later
        self._keys = _mix(base + numbers * _STEP)
        self._calls = 0

    def __len__(self) -> int:
        return len(self._keys)

    def bits(self) -> UInt64Array:
        """Return 64 random bits, shape (n,)."""
        self._calls += 1
        # the product is taken in Python, because numpy warns when a scalar overflows
        return _mix(self._keys + np.uint64(self._calls * int(_STEP) % 2**64))

    def uniform(self, low: float, high: float) -> FloatArray:
        """Return numbers in [low, high), shape (n,)."""
        return low + (high - low) * uniform(self.bits())

    def normal(self, scale: float) -> FloatArray:
        """Return numbers with mean 0 and a standard deviation, at most 3 of them, shape (n,)."""
        return scale * normal(self.bits())

    def chance(self, probability: float) -> BoolArray:
        """Return True with a probability, shape (n,)."""
        return uniform(self.bits()) < probability

    def integers(self, low: int, high: int) -> IntArray:
        """Return whole numbers from low to high, both included, shape (n,)."""
        return low + (uniform(self.bits()) * (high - low + 1)).astype(np.int64)

    def bit_columns(self, count: int) -> UInt64Array:
        """Return 64 random bits in each of some columns, shape (n, count)."""
        return np.stack([self.bits() for _ in range(count)], axis=1)


def uniform(bits: UInt64Array) -> FloatArray:
    """Turn random bits into numbers in [0, 1)."""
    # the 53 highest bits, as many as a double holds exactly
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53


def normal(bits: UInt64Array) -> FloatArray:
    """Turn random bits into numbers with mean 0 and variance 1: sums of three uniform ones."""
    # no logarithm or cosine, as other methods need: libraries round them differently
    mask = np.uint64((1 << 21) - 1)
    total: UInt64Array = (bits & mask) + (bits >> np.uint64(21) & mask) + (bits >> np.uint64(43))
    return total.astype(np.float64) * 2.0**-20 - 3.0


def point_bits(keys: UInt64Array, index: IntArray) -> UInt64Array:
    """Return the `index`-th random bits of each key."""
    return _mix(keys + (index + 1).view(np.uint64) * _STEP)


def _mix(value: UInt64Array) -> UInt64Array:
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))
