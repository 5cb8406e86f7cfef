"""Read drawings from any form that holds strokes, told by the file's name or by its content."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, TypeAlias

from quickdraw_kit.errors import DataError, UsageError
from quickdraw_kit.formats.ndjson.scanner import OnReject
from quickdraw_kit.storage.files import detect_compression, open_decompressed
from quickdraw_kit.strokes.batch import DrawingBatch

__all__ = ["FormatName", "detect_format", "iter_drawings"]

FormatName: TypeAlias = Literal[
    "ndjson", "binary", "stroke3", "csv", "quickdraw414k", "parquet", "arrow"
]

_SUFFIXES: dict[str, FormatName] = {
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".bin": "binary",
    ".npz": "stroke3",
    ".csv": "csv",
    ".parquet": "parquet",
    ".arrow": "arrow",
}
_MAGIC: dict[bytes, FormatName] = {
    b"PK\x03\x04": "stroke3",
    b"PAR1": "parquet",
    b"ARRO": "arrow",
}
_STREAMS = ("ndjson", "binary", "csv")  # these may be compressed with gzip or zstd
_ROWS = 1 << 16


def detect_format(path: str | os.PathLike[str]) -> FormatName:
    """Tell in which form a file holds drawings.

    Parameters
    ----------
    path : str or path-like
        A file whose suffix says it (``.gz`` and ``.zst`` are looked through), or whose first bytes
        do; a folder, for QuickDraw-414k; ``-`` for ndjson from standard input.

    Returns
    -------
    {"ndjson", "binary", "stroke3", "csv", "quickdraw414k", "parquet", "arrow"}
        The form.

    Raises
    ------
    UsageError
        If neither name nor content tells, if it holds bitmaps, or if it is compressed and of a
        form that cannot be read from a stream.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> path = getfixture("tmp_path") / "drawings.txt"
    >>> _ = path.write_text('{"word":"cat"}')
    >>> detect_format(path), detect_format("-")
    ('ndjson', 'ndjson')
    """
    path = Path(path)
    if str(path) == "-":
        return "ndjson"
    if path.is_dir():
        return "quickdraw414k"
    packed = detect_compression(path) is not None
    name = path.with_suffix("") if path.suffix in (".gz", ".zst") else path
    format = _SUFFIXES.get(name.suffix) or _sniff(path)
    if packed and format not in _STREAMS:
        raise UsageError(
            f"{path} is compressed: decompress it, {format} cannot be read from a stream"
        )
    return format


def iter_drawings(
    path: str | os.PathLike[str], *, word: str | None = None, on_reject: OnReject | None = None
) -> Iterator[DrawingBatch]:
    """Read drawings of any form in batches.

    Parameters
    ----------
    path : str or path-like
        As for `detect_format`.
    word : str, optional
        Category of the drawings of a ``.bin`` or an official ``.npz``; by default the one that the
        file's name gives.
    on_reject : callable, optional
        Called with each line of ndjson, or row of CSV, that is no drawing and is left out. By
        default the first such line is an error.

    Yields
    ------
    DrawingBatch
        In constant memory, but for ``.npz``, which is read whole.

    Raises
    ------
    MalformedLineError
        If a line is no drawing and there is no `on_reject`.
    DataError
        If the file is damaged.
    UsageError, OSError
        As `detect_format`.

    Examples
    --------
    >>> from quickdraw_kit.formats.binary import write_binary
    >>> path = getfixture("tmp_path") / "line.bin"
    >>> write_binary(DrawingBatch.from_strokes([[([0, 9], [0, 9])]] * 3, words=["line"] * 3), path)
    >>> [len(batch) for batch in iter_drawings(path)]
    [3]
    """
    match detect_format(path):
        case "ndjson":
            from quickdraw_kit.formats.ndjson.files import iter_ndjson

            return iter_ndjson(path, on_reject=on_reject)
        case "csv":
            from quickdraw_kit.formats.kaggle import iter_kaggle_csv

            return iter_kaggle_csv(path, on_reject=on_reject)
        case "binary":
            from quickdraw_kit.formats.binary import iter_binary

            return iter_binary(path, word=word)
        case "stroke3":
            from quickdraw_kit.formats.stroke3 import read_stroke3

            return iter([read_stroke3(path, word=word)])
        case "quickdraw414k":
            from quickdraw_kit.formats.quickdraw414k import iter_quickdraw414k

            return iter_quickdraw414k(path)
        case "parquet" | "arrow" as format:
            return _iter_tables(Path(path), format)


def _sniff(path: Path) -> FormatName:
    with open_decompressed(path) as file:
        head = file.read(4096).removeprefix(b"\xef\xbb\xbf")
    if format := _MAGIC.get(head[:4]):
        return format
    if head.lstrip()[:1] == b"{":
        return "ndjson"
    if b"drawing" in head.partition(b"\n")[0].rstrip(b"\r").split(b","):
        return "csv"
    if head[:6] == b"\x93NUMPY":
        raise UsageError(f"{path} holds bitmaps, from which no strokes can be read")
    raise UsageError(
        f"{path} is of no form that holds strokes: expected {', '.join(_SUFFIXES)}, or content "
        "that tells"
    )


def _iter_tables(path: Path, format: str) -> Iterator[DrawingBatch]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        if format == "parquet":
            with pq.ParquetFile(path) as table:
                for rows in table.iter_batches(_ROWS):
                    yield DrawingBatch.from_arrow(pa.Table.from_batches([rows]))
        else:
            with path.open("rb") as file, pa.ipc.open_file(file) as reader:
                for number in range(reader.num_record_batches):
                    rows = reader.get_batch(number)
                    yield DrawingBatch.from_arrow(pa.Table.from_batches([rows]))
    except pa.ArrowInvalid as error:
        raise DataError(f"{path} is no whole {format} file: {error}") from error
