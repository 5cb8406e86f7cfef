"""Read and write the official ndjson, raw and simplified, at any size.

A line takes one of two paths: the compiled scanner, when the line has the official layout to the
letter, or the standard JSON parser. They give the same drawing. Whether a source is raw
([x, y, t], real-valued) or simplified ([x, y], whole numbers 0 to 255) is told by its first valid
line; lines of the other kind are then refused. Blank lines hold no drawing, but count as lines.
What makes a line valid is written down in `quickdraw_kit.formats.ndjson.line_parser`.
"""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal, TypeAlias, cast

from quickdraw_kit.errors import UsageError
from quickdraw_kit.formats.ndjson.chunks import MAX_LINE_BYTES, iter_chunks
from quickdraw_kit.formats.ndjson.line_parser import LineError, parse_line
from quickdraw_kit.formats.ndjson.scanner import OnReject, ParsedChunk, Reject, scan_chunks
from quickdraw_kit.formats.ndjson.writer import encode_lines
from quickdraw_kit.formats.record_batch import rebatch
from quickdraw_kit.storage.files import atomic_write, compressed_writer, open_decompressed
from quickdraw_kit.strokes.batch import DrawingBatch

__all__ = [
    "ParsedChunk",
    "Reject",
    "detect_variant",
    "iter_ndjson",
    "read_ndjson",
    "scan_range",
    "scan_stream",
    "write_ndjson",
]

Source: TypeAlias = str | os.PathLike[str] | bytes | BinaryIO

_BATCH_SIZE = 1 << 16
_BOM = b"\xef\xbb\xbf"
_EMPTY = DrawingBatch.from_strokes([], words=[])


