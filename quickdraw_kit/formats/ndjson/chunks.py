"""Cut a stream of bytes into blocks of whole lines, in memory that does not grow with the file."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

__all__ = ["CHUNK_BYTES", "MAX_LINE_BYTES", "LineChunk", "iter_chunks"]

CHUNK_BYTES = 8 << 20
MAX_LINE_BYTES = 16 << 20

_SLACK = 64  # the scanner may look this far beyond the last newline
_PIECE = 1 << 16
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True, eq=False)
class LineChunk:
    """Whole lines, in a buffer that the next block overwrites."""

    data: bytearray
    size: int
    offset: int
    too_long: int = 0


def iter_chunks(
    file: BinaryIO,
    *,
    offset: int = 0,
    stop: int | None = None,
    chunk_bytes: int = CHUNK_BYTES,
    max_line_bytes: int = MAX_LINE_BYTES,
) -> Iterator[LineChunk]:
    r"""Cut a stream into blocks of whole lines."""
    room = min(chunk_bytes, max_line_bytes + 1)
    buffer = bytearray(room + _SLACK)
    filled, at_end = 0, False
    while (filled or not at_end) and (stop is None or offset < stop):
        while filled < room and not at_end:
            wanted = room - filled
            if stop is not None:
                wanted = min(wanted, max(stop - offset - filled, _PIECE))
            got = _read(file, buffer, filled, filled + wanted)
            filled += got
            at_end = got < wanted
            if stop is not None and buffer.find(b"\n", max(stop - 1 - offset, 0), filled) >= 0:
                break
        if offset == 0 and buffer.startswith(_BOM, 0, filled):
            offset = len(_BOM)
            filled = _keep(buffer, offset, filled)
            continue
        if at_end and filled and buffer[filled - 1] != ord("\n"):
            buffer[filled] = ord("\n")
            filled += 1
        size = buffer.rfind(b"\n", 0, filled) + 1
        if size:
            yield LineChunk(buffer, size, offset)
            offset += size
            filled = _keep(buffer, size, filled)
        elif room <= max_line_bytes and not at_end:
            room = min(2 * room, max_line_bytes + 1)
            buffer = buffer[:filled] + bytes(room + _SLACK - filled)
        elif not at_end:
            length = filled
            newline = -1
            while newline < 0 and not at_end:
                filled = _read(file, buffer, 0, room)
                at_end = filled < room
                newline = buffer.find(b"\n", 0, filled)
                length += filled if newline < 0 else newline
            yield LineChunk(buffer, 0, offset, too_long=length)
            offset += length + 1
            filled = _keep(buffer, newline + 1, filled) if newline >= 0 else 0


def _read(file: BinaryIO, buffer: bytearray, start: int, stop: int) -> int:
    """Fill a stretch of the buffer; less comes only at the end of the stream."""
    at = start
    with memoryview(buffer) as view:
        while at < stop:
            got = file.readinto(view[at:stop])  # type: ignore[attr-defined]
            if not got:
                break
            at += got
    return at - start


def _keep(buffer: bytearray, start: int, stop: int) -> int:
    """Move what is not used yet to the front."""
    rest = buffer[start:stop]
    buffer[: len(rest)] = rest
    return len(rest)
