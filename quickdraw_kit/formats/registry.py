"""All file formats, and the ways to find the one of a file.

`FORMATS` is what every command asks: which files of a folder are sources, how large a chunk may be,
what `convert` can write, what a message
lists. A new format is a module that declares a `Format`, and a line here.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from quickdraw_kit.errors import UsageError
from quickdraw_kit.formats.binary import BINARY
from quickdraw_kit.formats.bitmaps import BITMAPS
from quickdraw_kit.formats.file_names import strip_compression
from quickdraw_kit.formats.format import Format, ReadOptions
from quickdraw_kit.formats.gif import GIF
from quickdraw_kit.formats.idx import IDX
from quickdraw_kit.formats.kaggle import CSV
from quickdraw_kit.formats.ndjson.format import NDJSON
from quickdraw_kit.formats.ndjson.scanner import OnReject
from quickdraw_kit.formats.png import PNG
from quickdraw_kit.formats.quickdraw414k import QUICKDRAW414K
from quickdraw_kit.formats.record_batch import rebatch
from quickdraw_kit.formats.stroke3 import STROKE3
from quickdraw_kit.formats.svg import SVG
from quickdraw_kit.formats.tables import ARROW, PARQUET
from quickdraw_kit.storage.files import detect_compression, open_decompressed
from quickdraw_kit.strokes.batch import DrawingBatch

FORMATS: dict[str, Format] = {}
"""Formats by name, in the order in which content is compared with them."""

_HEAD_BYTES = 4096
_BOM = b"\xef\xbb\xbf"


def register_format(format: Format) -> None:
    """Add a format to `FORMATS`."""
    # with a shared suffix, the order of registration would decide
    taken = {suffix for other in FORMATS.values() for suffix in other.suffixes}
    if format.name in FORMATS or taken.intersection(format.suffixes):
        raise UsageError(
            f"the format {format.name} {list(format.suffixes)} has the name or a suffix of another"
        )
    FORMATS[format.name] = format


for _format in (
    NDJSON,
    CSV,
    BINARY,
    STROKE3,
    PARQUET,
    ARROW,
    QUICKDRAW414K,
    BITMAPS,
    IDX,
    SVG,
    PNG,
    GIF,
):
    register_format(_format)


def format_from_name(path: Path) -> Format | None:
    """Return the format that a file's name ends in, with or without .gz or .zst."""
    name = strip_compression(path).name
    return next((f for f in FORMATS.values() if name.endswith(f.suffixes)), None)


def find_format(path: Path) -> Format | None:
    """Return the format of a file or folder by its name, or else by its content."""
    if str(path) == "-":
        # standard input can be read only once, so its content is not looked at
        return FORMATS["ndjson"]
    if path.is_dir():
        return next(
            (f for f in FORMATS.values() if f.sniff_folder is not None and f.sniff_folder(path)),
            None,
        )
    # the name first: content has to be read, and perhaps decompressed
    return format_from_name(path) or _sniff(path)


def list_suffixes(accepts: Callable[[Format], bool]) -> str:
    """List the suffixes of some formats, for messages and help."""
    suffixes = [suffix for f in FORMATS.values() if accepts(f) for suffix in f.suffixes]
    return ", ".join(suffix if suffix.startswith(".") else f"*{suffix}" for suffix in suffixes)


def _holds_strokes(format: Format) -> bool:
    return format.can_read and format.has_strokes


def detect_format(path: str | os.PathLike[str]) -> str:
    """Return the name of the format in which a file holds drawings."""
    return _drawing_format(Path(path)).name


def iter_drawings(
    path: str | os.PathLike[str],
    *,
    word: str | None = None,
    batch_size: int | None = None,
    on_reject: OnReject | None = None,
) -> Iterator[DrawingBatch]:
    """Read drawings of any format in batches.

    Parameters
    ----------
    path : str or path-like
        As for `detect_format`.
    word : str, optional
        Category of the drawings of a format that does not hold it (``.bin``, official ``.npz``); by
        default the one that the file is named after.
    batch_size : int, optional
        Drawings per batch; the last batch may have fewer. By default as many as the format's reader
        yields.
    on_reject : callable, optional
        Called with each line of ndjson, or row of CSV, that is not a valid drawing and is skipped.
        By default the first such line is an error.

    Yields
    ------
    DrawingBatch
        The next drawings. Memory is constant, except for ``.npz``, which is read as a whole.

    Raises
    ------
    MalformedLineError
        If a line is not a valid drawing and `on_reject` is not given.
    DataError
        If the file is damaged.
    UsageError, OSError
        As `detect_format`.

    Examples
    --------
    >>> from quickdraw_kit import generate_drawings, iter_drawings, write_binary
    >>> write_binary(generate_drawings(["star"], 3, raw=False), "star.bin")
    >>> [len(batch) for batch in iter_drawings("star.bin")]
    [3]
    """
    path = Path(path)
    format = _drawing_format(path)
    records = format.read(path, ReadOptions(word=word, on_reject=on_reject))
    batches = (record_batch.batch for record_batch in records)
    size = batch_size or format.batch_size
    return batches if size is None else rebatch(batches, size)


def _drawing_format(path: Path) -> Format:
    """Return the format of a file that holds strokes, or raise."""
    format = find_format(path)
    if format is None:
        raise UsageError(
            f"{path} does not have a supported format: expected "
            f"{list_suffixes(_holds_strokes)}, the content of such a file, or a folder of "
            "QuickDraw-414k"
        )
    if not _holds_strokes(format):
        raise UsageError(f"{path} holds {format.name}, from which no strokes can be read")
    # checked for all formats here: their libraries would report a damaged file
    is_file = path.is_file()
    if is_file and not format.compressible and detect_compression(path) is not None:
        raise UsageError(
            f"{path} is compressed: decompress it, {format.name} is not read compressed"
        )
    return format


def _sniff(path: Path) -> Format | None:
    with open_decompressed(path) as file:
        # editors on Windows write a byte order mark before text
        head = file.read(_HEAD_BYTES).removeprefix(_BOM)
    for format in FORMATS.values():
        if format.magic is not None and head.startswith(format.magic):
            return format
        if format.sniff is not None and format.sniff(head):
            return format
    return None
