"""The CSV of Kaggle's "Quick, Draw! Doodle Recognition Challenge": ``train_simplified`` and raw.

A row holds the six keys of an official line in columns (countrycode, drawing, key_id, recognized,
timestamp, word, or their other names in lines), and the drawing is JSON in quotes. Only the drawing
is required; an empty field is not known. Each row is translated to an official line of ndjson and
read as one, so that both formats accept the same drawings and give the same reasons. A row is one
line of the file, as Kaggle wrote it.
"""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from quickdraw_kit.errors import DataError, MalformedLineError
from quickdraw_kit.formats.file_names import given_word, word_from_filename
from quickdraw_kit.formats.format import Format, ReadOptions
from quickdraw_kit.formats.ndjson.chunks import MAX_LINE_BYTES, SLACK_BYTES, LineChunk, iter_chunks
from quickdraw_kit.formats.ndjson.metadata import NAMES
from quickdraw_kit.formats.ndjson.scanner import OnReject, ParsedChunk, Reject, scan_chunks
from quickdraw_kit.formats.ndjson.stroke_shapes import DRAWING_NAMES
from quickdraw_kit.formats.record_batch import RecordBatch
from quickdraw_kit.storage.files import ClosingReader, open_decompressed, to_utf8
from quickdraw_kit.strokes.batch import DrawingBatch

_COLUMNS = ("countrycode", "drawing", "key_id", "recognized", "timestamp", "word")  # in any order
# in the order of official lines
_METADATA = tuple((name.encode(), tuple(n.encode() for n in NAMES[name])) for name in NAMES)
_DRAWING_NAMES = tuple(name.encode() for name in DRAWING_NAMES)
_LOCAL_TIME = re.compile(rb"[0-9-]{10} [0-9:.]+")
# each text matches in one way only, so the time is linear even for rows full of quotes
_FIELD = re.compile(rb'(?:"([^"]*(?:""[^"]*)*)"|([^",]*))(,|$)')
_BOOLEANS = {b"True": b"true", b"False": b"false"}
_INVALID_LINE = b"!\n"  # stands for a row that cannot be split into fields


def read_kaggle_csv(
    path: str | os.PathLike[str], *, on_reject: OnReject | None = None
) -> DrawingBatch:
    r"""Read a whole CSV of drawings."""
    batches = list(iter_kaggle_csv(path, on_reject=on_reject))
    return DrawingBatch.concat(batches) if batches else DrawingBatch.from_strokes([], words=[])


def iter_kaggle_csv(
    path: str | os.PathLike[str], *, on_reject: OnReject | None = None
) -> Iterator[DrawingBatch]:
    r"""Read a CSV of drawings of any size in constant memory."""
    for records in _read(Path(path), ReadOptions(on_reject=on_reject)):
        yield records.batch


def scan_csv(
    file: BinaryIO,
    *,
    source_name: str,
    on_reject: OnReject | None = None,
    word: str | None = None,
    max_line_bytes: int = MAX_LINE_BYTES,
) -> Iterator[ParsedChunk]:
    """Read a CSV of drawings from a stream, each drawing with the position of its row."""
    translation = _Translation(source_name)

    def reject(rejected: Reject) -> None:
        offset, length, line, reason = translation.row_of(rejected.line)
        reason = reason or rejected.reason
        if on_reject is None:
            raise MalformedLineError(source_name, line, offset, reason)
        on_reject(Reject(source_name, line, offset, length, reason))

    chunks = translation.translate(iter_chunks(file, max_line_bytes=max_line_bytes))
    word = word or word_from_filename(source_name)
    for chunk in scan_chunks(chunks, raw=None, name=source_name, on_reject=reject, word=word):
        rows = [translation.row_of(line)[:3] for line in chunk.line.tolist()]
        offset, length, line = np.array(rows, np.int64).reshape(-1, 3).T
        yield ParsedChunk(chunk.batch, offset, length, line, chunk.lines, dropped=chunk.dropped)


