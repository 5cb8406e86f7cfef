"""The CSV of Kaggle's "Quick, Draw! Doodle Recognition Challenge": ``train_simplified`` and raw.

A row holds the six keys of an official line in columns (countrycode, drawing, key_id, recognized,
timestamp, word), the drawing as JSON in quotes. Each row is put into the words of an official line
and read as one, so that what is a valid drawing, and the reason when it is not, are the same for
both forms. A row is one line of the file, as Kaggle wrote it.
"""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from quickdraw_kit.errors import DataError, MalformedLineError
from quickdraw_kit.formats.format import Format, ReadOptions
from quickdraw_kit.formats.ndjson.chunks import MAX_LINE_BYTES, LineChunk, iter_chunks
from quickdraw_kit.formats.ndjson.scanner import OnReject, ParsedChunk, Reject, scan_chunks
from quickdraw_kit.formats.record_batch import RecordBatch
from quickdraw_kit.storage.files import open_decompressed
from quickdraw_kit.strokes.batch import DrawingBatch

__all__ = ["CSV", "iter_kaggle_csv", "read_kaggle_csv", "scan_csv"]

_COLUMNS = ("countrycode", "drawing", "key_id", "recognized", "timestamp", "word")  # in any order
_FIELD = re.compile(rb'(?:"([^"]*(?:""[^"]*)*)"|([^",]*))(,|$)')
_FLAGS = {b"True": b"true", b"False": b"false"}
_SLACK = 64  # bytes that the scanner may look beyond the last line
_UNREADABLE = b"!\n"  # takes the place of a row that has not even its fields


def read_kaggle_csv(
    path: str | os.PathLike[str], *, on_reject: OnReject | None = None
) -> DrawingBatch:
    r"""Read a whole CSV of drawings.

    Parameters
    ----------
    path : str or path-like
        The file, as it is or compressed with gzip or zstd; ``-`` is standard input.
    on_reject : callable, optional
        Called with each row that is refused, which is then left out. By default the first such
        row is an error. Rows count as lines: the header is line 1.

    Returns
    -------
    DrawingBatch
        All drawings; without a single one, an empty simplified batch.

    Raises
    ------
    MalformedLineError
        If a row is not a drawing and there is no `on_reject`.
    DataError
        If the header has not the six columns, or the compression is damaged.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> path = getfixture("tmp_path") / "airplane.csv"
    >>> _ = path.write_text(
    ...     "countrycode,drawing,key_id,recognized,timestamp,word\n"
    ...     'US,"[[[1, 30], [2, 3]]]",5152802093400064,True,2017-03-08 21:12:07.266040,airplane\n'
    ... )
    >>> batch = read_kaggle_csv(path)
    >>> batch[0].word, batch.x, batch.timestamp
    ('airplane', array([ 1, 30], dtype=uint8),
     array(['2017-03-08T21:12:07.266040'], dtype='datetime64[us]'))
    """
    batches = list(iter_kaggle_csv(path, on_reject=on_reject))
    return DrawingBatch.concat(batches) if batches else DrawingBatch.from_strokes([], words=[])


def iter_kaggle_csv(
    path: str | os.PathLike[str], *, on_reject: OnReject | None = None
) -> Iterator[DrawingBatch]:
    r"""Read a CSV of drawings of any size in constant memory.

    Parameters
    ----------
    path, on_reject
        As for `read_kaggle_csv`.

    Yields
    ------
    DrawingBatch
        The drawings of the next few megabytes, at least one.

    Raises
    ------
    MalformedLineError, DataError, OSError
        As for `read_kaggle_csv`.

    Examples
    --------
    >>> path = getfixture("tmp_path") / "none.csv"
    >>> _ = path.write_text("word,timestamp,recognized,key_id,drawing,countrycode\n")
    >>> list(iter_kaggle_csv(path))
    []
    """
    with open_decompressed(path) as file:
        for scan in scan_csv(file, source_name=str(path), on_reject=on_reject):
            if len(scan.batch):
                yield scan.batch


def scan_csv(
    file: BinaryIO,
    *,
    source_name: str,
    on_reject: OnReject | None = None,
    max_line_bytes: int = MAX_LINE_BYTES,
) -> Iterator[ParsedChunk]:
    r"""Read a CSV of drawings from a stream, each drawing with the place of its row."""
    translation = _Translation(source_name)

    def reject(found: Reject) -> None:
        offset, length, line, reason = translation.place(found.line)
        reason = reason or found.reason
        if on_reject is None:
            raise MalformedLineError(source_name, line, offset, reason)
        on_reject(Reject(source_name, line, offset, length, reason))

    blocks = translation.blocks(iter_chunks(file, max_line_bytes=max_line_bytes))
    for scan in scan_chunks(blocks, raw=None, name=source_name, on_reject=reject):
        places = [translation.place(line)[:3] for line in scan.line.tolist()]
        offset, length, line = np.array(places, np.int64).reshape(-1, 3).T
        yield ParsedChunk(scan.batch, offset, length, line, scan.lines)


