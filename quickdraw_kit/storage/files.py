"""Open any source as it is, and commit any output whole or not at all."""

import hashlib
import io
import json
import os
import secrets
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from quickdraw_kit.errors import DataError

__all__ = [
    "atomic_write",
    "compressed_writer",
    "detect_compression",
    "fsync_directory",
    "open_decompressed",
    "parse_json",
    "sha256_file",
]

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"


def detect_compression(path: Path) -> str | None:
    """Tell how a file is compressed, by its first bytes and not by its name."""
    with path.open("rb") as file:
        magic = file.read(4)
    if magic[:2] == _GZIP:
        return "gzip"
    return "zstd" if magic == _ZSTD else None


def open_decompressed(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a file for reading bytes, decompressing gzip and zstd on the way."""
    if str(path) == "-":
        return sys.stdin.buffer
    path = Path(path)
    if path.is_dir():
        raise DataError(f"{path} is a folder, expected a file")
    match detect_compression(path):
        case "gzip":
            return _decompressed(path, lambda: zlib.decompressobj(wbits=31), zlib.error)
        case "zstd":
            import zstandard

            decompressor = zstandard.ZstdDecompressor()
            return _decompressed(path, decompressor.decompressobj, zstandard.ZstdError)
        case _:
            return path.open("rb")


@contextmanager
def compressed_writer(file: BinaryIO, path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Compress what is written to a file as its name says."""
    suffix = Path(path).suffix
    if suffix == ".gz":
        import gzip

        with gzip.GzipFile(fileobj=file, mode="wb", filename="", mtime=0) as packed:
            yield cast("BinaryIO", packed)
    elif suffix == ".zst":
        import zstandard

        with zstandard.ZstdCompressor(write_checksum=True).stream_writer(
            file, closefd=False
        ) as packed:
            yield cast("BinaryIO", packed)
    else:
        yield file


@contextmanager
def atomic_write(path: str | os.PathLike[str], *, sync: bool = True) -> Iterator[BinaryIO]:
    """Write a file that appears under its name complete, or not at all.

    The bytes go to a temporary file in the same folder, are flushed to the disk and renamed. When
    the block raises, the temporary file is removed and an older file of that name stays.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.partial")
    try:
        with temporary.open("x+b") as file:
            yield file
            file.flush()
            if sync:
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError) and error.filename in (temporary, str(temporary)):
            error.filename = str(path)  # the other name means nothing to anyone
        raise
    if sync:
        fsync_directory(path.parent)


def parse_json(text: str | bytes) -> Any:
    """Read JSON that anybody may have written."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("brackets are nested too deeply") from None


def sha256_file(path: Path) -> str:
    """Return the sha256 of a file's bytes, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fsync_directory(path: Path) -> None:
    """Flush a folder's entries to the disk, so that a rename in it survives a power cut."""
    if os.name == "nt":  # Windows has no way to open a folder
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _decompressed(path: Path, frame: Callable[[], Any], error: type[Exception]) -> BinaryIO:
    return cast("BinaryIO", io.BufferedReader(_Frames(path, frame, error), 1 << 17))


class _Frames(io.RawIOBase):
    """The content of gzip members or zstd frames, one behind the other.

    The readers of both libraries take the end of a file for the end of the data, one of them
    silently. This one says so when a frame is cut off, and reads so little at once that no input
    makes it hold more than some 30 MB.
    """

    _STEP = 1024

    def __init__(self, path: Path, frame: Callable[[], Any], error: type[Exception]) -> None:
        self._path, self._file = path, path.open("rb")
        self._new, self._error = frame, error
        self._frame: Any = None  # the decompressor, while within a frame
        self._left, self._ready = b"", memoryview(b"")

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        super().close()

    def readinto(self, target: Any) -> int:
        while not self._ready:
            data = self._left or self._file.read(self._STEP)
            if not data:
                if self._frame is not None:
                    raise DataError(f"{self._path} is cut off: fetch it again")
                return 0
            self._ready = memoryview(self._decompress(data))
        size = min(len(target), len(self._ready))
        target[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size

    def _decompress(self, data: bytes) -> bytes:
        self._left = b""
        if self._frame is None:
            data = data.lstrip(b"\0")  # tapes and some tools fill up behind a gzip member
            if not data:
                return b""
            self._frame = self._new()
        try:
            content = self._frame.decompress(data)
        except self._error as error:
            raise DataError(f"{self._path} is damaged: {error}. Fetch it again.") from error
        if self._frame.eof:
            self._left, self._frame = self._frame.unused_data, None
        return cast("bytes", content)