class _Translation:
    """Translates rows to official lines, chunk by chunk, and numbers of lines back to rows."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._columns: list[bytes] = []  # as in the header; empty before it is read
        self._rows: list[tuple[int, int, int, str | None]] = []  # of this chunk, see `row_of`
        self._lines = 0  # official lines before this chunk
        self._row_number = 0  # of the last row, from 1; the header is a row

    def row_of(self, line: int) -> tuple[int, int, int, str | None]:
        """Return offset, length and number of a line's row, and why it is invalid, if known."""
        return self._rows[line - self._lines - 1]

    def translate(self, chunks: Iterator[LineChunk]) -> Iterator[LineChunk]:
        for chunk in chunks:
            self._lines += len(self._rows)
            self._rows = []
            lines: list[bytes] = []
            offset = chunk.offset
            if chunk.too_long:
                self._columns = self._columns or self._parse_header(None)
                self._row_number += 1
                self._rows.append((offset, chunk.too_long, self._row_number, None))

            for row in bytes(chunk.data[: chunk.size]).split(b"\n")[:-1]:
                line, reason = self._translate_row(row.removesuffix(b"\r"))
                self._row_number += 1
                if self._row_number > 1:
                    lines.append(line)
                    self._rows.append((offset, len(row), self._row_number, reason))
                offset += len(row) + 1
            content = b"".join(lines)
            data = bytearray(content + bytes(SLACK_BYTES))
            yield LineChunk(data, len(content), 0, chunk.too_long)

        # an empty file does not have the columns either
        self._columns = self._columns or self._parse_header(None)

    def _translate_row(self, row: bytes) -> tuple[bytes, str | None]:
        """Return the official line of a row, and why the row is invalid, if it cannot have one."""
        fields = _split(row)
        if not self._columns:
            self._columns = self._parse_header(fields)
            return b"", None
        if not row.strip():
            return b"\n", None
        if fields is None:
            return _INVALID_LINE, "the row has an unclosed or misplaced quote"
        if len(fields) != len(self._columns):
            reason = f"the row has {len(fields)} fields, the header {len(self._columns)}"
            return _INVALID_LINE, reason

        values = dict(zip(self._columns, fields, strict=True))
        drawing = next(values[name] for name in _DRAWING_NAMES if name in values)
        if b'"' in drawing:  # could end the drawing and add keys to the line, if it is not JSON
            try:
                drawing = json.dumps(json.loads(drawing)).encode()
            except (ValueError, RecursionError):
                return _INVALID_LINE, "drawing has a quote, expected lists of numbers"
        try:
            return _official_line(values, drawing), None
        except UnicodeDecodeError as error:
            return _INVALID_LINE, f"byte 0x{error.object[error.start]:02x} is not UTF-8"

    def _parse_header(self, fields: list[bytes] | None) -> list[bytes]:
        names = [field.decode("latin-1") for field in fields or []]
        if {"x", "y"}.issubset(names):
            raise DataError(
                f"{self._name} has drawings in columns x and y, which pandas writes to CSV as text "
                "that cannot be read again: save the frame with to_parquet, or with "
                "to_json(lines=True, orient='records')"
            )
        if not set(DRAWING_NAMES).intersection(names):
            raise DataError(
                f"{self._name} has no column drawing: expected a header with {', '.join(_COLUMNS)}"
            )
        return [name.encode("latin-1") for name in names]


def _official_line(values: dict[bytes, bytes], drawing: bytes) -> bytes:
    """Write the values of a row as an official line; the parser of lines validates them."""
    items = []
    for name, others in _METADATA:
        value = next((values[other] for other in others if values.get(other)), b"")
        if not value:
            continue
        if name == b"timestamp":
            value += b" UTC" if _LOCAL_TIME.fullmatch(value) else b""
        text = _BOOLEANS.get(value) if name == b"recognized" else None
        items.append(b'"%b":%b' % (name, text or _quoted(value)))
    # Kaggle's lists have spaces after the commas, official ones do not
    items.append(b'"drawing":%b' % (drawing.replace(b", ", b",") or b"null"))
    return b"{%b}\n" % b",".join(items)


def _quoted(value: bytes) -> bytes:
    if value.isalnum():  # bytes.isalnum is ASCII only: nothing to escape
        return b'"%b"' % value
    return json.dumps(value.decode(), ensure_ascii=False).encode()


def _split(row: bytes) -> list[bytes] | None:
    """Split a row at its commas; None if its quotes are not valid."""
    fields, position, has_more = [], 0, True
    while has_more:
        match = _FIELD.match(row, position)
        if match is None:
            return None
        quoted, plain, comma = match.groups()
        fields.append(plain if quoted is None else quoted.replace(b'""', b'"'))
        position, has_more = match.end(), bool(comma)
    return fields


def _read(path: Path, options: ReadOptions) -> Iterator[RecordBatch]:
    word = given_word(options.word, path)
    with _open_text(path) as file:
        for chunk in scan_csv(file, source_name=str(path), on_reject=options.on_reject, word=word):
            if len(chunk.batch):
                yield RecordBatch(chunk.batch, chunk.offset, dropped=chunk.dropped)


def _sniff(head: bytes) -> bool:
    names = head.partition(b"\n")[0].rstrip(b"\r").split(b",")
    return any(name in names for name in _DRAWING_NAMES)


def _open_text(path: Path) -> BinaryIO:
    file = open_decompressed(path)
    return ClosingReader(to_utf8(file, str(path))[0], file)


CSV = Format(
    name="csv",
    suffixes=(".csv",),
    sniff=_sniff,
    compressible=True,
    position="line",
    open_text=_open_text,
    header_lines=1,
    holds_unknown=True,
    bytes_per_drawing=460,
    bytes_per_raw_drawing=3860,
    read=_read,
)
