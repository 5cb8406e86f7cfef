"""Open any file, compressed or not, and write files atomically."""

import codecs
import io
import json
import os
import secrets
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from quickdraw_kit.errors import DataError

# first bytes of the formats
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_BZIP2 = b"BZh"
_XZ = b"\xfd7zXZ\0"
_ZIP = b"PK\x03\x04"
_MAX_XZ_MEMORY = 128 << 20  # bytes; the highest setting of xz needs 65 MB
_SYSTEM_MEMBERS = ("__MACOSX/", ".DS_Store")


def detect_compression(path: Path) -> str | None:
    """Return ``"gzip"``, ``"zstd"``, ``"bzip2"``, ``"xz"``, ``"zip"`` or None for a file.

    A zip archive counts if it has one file, which is not an array of numpy as in an ``.npz``.
    """
    with path.open("rb") as file:
        magic = file.read(6)
    if magic[:2] == _GZIP:
        return "gzip"
    if magic[:4] == _ZSTD:
        return "zstd"
    if magic[:3] == _BZIP2:
        return "bzip2"
    if magic[:4] == _ZIP:
        names = zip_members(path)
        return "zip" if len(names) == 1 and not names[0].endswith(".npy") else None
    return "xz" if magic == _XZ else None


def zip_members(path: Path) -> list[str]:
    """List the files in a zip archive, without those of macOS; none if it is damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError):
        return []
    return [
        name
        for name in names
        if not name.endswith("/")
        and not name.startswith(_SYSTEM_MEMBERS)
        and not name.endswith(_SYSTEM_MEMBERS)
    ]


def open_decompressed(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a file for reading, decompressed if it is compressed; ``-`` is the standard input."""
    # a pipe cannot be read twice, so its compression is not detected
    if str(path) == "-":
        return sys.stdin.buffer
    path = Path(path)
    if path.is_dir():
        raise DataError(f"{path} is a folder, expected a file")
    match detect_compression(path):
        case "gzip":
            return _decompressed(path, lambda: zlib.decompressobj(wbits=31), zlib.error)  # 31: gzip
        case "zstd":
            import zstandard

            decompressor = zstandard.ZstdDecompressor()
            return _decompressed(path, decompressor.decompressobj, zstandard.ZstdError)
        case "bzip2":
            import bz2

            return _decompressed(path, bz2.BZ2Decompressor, OSError)
        case "xz":
            import lzma

            return _decompressed(
                path, lambda: lzma.LZMADecompressor(memlimit=_MAX_XZ_MEMORY), lzma.LZMAError
            )
        case "zip":
            return cast("BinaryIO", io.BufferedReader(_ZipMember(path), 1 << 17))
        case _:
            return path.open("rb")


@contextmanager
def compressed_writer(file: BinaryIO, path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Compress what is written to `file`, if `path` ends in .gz, .zst, .bz2 or .xz."""
    suffix = Path(path).suffix
    if suffix == ".gz":
        import gzip

        # no name and no time, so that equal content gives equal bytes
        with gzip.GzipFile(fileobj=file, mode="wb", filename="", mtime=0) as compressed:
            yield cast("BinaryIO", compressed)
    elif suffix == ".zst":
        import zstandard

        # the caller still has to flush the file, so it stays open
        with zstandard.ZstdCompressor(write_checksum=True).stream_writer(
            file, closefd=False
        ) as compressed:
            yield cast("BinaryIO", compressed)
    elif suffix == ".bz2":
        import bz2

        with bz2.BZ2File(file, "wb") as archive:
            yield cast("BinaryIO", archive)
    elif suffix == ".xz":
        import lzma

        with lzma.LZMAFile(file, "wb") as archive:
            yield cast("BinaryIO", archive)
    else:
        yield file


@contextmanager
def atomic_write(path: str | os.PathLike[str], *, sync: bool = True) -> Iterator[BinaryIO]:
    """Write a file that appears under its name complete, or not at all.

    The bytes go to a partial file in the same folder, are flushed to the disk, and the file is
    renamed. When the block raises, the partial file is deleted and an older file stays. With
    ``sync=False`` nothing is flushed, for files that need not survive a power cut.
    """
    path = Path(path)
    # In the same folder, because a rename is atomic only within a file system; random, so that two
    # processes do not write to the same partial file.
    partial = path.with_name(f".{path.name}.{secrets.token_hex(8)}.partial")
    try:
        with partial.open("x+b") as file:
            yield file
            file.flush()
            if sync:
                os.fsync(file.fileno())
        partial.replace(path)
    # KeyboardInterrupt, too, must leave no partial file
    except BaseException as error:
        with suppress(OSError):
            partial.unlink()
        if isinstance(error, OSError) and error.filename in (partial, str(partial)):
            error.filename = str(path)  # the name that the caller knows
        raise
    # a power cut could still undo the rename
    if sync:
        fsync_directory(path.parent)


def parse_json(text: str | bytes) -> Any:
    """Parse JSON of unknown origin; deep nesting is a ValueError as any other mistake."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("brackets are nested too deeply") from None


_ENCODINGS = {
    # the first two bytes of UTF-32 are those of UTF-16
    b"\xff\xfe\0\0": "utf-32-le",
    b"\0\0\xfe\xff": "utf-32-be",
    b"\xff\xfe": "utf-16-le",
    b"\xfe\xff": "utf-16-be",
}


def detect_encoding(head: bytes) -> str | None:
    """Return the encoding of text that begins with a byte order mark of UTF-16 or UTF-32."""
    return next((name for bom, name in _ENCODINGS.items() if head.startswith(bom)), None)


def to_utf8(file: BinaryIO, name: str) -> tuple[BinaryIO, bool]:
    """Return text in UTF-8, and whether it was in UTF-16 or UTF-32, as PowerShell writes it."""
    head = bytearray(4)
    count = 0
    while count < len(head) and (step := cast("Any", file).readinto(memoryview(head)[count:])):
        count += step
    start = bytes(head[:count])
    encoding = detect_encoding(start)
    whole = Rejoined(start, file)
    if encoding is None:
        return cast("BinaryIO", whole), False
    return cast("BinaryIO", io.BufferedReader(_Transcoded(whole, encoding, name), 1 << 17)), True


class Rejoined(io.RawIOBase):
    """A stream behind bytes that were read from it."""

    def __init__(self, head: bytes, file: Any) -> None:
        self._head, self._file = memoryview(head), file

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, target: Any) -> int:
        """Fill a buffer; return the number of bytes, 0 at the end."""
        if not self._head:
            return self._file.readinto(target) or 0
        size = min(len(target), len(self._head))
        target[:size] = self._head[:size]
        self._head = self._head[size:]
        return size


