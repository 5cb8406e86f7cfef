"""Identifiers for drawings that have none: derived from the row or the content, never random.

The split, the position in the shuffled order and every join depend on the key_id alone. So rows of
bitmaps and of Sketch-RNN's .npz, and drawings without a key_id, get identifiers that are the same
on every machine and in every run. Their highest bit is set, which no official key_id has.
"""

import hashlib

import numpy as np
import numpy.typing as npt

from quickdraw_kit.strokes.columns import Columns, check_columns

_HIGHEST_BIT = np.uint64(1 << 63)


def row_key_ids(name: str, start: int, stop: int) -> npt.NDArray[np.uint64]:
    """Return identifiers of the rows `start` to `stop` of the data set or file `name`."""
    base = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")
    # sums wrap around at 2**64, and stay distinct
    rows = np.arange(start, stop, dtype=np.uint64) + np.uint64(base)
    return rows | _HIGHEST_BIT


def fill_key_ids(columns: Columns) -> Columns:
    """Return the columns with a hash of strokes and word in place of key_ids that are not known."""
    known = columns["key_id_known"]
    if known is None or known.all():
        return columns

    check_columns(columns)  # the kernel indexes by offsets without checking bounds

    # imported here because it loads numba, which official drawings do without
    from quickdraw_kit.strokes.content_hash import hash_strokes

    texts = (b"" if word is None else word.encode() for word in columns["words"])
    digests = b"".join(hashlib.blake2b(text, digest_size=8).digest() for text in texts)
    seeds = np.frombuffer(digests, "<u8").astype(np.uint64)[columns["word_code"]]
    hashes = hash_strokes(columns, seeds) | _HIGHEST_BIT
    return {**columns, "key_id": np.where(known, columns["key_id"], hashes)}
