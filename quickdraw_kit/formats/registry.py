"""All file formats, and the ways to find the one of a file.

`FORMATS` is what every command asks: which files of a folder are sources, how large a chunk may be,
what `convert` can write, what a message
lists. A new format is a module that declares a `Format`, and a line here.
"""

import glob
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from quickdraw_kit.errors import DataError, UsageError, format_count
from quickdraw_kit.formats.binary import BINARY
from quickdraw_kit.formats.bitmaps import BITMAP_ROWS, BITMAPS
from quickdraw_kit.formats.file_names import is_hidden, strip_compression
from quickdraw_kit.formats.foreign import describe_foreign
from quickdraw_kit.formats.format import Format, ReadOptions
from quickdraw_kit.formats.gif import GIF, WEBP
from quickdraw_kit.formats.idx import IDX
from quickdraw_kit.formats.image_arrays import IMAGE_ARRAYS, IMAGE_LABEL_PAIR
from quickdraw_kit.formats.image_tables import IMAGE_TABLE
from quickdraw_kit.formats.kaggle import CSV
from quickdraw_kit.formats.ndjson.format import NDJSON
from quickdraw_kit.formats.ndjson.scanner import OnReject
from quickdraw_kit.formats.pictures import BMP, JPEG, TIFF
from quickdraw_kit.formats.png import PNG
from quickdraw_kit.formats.quickdraw414k import QUICKDRAW414K
from quickdraw_kit.formats.record_batch import rebatch
from quickdraw_kit.formats.stroke3 import STROKE3
from quickdraw_kit.formats.svg import SVG
from quickdraw_kit.formats.tables import ARROW, PARQUET
from quickdraw_kit.storage.files import (
    detect_compression,
    detect_encoding,
    open_decompressed,
    zip_members,
)
from quickdraw_kit.strokes.batch import DrawingBatch

FORMATS: dict[str, Format] = {}
"""Formats by name, in the order in which content is compared with them."""

_HEAD_BYTES = 1 << 14  # more than the first line of a table of 784 pixels takes
_MAX_DEPTH = 3  # of folders in a folder without files
_MAX_FOLDERS = 1000
_BOM = b"\xef\xbb\xbf"


def register_format(format: Format) -> None:
    """Add a format to `FORMATS`."""
    # with a shared suffix, the order of registration would decide, unless the content does
    taken = {suffix for other in FORMATS.values() for suffix in other.suffixes}
    is_decided = format.holds is not None
    if format.name in FORMATS or (taken.intersection(format.suffixes) and not is_decided):
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
    BITMAP_ROWS,
    IMAGE_ARRAYS,
    IMAGE_LABEL_PAIR,
    IMAGE_TABLE,
    IDX,
    SVG,
    PNG,
    GIF,
    WEBP,
    JPEG,
    BMP,
    TIFF,
):
    register_format(_format)


def format_from_name(path: Path) -> Format | None:
    """Return the format that a file's name ends in, with or without the suffix of a compression.

    Of formats with the same suffix it is the first, from which `find_format` may differ.
    """
    name = strip_compression(path).name
    return next((f for f in FORMATS.values() if f.is_named(name)), None)


def find_format(path: Path) -> Format | None:
    """Return the format of a file or folder by its name, or else by its content.

    DataError for a file that has the content of another program, whatever its name.
    """
    if str(path) == "-":
        # standard input can be read only once, so its content is not looked at
        return FORMATS["ndjson"]
    if path.is_dir():
        return next(
            (f for f in FORMATS.values() if f.sniff_folder is not None and f.sniff_folder(path)),
            None,
        )
    with open_decompressed(path) as file:
        # editors on Windows write a byte order mark before text
        head = file.read(_HEAD_BYTES).removeprefix(_BOM)
    if (encoding := detect_encoding(head)) is not None:
        head = head.decode(encoding, "ignore").removeprefix("\ufeff").encode("utf-8", "replace")
    if (foreign := describe_foreign(head) or _describe_archive(path, head)) is not None:
        raise DataError(f"{path} {foreign}")

    format = format_from_name(path) or _sniff(head)
    if format is None:
        return None
    # the content decides between formats that share a suffix
    alike = (f for f in FORMATS.values() if f.holds is not None and f.suffixes == format.suffixes)
    return next((f for f in alike if f.holds is not None and f.holds(path)), format)


