"""What a shard format provides, and what all formats share when they open files."""

import errno
import io
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import IntegrityError, QuickdrawError
from quickdraw_kit.shards.manifest import ShardEntry
from quickdraw_kit.storage.hashing import FileEntry
from quickdraw_kit.storage.shard_cache import Files

if TYPE_CHECKING:
    import pyarrow as pa


class Rows(Protocol):
    """The rows of an array on disk or in memory."""

    # Into an array of the caller: a buffer is filled from several shards without a copy.
    def read(self, start: int, out: npt.NDArray[Any]) -> None:
        """Fill an array with the rows from `start` on."""

    def take(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """Return some rows, in any order."""


class ShardFormat(Protocol):
    """A module that writes and reads the shards of one format."""

    SUFFIXES: tuple[str, ...]  # of the files of a shard

    def estimate_row_bytes(self, side: int) -> int:
        """Return about how many bytes a row takes on disk."""

    def write_shard(
        self,
        folder: Path,
        stem: str,
        images: Iterable[npt.NDArray[np.uint8]],
        labels: npt.NDArray[np.int64],
        metadata: "pa.Table",
        *,
        side: int,
        categories: tuple[str, ...],
    ) -> tuple[FileEntry, ...]:
        """Write a shard from groups of images that follow one another."""

    # In both functions `stop` interrupts the download of a file from a store.
    def open_images(
        self, files: Files, shard: ShardEntry, side: int, stop: threading.Event | None
    ) -> Rows:
        """Open the images, uint8, shape (rows, side, side)."""

    def open_labels(
        self, files: Files, shard: ShardEntry, categories: int, stop: threading.Event | None
    ) -> Rows:
        """Open the labels, int64, shape (rows,)."""


def file_of(shard: ShardEntry, suffix: str) -> FileEntry:
    """Return the file of a shard whose name ends like this."""
    return next(file for file in shard.files if file.name.endswith(suffix))


def open_file(files: Files, entry: FileEntry, stop: threading.Event | None = None) -> io.FileIO:
    """Open a file of a data set; failures become errors that name it."""
    try:
        return files.open(entry, stop)
    except OSError as error:
        # the file in the shard cache has another name than the entry
        raise read_error(str(error.filename or entry.name), error) from error


def read_error(path: str, error: OSError) -> QuickdrawError:
    """Describe why a file cannot be read; too many open files are not a damaged data set."""
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return QuickdrawError(
            f"{path} cannot be opened: {error.strerror}. Close other files, or raise the limit "
            "(ulimit -n)."
        )
    return IntegrityError(
        f"{path} cannot be read: {error.strerror or error}. Run: quickdraw-kit verify"
    )
