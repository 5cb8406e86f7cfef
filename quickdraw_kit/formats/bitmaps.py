"""The official bitmaps: a ``.npy`` per category, or a ``.bin`` of the same rows without a header.

Row i of an official ``<category>.npy`` is line i of the simplified ``<category>.ndjson``, and
drawing i of ``<category>.bin``; the file itself holds no metadata. `join_bitmaps` returns the
drawing of each row, and renders some drawings to check that the two files belong together.
"""

import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import DataError
from quickdraw_kit.formats.binary import begins_with_drawings, read_binary
from quickdraw_kit.formats.file_names import label_from_filename
from quickdraw_kit.formats.format import Format, ReadOptions, WriteOptions
from quickdraw_kit.formats.labeled_images import image_side
from quickdraw_kit.formats.ndjson.files import read_ndjson
from quickdraw_kit.formats.npy_header import NpyHeader, parse_header
from quickdraw_kit.formats.record_batch import RecordBatch
from quickdraw_kit.raster.style import RasterStyle
from quickdraw_kit.storage.files import atomic_write, detect_compression
from quickdraw_kit.strokes.batch import DrawingBatch
from quickdraw_kit.strokes.key_ids import row_key_ids
from quickdraw_kit.strokes.normalize import normalize

_HEAD_BYTES = 4096
_BIN_HEAD_BYTES = 1 << 16
_ROW_BYTES = 28 * 28


def read_bitmaps(path: str | os.PathLike[str]) -> npt.NDArray[np.uint8]:
    """Map an official ``.npy`` of bitmaps into memory.

    Parameters
    ----------
    path : str or path-like
        The file, not compressed. A ``.bin`` has rows of 784 pixels, without a header.

    Returns
    -------
    ndarray of uint8, shape (N, side * side)
        Read-only; rows are read from the disk when they are accessed. Official bitmaps have side
        28. A file of shape (N, side, side) is flattened; axes of length 1 do not count.

    Raises
    ------
    DataError
        If the file is compressed, is not a ``.npy`` of square bitmaps, or does not have as many
        bytes as it declares. No pickle is loaded.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> from quickdraw_kit import convert, generate_drawings, read_bitmaps, write_ndjson
    >>> write_ndjson(generate_drawings(["star"], 5, raw=False), "star.ndjson")
    >>> _ = convert("star.ndjson", "star.npy")
    >>> read_bitmaps("star.npy").shape
    (5, 784)
    """
    path = Path(path)
    if path.is_file() and detect_compression(path):
        raise DataError(f"{path} is compressed: decompress it, so that its rows can be mapped")
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if path.suffix.lower() == ".bin":
        header = _bin_header(path)
    else:
        header = parse_header(head, path.stat().st_size, str(path))
    side = image_side(header.shape)
    if header.dtype != np.uint8 or header.fortran_order or not side:
        dtype = "Python objects" if header.dtype is None else header.dtype
        hint = ". Labels are found beside the images: give these" if len(header.shape) == 1 else ""
        raise DataError(
            f"{path} holds {dtype} {header.shape}, expected uint8 bitmaps such as (N, 784){hint}"
        )
    shape = (header.shape[0], side * side)
    if not shape[0]:  # an empty range cannot be mapped
        return np.zeros(shape, np.uint8)
    return np.memmap(path, np.uint8, "r", offset=header.offset, shape=shape)


def write_bitmaps(
    batches: Iterable[DrawingBatch],
    path: str | os.PathLike[str],
    style: RasterStyle | None = None,
) -> None:
    """Render drawings to a ``.npy`` like the official ones, one batch at a time.

    Parameters
    ----------
    batches : iterable of DrawingBatch
        The drawings; those in another scale are normalized.
    path : str or path-like
        The file to write, atomically.
    style : RasterStyle, optional
        Side and pen; by default those of the official bitmaps.

    Raises
    ------
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> from quickdraw_kit import generate_drawings, read_bitmaps, write_bitmaps
    >>> write_bitmaps([generate_drawings(["star"], 3)], "star.npy")
    >>> read_bitmaps("star.npy").shape
    (3, 784)
    """
    from quickdraw_kit.raster.render import rasterize

    style = style or RasterStyle()
    drawings = 0
    with atomic_write(path) as file:
        # takes the bytes that the final header will need
        _write_header(file, 0, style.side)
        for batch in batches:
            # uint8 coordinates are those of simplified drawings
            in_frame = batch if batch.x.dtype == np.uint8 else normalize(batch)
            file.write(rasterize(in_frame, style).data)
            drawings += len(batch)

        # The number of drawings is only known now.
        file.seek(0)
        _write_header(file, drawings, style.side)