class ClosingReader(io.BufferedReader):
    """Reads a stream that is made of a file, and closes both."""

    def __init__(self, stream: Any, file: BinaryIO) -> None:
        super().__init__(stream)
        self._file = file

    def close(self) -> None:
        """Close the stream and the file."""
        super().close()
        self._file.close()


class _Transcoded(io.RawIOBase):
    """Text of another encoding in UTF-8, without its byte order mark."""

    def __init__(self, file: io.RawIOBase, encoding: str, name: str) -> None:
        self._file, self._encoding, self._name = file, encoding, name
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._is_first = True
        self._content = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        is_last = False
        while not self._content and not is_last:
            buffer = bytearray(1 << 16)
            count = self._file.readinto(buffer) or 0
            is_last = count == 0
            try:
                text = self._decoder.decode(bytes(buffer[:count]), is_last)
            except UnicodeDecodeError as error:
                raise DataError(
                    f"{self._name} begins as {self._encoding.upper()} and is not: {error.reason}. "
                    "Save it as UTF-8."
                ) from error
            if self._is_first and text:
                text, self._is_first = text.removeprefix("\ufeff"), False
            self._content = memoryview(text.encode("utf-8", "surrogatepass"))
        size = min(len(target), len(self._content))
        target[:size] = self._content[:size]
        self._content = self._content[size:]
        return size


def fsync_directory(path: Path) -> None:
    """Flush a folder to the disk, so that a rename in it survives a power cut."""
    if os.name == "nt":  # Windows cannot open a folder
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _decompressed(path: Path, new_frame: Callable[[], Any], error: type[Exception]) -> BinaryIO:
    return cast("BinaryIO", io.BufferedReader(_Frames(path, new_frame, error), 1 << 17))


class _ZipMember(io.RawIOBase):
    """The content of the only file in a zip archive."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._archive = zipfile.ZipFile(path)
            self._member = self._archive.open(zip_members(path)[0])
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
            raise DataError(
                f"{path} cannot be unpacked here, as it is damaged or encrypted: unpack it"
            ) from error

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._member.close()
        self._archive.close()
        super().close()

    def readinto(self, target: Any) -> int:
        try:
            data = self._member.read(len(target))
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise DataError(f"{self._path} is damaged. Download or copy it again.") from error
        target[: len(data)] = data
        return len(data)


class _Frames(io.RawIOBase):
    """The content of concatenated gzip members or frames of another compression.

    The readers of both libraries take the end of a file for the end of the data, one of them
    silently. This one raises `DataError` when a frame is cut off. It decompresses so little at once
    that no input makes it use more than about 30 MB.
    """

    # compressed bytes; a zstd block of 4 bytes can hold 128 KiB, so these hold 32 MiB at most
    _STEP = 1024

    def __init__(self, path: Path, new_frame: Callable[[], Any], error: type[Exception]) -> None:
        self._path, self._file = path, path.open("rb")
        self._new_frame, self._error = new_frame, error
        self._frame: Any = None  # the decompressor; None between two frames
        self._unused = b""  # compressed bytes behind the end of a frame
        self._content = memoryview(b"")  # decompressed and not yet returned

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        super().close()

    def readinto(self, target: Any) -> int:
        # 0 bytes mean the end of the file, so a frame header alone must not end this loop
        while not self._content:
            data = self._unused or self._file.read(self._STEP)
            if not data:
                if self._frame is not None:
                    raise DataError(f"{self._path} is cut off: download or copy it again")
                return 0
            self._content = memoryview(self._decompress(data))
        size = min(len(target), len(self._content))
        target[:size] = self._content[:size]
        self._content = self._content[size:]
        return size

    def _decompress(self, data: bytes) -> bytes:
        self._unused = b""
        if self._frame is None:
            data = data.lstrip(b"\0")  # tapes and some tools pad gzip members with zeros
            if not data:
                return b""
            self._frame = self._new_frame()
        try:
            content = self._frame.decompress(data)
        except self._error as error:
            raise DataError(
                f"{self._path} is damaged: {error}. Download or copy it again."
            ) from error
        if self._frame.eof:
            self._unused, self._frame = self._frame.unused_data, None
        return cast("bytes", content)
