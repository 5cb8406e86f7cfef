"""Where downloads live, and what makes a file there trusted.

A file under its final name is whole: it was checked before it got the name, and a record beside it
keeps its size and checksums, so that later runs need neither the network nor another look at its
bytes. What is not whole yet has another name. For ``simplified/cat.ndjson`` there are::

    simplified/cat.ndjson                      the file
    simplified/.cat.ndjson.json                its record: version, size, checksums
    simplified/.cat.ndjson.0f3a91bc.partial    what is received so far of one version
    simplified/.cat.ndjson.partial.json        which version that is
    simplified/.cat.ndjson.lock                held by the one process that fetches it
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from quickdraw_kit.errors import DataError
from quickdraw_kit.storage.files import atomic_write, fsync_directory, open_decompressed, parse_json
from quickdraw_kit.storage.remote import PermanentError, RemoteObject
from quickdraw_kit.storage.urls import redact

__all__ = ["Place", "checksums", "content_md5", "get_data_home"]

_PIECE = 1 << 20


def get_data_home(data_home: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder of downloads.

    Parameters
    ----------
    home : str or path-like, optional
        The folder; by default the environment variable ``QUICKDRAW_KIT_HOME``, or else
        ``quickdraw_kit`` in the platform's cache folder.

    Returns
    -------
    Path
        Absolute; it need not exist.

    Examples
    --------
    >>> data_home("/data/quickdraw").as_posix()
    '/data/quickdraw'
    """
    named = data_home or os.environ.get("QUICKDRAW_KIT_HOME")
    if named:
        return Path(named).expanduser().absolute()
    import platformdirs

    return platformdirs.user_cache_path("quickdraw_kit", appauthor=False)


@dataclass(frozen=True, slots=True)
class Place:
    """The final place of one download and what belongs to it."""

    path: Path

    def record(self) -> RemoteObject | None:
        """Return what is recorded of the whole file, or None."""
        return _read(self._beside("json"))

    def is_whole(self) -> bool:
        """Tell whether the file stands under its name with the size that is recorded."""
        record = self.record()
        try:
            return record is not None and self.path.stat().st_size == record.size
        except OSError:
            return False

    def is_intact(self) -> bool:
        """Tell whether the file's bytes have the recorded checksums; reads all of it."""
        record = self.record()
        if record is None or not self.is_whole():
            return False
        return checksums(self.path) == (record.md5, record.crc32c)

    def partial(self) -> tuple[Path, RemoteObject] | None:
        """Return what is received so far and the version that it is of, or None."""
        pin = _read(self._beside("partial.json"))
        found = sorted(self._partials())
        if pin is None or len(found) != 1:
            return None
        return found[0], pin

    def partial_size(self) -> int:
        """Return the bytes that are received so far and can be used."""
        kept = self.partial()
        if kept is None or not kept[1].pinned:
            return 0
        try:
            return kept[0].stat().st_size
        except FileNotFoundError:  # another process has just finished it
            return 0

    def start(self, pin: RemoteObject) -> Path:
        """Drop what is received so far, and make an empty file for another version."""
        self.discard()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        _write(self._beside("partial.json"), pin)
        partial = self._beside(f"{secrets.token_hex(4)}.partial")
        partial.touch(exist_ok=False)
        return partial

    def discard(self) -> None:
        """Drop what is received so far."""
        for path in self._partials():
            path.unlink(missing_ok=True)
        self._beside("partial.json").unlink(missing_ok=True)

    def commit(self, partial: Path, record: RemoteObject) -> None:
        """Record a file that was checked and give it its final name."""
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        self.remove()  # a record must never stand beside another file than its own
        _write(self._beside("json"), record)
        partial.replace(self.path)
        self._beside("partial.json").unlink(missing_ok=True)
        fsync_directory(self.path.parent)

    def adopt(self, record: RemoteObject) -> None:
        """Record a file that stands under the final name already and was checked."""
        _write(self._beside("json"), record)

    def remove(self) -> None:
        """Remove the file and its record, so that nothing damaged keeps the final name."""
        self.path.unlink(missing_ok=True)
        self._beside("json").unlink(missing_ok=True)

    @contextmanager
    def lock(self, stopped: Callable[[], bool], on_wait: Callable[[str], None]) -> Iterator[None]:
        """Hold this place alone among all processes; it is set free even by a kill."""
        import filelock

        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(self._beside("lock"))
        try:
            try:
                lock.acquire(blocking=False)
            except filelock.Timeout:
                on_wait("another process is fetching it")
                lock.acquire(cancel_check=stopped)
        except filelock.Timeout:
            raise PermanentError("stopped") from None
        try:
            yield
        finally:
            lock.release()

    def _beside(self, ending: str) -> Path:
        return self.path.with_name(f".{self.path.name}.{ending}")

    def _partials(self) -> list[Path]:
        start, end = f".{self.path.name}.", ".partial"
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            return [
                path
                for path in self.path.parent.iterdir()
                if path.name.startswith(start)
                and path.name.endswith(end)
                and len(path.name) == len(start) + 8 + len(end)
            ]
        return []


def checksums(path: Path) -> tuple[str, str]:
    """Compute a file's md5 and crc32c."""
    import google_crc32c

    md5, crc32c = hashlib.md5(usedforsecurity=False), 0
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            md5.update(piece)
            crc32c = google_crc32c.extend(crc32c, piece)
    return md5.hexdigest(), f"{crc32c:08x}"


def content_md5(path: Path) -> str:
    """Compute the md5 of what a compressed file holds."""
    md5 = hashlib.md5(usedforsecurity=False)
    try:
        with open_decompressed(path) as file:
            while piece := file.read(_PIECE):
                md5.update(piece)
    except DataError:
        return "damaged"
    return md5.hexdigest()


def _read(path: Path) -> RemoteObject | None:
    """Read a record; one that is missing or not ours counts as none."""
    try:
        document = parse_json(path.read_bytes())
        return RemoteObject(**document)
    except (OSError, ValueError, TypeError):
        return None


def _write(path: Path, record: RemoteObject) -> None:
    record = dataclasses.replace(record, url=redact(record.url))  # folders of downloads are shared
    with atomic_write(path) as file:
        file.write(json.dumps(dataclasses.asdict(record), indent=1).encode())