def _write_header(file: BinaryIO, drawings: int, side: int) -> None:
    """Write the header of a .npy; numpy pads it to the same length for any number of drawings."""
    header = {"descr": "|u1", "fortran_order": False, "shape": (drawings, side * side)}
    np.lib.format.write_array_header_1_0(file, header)


def join_bitmaps(
    bitmaps: npt.NDArray[np.uint8],
    source: str | os.PathLike[str] | DrawingBatch,
    *,
    check: int = 100,
) -> DrawingBatch:
    """Return the drawing of each row of official bitmaps.

    As many as `check` drawings are rendered and compared; DataError if one is not its row.
    """
    from quickdraw_kit.raster.render import rasterize

    if isinstance(source, DrawingBatch):
        batch = source
    # also .bin.gz and .bin.zst
    elif ".bin" in Path(source).suffixes[-2:]:
        batch = read_binary(source)
    else:
        batch = read_ndjson(source)
    if bitmaps.shape != (len(batch), 784):
        raise DataError(
            f"the bitmaps are {bitmaps.shape} and the drawings {len(batch)}: expected a row of 784 "
            "pixels per drawing. If lines of the drawings are missing, rows cannot be assigned."
        )

    # evenly over the file: a missing line shifts all rows after it
    chosen = np.unique(np.linspace(0, len(batch) - 1, min(check, len(batch))).astype(np.int64))
    rendered = rasterize(batch.take(chosen)).reshape(-1, 784)
    wrong = (rendered != bitmaps[chosen]).any(axis=1)
    if wrong.any():
        row = int(chosen[wrong.argmax()])
        raise DataError(
            f"drawing {row} (key_id {batch.key_id[row]}) is not row {row}: {wrong.sum()} of "
            f"{len(chosen)} rendered drawings differ from their bitmaps"
        )
    return batch


def _bin_header(path: Path) -> NpyHeader:
    """Return what the header of a .bin of bitmaps would be, if it had one."""
    rows, rest = divmod(path.stat().st_size, _ROW_BYTES)
    if rest:
        raise DataError(
            f"{path} has {rows} rows of {_ROW_BYTES} pixels and {rest} bytes more: it is cut off, "
            "or it does not hold bitmaps"
        )
    return NpyHeader(np.dtype(np.uint8), (rows, _ROW_BYTES), False, 0)


def _has_rows(path: Path) -> bool:
    """Whether a .bin has rows of pixels and not drawings, as both have the same suffix."""
    size = path.stat().st_size
    if not size or size % _ROW_BYTES:
        return False
    with path.open("rb") as file:
        return not begins_with_drawings(file.read(_BIN_HEAD_BYTES))


def _read(path: Path, options: ReadOptions) -> Iterator[RecordBatch]:
    size = path.stat().st_size
    images = read_bitmaps(path)
    header, row_bytes = size - images.nbytes, images.shape[1]
    stop = size if options.stop is None else options.stop

    # A row belongs to the chunk that contains its first byte, like a line of ndjson.
    first, last = (
        min(max(-(-(byte - header) // row_bytes), 0), len(images)) for byte in (options.start, stop)
    )

    # Not from the map: if the file were cut off now, access to it would kill the process.
    with path.open("rb") as file:
        file.seek(header + first * row_bytes)
        rows = np.fromfile(file, np.uint8, (last - first) * row_bytes)
    if len(rows) < (last - first) * row_bytes:
        raise DataError(
            f"{path} was cut off while it was read: expected rows {first} to {last}, found only "
            f"{len(rows) // row_bytes} of them"
        )

    side = math.isqrt(row_bytes)
    word = options.word or label_from_filename(path)
    # drawings without strokes, for the metadata only
    number = last - first
    # by the row in the file: identifiers do not depend on how it is divided into chunks
    key_id = row_key_ids(f"numpy_bitmap/{word}", first, last)
    batch = DrawingBatch.from_strokes([[]] * number, words=[word] * number, key_id=key_id)
    batch = replace(batch, words=(word,))
    yield RecordBatch(batch, np.arange(first, last), images=rows.reshape(-1, side, side))


def _write(batches: Iterator[DrawingBatch], path: Path, options: WriteOptions) -> None:
    write_bitmaps(batches, path, options.style.of_bitmaps())


BITMAPS = Format(
    name="bitmaps",
    suffixes=(".npy",),
    magic=b"\x93NUMPY",
    splittable=True,
    bytes_per_drawing=28 * 28,
    fields=frozenset(),
    has_strokes=False,
    style_fields=frozenset({"side", "line_diameter", "padding"}),
    read=_read,
    write=_write,
)
BITMAP_ROWS = Format(
    name="bitmap-rows",
    suffixes=(".bin",),
    holds=_has_rows,
    splittable=True,
    bytes_per_drawing=_ROW_BYTES,
    fields=frozenset(),
    has_strokes=False,
    read=_read,
)
