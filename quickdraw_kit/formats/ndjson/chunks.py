"""Split a stream of bytes into chunks of whole lines, in constant memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

BOM = b"\xef\xbb\xbf"
CHUNK_BYTES = 32 << 20
MAX_LINE_BYTES = 16 << 20

SLACK_BYTES = 64  # the scanner may read this far beyond the last newline
_MIN_READ = 1 << 16


@dataclass(frozen=True, slots=True, eq=False)
class LineChunk:
    """Whole lines, in a buffer that the next chunk overwrites."""

    data: bytearray  # the first line starts at its first byte
    size: int  # where the lines end: behind a newline, which the stream need not have at its end
    offset: int  # of the first byte in the stream
    too_long: int = 0  # if not 0: the length of one line over the limit, which is not in `data`


def iter_chunks(
    file: BinaryIO,
    *,
    offset: int = 0,
    stop: int | None = None,
    chunk_bytes: int = CHUNK_BYTES,
    max_line_bytes: int = MAX_LINE_BYTES,
) -> Iterator[LineChunk]:
    """Split a stream into chunks of whole lines.

    The stream is at `offset`, where a line starts; a byte order mark at 0 is skipped. Lines that
    start at `stop` or later may be missing. The buffer of `chunk_bytes` grows for a longer line,
    up to `max_line_bytes`; of a line beyond that only the length is returned.
    """
    capacity = min(chunk_bytes, max_line_bytes + 1)
    if stop is not None:
        capacity = min(capacity, max(stop - offset, 0) + _MIN_READ)
    buffer = bytearray(capacity + SLACK_BYTES)
    filled, at_end = 0, False
    while (filled or not at_end) and (stop is None or offset < stop):
        while filled < capacity and not at_end:
            # Near `stop`, read little by little until the last line that is wanted is complete.
            wanted = capacity - filled
            if stop is not None:
                wanted = min(wanted, max(stop - offset - filled, _MIN_READ))
            count = _read(file, buffer, filled, filled + wanted)
            filled += count
            at_end = count < wanted
            if stop is not None and buffer.find(b"\n", max(stop - 1 - offset, 0), filled) >= 0:
                break

        if offset == 0 and buffer.startswith(BOM, 0, filled):
            offset = len(BOM)
            filled = _move_to_front(buffer, offset, filled)
            continue
        if at_end and filled and buffer[filled - 1] != ord("\n"):
            buffer[filled] = ord("\n")
            filled += 1

        size = buffer.rfind(b"\n", 0, filled) + 1
        if size:
            yield LineChunk(buffer, size, offset)
            offset += size
            filled = _move_to_front(buffer, size, filled)
        elif capacity <= max_line_bytes and not at_end:
            # the line is longer than the buffer, but not yet too long
            capacity = min(2 * capacity, max_line_bytes + 1)
            buffer = buffer[:filled] + bytes(capacity + SLACK_BYTES - filled)
        elif not at_end:
            # the line is too long: overwrite the buffer until its end is found
            length = filled
            newline = -1
            while newline < 0 and not at_end:
                filled = _read(file, buffer, 0, capacity)
                at_end = filled < capacity
                newline = buffer.find(b"\n", 0, filled)
                length += filled if newline < 0 else newline
            yield LineChunk(buffer, 0, offset, too_long=length)
            offset += length + 1
            filled = _move_to_front(buffer, newline + 1, filled) if newline >= 0 else 0


def _read(file: BinaryIO, buffer: bytearray, start: int, stop: int) -> int:
    """Fill a range of the buffer; return the number of bytes, fewer only at the end of the stream.

    A single `readinto` may return less at any time, as pipes and decompressors do.
    """
    position = start
    with memoryview(buffer) as view:
        while position < stop:
            count = file.readinto(view[position:stop])  # type: ignore[attr-defined]
            if not count:
                break
            position += count
    return position - start


def _move_to_front(buffer: bytearray, start: int, stop: int) -> int:
    """Move a range of the buffer to its start; return the length."""
    rest = buffer[start:stop]
    buffer[: len(rest)] = rest
    return len(rest)
