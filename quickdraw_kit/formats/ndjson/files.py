"""Read and write the official ndjson, raw and simplified, at any size.

A line takes one of two paths: the compiled scanner if the line has the exact official layout,
otherwise the standard JSON parser. Both give the same drawing. The first valid lines of a source
decide whether it is raw (rows x, y, t with real numbers; or x, y, of which some are not whole
numbers 0 to 255) or simplified (rows x, y with whole
numbers 0 to 255); later lines of the other variant are rejected. Blank lines are skipped, but
counted. Files that are not one drawing per line are read as if they were: see
`quickdraw_kit.formats.ndjson.containers`. What makes a line valid is defined in
`quickdraw_kit.formats.ndjson.line_parser`.
"""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal, TypeAlias, cast

from quickdraw_kit.errors import UsageError
from quickdraw_kit.formats.file_names import word_from_filename
from quickdraw_kit.formats.ndjson.chunks import BOM, MAX_LINE_BYTES, LineChunk, iter_chunks
from quickdraw_kit.formats.ndjson.containers import Lines, open_lines
from quickdraw_kit.formats.ndjson.line_parser import LineError, parse_line
from quickdraw_kit.formats.ndjson.scanner import OnReject, ParsedChunk, scan_chunks
from quickdraw_kit.formats.ndjson.writer import encode_lines
from quickdraw_kit.formats.record_batch import rebatch
from quickdraw_kit.storage.files import atomic_write, compressed_writer, open_decompressed
from quickdraw_kit.strokes.batch import DrawingBatch

Source: TypeAlias = str | os.PathLike[str] | bytes | BinaryIO

_BATCH_SIZE = 1 << 16
_READ_BYTES = 1 << 16
_EMPTY = DrawingBatch.from_strokes([], words=[])


def read_ndjson(
    source: Source, *, on_reject: OnReject | None = None, max_line_bytes: int = MAX_LINE_BYTES
) -> DrawingBatch:
    r"""Read all drawings of an ndjson source.

    Parameters
    ----------
    source : path, bytes or binary file
        Files may be compressed with gzip or zstd; ``-`` is standard input. Lines without a word get
        the category that the file is named after, if it is one of the 345.
    on_reject : callable, optional
        Called with a `Reject` for each line that is not a valid drawing; such lines are skipped.
        By default the first one raises an error.
    max_line_bytes : int
        Longer lines are rejected.

    Returns
    -------
    DrawingBatch
        All drawings; an empty simplified batch if there are none.

    Raises
    ------
    MalformedLineError
        If a line is not a valid drawing and `on_reject` is not given.
    DataError
        If the file is a folder or its compressed data is damaged.

    Examples
    --------
    >>> from quickdraw_kit import read_ndjson
    >>> line = (
    ...     b'{"word":"cat","countrycode":"DE","timestamp":"2017-03-02 23:25:10.07453 UTC",'
    ...     b'"recognized":true,"key_id":"5201136883597312","drawing":[[[1,30],[2,3]]]}\n'
    ... )
    >>> batch = read_ndjson(line + b"{}\n", on_reject=lambda reject: print(reject.reason))
    key 'drawing' is missing
    >>> batch[0].word, batch.key_id, batch.x
    ('cat', array([5201136883597312], dtype=uint64), array([ 1, 30], dtype=uint8))
    """
    with _open_source(source) as (file, name):
        parsed = scan_stream(
            file, raw=None, source_name=name, on_reject=on_reject, max_line_bytes=max_line_bytes
        )
        batches = [chunk.batch for chunk in parsed if len(chunk.batch)]
    if len(batches) == 1:
        return batches[0]
    return DrawingBatch.concat(batches) if batches else _EMPTY


def iter_ndjson(
    source: Source,
    *,
    batch_size: int = _BATCH_SIZE,
    on_reject: OnReject | None = None,
    max_line_bytes: int = MAX_LINE_BYTES,
) -> Iterator[DrawingBatch]:
    """Read an ndjson source in batches, in constant memory.

    Parameters
    ----------
    source, on_reject, max_line_bytes
        As for `read_ndjson`.
    batch_size : int
        Drawings per batch; the last batch may have fewer.

    Yields
    ------
    DrawingBatch
        With at least one drawing.

    Raises
    ------
    UsageError
        If the batch size is below 1.
    MalformedLineError, DataError
        As for `read_ndjson`.

    Examples
    --------
    >>> from quickdraw_kit import generate_drawings, iter_ndjson, write_ndjson
    >>> write_ndjson(generate_drawings(["sun"], 5), "sun.ndjson")
    >>> [len(batch) for batch in iter_ndjson("sun.ndjson", batch_size=2)]
    [2, 2, 1]
    """
    if batch_size < 1:
        raise UsageError(f"batch_size is {batch_size}, expected at least 1")
    with _open_source(source) as (file, name):
        parsed = scan_stream(
            file, raw=None, source_name=name, on_reject=on_reject, max_line_bytes=max_line_bytes
        )
        yield from rebatch((chunk.batch for chunk in parsed), batch_size)


