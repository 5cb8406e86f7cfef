"""The data fingerprint: a hash that distinguishes data sets, and hashes of rows."""

import hashlib

import numpy as np
import numpy.typing as npt

from quickdraw_kit.learn.data.dataset import ArrayDataset, Dataset
from quickdraw_kit.learn.data.sequences import StrokeDataset
from quickdraw_kit.shards.keyed_hashes import keyed_hash
from quickdraw_kit.shards.read.dataset import ShardDataset

_CHUNK_ROWS = 1 << 14  # rows that are hashed at once


def fingerprint(data: Dataset) -> str:
    """Hash a data set: label names, labels in row order, and what is cheap to read of the rows.

    Rows in memory are hashed; shards are represented by their manifest, which has the checksum of
    every file. Rows of other data sets are not read.
    """
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
    """Hash each row of bytes, shape (n, bytes); equal rows have equal hashes."""
    words = -(-rows.shape[1] // 8)  # of 64 bits; the last one is padded with zeros
    # a random odd factor for each word of a row: the sum of the products is a universal hash
    factors = keyed_hash(np.arange(words), "", "row") | np.uint64(1)
    hashes = np.empty(len(rows), np.uint64)
    for start in range(0, len(rows), _CHUNK_ROWS):
        chunk = rows[start : start + _CHUNK_ROWS]
        padded = np.zeros((len(chunk), 8 * words), np.uint8)
        padded[:, : rows.shape[1]] = chunk
        mixed = keyed_hash(padded.view("<u8"), "", "word")
        hashes[start : start + _CHUNK_ROWS] = (mixed * factors).sum(axis=1, dtype=np.uint64)
    return keyed_hash(hashes, "", "bitmap")
