"""Identifiers for drawings from formats that have none: derived from the row, never random.

The split, the position in the shuffled order and every join depend on the key_id alone. So the
rows of bitmaps and of Sketch-RNN's .npz get identifiers that are the same on every machine and in
every run.
"""

import hashlib

import numpy as np
import numpy.typing as npt


def row_key_ids(name: str, start: int, stop: int) -> npt.NDArray[np.uint64]:
    """Return identifiers of the rows `start` to `stop` of the data set or file `name`.

    Their highest bit is set, which no official key_id has.
    """
    base = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")
    # sums wrap around at 2**64, and stay distinct
    rows = np.arange(start, stop, dtype=np.uint64) + np.uint64(base)
    return rows | np.uint64(1 << 63)