def find_files(path: Path, accepts: Callable[[Path], bool]) -> list[Path] | None:
    """Return the files that a path means: a file, a folder of files or a glob; None if neither.

    Of a folder or a glob these are the files that are accepted. Files of systems, and those that
    are read together with others, are skipped. A folder without any stands for the one folder
    in it that has some, such as ``MNIST/raw``.
    """
    if path.is_dir():
        # a folder can be one source
        return [path] if find_format(path) is not None else _files_below(path, accepts)
    if str(path) == "-" or path.exists():
        return [path]
    # only now: the name of an existing file may contain brackets
    if not glob.has_magic(str(path)):
        return None
    # Path.glob does not take an absolute pattern
    matches = [Path(match) for match in sorted(glob.glob(str(path), recursive=True))]  # noqa: PTH207
    return _visible(matches, accepts)


def _files_below(folder: Path, accepts: Callable[[Path], bool]) -> list[Path]:
    """Return the files of a folder, or of the only folder in it that has some."""
    level = [folder]
    for _ in range(_MAX_DEPTH):
        listings = [files for each in level if (files := _visible(each.iterdir(), accepts))]
        if listings:
            # of several folders, the user has to name one
            return listings[0] if len(listings) == 1 else []
        inner = (child for each in level for child in sorted(each.iterdir()))
        level = [child for child in inner if child.is_dir() and not is_hidden(child)]
        level = level[:_MAX_FOLDERS]
    return []


def _visible(paths: Iterable[Path], accepts: Callable[[Path], bool]) -> list[Path]:
    """Return the files that are accepted, without those that are read together with another."""
    files = [
        path for path in sorted(paths) if not is_hidden(path) and path.is_file() and accepts(path)
    ]
    # by name: a folder is listed without opening its files
    companions = {
        format.companion(path)
        for format in FORMATS.values()
        if format.companion is not None
        for path in files
        if format.is_named(strip_compression(path).name)
    }
    return [path for path in files if path not in companions]


def list_suffixes(accepts: Callable[[Format], bool]) -> str:
    """List the suffixes of some formats, for messages and help."""
    suffixes = [suffix for f in FORMATS.values() if accepts(f) for suffix in f.suffixes]
    unique = dict.fromkeys(suffixes)
    return ", ".join(suffix if suffix.startswith(".") else f"*{suffix}" for suffix in unique)


def _holds_strokes(format: Format) -> bool:
    return format.can_read and format.has_strokes


def detect_format(path: str | os.PathLike[str]) -> str:
    """Return the name of the format in which a file holds drawings."""
    return drawing_format(Path(path)).name


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
    format = drawing_format(path)
    records = format.read(path, ReadOptions(word=word, on_reject=on_reject))
    batches = (record_batch.batch for record_batch in records)
    size = batch_size or format.batch_size
    return batches if size is None else rebatch(batches, size)


def drawing_format(path: Path, *, needs_strokes: bool = True) -> Format:
    """Return the format of a file that holds strokes, or only drawings, or raise."""
    format = find_format(path)
    if format is None:
        raise UsageError(
            f"{path} does not have a supported format: expected "
            f"{list_suffixes(_holds_strokes)}, the content of such a file, or a folder of "
            "QuickDraw-414k"
        )
    if not (_holds_strokes(format) or (format.can_read and not needs_strokes)):
        what = "pictures" if format.is_picture else "bitmaps"
        raise UsageError(
            f"{path} holds {what} ({format.name}), from which no strokes can be read: prepare, "
            "train and predict take them as they are"
            if not format.is_picture
            else f"{path} holds {format.name}, from which no strokes can be read"
        )
    # checked for all formats here: their libraries would report a damaged file
    is_file = path.is_file()
    if is_file and not format.compressible and detect_compression(path) is not None:
        raise UsageError(
            f"{path} is compressed: decompress it, {format.name} is not read compressed"
        )
    return format


def _sniff(head: bytes) -> Format | None:
    for format in FORMATS.values():
        if format.magic is not None and head.startswith(format.magic):
            return format
        if format.sniff is not None and format.sniff(head):
            return format
    return None


def _describe_archive(path: Path, head: bytes) -> str | None:
    """Describe a zip archive that is not a .npz, and how to unpack it."""
    if not head.startswith(b"PK\x03\x04") or path.suffix.lower() == ".npz":
        return None
    names = zip_members(path)
    # a damaged one has none: its reader says what is wrong; a .npz may have lost its name
    is_npz = all(name.endswith(".npy") for name in names) and path.suffix.lower() != ".zip"
    if not names or is_npz:
        return None
    return (
        f"is a zip archive of {format_count(len(names), 'file')}: unpack it "
        f"('unzip {path.name} -d {path.stem}'), and give the folder"
    )
