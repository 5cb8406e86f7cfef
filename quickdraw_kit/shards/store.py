"""Data sets in object stores: files that are fetched once, checked, and kept in a bounded cache.

A store has no rename and no lock, but a file in it appears whole or not at all; so the rule stays
the same: every file of a data set first, its manifest last. Files are named by a manifest that
holds their checksums, so a cached copy is known to be right or it is fetched again.
"""

import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from quickdraw_kit.acquire.filesystem import failures
from quickdraw_kit.acquire.remote import PermanentError, TemporaryError
from quickdraw_kit.acquire.session import Patience, Session, persist
from quickdraw_kit.errors import DataError, IntegrityError, QuickdrawError, UsageError
from quickdraw_kit.files import atomic_write, sha256_of
from quickdraw_kit.shards.manifest import FileEntry

__all__ = ["CACHE_BYTES", "CachedFiles", "LocalFiles", "ObjectStore"]

_Result = TypeVar("_Result")
_PIECE = 8 << 20
CACHE_BYTES = 20 << 30
"""What local copies of a data set may take, unless told otherwise."""


class ObjectStore:
    """A folder in an object store, or in any other file system that fsspec knows.

    Parameters
    ----------
    url : str
        Such as ``s3://bucket/shards``, ``gs://...`` or ``memory://...``. Drivers of Amazon's and
        Google's stores come with the extra ``cloud``, and find credentials and endpoints as they
        always do.
    patience : Patience, optional
        How long to bear with a store that fails in a way that may pass, over and above what its
        driver does.

    Raises
    ------
    UsageError
        If the driver is not installed or the URL makes no sense.

    Examples
    --------
    >>> store = ObjectStore("memory://doctest/shards")
    >>> store.write("a.txt", b"whole")
    >>> store.read("a.txt"), store.size("b.txt")
    (b'whole', None)
    """

    def __init__(self, url: str, patience: Patience | None = None) -> None:
        import fsspec  # type: ignore[import-untyped]

        self.url = url.rstrip("/")
        self._session = Session(None, patience or Patience())
        try:
            self._system, self._root = fsspec.url_to_fs(self.url)
        except ImportError as error:
            raise UsageError(
                f"{url} needs a driver that is not installed: {error}. "
                'Run: pip install "quickdraw-kit[cloud]"'
            ) from error
        except ValueError as error:
            raise UsageError(f"{url} is no address of a store: {error}") from error

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.url, self._session.patience)

    def stop(self) -> None:
        """Wait for nothing any more: what fails from now on fails at once."""
        self._session.stop.set()

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def read(self, name: str) -> bytes:
        """Return the bytes of a small file.

        Raises
        ------
        DataError
            If it is not there.
        QuickdrawError
            If the store fails.
        """
        content: bytes = self._persist(name, lambda: self._system.cat_file(self._path(name)))
        return content

    def write(self, name: str, content: bytes) -> None:
        """Write a small file.

        Raises
        ------
        QuickdrawError
            If the store fails.
        """
        self._persist(name, lambda: self._system.pipe_file(self._path(name), content))

    def put(self, path: Path, name: str) -> None:
        """Send a file.

        Raises
        ------
        QuickdrawError
            If the store fails.
        """
        self._persist(name, lambda: self._system.put_file(str(path), self._path(name)))

    def names(self) -> list[str]:
        """Return the names of the files in this folder, not in those below it.

        Raises
        ------
        QuickdrawError
            If the store fails.
        """
        self._system.invalidate_cache()
        try:
            entries = self._persist("", lambda: self._system.ls(self._root, detail=True))
        except DataError:  # a folder is there as soon as a file is in it
            return []
        files = (entry["name"] for entry in entries if entry["type"] == "file")
        return sorted(PurePosixPath(name).name for name in files)

    def size(self, name: str) -> int | None:
        """Return the bytes of a file, or None if it is not there.

        Raises
        ------
        QuickdrawError
            If the store fails.
        """
        self._system.invalidate_cache()
        try:
            return int(self._persist(name, lambda: self._system.info(self._path(name)))["size"])
        except DataError:
            return None

    def delete(self, name: str) -> None:
        """Delete a file; it need not be there.

        Raises
        ------
        QuickdrawError
            If the store fails.
        """
        with contextlib.suppress(DataError):
            self._persist(name, lambda: self._system.rm_file(self._path(name)))

    def fetch(self, name: str, path: Path) -> None:
        """Fetch a file; it appears at `path` whole or not at all.

        Raises
        ------
        DataError
            If it is not there.
        QuickdrawError
            If the store fails.
        """
        source = self._persist(
            name, lambda: self._system.open(self._path(name), "rb", cache_type="none")
        )

        def piece() -> bytes:
            source.seek(start)  # a piece that was cut off is asked for again
            content: bytes = source.read(_PIECE)
            return content

        with source, atomic_write(path, sync=False) as out:
            start = 0
            while content := self._persist(name, piece):
                out.write(content)
                start += len(content)

    def _persist(self, name: str, attempt: Callable[[], _Result]) -> _Result:
        """Try until patience ends, and turn what drivers raise into errors that say where."""

        def once() -> _Result:
            with failures():
                return attempt()

        try:
            return persist(self._session, once)
        except PermanentError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                raise DataError(f"{self.url}/{name} does not exist") from error
            raise QuickdrawError(f"{self.url}/{name}: {error}") from error
        except TemporaryError as error:
            raise QuickdrawError(f"{self.url}/{name}: {error}. Try again later.") from error


