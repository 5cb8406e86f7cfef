"""The rows of one shard: read from the file when they are asked for, never through a map.

A map of a file that is cut off under it ends the process (SIGBUS), and a server or a long training
must not end because somebody copies over its shards. So rows are read into memory, and what the
file cannot give is an error.
"""

import contextlib
import errno
import functools
import io
import os
import threading
import weakref
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import DataError, IntegrityError, QuickdrawError
from quickdraw_kit.formats.npy_header import parse_header
from quickdraw_kit.shards.manifest import Manifest, ShardEntry
from quickdraw_kit.storage.cache import Files
from quickdraw_kit.storage.hashing import FileEntry

__all__ = ["Rows", "all_labels", "images_of", "labels_of", "metadata_of"]

_HEAD = 4096
_DENSE = 8  # from one row in so many on, all that lies between is read too


class Rows(Protocol):
    """The rows of an array that lies on the disk or in memory."""

    def read(self, start: int, out: npt.NDArray[Any]) -> None:
        """Copy the rows from `start` on into an array, as many as it has."""

    def take(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """Copy some rows, in any order."""


def images_of(
    files: Files, manifest: Manifest, shard: ShardEntry, stop: threading.Event | None = None
) -> Rows:
    """Open the images of a shard: rows of NPY as they are asked for, Parquet decoded as a whole."""
    side = manifest.options.style.side
    if manifest.options.format == "npy":
        entry = _named(shard, ".images.npy")
        return _Stored(files, entry, stop, np.dtype(np.uint8), (shard.rows, side, side))
    from PIL import Image

    with _opened(files, _named(shard, ".parquet"), stop) as file, _damage(file):
        column = _table(file, ["image"])["image"].combine_chunks()
        if len(column) != shard.rows:
            raise ValueError(f"{len(column)} rows, expected {shard.rows}")
        images = np.empty((shard.rows, side, side), np.uint8)
        for row, encoded in enumerate(column.field("bytes")):
            image = Image.open(io.BytesIO(encoded.as_py()))
            if image.size != (side, side) or image.mode != "L":
                raise ValueError(
                    f"an image is {image.size} {image.mode}, expected {side} pixels, L"
                )
            images[row] = np.asarray(image)
    return _Decoded(images)


def labels_of(
    files: Files, manifest: Manifest, shard: ShardEntry, stop: threading.Event | None = None
) -> Rows:
    """Open the labels of a shard."""
    if manifest.options.format == "npy":
        entry = _named(shard, ".labels.npy")
        return _Stored(files, entry, stop, np.dtype("<i8"), (shard.rows,))
    with _opened(files, _named(shard, ".parquet"), stop) as file, _damage(file):
        table = _table(file, ["label"])
        if table.num_rows != shard.rows:
            raise ValueError(f"{table.num_rows} rows, expected {shard.rows}")
        labels: npt.NDArray[np.int64] = table["label"].to_numpy()
        if labels.dtype != np.int64 or (
            len(labels) and not 0 <= labels.min() <= labels.max() < len(manifest.categories)
        ):
            raise ValueError("labels that the manifest does not know")
    return _Decoded(labels)


def all_labels(files: Files, manifest: Manifest, shard: ShardEntry) -> npt.NDArray[np.int64]:
    """Read the labels of a shard."""
    labels = np.empty(shard.rows, np.int64)
    labels_of(files, manifest, shard).read(0, labels)
    return labels


def metadata_of(files: Files, shard: ShardEntry) -> tuple[str, Any]:
    """Read the metadata of a shard."""
    import pyarrow.parquet as pq

    with _opened(files, _named(shard, ".parquet")) as file, _damage(file):
        names = [name for name in pq.read_schema(file).names if name not in ("image", "label")]
        return str(file.name), _table(file, names)


class _Decoded:
    """Rows in memory."""

    def __init__(self, array: npt.NDArray[Any]) -> None:
        self._array = array

    def read(self, start: int, out: npt.NDArray[Any]) -> None:
        out[:] = self._array[start : start + len(out)]

    def take(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        taken: npt.NDArray[Any] = self._array[rows]
        return taken


class _Stored:
    """Rows of a ``.npy``."""

    def __init__(
        self,
        files: Files,
        entry: FileEntry,
        stop: threading.Event | None,
        dtype: np.dtype[Any],
        shape: tuple[int, ...],
    ) -> None:
        self._file = _opened(files, entry, stop)
        weakref.finalize(self, self._file.close)
        self._path = str(self._file.name)
        self._size = os.fstat(self._file.fileno()).st_size
        if self._size != entry.bytes:
            raise IntegrityError(
                f"{self._path} has {self._size} bytes, expected {entry.bytes}: it is not the file "
                "that the manifest describes. Run: quickdraw-kit verify"
            )
        head = bytearray(min(_HEAD, self._size))
        self._fill(memoryview(head), 0)
        try:
            header = _parsed(bytes(head), entry.bytes, self._path)
        except DataError as error:
            raise IntegrityError(f"{error} Run: quickdraw-kit verify") from error
        if (header.dtype, header.shape, header.fortran_order) != (dtype, shape, False):
            raise IntegrityError(
                f"{self._path} holds {header.dtype} {header.shape}, expected {dtype} {shape}: "
                "it is not the file that the manifest describes"
            )
        self._dtype, self._row = dtype, shape[1:]
        self._offset, self._stride = header.offset, header.content_size // max(shape[0], 1)

    def read(self, start: int, out: npt.NDArray[Any]) -> None:
        if out.size:
            into = memoryview(out).cast("B")  # type: ignore[arg-type]
            self._fill(into, self._offset + start * self._stride)

    def take(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        out = np.empty((len(rows), *self._row), self._dtype)
        if not out.size:
            return out
        first, last = int(rows.min()), int(rows.max())
        if (last - first) // _DENSE < len(rows):
            between = np.empty((last - first + 1, *self._row), self._dtype)
            self.read(first, between)
            return np.take(between, rows - first, axis=0, out=out)
        into, stride = memoryview(out).cast("B"), self._stride  # type: ignore[arg-type]
        for place, row in enumerate(rows.tolist()):
            self._fill(into[place * stride : (place + 1) * stride], self._offset + row * stride)
        return out

    def _fill(self, into: memoryview, offset: int) -> None:
        while into:
            try:
                size = _read_at(self._file, into, offset)
            except OSError as error:
                raise _failure(self._path, error) from error
            if not size:
                raise IntegrityError(
                    f"{self._path} was cut off while it was read: {self._size} bytes at first, "
                    f"{os.fstat(self._file.fileno()).st_size} now. Run: quickdraw-kit verify"
                )
            into, offset = into[size:], offset + size


_parsed = functools.lru_cache(1 << 10)(parse_header)  # slow, and a shard may be opened often

if hasattr(os, "preadv"):

    def _read_at(file: io.FileIO, into: memoryview, offset: int) -> int:
        # not by seeking: threads, and processes that were forked, share the position
        return os.preadv(file.fileno(), [into], offset)

else:  # on Windows, where nothing is forked
    _seeking = threading.Lock()

    def _read_at(file: io.FileIO, into: memoryview, offset: int) -> int:
        with _seeking:
            file.seek(offset)
            return file.readinto(into)


def _opened(files: Files, entry: FileEntry, stop: threading.Event | None = None) -> io.FileIO:
    try:
        return files.open(entry, stop)
    except OSError as error:
        raise _failure(str(error.filename or entry.name), error) from error


def _failure(path: str, error: OSError) -> QuickdrawError:
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return QuickdrawError(
            f"{path} cannot be opened: {error.strerror}. Close some, or allow more (ulimit -n)."
        )
    return IntegrityError(
        f"{path} cannot be read: {error.strerror or error}. Run: quickdraw-kit verify"
    )


def _table(file: io.FileIO, columns: list[str]) -> Any:
    """Read columns, in this thread alone.

    A thread of Arrow's that still holds a file of Python's when the interpreter ends aborts it.
    """
    import pyarrow.parquet as pq

    return pq.ParquetFile(file, pre_buffer=False).read(columns, use_threads=False)


@contextlib.contextmanager
def _damage(file: io.FileIO) -> Iterator[None]:
    """Say of whatever Arrow and Pillow raise that the file is not what was written."""
    import pyarrow as pa

    try:
        yield
    except (
        pa.ArrowException,
        OSError,
        ValueError,
        KeyError,
        TypeError,
        SyntaxError,
        MemoryError,
    ) as error:
        raise IntegrityError(
            f"{file.name} cannot be read: {error}. Run: quickdraw-kit verify"
        ) from error


def _named(shard: ShardEntry, suffix: str) -> FileEntry:
    return next(file for file in shard.files if file.name.endswith(suffix))
