"""Data sets in object stores: files that are sent, and fetched and checked.

A store has no rename and no lock, but a file in it appears whole or not at all; so the rule stays
the same: every file of a data set first, its manifest last.
"""

import contextlib
import dataclasses
import hashlib
import os
import threading
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from quickdraw_kit.errors import DataError, IntegrityError, QuickdrawError, UsageError
from quickdraw_kit.shards.manifest import MANIFEST_NAME, FileEntry, Manifest, parse_manifest
from quickdraw_kit.storage.files import atomic_write
from quickdraw_kit.storage.object_store import failures
from quickdraw_kit.storage.remote import PermanentError, TemporaryError
from quickdraw_kit.storage.retry import RetryPolicy, Session, persist
from quickdraw_kit.storage.urls import redact

__all__ = ["ObjectStore"]

_Result = TypeVar("_Result")
_PIECE = 8 << 20


class ObjectStore:
    """A folder in an object store, or in any other file system that fsspec knows."""

    def __init__(self, url: str, retry_policy: RetryPolicy | None = None) -> None:
        self.url = url.rstrip("/")
        self._session = Session(None, retry_policy or RetryPolicy())
        self._connect()

    def __str__(self) -> str:
        return redact(self.url)  # as it may be told

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.url, self._session.retry_policy)

    def _connect(self) -> None:
        import fsspec  # type: ignore[import-untyped]

        try:
            self._driver, self._root = fsspec.url_to_fs(self.url)
        except ImportError as error:
            raise UsageError(
                f"{self} needs a driver that is not installed: {error}. "
                'Run: pip install "quickdraw-kit[cloud]"'
            ) from error
        except ValueError as error:
            raise UsageError(f"{self} is no address of a store: {error}") from error
        self._process = os.getpid()

    @property
    def _system(self) -> Any:
        """The driver; in a process that was forked another, for it has threads and connections."""
        if self._process != os.getpid():
            self._connect()
        return self._driver

    def stop(self) -> None:
        """Wait for nothing any more: what fails from now on fails at once."""
        self._session.stop.set()

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def read(self, name: str) -> bytes:
        """Return the bytes of a small file."""
        content: bytes = self._persist(name, lambda: self._system.cat_file(self._path(name)))
        return content

    def manifest(self) -> Manifest:
        """Return the manifest of the data set that is here."""
        return parse_manifest(self.read(MANIFEST_NAME), f"{self}/{MANIFEST_NAME}")

    def write(self, name: str, content: bytes) -> None:
        """Write a small file."""
        self._persist(name, lambda: self._system.pipe_file(self._path(name), content))

    def put(self, path: Path, name: str) -> None:
        """Send a file."""
        self._persist(name, lambda: self._system.put_file(str(path), self._path(name)))

    def sizes(self) -> dict[str, int]:
        """Return the names of the files in this folder, not in those below it, and their bytes."""
        self._system.invalidate_cache()
        try:
            entries = self._persist("", lambda: self._system.ls(self._root, detail=True))
        except DataError:  # a folder is there as soon as a file is in it
            return {}
        files = [entry for entry in entries if entry["type"] == "file"]
        return {PurePosixPath(entry["name"]).name: int(entry["size"]) for entry in files}

    def delete(self, name: str) -> None:
        """Delete a file; it need not be there."""
        with contextlib.suppress(DataError):
            self._persist(name, lambda: self._system.rm_file(self._path(name)))

    def fetch(self, entry: FileEntry, path: Path, stop: threading.Event | None = None) -> None:
        """Fetch a file; it appears at `path` whole and checked, or not at all."""
        session = dataclasses.replace(self._session, stop=stop or self._session.stop)
        source = self._persist(
            entry.name,
            lambda: self._system.open(self._path(entry.name), "rb", cache_type="none"),
            session,
        )

        def piece() -> bytes:
            session.check()
            source.seek(start)  # a piece that was cut off is asked for again
            content: bytes = source.read(_PIECE)
            return content

        with source, atomic_write(path) as out:
            start, digest = 0, hashlib.sha256()
            while content := self._persist(entry.name, piece, session):
                out.write(content)
                digest.update(content)
                start += len(content)
            if (found := digest.hexdigest()) != entry.sha256:
                raise IntegrityError(
                    f"{self}/{entry.name} has sha256 {found[:12]}..., expected "
                    f"{entry.sha256[:12]}...: it is not the file that the manifest names"
                )

    def _persist(
        self, name: str, attempt: Callable[[], _Result], session: Session | None = None
    ) -> _Result:
        """Try until patience ends, and turn what drivers raise into errors that say where."""

        def once() -> _Result:
            with failures():
                return attempt()

        try:
            return persist(session or self._session, once)
        except PermanentError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                raise DataError(f"{self}/{name} does not exist") from error
            raise QuickdrawError(f"{self}/{name}: {error}") from error
        except TemporaryError as error:
            raise QuickdrawError(f"{self}/{name}: {error}. Try again later.") from error