class _Translation:
    """Rows to official lines, a block at a time, and lines back to the places of their rows."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._columns: list[bytes] = []
        self._places: list[tuple[int, int, int, str | None]] = []
        self._lines = 0  # official lines before this block
        self._row = 0  # number of the last row, the header included

    def place(self, line: int) -> tuple[int, int, int, str | None]:
        """Return offset, length and number of a line's row, and why it is none, if known."""
        return self._places[line - self._lines - 1]

    def blocks(self, blocks: Iterator[LineChunk]) -> Iterator[LineChunk]:
        for block in blocks:
            self._lines += len(self._places)
            self._places = []
            lines, at = [], block.offset
            if block.too_long:
                self._columns = self._columns or self._header(None)
                self._row += 1
                self._places.append((at, block.too_long, self._row, None))
            for row in bytes(block.data[: block.size]).split(b"\n")[:-1]:
                line, reason = self._translate(row.removesuffix(b"\r"))
                self._row += 1
                if self._row > 1:
                    lines.append(line)
                    self._places.append((at, len(row), self._row, reason))
                at += len(row) + 1
            content = b"".join(lines)
            yield LineChunk(bytearray(content + bytes(_SLACK)), len(content), 0, block.too_long)
        self._columns = self._columns or self._header(None)

    def _translate(self, row: bytes) -> tuple[bytes, str | None]:
        """Return the official line of a row, and why there is none, if so."""
        fields = _fields(row)
        if not self._columns:
            self._columns = self._header(fields)
            return b"", None
        if not row.strip():
            return b"\n", None
        if fields is None:
            return _UNREADABLE, "the row has a quote that is not closed, or not in its place"
        if len(fields) != len(self._columns):
            reason = f"the row has {len(fields)} fields, the header {len(self._columns)}"
            return _UNREADABLE, reason
        values = dict(zip(self._columns, fields, strict=True))
        if b'"' in values[b"drawing"]:  # would end the drawing and let other keys follow
            return _UNREADABLE, "drawing has a quote, expected lists of numbers"
        try:
            return _official(values), None
        except UnicodeDecodeError as error:
            return _UNREADABLE, f"byte 0x{error.object[error.start]:02x} is not UTF-8"

    def _header(self, fields: list[bytes] | None) -> list[bytes]:
        names = [field.decode("latin-1") for field in fields or []]
        missing = [name for name in _COLUMNS if name not in names]
        if missing:
            raise DataError(
                f"{self._name} has no column {', '.join(missing)}: "
                f"expected a header with {', '.join(_COLUMNS)}"
            )
        return [name.encode("latin-1") for name in names]


def _official(values: dict[bytes, bytes]) -> bytes:
    """Write the values of a row in the official layout, right or wrong."""
    timestamp = values[b"timestamp"]
    recognized = _FLAGS.get(values[b"recognized"])
    return (
        b'{"word":%b,"countrycode":%b,"timestamp":%b,"recognized":%b,"key_id":%b,"drawing":%b}\n'
        % (
            _quoted(values[b"word"]),
            _quoted(values[b"countrycode"]),
            _quoted(timestamp and timestamp.removesuffix(b" UTC") + b" UTC"),
            _quoted(values[b"recognized"]) if recognized is None else recognized,
            _quoted(values[b"key_id"]),
            values[b"drawing"].replace(b", ", b",") or b"null",
        )
    )


def _quoted(value: bytes) -> bytes:
    if value.isalnum():  # ASCII letters and digits stand for themselves
        return b'"%b"' % value
    return json.dumps(value.decode(), ensure_ascii=False).encode()


def _fields(row: bytes) -> list[bytes] | None:
    """Split a row at its commas; None when quotes are not where they belong."""
    fields, at, more = [], 0, True
    while more:
        match = _FIELD.match(row, at)
        if match is None:
            return None
        quoted, plain, comma = match.groups()
        fields.append(plain if quoted is None else quoted.replace(b'""', b'"'))
        at, more = match.end(), bool(comma)
    return fields


def _read(path: Path, options: ReadOptions) -> Iterator[RecordBatch]:
    with open_decompressed(path) as file:
        for scan in scan_csv(file, source_name=str(path), on_reject=options.on_reject):
            if len(scan.batch):
                yield RecordBatch(scan.batch, scan.offset)


def _sniff(head: bytes) -> bool:
    return b"drawing" in head.partition(b"\n")[0].rstrip(b"\r").split(b",")


CSV = Format(
    name="csv",
    suffixes=(".csv",),
    sniff=_sniff,
    compressible=True,
    position="line",
    header_lines=1,
    decimal_text=True,
    bytes_per_drawing=460,
    bytes_per_raw_drawing=3860,
    read=_read,
)