def read_ndjson(
    source: Source, *, on_reject: OnReject | None = None, max_line_bytes: int = MAX_LINE_BYTES
) -> DrawingBatch:
    r"""Read a whole ndjson source.

    Parameters
    ----------
    source : path, bytes or binary file
        A path may be of a gzip or zstd file; ``-`` is standard input.
    on_reject : callable, optional
        Called with each line that is refused, which is then left out. By default the first such
        line is an error.
    max_line_bytes : int
        Longer lines are refused.

    Returns
    -------
    DrawingBatch
        All drawings; without a single one, an empty simplified batch.

    Raises
    ------
    MalformedLineError
        If a line is not a drawing and there is no `on_reject`.
    DataError
        If the file is a folder or its compression is damaged.

    Examples
    --------
    >>> line = (
    ...     b'{"word":"cat","countrycode":"DE","timestamp":"2017-03-02 23:25:10.07453 UTC",'
    ...     b'"recognized":true,"key_id":"5201136883597312","drawing":[[[1,30],[2,3]]]}\n'
    ... )
    >>> batch = read_ndjson(line + b"{}\n", on_reject=lambda reject: print(reject.reason))
    key 'word' is missing
    >>> batch[0].word, batch.key_id, batch.x
    ('cat', array([5201136883597312], dtype=uint64), array([ 1, 30], dtype=uint8))
    """
    with _opened(source) as (file, name):
        blocks = iter_chunks(file, max_line_bytes=max_line_bytes)
        batches = [
            scan.batch
            for scan in scan_chunks(blocks, raw=None, name=name, on_reject=on_reject)
            if len(scan.batch)
        ]
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
        Drawings in a batch; the last one may hold fewer.

    Yields
    ------
    DrawingBatch
        At least one drawing each.

    Raises
    ------
    UsageError
        If the batch size is not positive.
    MalformedLineError, DataError
        As for `read_ndjson`.

    Examples
    --------
    >>> path = getfixture("tmp_path") / "line.ndjson"
    >>> batch = DrawingBatch.from_strokes([[([0, 9], [0, 9])]] * 5, words=["line"] * 5)
    >>> write_ndjson(batch, path)
    >>> [len(batch) for batch in iter_ndjson(path, batch_size=2)]
    [2, 2, 1]
    """
    if batch_size < 1:
        raise UsageError(f"batch_size is {batch_size}, expected at least 1")
    with _opened(source) as (file, name):
        blocks = iter_chunks(file, max_line_bytes=max_line_bytes)
        chunks = scan_chunks(blocks, raw=None, name=name, on_reject=on_reject)
        yield from rebatch((chunk.batch for chunk in chunks), batch_size)


def scan_range(
    path: str | os.PathLike[str],
    start: int,
    stop: int,
    *,
    raw: bool,
    source_name: str | None = None,
    on_reject: OnReject | None = None,
    max_line_bytes: int = MAX_LINE_BYTES,
) -> Iterator[ParsedChunk]:
    """Read the lines of a file that begin in a range of its bytes.

    Ranges that tile a file give each of its lines exactly once. A byte order mark is not part of
    the first line.
    """
    if not 0 <= start <= stop:
        raise UsageError(f"range {start} to {stop}, expected 0 <= start <= stop")
    name = str(path) if source_name is None else source_name
    with Path(path).open("rb") as file:
        first = _line_start(file, start)
        file.seek(first)
        blocks = iter_chunks(file, offset=first, stop=stop, max_line_bytes=max_line_bytes)
        yield from scan_chunks(blocks, raw=raw, name=name, on_reject=on_reject, stop=stop)


def scan_stream(
    file: BinaryIO,
    *,
    raw: bool | None,
    source_name: str | None = None,
    on_reject: OnReject | None = None,
    max_line_bytes: int = MAX_LINE_BYTES,
) -> Iterator[ParsedChunk]:
    r"""Read the lines of a stream that need not be seekable, each with its place."""
    name = source_name if source_name is not None else _name(file)
    blocks = iter_chunks(file, max_line_bytes=max_line_bytes)
    return scan_chunks(blocks, raw=raw, name=name, on_reject=on_reject)


def write_ndjson(batch: DrawingBatch, path: str | os.PathLike[str]) -> None:
    """Write drawings in the official layout, to the letter.

    Whole coordinates are written without a point, others as the shortest decimal that reads back
    exactly. An unknown timestamp is written as an empty string.

    Parameters
    ----------
    batch : DrawingBatch
        Drawings with times are written raw, without times simplified.
    path : path-like
        Final place, written whole or not at all; ``.gz`` and ``.zst`` are compressed.

    Raises
    ------
    DataError
        If a drawing has no word, no strokes or no points, a coordinate is not finite, or a drawing
        without times has coordinates that are not whole numbers from 0 to 255.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> path = getfixture("tmp_path") / "line.ndjson"
    >>> write_ndjson(DrawingBatch.from_strokes([[([0, 9], [0, 9])]], words=["line"]), path)
    >>> print(path.read_text().rstrip())
    {"word":"line","countrycode":"","timestamp":"",...,"drawing":[[[0,9],[0,9]]]}
    """
    path = Path(path)
    with atomic_write(path) as file, compressed_writer(file, path) as out:
        for lines in encode_lines(batch):
            out.write(lines)


def detect_variant(
    source: str | os.PathLike[str] | bytes, *, max_line_bytes: int = MAX_LINE_BYTES
) -> Literal["raw", "simplified"]:
    """Tell whether a source holds raw or simplified drawings."""
    if source == "-":
        raise UsageError("standard input can be read only once: its kind cannot be looked up")
    with _opened(source) as (file, _):
        for block in iter_chunks(file, chunk_bytes=1 << 16, max_line_bytes=max_line_bytes):
            for line in bytes(block.data[: block.size]).split(b"\n"):
                try:
                    return "raw" if parse_line(line).is_raw else "simplified"
                except LineError:
                    continue
    return "simplified"


@contextmanager
def _opened(source: Source) -> Iterator[tuple[BinaryIO, str]]:
    if isinstance(source, bytes | bytearray | memoryview):
        yield io.BytesIO(source), "<bytes>"
    elif isinstance(source, io.TextIOBase):
        raise UsageError("the file is open as text, expected bytes: open it with mode 'rb'")
    elif hasattr(source, "readinto"):
        yield cast("BinaryIO", source), _name(source)
    else:
        path = cast("str | os.PathLike[str]", source)
        file = open_decompressed(path)
        if str(path) == "-":
            yield file, "<stdin>"
            return
        with file:
            yield file, str(path)


def _name(file: object) -> str:
    name = getattr(file, "name", None)
    return name if isinstance(name, str) else "<stream>"


def _line_start(file: BinaryIO, start: int) -> int:
    """Return where the first line that begins at `start` or later begins."""
    if start <= len(_BOM):
        file.seek(0)
        if file.read(len(_BOM)) == _BOM:
            return len(_BOM)
        if start == 0:
            return 0
    file.seek(start - 1)
    at = start - 1
    while piece := file.read(1 << 16):
        newline = piece.find(b"\n")
        if newline >= 0:
            return at + newline + 1
        at += len(piece)
    return at
