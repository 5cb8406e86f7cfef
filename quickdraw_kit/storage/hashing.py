"""Checksums of files, and the entry by which a data set knows each of its files."""

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from quickdraw_kit.errors import DataError
from quickdraw_kit.storage.files import atomic_write, open_decompressed

# bytes
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file of a data set."""

    name: str
    bytes: int
    sha256: str  # hexadecimal


class HashedFile(io.RawIOBase):
    """A file open for writing that counts and hashes what is written."""

    def __init__(self, name: str, file: BinaryIO) -> None:
        self._name = name
        self._file = file
        self._digest = hashlib.sha256()
        self._bytes = 0

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, data) -> int:  # type: ignore[no-untyped-def]
        """Write bytes, or any contiguous buffer."""
        # a view, so that arrays are hashed and written without a copy
        view = memoryview(data).cast("B")
        self._digest.update(view)
        self._bytes += len(view)
        self._file.write(view)
        return len(view)

    @property
    def entry(self) -> FileEntry:
        """The entry of what has been written so far."""
        return FileEntry(self._name, self._bytes, self._digest.hexdigest())


@contextmanager
def hashed_write(folder: Path, name: str) -> Iterator[HashedFile]:
    """Write a file atomically and hash it on the way; see `HashedFile.entry`."""
    with atomic_write(folder / name) as file:
        yield HashedFile(name, file)


def sha256_file(path: Path) -> str:
    """Return the hexadecimal sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def md5_and_crc32c(path: Path) -> tuple[str, str]:
    """Return the hexadecimal md5 and crc32c of a file, which is read once."""
    import google_crc32c

    # md5 finds faults, not attacks; without this flag, machines in FIPS mode refuse it
    md5, crc32c = hashlib.md5(usedforsecurity=False), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            md5.update(chunk)
            crc32c = google_crc32c.extend(crc32c, chunk)
    return md5.hexdigest(), f"{crc32c:08x}"


def md5_of_content(path: Path) -> str | None:
    """Return the hexadecimal md5 of a compressed file's content, or None if it is damaged."""
    md5 = hashlib.md5(usedforsecurity=False)
    try:
        with open_decompressed(path) as file:
            while chunk := file.read(_CHUNK):
                md5.update(chunk)
    except DataError:
        return None
    return md5.hexdigest()
