"""Where downloads are stored, and when a file there is trusted.

A file under its final name is complete: it was verified before it got the name. A record beside it
holds its size and checksums, so that later runs need neither the network nor another pass over its
bytes. Incomplete files have other names. For ``simplified/cat.ndjson`` there are::

    simplified/cat.ndjson                      the file
    simplified/.cat.ndjson.json                its record: version, size, checksums
    simplified/.cat.ndjson.0f3a91bc.partial    what has been received of one version
    simplified/.cat.ndjson.partial.json        which version that is
    simplified/.cat.ndjson.lock                held by the process that downloads it
"""

import contextlib
import dataclasses
import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from quickdraw_kit.storage.file_info import FileInfo
from quickdraw_kit.storage.files import atomic_write, fsync_directory, parse_json
from quickdraw_kit.storage.hashing import md5_and_crc32c
from quickdraw_kit.storage.retry import PermanentError
from quickdraw_kit.storage.urls import redact


def get_data_home(data_home: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder of downloads.

    Parameters
    ----------
    data_home : str or path-like, optional
        The folder. By default the environment variable ``QUICKDRAW_KIT_HOME``, or else
        ``quickdraw_kit`` in the cache folder of the platform.

    Returns
    -------
    Path
        An absolute path; the folder need not exist.

    Examples
    --------
    >>> from quickdraw_kit import get_data_home
    >>> get_data_home("/data/quickdraw").as_posix()
    '/data/quickdraw'
    """
    given = data_home or os.environ.get("QUICKDRAW_KIT_HOME")
    if given:
        return Path(given).expanduser().absolute()
    import platformdirs

    return platformdirs.user_cache_path("quickdraw_kit", appauthor=False)


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """A file in the folder of downloads, and the hidden files beside it."""

    path: Path

    def record(self) -> FileInfo | None:
        """Return the record of the complete file, or None."""
        return _read_info(self._beside("json"))

    def is_complete(self) -> bool:
        """Return whether the file exists and has the recorded size."""
        record = self.record()
        try:
            return record is not None and self.path.stat().st_size == record.size
        except OSError:
            return False

    def is_intact(self) -> bool:
        """Return whether the file has the recorded checksums; reads all of it."""
        record = self.record()
        if record is None or not self.is_complete():
            return False
        return md5_and_crc32c(self.path) == (record.md5, record.crc32c)

    def partial(self) -> tuple[Path, FileInfo] | None:
        """Return the partial file and the version that it belongs to, or None."""
        version = _read_info(self._beside("partial.json"))
        partials = self._partials()
        # with none or several, it is unknown which bytes belong to the version
        if version is None or len(partials) != 1:
            return None
        return partials[0], version

    def partial_size(self) -> int:
        """Return the bytes received so far from which a download can go on."""
        partial = self.partial()
        # without a version, nothing tells whether the server still has the same file
        if partial is None or not partial[1].has_version:
            return 0
        try:
            return partial[0].stat().st_size
        except FileNotFoundError:  # another process has just completed it
            return 0

    def start_partial(self, version: FileInfo) -> Path:
        """Create an empty partial file for a version, and discard any other."""
        self.discard_partial()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # The version goes first: a partial file without one is never used.
        _write_info(self._beside("partial.json"), version)
        # a new name, to which no process with an older partial file open can write
        partial = self._beside(f"{secrets.token_hex(4)}.partial")
        partial.touch(exist_ok=False)
        return partial

    def discard_partial(self) -> None:
        """Delete what has been received so far."""
        for path in self._partials():
            path.unlink(missing_ok=True)
        self._beside("partial.json").unlink(missing_ok=True)

    def commit(self, partial: Path, record: FileInfo) -> None:
        """Record a partial file that was verified, and give it its final name."""
        # otherwise a power cut could leave the final name on a file without its bytes
        with partial.open("r+b") as file:  # Windows flushes only what may be written to
            os.fsync(file.fileno())
        self.remove()  # a record must never be beside a file that it does not describe
        # Before the rename: a record without a file counts as absent, which is harmless.
        _write_info(self._beside("json"), record)
        partial.replace(self.path)
        self._beside("partial.json").unlink(missing_ok=True)
        fsync_directory(self.path.parent)

    def adopt(self, record: FileInfo) -> None:
        """Record a file that already has the final name and was verified."""
        _write_info(self._beside("json"), record)

    def remove(self) -> None:
        """Delete the file and its record."""
        self.path.unlink(missing_ok=True)
        self._beside("json").unlink(missing_ok=True)

    @contextmanager
    def lock(self, stopped: Callable[[], bool], on_wait: Callable[[str], None]) -> Iterator[None]:
        """Lock this entry for one process; the lock of a process that is killed is released."""
        import filelock

        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(self._beside("lock"))
        try:
            try:
                # try first, so that a wait is reported
                lock.acquire(blocking=False)
            except filelock.Timeout:
                on_wait("another process is downloading it")
                lock.acquire(cancel_check=stopped)
        # what filelock raises when `stopped` returns True
        except filelock.Timeout:
            raise PermanentError("stopped") from None
        try:
            yield
        finally:
            lock.release()

    def _beside(self, suffix: str) -> Path:
        return self.path.with_name(f".{self.path.name}.{suffix}")

    def _partials(self) -> list[Path]:
        start, end = f".{self.path.name}.", ".partial"
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            return [
                path
                for path in self.path.parent.iterdir()
                if path.name.startswith(start)
                and path.name.endswith(end)
                # the length, because .cat.ndjson. is also the start of the names for cat.ndjson.gz
                and len(path.name) == len(start) + 8 + len(end)
            ]
        return []


def _read_info(path: Path) -> FileInfo | None:
    """Read a record; one that is missing, damaged or foreign is None."""
    try:
        document = parse_json(path.read_bytes())
        return FileInfo(**document)
    # TypeError: JSON that is not an object, or has keys that are not those of `FileInfo`
    except (OSError, ValueError, TypeError):
        return None


def _write_info(path: Path, info: FileInfo) -> None:
    info = dataclasses.replace(info, url=redact(info.url))  # folders of downloads are shared
    with atomic_write(path) as file:
        file.write(json.dumps(dataclasses.asdict(info), indent=1).encode())