def write_ndjson(batch: DrawingBatch, path: str | os.PathLike[str]) -> None:
    """Write drawings in the exact official layout.

    Whole coordinates are written without a decimal point, others as the shortest decimal that
    reads back exactly. What is not known is left out; an unknown country or time is written as an
    empty string, as officially, if all else is known.

    Parameters
    ----------
    batch : DrawingBatch
        Written as raw drawings if it has times, otherwise as simplified ones.
    path : path-like
        The file, written atomically; compressed if its name ends in ``.gz`` or ``.zst``.

    Raises
    ------
    DataError
        If a drawing has an empty word, no strokes or a stroke without points, if a coordinate is
        not finite, or if a drawing without times has coordinates other than whole numbers 0 to 255.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> from pathlib import Path
    >>> from quickdraw_kit import DrawingBatch, write_ndjson
    >>> batch = DrawingBatch.from_strokes([[([0, 9], [0, 9])]], words=["line"])
    >>> write_ndjson(batch, "line.ndjson")
    >>> print(Path("line.ndjson").read_text().rstrip())
    {"word":"line","drawing":[[[0,9],[0,9]]]}
    """
    path = Path(path)
    with atomic_write(path) as file, compressed_writer(file, path) as out:
        for lines in encode_lines(batch):
            out.write(lines)


def scan_range(
    path: str | os.PathLike[str],
    start: int,
    stop: int,
    *,
    raw: bool,
    source_name: str | None = None,
    on_reject: OnReject | None = None,
    word: str | None = None,
    max_line_bytes: int = MAX_LINE_BYTES,
) -> Iterator[ParsedChunk]:
    """Read the lines whose first byte is in a range of an uncompressed file.

    Ranges that tile a file give each of its lines exactly once. A byte order mark is not part of
    the first line.
    """
    if not 0 <= start <= stop:
        raise UsageError(f"range {start} to {stop}, expected 0 <= start <= stop")
    name = str(path) if source_name is None else source_name
    with Path(path).open("rb") as file:
        lines = open_lines(file, name)
        # what is rewritten is read as a whole, with the range that has its beginning
        if lines.is_rewritten:
            if start == 0:
                chunks = iter_chunks(lines.file, max_line_bytes=max_line_bytes)
                yield from _scan(lines, chunks, raw, name, on_reject, word)
            return
        first = _next_line_start(file, start)
        file.seek(first)
        chunks = iter_chunks(file, offset=first, stop=stop, max_line_bytes=max_line_bytes)
        yield from _scan(lines, chunks, raw, name, on_reject, word, stop)


def scan_stream(
    file: BinaryIO,
    *,
    raw: bool | None,
    source_name: str | None = None,
    on_reject: OnReject | None = None,
    word: str | None = None,
    max_line_bytes: int = MAX_LINE_BYTES,
) -> Iterator[ParsedChunk]:
    """Read all lines of a stream, which need not be seekable.

    Lines without a word get `word`, or else the category that the source is named after.
    """
    name = source_name if source_name is not None else _stream_name(file)
    lines = open_lines(file, name)
    chunks = iter_chunks(lines.file, max_line_bytes=max_line_bytes)
    return _scan(lines, chunks, raw, name, on_reject, word)


def _scan(
    lines: Lines,
    chunks: Iterator[LineChunk],
    raw: bool | None,
    name: str,
    on_reject: OnReject | None,
    word: str | None,
    stop: int | None = None,
) -> Iterator[ParsedChunk]:
    layout = lines.layout
    return scan_chunks(
        chunks,
        raw=layout.raw if raw is None else raw,
        name=name,
        on_reject=on_reject,
        stop=stop,
        word=word or lines.word or word_from_filename(name),
        timed=not layout.raw or layout.timed,
        points=layout.points,
    )


def detect_variant(
    source: str | os.PathLike[str] | bytes, *, max_line_bytes: int = MAX_LINE_BYTES
) -> Literal["raw", "simplified"]:
    """Return the variant of the first valid line; "simplified" if there is none."""
    if source == "-":
        raise UsageError(
            "the variant of standard input is not known before it is read: give a file"
        )
    with _open_source(source) as (file, name):
        lines = open_lines(file, name)
        if lines.layout.raw is not None:
            return "raw" if lines.layout.raw else "simplified"
        # none of the first lines is valid; small chunks, because another one may be soon
        chunks = iter_chunks(lines.file, chunk_bytes=_READ_BYTES, max_line_bytes=max_line_bytes)
        for chunk in chunks:
            for line in bytes(chunk.data[: chunk.size]).split(b"\n"):
                try:
                    return "raw" if parse_line(line).is_raw else "simplified"
                except LineError:
                    continue
    return "simplified"


@contextmanager
def _open_source(source: Source) -> Iterator[tuple[BinaryIO, str]]:
    """Open a source and name it. Only files that are opened here are closed."""
    if isinstance(source, bytes | bytearray | memoryview):
        yield io.BytesIO(source), "<bytes>"
    elif isinstance(source, io.TextIOBase):
        raise UsageError("the file is open as text, expected bytes: open it with mode 'rb'")
    elif hasattr(source, "readinto"):
        yield cast("BinaryIO", source), _stream_name(source)
    else:
        path = cast("str | os.PathLike[str]", source)
        file = open_decompressed(path)
        if str(path) == "-":  # belongs to the process
            yield file, "<stdin>"
            return
        with file:
            yield file, str(path)


def _stream_name(file: object) -> str:
    name = getattr(file, "name", None)
    return name if isinstance(name, str) else "<stream>"


def _next_line_start(file: BinaryIO, start: int) -> int:
    """Return the offset of the first line that starts at `start` or later."""
    if start <= len(BOM):
        file.seek(0)
        if file.read(len(BOM)) == BOM:
            return len(BOM)
        if start == 0:
            return 0
    # from the byte before: if it is a newline, a line starts at `start` itself
    file.seek(start - 1)
    position = start - 1
    while data := file.read(_READ_BYTES):
        newline = data.find(b"\n")
        if newline >= 0:
            return position + newline + 1
        position += len(data)
    return position
