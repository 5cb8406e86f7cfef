"""Lines to drawings: by the compiled scanner if possible, otherwise by the standard parser."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import MalformedLineError
from quickdraw_kit.formats.ndjson.buffers import LENGTH, LINE, OFFSET, ColumnBuffers
from quickdraw_kit.formats.ndjson.chunks import LineChunk
from quickdraw_kit.formats.ndjson.line_parser import LineError, parse_line
from quickdraw_kit.strokes.batch import DrawingBatch

_MAX_WORDS = 4096  # every batch carries the whole vocabulary


@dataclass(frozen=True, slots=True)
class Reject:
    r"""A line or row that is not a valid drawing.

    Parameters
    ----------
    source : str
        Name of the file.
    line : int
        Line number, from 1; in a range of a file, counted from the first line of the range.
    offset : int
        Offset of the line's first byte in the (decompressed) file.
    length : int
        Length of the line in bytes, without its newline.
    reason : str
        What was found and what was expected.

    Examples
    --------
    >>> from quickdraw_kit import read_ndjson
    >>> rejects = []
    >>> batch = read_ndjson(b"[]\n", on_reject=rejects.append)
    >>> rejects[0].line, rejects[0].reason
    (1, 'the line is [], expected a JSON object')
    """

    source: str
    line: int
    offset: int
    length: int
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class ParsedChunk:
    """The drawings of consecutive lines, each with the position of its line."""

    batch: DrawingBatch
    offset: npt.NDArray[np.int64]  # of the line's first byte in the (decompressed) file
    length: npt.NDArray[np.int64]  # of the line in bytes, without its newline
    line: npt.NDArray[np.int64]  # line number, from 1
    lines: int  # how many lines, including blank ones and rejects
    fallback_lines: int = 0  # how many of them the standard parser read
    dropped: Mapping[str, int] = field(default_factory=dict)  # values that are not valid, by field


OnReject: TypeAlias = Callable[[Reject], None]


def scan_chunks(
    chunks: Iterable[LineChunk],
    *,
    raw: bool | None,
    name: str,
    on_reject: OnReject | None,
    stop: int | None = None,
    word: str | None = None,
    timed: bool = True,
    points: bool = False,
    max_words: int = _MAX_WORDS,
) -> Iterator[ParsedChunk]:
    """Read the drawings of chunks of lines.

    With `raw=None`, the first valid line decides between raw and simplified. Without `on_reject`,
    the first invalid line raises `MalformedLineError`. Lines that start at `stop` or later are not
    read. A line without a word gets `word`. `timed` and `points` are as for `parse_line`. The
    vocabulary starts over when it has more than `max_words` words.
    """
    scanner = _Scanner(raw, timed, points, name, on_reject, word, max_words)
    for chunk in chunks:
        yield scanner.scan(chunk, stop)


class _Scanner:
    """What is kept from chunk to chunk."""

    def __init__(
        self,
        raw: bool | None,
        timed: bool,
        points: bool,
        name: str,
        on_reject: OnReject | None,
        word: str | None,
        max_words: int,
    ) -> None:
        # imported here because they load numba, which writing and `--help` do without
        from quickdraw_kit.formats.ndjson.scan_kernels import scan_lines
        from quickdraw_kit.formats.ndjson.vocabulary import Vocabulary

        self._scan_lines, self._new_vocabulary = scan_lines, Vocabulary
        self._raw, self._name, self._on_reject, self._max_words = raw, name, on_reject, max_words
        self._timed, self._points, self._word = timed, points, word
        self._dropped = Counter[str]()  # of the chunk
        self._buffers = ColumnBuffers.for_chunk(0, raw=bool(raw), timed=timed)
        self._vocabulary = Vocabulary()
        self._counts = np.zeros(4, np.int64)  # lines so far; drawings, strokes, points of the chunk

    def scan(self, chunk: LineChunk, stop: int | None) -> ParsedChunk:
        lines_before = int(self._counts[0])
        self._counts[1:] = 0
        self._dropped.clear()
        if len(self._vocabulary) > self._max_words:
            self._vocabulary = self._new_vocabulary()
        if chunk.too_long:
            self._counts[0] += 1
            reason = f"a line of {chunk.too_long:,} bytes, expected at most max_line_bytes"
            self._reject(chunk.offset, chunk.too_long, reason)

        # The kernel reads as far as it can. The line at which it stops goes to the standard
        # parser, and the kernel continues behind it. It needs the variant to start, so the first
        # valid line is always parsed; and it knows only words that the parser has met before.
        end = chunk.size if stop is None else min(chunk.size, stop - chunk.offset)
        position = fallback_lines = 0
        while position < end:
            position = self._run_kernel(chunk, position, end)
            if position < end:
                fallback_lines += self._parse_line(chunk, position)
                position = chunk.data.index(b"\n", position) + 1

        return ParsedChunk(
            batch=self._buffers.to_batch(self._counts, self._vocabulary.words),
            offset=self._buffers.field(OFFSET, self._counts) + chunk.offset,
            length=self._buffers.field(LENGTH, self._counts),
            line=self._buffers.field(LINE, self._counts),
            lines=int(self._counts[0]) - lines_before,
            fallback_lines=fallback_lines,
            dropped=dict(self._dropped),
        )

    def _run_kernel(self, chunk: LineChunk, position: int, end: int) -> int:
        """Scan from a line on; return where the scan ended: at `end`, or at a line before it."""
        # the kernel reads official lines only: rows, and raw ones with times
        if self._raw is None or self._points or (self._raw and not self._timed):
            return position
        data = np.frombuffer(chunk.data, np.uint8)
        self._buffers = self._buffers.reserve(len(data), raw=self._raw, timed=self._timed)
        arrays = (*self._vocabulary.table, *self._buffers.arrays)
        return int(self._scan_lines(data, position, end, *arrays, self._counts))

    def _parse_line(self, chunk: LineChunk, position: int) -> bool:
        """Parse one line by the standard parser, or reject it; return False for a blank line."""
        newline = chunk.data.index(b"\n", position)
        line = bytes(chunk.data[position:newline]).removesuffix(b"\r")
        self._counts[0] += 1
        if not line.strip(b" \t\r"):
            return False
        try:
            parsed = parse_line(line, raw=self._raw, timed=self._timed, points=self._points)
        except LineError as error:
            self._reject(chunk.offset + position, len(line), str(error))
            return True
        if self._raw is None:
            self._raw, self._timed = parsed.is_raw, parsed.t is not None or not parsed.is_raw
        self._dropped.update(parsed.dropped)
        self._buffers = self._buffers.reserve(len(chunk.data), raw=self._raw, timed=self._timed)
        code = self._vocabulary.code(self._word if parsed.word is None else parsed.word)
        self._buffers.append(self._counts, parsed, code, position, len(line))
        return True

    def _reject(self, offset: int, length: int, reason: str) -> None:
        line = int(self._counts[0])
        if self._on_reject is None:
            raise MalformedLineError(self._name, line, offset, reason)
        self._on_reject(Reject(self._name, line, offset, length, reason))
