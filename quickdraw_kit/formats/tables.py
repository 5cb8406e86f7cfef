"""Parquet and Arrow files: a row per drawing, in the columns of `DrawingBatch.to_arrow`.

Tables with a column of strokes instead of x and y, as pandas makes them of official lines, are
translated to lines and read as those.
"""

import io
import itertools
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from quickdraw_kit.errors import DataError
from quickdraw_kit.formats.file_names import given_word
from quickdraw_kit.formats.format import Format, ReadOptions, WriteOptions
from quickdraw_kit.formats.ndjson.scanner import Reject
from quickdraw_kit.formats.ndjson.stroke_shapes import DRAWING_NAMES
from quickdraw_kit.formats.record_batch import RecordBatch
from quickdraw_kit.storage.files import atomic_write
from quickdraw_kit.strokes.batch import DrawingBatch

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH_ROWS = 1 << 16
_LINE_ROWS = 1 << 10  # as Python objects


def _read_parquet(path: Path, options: ReadOptions) -> Iterator[RecordBatch]:
    import pyarrow.parquet as pq

    def read() -> "Iterator[pa.RecordBatch]":
        # within the generator, so that errors on opening are reported as those on reading are
        with pq.ParquetFile(path) as file:
            yield from file.iter_batches(_BATCH_ROWS)

    return _to_record_batches(path, "Parquet", read(), options)


def _read_arrow(path: Path, options: ReadOptions) -> Iterator[RecordBatch]:
    import pyarrow as pa

    def read() -> "Iterator[pa.RecordBatch]":
        with path.open("rb") as file, pa.ipc.open_file(file) as reader:
            for number in range(reader.num_record_batches):
                yield reader.get_batch(number)

    return _to_record_batches(path, "Arrow", read(), options)


def _to_record_batches(
    path: Path, name: str, batches: "Iterable[pa.RecordBatch]", options: ReadOptions
) -> Iterator[RecordBatch]:
    import pyarrow as pa

    first = 0
    batches = iter(batches)
    try:
        head = next(batches, None)
        if head is None:
            return
        batches = itertools.chain([head], batches)
        if "x" not in head.schema.names and set(DRAWING_NAMES).intersection(head.schema.names):
            yield from _read_lines(path, batches, options)
            return
        for rows in batches:
            batch = DrawingBatch.from_arrow(pa.Table.from_batches([rows]))
            yield RecordBatch(batch, np.arange(first, first + len(batch)))
            first += len(batch)
    except pa.ArrowInvalid as error:
        raise DataError(
            f"{path} is not a complete {name} file: download or copy it again"
        ) from error


def _read_lines(
    path: Path, batches: "Iterator[pa.RecordBatch]", options: ReadOptions
) -> Iterator[RecordBatch]:
    """Read rows as lines of ndjson: row n is line n."""
    from quickdraw_kit.formats.ndjson.files import scan_stream

    def reject(line: Reject) -> None:
        row = line.line - 1
        if options.on_reject is None:
            raise DataError(f"{path}, row {row + 1}: {line.reason}")
        options.on_reject(replace(line, offset=row))

    lines = io.BufferedReader(_Rows(batches))
    word = given_word(options.word, path)
    for scan in scan_stream(
        lines, raw=options.raw, source_name=str(path), on_reject=reject, word=word
    ):
        yield RecordBatch(scan.batch, scan.line - 1, dropped=scan.dropped)


class _Rows(io.RawIOBase):
    """The rows of a table as lines of JSON."""

    def __init__(self, batches: "Iterator[pa.RecordBatch]") -> None:
        self._lines = (
            json.dumps(row, default=str, separators=(",", ":")).encode() + b"\n"
            for batch in batches
            for part in range(0, batch.num_rows, _LINE_ROWS)
            for row in batch.slice(part, _LINE_ROWS).to_pylist()
        )
        self._content = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        if not self._content:
            self._content = memoryview(next(self._lines, b""))
        size = min(len(target), len(self._content))
        target[:size] = self._content[:size]
        self._content = self._content[size:]
        return size


def _write_parquet(batches: Iterator[DrawingBatch], path: Path, options: WriteOptions) -> None:
    import pyarrow.parquet as pq

    _write(batches, path, pq.ParquetWriter)


def _write_arrow(batches: Iterator[DrawingBatch], path: Path, options: WriteOptions) -> None:
    import pyarrow as pa

    _write(batches, path, pa.ipc.new_file)


def _write(batches: Iterator[DrawingBatch], path: Path, open_writer: Any) -> None:
    import pyarrow as pa

    writer: Any = None
    with atomic_write(path) as file:
        for batch in batches:
            table = batch.to_arrow()
            # A file has one dictionary, and batches have one each: write words as strings.
            words = table["word"].cast(pa.string())
            table = table.set_column(table.schema.get_field_index("word"), "word", words)
            # the first batch decides whether there are times
            if writer is None:
                writer = open_writer(file, table.schema)
            writer.write_table(table)
        writer.close()


PARQUET = Format(
    name="parquet",
    suffixes=(".parquet",),
    magic=b"PAR1",
    bytes_per_drawing=250,
    holds_unknown=True,
    read=_read_parquet,
    write=_write_parquet,
)
ARROW = Format(
    name="arrow",
    suffixes=(".arrow",),
    magic=b"ARRO",
    bytes_per_drawing=480,
    holds_unknown=True,
    read=_read_arrow,
    write=_write_arrow,
)
