"""Lines to drawings: the compiled scanner where it can, the standard parser where it must."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import MalformedLineError
from quickdraw_kit.formats.ndjson.buffers import LENGTH, LINE, OFFSET, ColumnBuffers
from quickdraw_kit.formats.ndjson.chunks import LineChunk
from quickdraw_kit.formats.ndjson.line_parser import LineError, parse_line
from quickdraw_kit.strokes.batch import DrawingBatch

__all__ = ["OnReject", "ParsedChunk", "Reject", "scan_chunks"]

_VOCABULARY_LIMIT = 4096  # words; each batch carries the vocabulary along


@dataclass(frozen=True, slots=True)
class Reject:
    """A line that is not a drawing.

    Parameters
    ----------
    source : str
        Name of the file.
    line : int
        Line number, from 1; in a range of a file, from the first line of the range.
    offset : int
        Offset of the line's first byte in the (decompressed) file.
    length : int
        Bytes of the line, without its newline.
    reason : str
        What was found and what was expected.
    """

    source: str
    line: int
    offset: int
    length: int
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class ParsedChunk:
    """The drawings of some consecutive lines, each with the place of its line."""

    batch: DrawingBatch
    offset: npt.NDArray[np.int64]
    length: npt.NDArray[np.int64]
    line: npt.NDArray[np.int64]
    lines: int


OnReject: TypeAlias = Callable[[Reject], None]


def scan_chunks(
    blocks: Iterable[LineChunk],
    *,
    raw: bool | None,
    name: str,
    on_reject: OnReject | None,
    stop: int | None = None,
) -> Iterator[ParsedChunk]:
    """Read the drawings of blocks of lines."""
    from quickdraw_kit.formats.ndjson.scan_kernels import scan_lines
    from quickdraw_kit.formats.ndjson.vocabulary import Vocabulary

    def reject(offset: int, length: int, reason: str) -> None:
        line = int(counts[0])
        if on_reject is None:
            raise MalformedLineError(name, line, offset, reason)
        on_reject(Reject(name, line, offset, length, reason))

    columns = ColumnBuffers.for_chunk(0, raw=bool(raw))
    vocabulary = Vocabulary()
    counts = np.zeros(4, np.int64)  # lines of all blocks; drawings, strokes, points of this one
    for block in blocks:
        lines_before = int(counts[0])
        counts[1:] = 0
        if len(vocabulary) > _VOCABULARY_LIMIT:
            vocabulary = Vocabulary()
        if block.too_long:
            counts[0] += 1
            reason = f"a line of {block.too_long:,} bytes, expected no more than max_line_bytes"
            reject(block.offset, block.too_long, reason)
        data = np.frombuffer(block.data, np.uint8)
        end = block.size if stop is None else min(block.size, stop - block.offset)
        at = 0
        while at < end:
            if raw is not None:
                columns = columns.with_room(len(data), raw=raw)
                arrays = (*vocabulary.table, *columns.arrays)
                at = int(scan_lines(data, at, end, *arrays, counts))
                if at >= end:
                    break
            newline = block.data.index(b"\n", at)
            line = bytes(block.data[at:newline]).removesuffix(b"\r")
            counts[0] += 1
            try:
                if line.strip(b" \t\r"):
                    parsed = parse_line(line, raw=raw)
                    raw = parsed.is_raw
                    columns = columns.with_room(len(data), raw=raw)
                    columns.place(counts, parsed, vocabulary.code(parsed.word), at, len(line))
            except LineError as error:
                reject(block.offset + at, len(line), str(error))
            at = newline + 1
        yield ParsedChunk(
            batch=columns.batch(counts, vocabulary.words),
            offset=columns.of_rows(OFFSET, counts) + block.offset,
            length=columns.of_rows(LENGTH, counts),
            line=columns.of_rows(LINE, counts),
            lines=int(counts[0]) - lines_before,
        )
