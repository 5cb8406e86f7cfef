"""Shards that are open: a few of them, for the next rows that are asked for are often in one."""

import threading
from collections.abc import Sequence
from typing import Any, TypeAlias

from quickdraw_kit.shards.manifest import Manifest, ShardEntry
from quickdraw_kit.shards.read.readers import Rows, images_of, labels_of
from quickdraw_kit.storage.cache import Files, LocalFiles

__all__ = ["OpenShards"]

_Pair: TypeAlias = tuple[Rows, Rows]


class OpenShards:
    """Images and labels of shards, opened when they are asked for.

    Threads may share it. It has no lock, which a process that is forked could inherit held: at the
    worst two threads open the same shard, and one of the two is closed again.
    """

    def __init__(self, files: Files, manifest: Manifest, shards: Sequence[ShardEntry]) -> None:
        self.files = files
        self.manifest = manifest
        self.shards = shards
        # NPY takes two descriptors, of 256 that a process may have on some systems; decoded Parquet
        # is memory, and a copy that was dropped takes its place on the disk while it is open
        few = isinstance(files, LocalFiles) and manifest.options.format == "npy"
        self._most = 16 if few else 2
        self._open: dict[int, _Pair] = {}  # what was asked for last comes last

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.files, self.manifest, self.shards)

    def get(self, number: int, stop: threading.Event | None = None) -> _Pair:
        """Return the rows of a shard."""
        pair = self._open.pop(number, None)
        if pair is None:
            place = self.files, self.manifest, self.shards[number], stop
            pair = images_of(*place), labels_of(*place)
        self._open[number] = pair
        for unused in list(self._open)[: -self._most]:
            self._open.pop(unused, None)
        return pair
