"""The files of a data set: in a folder, or in a store with local copies of some of them.

A copy is named by the checksum in the manifest, which is verified when the copy is made and when a
process first opens it. Downloads hold a lock on the cache folder, across threads and processes.
Opening a copy that exists takes no lock.
"""

import contextlib
import hashlib
import io
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

from quickdraw_kit.errors import QuickdrawError
from quickdraw_kit.storage.hashing import FileEntry
from quickdraw_kit.storage.store import RetryingStore

CACHE_BYTES = 20 << 30
"""Default size of the shard cache."""

_NAME = r"[0-9a-f]{64}\.(?:npy|parquet)"
_COPY = re.compile(_NAME)
_PARTIAL = re.compile(rf"\.{_NAME}\.[0-9a-f]{{16}}\.partial")  # as `atomic_write` names them


class LocalFiles:
    """Files in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open(self, entry: FileEntry, stop: threading.Event | None = None) -> io.FileIO:
        """Open a file; `stop` is there for `CachedFiles`, which may have to wait."""
        # joining paths would take as long as the rest of opening a shard
        return io.FileIO(f"{self.folder}{os.sep}{entry.name}")


class CachedFiles:
    """Files in a store, with local copies of at most `limit` bytes."""

    def __init__(self, store: RetryingStore, folder: Path, limit: int = CACHE_BYTES) -> None:
        self.store = store
        self.folder = folder
        self.limit = limit
        # not pickled, so every process verifies a copy once
        self._verified: set[str] = set()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.store, self.folder, self.limit)

    def open(self, entry: FileEntry, stop: threading.Event | None = None) -> io.FileIO:
        """Open the local copy of a file, downloading it first if there is none."""
        # by checksum: data sets with an equal file share the copy, and a new version has its own
        path = self.folder / f"{entry.sha256}{PurePosixPath(entry.name).suffix}"
        copy = self._open_copy(path, entry)
        if copy is None:
            try:
                with self.lock(stop):
                    # another process may have made the copy while this one waited
                    copy = self._open_copy(path, entry) or self._download(path, entry, stop)
            except OSError as error:
                raise QuickdrawError(
                    f"{self.store}/{entry.name} cannot be cached in {self.folder}: {error}. "
                    "Make room there, or name another folder (cache)."
                ) from error
        return copy

    @contextlib.contextmanager
    def lock(self, stop: threading.Event | None) -> Iterator[None]:
        """Lock the cache folder, in all threads and processes.

        The lock is held while a file is downloaded, for three reasons: no two processes download
        the same file, one limit holds for all of them, and every partial file in the folder is
        known to be left by a process that was killed. The price is that processes which want
        different shards download one at a time; the ranks of a training run want the same.
        """
        import filelock

        self.folder.mkdir(parents=True, exist_ok=True)
        # A new lock each time: it excludes other threads too, and a fork cannot inherit it.
        lock = filelock.FileLock(self.folder / ".lock")
        try:
            acquired = lock.acquire(cancel_check=stop.is_set if stop else None)
        except filelock.Timeout:
            raise QuickdrawError(
                f"stopped while another process downloads to {self.folder}"
            ) from None
        with acquired:
            yield

    def _open_copy(self, path: Path, entry: FileEntry) -> io.FileIO | None:
        """Open a copy; None if it is missing or damaged."""
        try:
            copy = io.FileIO(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        if not self._is_valid(copy, entry):
            copy.close()
            return None
        # mark it as used; it may have been evicted just now, or belong to another user
        with contextlib.suppress(FileNotFoundError, PermissionError):
            os.utime(path)
        return copy

    def _is_valid(self, copy: io.FileIO, entry: FileEntry) -> bool:
        """Check the size, and once per process the checksum."""
        if os.fstat(copy.fileno()).st_size != entry.bytes:
            return False
        if entry.sha256 not in self._verified:
            with contextlib.suppress(OSError):  # a copy that cannot be read is not valid
                if hashlib.file_digest(copy, "sha256").hexdigest() == entry.sha256:
                    copy.seek(0)
                    self._verified.add(entry.sha256)
        return entry.sha256 in self._verified

    def _download(self, path: Path, entry: FileEntry, stop: threading.Event | None) -> io.FileIO:
        # before the download, so that the limit holds while it runs
        self._evict(entry.bytes)
        self.store.download(entry, path, stop)
        # `download` has compared the checksum
        self._verified.add(entry.sha256)
        return io.FileIO(path)

    def _evict(self, size: int) -> None:
        """Delete partial files, and the least recently used copies until `size` bytes fit."""
        copies = []
        for path in self.folder.iterdir():
            if path.is_symlink() or not path.is_file():
                continue
            # only what this class has named itself may be deleted
            if _PARTIAL.fullmatch(path.name):
                path.unlink()
            elif _COPY.fullmatch(path.name):
                copies.append((path.stat().st_mtime_ns, path.stat().st_size, path))

        used = sum(bytes_ for _, bytes_, _ in copies)
        for _, bytes_, path in sorted(copies):
            if used + size <= self.limit:
                return
            with contextlib.suppress(PermissionError):  # Windows does not delete an open file
                path.unlink()
                used -= bytes_


Files: TypeAlias = LocalFiles | CachedFiles
