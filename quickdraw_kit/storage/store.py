"""One interface to folders, object stores and web servers.

A store has no lock, and object stores have no rename, but a file in one appears complete or not at
all. Data sets rely on that: every file is written first, and the manifest last.
"""

import functools
import hashlib
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from quickdraw_kit.errors import DataError, IntegrityError, QuickdrawError
from quickdraw_kit.storage.file_info import FileInfo, RangeReader
from quickdraw_kit.storage.files import atomic_write
from quickdraw_kit.storage.filesystem import CHUNK_BYTES, FilesystemStore
from quickdraw_kit.storage.hashing import FileEntry
from quickdraw_kit.storage.http import HTTPClient, HTTPStore
from quickdraw_kit.storage.retry import (
    DEFAULT_RETRY_POLICY,
    ChangedError,
    NotFoundError,
    PermanentError,
    RetryPolicy,
    TemporaryError,
    retry,
)
from quickdraw_kit.storage.urls import is_http_url

_Result = TypeVar("_Result")


class Store(Protocol):
    """Files at a location. Names are relative to it; the empty name is the location itself.

    Each call makes one attempt. It raises `PermanentError`, of which `NotFoundError` is one, or
    `TemporaryError`, of which `ChangedError` is one.
    """

    url: str  # may contain credentials; str() of the store does not

    def stat(self, name: str = "") -> FileInfo:
        """Return what is known of a file without reading it."""
        ...

    def list(self, name: str = "") -> Sequence[FileInfo]:
        """Return the file itself, the files in the folder, or those that match the pattern."""
        ...

    def get(self, name: str = "") -> bytes:
        """Return the bytes of a file."""
        ...

    def open_range(
        self, name: str = "", offset: int = 0, expected: FileInfo | None = None
    ) -> AbstractContextManager[RangeReader]:
        """Read a file from `offset` on, provided that it is still the `expected` version.

        Otherwise the reader starts at 0, or `ChangedError` is raised.
        """
        ...

    def put(self, name: str, data: bytes | Path) -> None:
        """Write bytes, or send a local file."""
        ...

    def delete(self, name: str) -> None:
        """Delete a file; it need not exist."""
        ...


def open_store(
    location: str | os.PathLike[str],
    client: HTTPClient | None = None,
    *,
    chunk_bytes: int = CHUNK_BYTES,
) -> Store:
    """Return the store of a path or URL; `client` is shared by stores on web servers."""
    if isinstance(location, str) and is_http_url(location):
        return HTTPStore(location, client)
    return FilesystemStore(location, chunk_bytes=chunk_bytes)


class RetryingStore:
    """A store whose calls are retried, and whose errors name the file.

    A missing file is a `DataError`, any other failure a `QuickdrawError`. Threads may share one,
    and it can be pickled.
    """

    def __init__(
        self,
        location: str | os.PathLike[str],
        retry_policy: RetryPolicy | None = None,
        *,
        chunk_bytes: int = CHUNK_BYTES,
    ) -> None:
        self._policy = retry_policy or DEFAULT_RETRY_POLICY
        self._chunk_bytes = chunk_bytes
        self._store = open_store(location, HTTPClient(self._policy), chunk_bytes=chunk_bytes)
        self._stop = threading.Event()

    @property
    def url(self) -> str:
        """The location; may contain credentials."""
        return self._store.url

    def __str__(self) -> str:
        return str(self._store)

    def __reduce__(self) -> tuple[Any, ...]:
        # connections and events cannot be pickled: the other process makes its own
        make = functools.partial(type(self), chunk_bytes=self._chunk_bytes)
        return make, (self.url, self._policy)

    def stop(self) -> None:
        """End all waits: calls that fail from now on are not retried."""
        self._stop.set()

    def stat(self, name: str = "") -> FileInfo:
        """Return what is known of a file without reading it."""
        return self._retry(name, lambda: self._store.stat(name))

    def list(self, name: str = "") -> Sequence[FileInfo]:
        """Return the file itself, the files in the folder, or those that match the pattern."""
        return self._retry(name, lambda: self._store.list(name))

    def sizes(self) -> dict[str, int]:
        """Return the size of each file in this folder, by name; subfolders are left out."""
        try:
            return {info.name: info.size or 0 for info in self.list()}
        except DataError:  # a folder exists as soon as a file is in it
            return {}

    def get(self, name: str = "") -> bytes:
        """Return the bytes of a file."""
        return self._retry(name, lambda: self._store.get(name))

    def put(self, name: str, data: bytes | Path) -> None:
        """Write bytes, or send a local file."""
        self._retry(name, lambda: self._store.put(name, data))

    def delete(self, name: str) -> None:
        """Delete a file; it need not exist."""
        self._retry(name, lambda: self._store.delete(name))

    def download(self, entry: FileEntry, path: Path, stop: threading.Event | None = None) -> None:
        """Download a file; it appears at `path` complete and with the right checksum, or not.

        When a connection is cut, the download goes on where it was. Setting `stop` ends it.
        """
        stop = stop or self._stop
        with atomic_write(path) as out:
            info: FileInfo | None = None
            # kept between attempts, so that the next one continues both the file and its hash
            done, digest = 0, hashlib.sha256()

            def attempt() -> None:
                nonlocal info, done, digest
                with self._store.open_range(entry.name, done, info) as reader:
                    # Anything but the rest of the same version is received from its start.
                    if reader.start != done or info is None:
                        out.seek(0)
                        out.truncate()
                        done, digest = 0, hashlib.sha256()
                    info = reader.info
                    # before anything is received, as a wrong file may have any size
                    if info.size not in (None, entry.bytes):
                        raise IntegrityError(
                            f"{self}/{entry.name} has {info.size} bytes, expected {entry.bytes}: "
                            "it is not the file that the manifest lists"
                        )
                    for chunk in reader.chunks:
                        out.write(chunk)
                        digest.update(chunk)
                        done += len(chunk)
                        if stop.is_set():
                            raise PermanentError("stopped")
                        if done == entry.bytes:
                            return  # the checksum proves more than another look at the version

            def attempt_or_restart() -> None:
                nonlocal info
                try:
                    attempt()
                except ChangedError:
                    # the next attempt receives the file from its start
                    info = None
                    raise

            self._retry(entry.name, attempt_or_restart, stop, progress=lambda: done)
            if (sha256 := digest.hexdigest()) != entry.sha256:
                raise IntegrityError(
                    f"{self}/{entry.name} has sha256 {sha256[:12]}..., expected "
                    f"{entry.sha256[:12]}...: it is not the file that the manifest lists"
                )

    def _retry(
        self,
        name: str,
        attempt: Callable[[], _Result],
        stop: threading.Event | None = None,
        progress: Callable[[], int] = lambda: 0,
    ) -> _Result:
        file = f"{self}/{name}" if name else str(self)
        try:
            return retry(attempt, self._policy, stop=stop or self._stop, progress=progress)
        # the special case first: a NotFoundError is a PermanentError
        except NotFoundError as error:
            raise DataError(f"{file} does not exist") from error
        except PermanentError as error:
            raise QuickdrawError(f"{file}: {error}") from error
        except TemporaryError as error:
            raise QuickdrawError(f"{file}: {error}. Try again later.") from error