class LocalFiles:
    """Files that lie in a folder, as they are.

    Parameters
    ----------
    folder : Path
        The folder of the data set.

    Examples
    --------
    >>> LocalFiles(Path("shards")).path(FileEntry("a.npy", 5, "")).as_posix()
    'shards/a.npy'
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, entry: FileEntry) -> Path:
        """Return where the file lies."""
        return self.folder / entry.name


class CachedFiles:
    """Local copies of files in a store, as many as fit.

    Parameters
    ----------
    store : ObjectStore
        Where the files are.
    folder : Path
        For the copies; processes may share it.
    limit : int
        Bytes that the copies may take. The file that is asked for is kept in any case; a map of a
        file that has been dropped stays valid.

    Examples
    --------
    >>> store = ObjectStore("memory://doctest/cached")
    >>> store.write("a.txt", b"whole")
    >>> import hashlib
    >>> entry = FileEntry("a.txt", 5, hashlib.sha256(b"whole").hexdigest())
    >>> CachedFiles(store, getfixture("tmp_path")).path(entry).read_bytes()
    b'whole'
    """

    def __init__(self, store: ObjectStore, folder: Path, limit: int = CACHE_BYTES) -> None:
        self.store = store
        self.folder = folder
        self.limit = limit
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.store, self.folder, self.limit)

    def path(self, entry: FileEntry) -> Path:
        """Return a local copy, fetched if need be.

        Parameters
        ----------
        entry : FileEntry
            The file, as the manifest names it.

        Returns
        -------
        Path
            A file with these bytes.

        Raises
        ------
        DataError
            If the store does not have it.
        IntegrityError
            If its bytes are not those of the manifest.
        QuickdrawError
            If the store fails.
        """
        # the name is the checksum, so that no copy can be taken for another version
        path = self.folder / f"{entry.sha256}{Path(entry.name).suffix}"
        with self._lock:
            if not self._touch(path, entry.bytes):
                self.folder.mkdir(parents=True, exist_ok=True)
                self._make_room(entry.bytes)
                arrived = path.with_name(f".{path.name}.{os.getpid()}.arrived")
                self.store.fetch(entry.name, arrived)
                found = sha256_of(arrived)
                if found != entry.sha256:
                    arrived.unlink()
                    raise IntegrityError(
                        f"{self.store.url}/{entry.name} has sha256 {found[:12]}..., expected "
                        f"{entry.sha256[:12]}...: it is not the file that the manifest names"
                    )
                arrived.replace(path)
        return path

    @staticmethod
    def _touch(path: Path, size: int) -> bool:
        try:
            if path.stat().st_size != size:
                return False
            os.utime(path)
        except FileNotFoundError:
            return False
        return True

    def _make_room(self, size: int) -> None:
        """Drop the copies that were not asked for the longest time."""
        copies = []
        for path in self.folder.iterdir():
            with contextlib.suppress(FileNotFoundError):  # another process dropped it
                copies.append((path.stat().st_mtime_ns, path.stat().st_size, path))
        held = sum(bytes_ for _, bytes_, _ in copies)
        for _, bytes_, path in sorted(copies):
            if held + size <= self.limit:
                return
            path.unlink(missing_ok=True)
            held -= bytes_
