"""What tells one data set from another: hashes of rows, and of a whole."""

import hashlib

import numpy as np
import numpy.typing as npt

from quickdraw_kit.learn.data.dataset import ArrayDataset, Dataset
from quickdraw_kit.learn.data.sequences import StrokeDataset
from quickdraw_kit.shards.hashes import keyed_hash
from quickdraw_kit.shards.read.dataset import ShardDataset

__all__ = ["fingerprint", "hash_rows"]

_STEP = 1 << 14  # rows that are hashed at once


def fingerprint(data: Dataset) -> str:
    """Hash a data set: its labels, in their order, their names, and what is in memory of the rest."""
    digest = hashlib.sha256("\0".join((*data.label_names, str(data.side))).encode())
    digest.update(np.ascontiguousarray(data.labels, "<i8").tobytes())
    if isinstance(data, ArrayDataset):
        digest.update(hash_rows(data.images.reshape(len(data.images), -1)).astype("<u8").tobytes())
    elif isinstance(data, StrokeDataset):
        digest.update(data.drawings.x.tobytes() + data.drawings.y.tobytes())
    elif isinstance(data, ShardDataset):
        digest.update(data.manifest.dumps().encode())
    return digest.hexdigest()


def hash_rows(rows: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint64]:
    """Hash each row by its bytes."""
    words = -(-rows.shape[1] // 8)
    # a random odd number for each word of a row: their sum is a universal hash
    factors = keyed_hash(np.arange(words), "", "row") | np.uint64(1)
    hashes = np.empty(len(rows), np.uint64)
    for start in range(0, len(rows), _STEP):
        part = np.zeros((len(rows[start : start + _STEP]), 8 * words), np.uint8)
        part[:, : rows.shape[1]] = rows[start : start + _STEP]
        mixed = keyed_hash(part.view("<u8"), "", "word")
        hashes[start : start + _STEP] = (mixed * factors).sum(axis=1, dtype=np.uint64)
    return keyed_hash(hashes, "", "bitmap")
