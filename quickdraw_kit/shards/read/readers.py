"""Open shards: their images and labels, whichever format the data set has.

A few shards stay open, because the next rows are often in one of them.
"""

import threading
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from quickdraw_kit.shards.formats import SHARD_FORMATS
from quickdraw_kit.shards.formats.base import Rows
from quickdraw_kit.shards.manifest import Manifest, ShardEntry
from quickdraw_kit.storage.shard_cache import Files, LocalFiles

_Shard: TypeAlias = tuple[Rows, Rows]


def open_images(
    files: Files, manifest: Manifest, shard: ShardEntry, stop: threading.Event | None = None
) -> Rows:
    """Open the images of a shard, uint8, shape (rows, side, side)."""
    shard_format = SHARD_FORMATS[manifest.options.format]
    return shard_format.open_images(files, shard, manifest.options.style.side, stop)


def open_labels(
    files: Files, manifest: Manifest, shard: ShardEntry, stop: threading.Event | None = None
) -> Rows:
    """Open the labels of a shard, int64, shape (rows,)."""
    shard_format = SHARD_FORMATS[manifest.options.format]
    return shard_format.open_labels(files, shard, len(manifest.categories), stop)


def read_labels(files: Files, manifest: Manifest, shard: ShardEntry) -> npt.NDArray[np.int64]:
    """Read all labels of a shard."""
    labels = np.empty(shard.rows, np.int64)
    open_labels(files, manifest, shard).read(0, labels)
    return labels


class OpenShards:
    """Images and labels of shards, which are opened when they are first asked for.

    Threads may share an object. It has no lock, which a forked process could inherit while it is
    held: in the worst case two threads open the same shard, and one of the two is closed again.
    """

    def __init__(self, files: Files, manifest: Manifest, shards: Sequence[ShardEntry]) -> None:
        self.files = files
        self.manifest = manifest
        self.shards = shards

        # A shard in NPY takes two file descriptors, and some systems allow 256 per process.
        # Decoded Parquet takes memory, and an open cached file takes disk space even after it
        # was removed from the cache.
        is_cheap = isinstance(files, LocalFiles) and manifest.options.format == "npy"
        self._max_open = 16 if is_cheap else 2
        self._open: dict[int, _Shard] = {}  # the least recently used comes first

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.files, self.manifest, self.shards)

    def get(self, number: int, stop: threading.Event | None = None) -> _Shard:
        """Return the images and labels of a shard; `stop` interrupts a download."""
        rows = self._open.pop(number, None)
        if rows is None:
            shard = self.shards[number]
            rows = (
                open_images(self.files, self.manifest, shard, stop),
                open_labels(self.files, self.manifest, shard, stop),
            )
        self._open[number] = rows
        for unused in list(self._open)[: -self._max_open]:
            self._open.pop(unused, None)  # another thread may have removed it
        return rows
