"""Identifiers for drawings that come without: derived from where they stand, never drawn at random.

The split, the place in the shuffled order and every join depend on the key_id alone, so a form that
has none (bitmaps, Sketch-RNN's .npz) gets ones that are the same on every machine and every day.
"""

import hashlib

import numpy as np
import numpy.typing as npt

__all__ = ["row_key_ids"]


def row_key_ids(name: str, start: int, stop: int) -> npt.NDArray[np.uint64]:
    """Make identifiers for rows of a file that has none."""
    base = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")
    rows = np.arange(start, stop, dtype=np.uint64) + np.uint64(base)
    return rows | np.uint64(1 << 63)
