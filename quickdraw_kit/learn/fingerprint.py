"""What tells one data set from another: hashes of rows, and of a whole."""

import hashlib

import numpy as np
import numpy.typing as npt

from quickdraw_kit.learn.dataset import ArrayDataset, Dataset
from quickdraw_kit.learn.sequence import StrokeDataset
from quickdraw_kit.shards.dataset import ShardDataset
from quickdraw_kit.shards.order import keyed_hash

__all__ = ["fingerprint", "hash_rows"]

_STEP = 1 << 14  # rows that are hashed at once


def fingerprint(data: Dataset) -> str:
    """Hash a data set: its labels, in their order, their names, and what is in memory of the rest.

    Parameters
    ----------
    data : Dataset
        Any; official bitmaps, which stay on the disk, are not read.

    Returns
    -------
    str
        64 hexadecimal digits.

    Examples
    --------
    >>> images, labels = np.zeros((2, 28, 28), np.uint8), np.array([0, 1])
    >>> len(fingerprint(ArrayDataset(images, labels, ("cat", "dog"))))
    64
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
    """Hash each row by its bytes.

    Parameters
    ----------
    rows : ndarray of uint8, shape (n, size)
        Such as bitmaps; may be a memory map, which is read from front to back.

    Returns
    -------
    ndarray of uint64, shape (n,)
        Equal for equal rows; for others equal with a probability of about 2 ** -60.

    Examples
    --------
    >>> hashes = hash_rows(np.array([[1, 2], [2, 1], [1, 2]], np.uint8))
    >>> bool(hashes[0] == hashes[2]), bool(hashes[0] == hashes[1])
    (True, False)
    """
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
