"""Shards as NumPy files: ``.images.npy``, ``.labels.npy`` and ``.meta.parquet``.

Rows are read from the files when they are needed, and never through a memory map: if a mapped file
is truncated, the process ends with SIGBUS, and neither a server nor a long training run may end
because somebody overwrites its shards. Bytes that are missing from a file are an error instead.
"""

import functools
import io
import os
import threading
import weakref
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import DataError, IntegrityError
from quickdraw_kit.formats.npy_header import parse_header
from quickdraw_kit.shards.formats.base import file_of, open_file, read_error
from quickdraw_kit.shards.manifest import ShardEntry
from quickdraw_kit.storage.hashing import FileEntry, HashedFile, hashed_write
from quickdraw_kit.storage.shard_cache import Files

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIXES: tuple[str, ...] = (".images.npy", ".labels.npy", ".meta.parquet")
_HEADER_BYTES = 4096  # more than the headers that we write
_DENSE = 8  # from one wanted row in this many on, the rows between them are read too

# parsing takes longer than the rest of opening a file, and shards are opened often
_parse_header = functools.lru_cache(1 << 10)(parse_header)


def estimate_row_bytes(side: int) -> int:
    """Return about how many bytes a row takes on disk: pixels, label and metadata."""
    return side**2 + 40


def write_shard(
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
    import pyarrow.parquet as pq

    # the number of rows is known, so the header comes first and images are never all in memory
    with hashed_write(folder, f"{stem}.images.npy") as image_file:
        _write_header(image_file, np.dtype(np.uint8), (len(labels), side, side))
        for group in images:
            image_file.write(np.ascontiguousarray(group).reshape(-1))

    with hashed_write(folder, f"{stem}.labels.npy") as label_file:
        _write_header(label_file, np.dtype("<i8"), (len(labels),))
        label_file.write(np.ascontiguousarray(labels, "<i8"))

    with hashed_write(folder, f"{stem}.meta.parquet") as meta_file:
        pq.write_table(metadata, meta_file, compression="zstd", write_statistics=False)
    return image_file.entry, label_file.entry, meta_file.entry


def open_images(
    files: Files, shard: ShardEntry, side: int, stop: threading.Event | None = None
) -> "NpyRows":
    """Open the images, uint8, shape (rows, side, side)."""
    entry = file_of(shard, ".images.npy")
    return NpyRows(files, entry, stop, np.dtype(np.uint8), (shard.rows, side, side))


def open_labels(
    files: Files, shard: ShardEntry, categories: int, stop: threading.Event | None = None
) -> "NpyRows":
    """Open the labels, int64, shape (rows,)."""
    entry = file_of(shard, ".labels.npy")
    return NpyRows(files, entry, stop, np.dtype("<i8"), (shard.rows,))


class NpyRows:
    """The rows of an open ``.npy`` file, which closes when the object is collected."""

    def __init__(
        self,
        files: Files,
        entry: FileEntry,
        stop: threading.Event | None,
        dtype: np.dtype[Any],
        shape: tuple[int, ...],
    ) -> None:
        self._file = open_file(files, entry, stop)
        weakref.finalize(self, self._file.close)
        self._path = str(self._file.name)

        # the size is checked on opening, the checksum only by `verify`, which reads everything
        self._size = os.fstat(self._file.fileno()).st_size
        if self._size != entry.bytes:
            raise IntegrityError(
                f"{self._path} has {self._size} bytes, expected {entry.bytes}: it is not the file "
                "that the manifest describes. Run: quickdraw-kit verify"
            )

        head = bytearray(min(_HEADER_BYTES, self._size))
        self._fill(memoryview(head), 0)
        try:
            header = _parse_header(bytes(head), entry.bytes, self._path)
        except DataError as error:
            raise IntegrityError(f"{error} Run: quickdraw-kit verify") from error
        if (header.dtype, header.shape, header.fortran_order) != (dtype, shape, False):
            raise IntegrityError(
                f"{self._path} contains {header.dtype} {header.shape}, expected {dtype} {shape}: "
                "it is not the file that the manifest describes. Run: quickdraw-kit verify"
            )
        self._dtype, self._row_shape = dtype, shape[1:]
        self._offset, self._row_bytes = header.offset, header.content_size // max(shape[0], 1)

    def read(self, start: int, out: npt.NDArray[Any]) -> None:
        """Fill an array with the rows from `start` on."""
        if out.size:
            target = memoryview(out).cast("B")  # type: ignore[arg-type]
            self._fill(target, self._offset + start * self._row_bytes)

    def take(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """Return some rows, in any order."""
        out = np.empty((len(rows), *self._row_shape), self._dtype)
        if not out.size:
            return out

        # one large read is faster than many small ones, even if it reads rows that are not wanted
        first, last = int(rows.min()), int(rows.max())
        if (last - first) // _DENSE < len(rows):
            span = np.empty((last - first + 1, *self._row_shape), self._dtype)
            self.read(first, span)
            return np.take(span, rows - first, axis=0, out=out)

        target, size = memoryview(out).cast("B"), self._row_bytes  # type: ignore[arg-type]
        for position, row in enumerate(rows.tolist()):
            part = target[position * size : (position + 1) * size]
            self._fill(part, self._offset + row * size)
        return out

    def _fill(self, target: memoryview, offset: int) -> None:
        while target:  # a read may return fewer bytes than it was asked for
            try:
                size = _read_at(self._file, target, offset)
            except OSError as error:
                raise read_error(self._path, error) from error
            if not size:
                raise IntegrityError(
                    f"{self._path} was truncated while it was read: {self._size} bytes at first, "
                    f"{os.fstat(self._file.fileno()).st_size} now. Run: quickdraw-kit verify"
                )
            target, offset = target[size:], offset + size


if hasattr(os, "preadv"):

    def _read_at(file: io.FileIO, target: memoryview, offset: int) -> int:
        # no seek: threads and forked processes share the position of the file
        return os.preadv(file.fileno(), [target], offset)

else:  # Windows, where there is no fork
    _seek_lock = threading.Lock()

    def _read_at(file: io.FileIO, target: memoryview, offset: int) -> int:
        with _seek_lock:
            file.seek(offset)
            return file.readinto(target)


def _write_header(file: HashedFile, dtype: np.dtype[np.generic], shape: tuple[int, ...]) -> None:
    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
