"""Where the files of a data set lie: in a folder, or in a store, with local copies of some of them.

A copy is named by the checksum that the manifest gives, which is checked when the copy is made and
when a process first uses it. Whoever fetches a file holds the folder of the copies alone, among all
threads and processes; whoever finds a copy there opens it and waits for nobody.
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
from quickdraw_kit.shards.manifest import FileEntry
from quickdraw_kit.storage.store import ObjectStore

__all__ = ["CACHE_BYTES", "CachedFiles", "Files", "LocalFiles"]

CACHE_BYTES = 20 << 30
"""What local copies of a data set may take, unless told otherwise."""

_COPY = r"[0-9a-f]{64}\.(?:npy|parquet)"
_WHOLE = re.compile(_COPY)
_UNFINISHED = re.compile(rf"\.{_COPY}\.[0-9a-f]{{16}}\.partial")  # as `atomic_write` names them


class LocalFiles:
    """Files that lie in a folder, as they are."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open(self, entry: FileEntry, stop: threading.Event | None = None) -> io.FileIO:
        """Open a file; there is nothing to wait for."""
        # joining paths would take as long as the rest of opening a shard
        return io.FileIO(f"{self.folder}{os.sep}{entry.name}")


class CachedFiles:
    """Local copies of files in a store, as many as fit."""

    def __init__(self, store: ObjectStore, folder: Path, limit: int = CACHE_BYTES) -> None:
        self.store = store
        self.folder = folder
        self.limit = limit
        self._checked: set[str] = set()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.store, self.folder, self.limit)

    def open(self, entry: FileEntry, stop: threading.Event | None = None) -> io.FileIO:
        """Open a local copy, fetched if need be."""
        path = self.folder / f"{entry.sha256}{PurePosixPath(entry.name).suffix}"
        copy = self._copy(path, entry)
        if copy is None:
            try:
                with self._alone(stop):
                    copy = self._copy(path, entry) or self._fetched(path, entry, stop)
            except OSError as error:
                raise QuickdrawError(
                    f"no copy of {self.store}/{entry.name} can be kept in {self.folder}: "
                    f"{error}. Make room there, or name another folder (cache)."
                ) from error
        return copy

    def _copy(self, path: Path, entry: FileEntry) -> io.FileIO | None:
        """Open a copy, unless there is none or it is not what it should be."""
        try:
            copy = io.FileIO(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        if not self._is_right(copy, entry):
            copy.close()
            return None
        with contextlib.suppress(FileNotFoundError, PermissionError):
            os.utime(path)  # unless it was dropped just now, or is another user's
        return copy

    def _is_right(self, copy: io.FileIO, entry: FileEntry) -> bool:
        if os.fstat(copy.fileno()).st_size != entry.bytes:
            return False
        if entry.sha256 not in self._checked:
            with contextlib.suppress(OSError):  # what cannot be read is not right
                if hashlib.file_digest(copy, "sha256").hexdigest() == entry.sha256:
                    copy.seek(0)
                    self._checked.add(entry.sha256)
        return entry.sha256 in self._checked

    def _fetched(self, path: Path, entry: FileEntry, stop: threading.Event | None) -> io.FileIO:
        self._make_room(entry.bytes)
        self.store.fetch(entry, path, stop)
        self._checked.add(entry.sha256)
        return io.FileIO(path)

    @contextlib.contextmanager
    def _alone(self, stop: threading.Event | None) -> Iterator[None]:
        """Hold the folder.

        While a file is fetched too, so that no two processes fetch the same, the bound is one for
        all of them, and what is unfinished is known to be nobody's. The price is that processes
        that want different shards fetch one at a time. The ranks of a training want the same.
        """
        import filelock

        self.folder.mkdir(parents=True, exist_ok=True)
        # a new one each time: it excludes threads too, and is nothing that a fork could inherit
        lock = filelock.FileLock(self.folder / ".lock")
        try:
            held = lock.acquire(cancel_check=stop.is_set if stop else None)
        except filelock.Timeout:
            raise QuickdrawError(
                f"stopped while another process fetches to {self.folder}"
            ) from None
        with held:
            yield

    def _make_room(self, size: int) -> None:
        """Drop what was left unfinished, and the copies not asked for for the longest time."""
        copies = []
        for path in self.folder.iterdir():
            if path.is_symlink() or not path.is_file():
                continue
            if _UNFINISHED.fullmatch(path.name):
                path.unlink()
            elif _WHOLE.fullmatch(path.name):
                copies.append((path.stat().st_mtime_ns, path.stat().st_size, path))
        held = sum(bytes_ for _, bytes_, _ in copies)
        for _, bytes_, path in sorted(copies):
            if held + size <= self.limit:
                return
            with contextlib.suppress(PermissionError):  # Windows keeps what somebody has open
                path.unlink()
                held -= bytes_


Files: TypeAlias = LocalFiles | CachedFiles
