"""The official bitmaps: a ``.npy`` per category.

Row i of an official ``<category>.npy`` is line i of the simplified ``<category>.ndjson``, and
drawing i of ``<category>.bin``; the bitmaps themselves name neither. `join_bitmaps` gives each row
its metadata back, and renders drawings to prove that the two files are of one making.
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
from quickdraw_kit.formats.binary import read_binary
from quickdraw_kit.formats.file_names import label_from_filename
from quickdraw_kit.formats.format import Format, ReadOptions, WriteOptions
from quickdraw_kit.formats.ndjson.files import read_ndjson
from quickdraw_kit.formats.npy_header import parse_header
from quickdraw_kit.formats.record_batch import RecordBatch
from quickdraw_kit.raster.style import RasterStyle
from quickdraw_kit.storage.files import atomic_write, detect_compression
from quickdraw_kit.strokes.batch import DrawingBatch
from quickdraw_kit.strokes.key_ids import row_key_ids
from quickdraw_kit.strokes.normalize import normalize

__all__ = ["BITMAPS", "join_bitmaps", "read_bitmaps", "write_bitmaps"]

_HEAD = 4096


def read_bitmaps(path: str | os.PathLike[str]) -> npt.NDArray[np.uint8]:
    """Map an official ``.npy`` of bitmaps into memory.

    Parameters
    ----------
    path : str or path-like
        The file, not compressed.

    Returns
    -------
    ndarray of uint8, shape (N, side * side)
        Read-only; rows come from the disk when they are used. Official bitmaps have side 28. A
        file of shape (N, side, side) is flattened.

    Raises
    ------
    DataError
        If the file is compressed, is no ``.npy`` of square bitmaps, or holds another number of
        bytes than it declares. No pickle is loaded.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> path = getfixture("tmp_path") / "cat.npy"
    >>> np.save(path, np.zeros((5, 784), np.uint8))
    >>> read_bitmaps(path).shape
    (5, 784)
    """
    path = Path(path)
    if path.is_file() and detect_compression(path):
        raise DataError(f"{path} is compressed: decompress it, so that its rows can be mapped")
    with path.open("rb") as file:
        header = parse_header(file.read(_HEAD), path.stat().st_size, str(path))
    side = _side(header.shape)
    if header.dtype != np.uint8 or header.fortran_order or not side:
        kind = "Python objects" if header.dtype is None else header.dtype
        raise DataError(
            f"{path} holds {kind} {header.shape}, expected uint8 bitmaps such as (N, 784)"
        )
    shape = (header.shape[0], side * side)
    if not shape[0]:  # nothing cannot be mapped
        return np.zeros(shape, np.uint8)
    return np.memmap(path, np.uint8, "r", offset=header.offset, shape=shape)


def write_bitmaps(
    batches: Iterable[DrawingBatch],
    path: str | os.PathLike[str],
    style: RasterStyle | None = None,
) -> None:
    """Render drawings into a ``.npy`` as the official ones are, a batch at a time.

    Parameters
    ----------
    batches : iterable of DrawingBatch
        The drawings; those in another scale are fitted into the frame.
    path : path-like
        Final place, written whole or not at all.
    style : RasterStyle, optional
        By default that of the official bitmaps.

    Raises
    ------
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> path = getfixture("tmp_path") / "line.npy"
    >>> write_bitmaps([DrawingBatch.from_strokes([[([0, 9], [0, 9])]], words=["line"])], path)
    >>> read_bitmaps(path).shape
    (1, 784)
    """
    from quickdraw_kit.raster.render import rasterize

    style = style or RasterStyle()
    drawings = 0
    with atomic_write(path) as file:
        _write_header(file, 0, style.side)
        for batch in batches:
            framed = batch if batch.x.dtype == np.uint8 else normalize(batch)
            file.write(rasterize(framed, style).data)
            drawings += len(batch)
        file.seek(0)
        _write_header(file, drawings, style.side)


def _write_header(file: BinaryIO, drawings: int, side: int) -> None:
    """Write the header of a .npy; numpy keeps its length the same for any number of drawings."""
    header = {"descr": "|u1", "fortran_order": False, "shape": (drawings, side * side)}
    np.lib.format.write_array_header_1_0(file, header)


def join_bitmaps(
    bitmaps: npt.NDArray[np.uint8],
    source: str | os.PathLike[str] | DrawingBatch,
    *,
    check: int = 100,
) -> DrawingBatch:
    """Give official bitmaps their drawings and metadata back."""
    from quickdraw_kit.raster.render import rasterize

    if isinstance(source, DrawingBatch):
        batch = source
    elif ".bin" in Path(source).suffixes[-2:]:
        batch = read_binary(source)
    else:
        batch = read_ndjson(source)
    if bitmaps.shape != (len(batch), 784):
        raise DataError(
            f"the bitmaps are {bitmaps.shape} and the drawings {len(batch)}: a row each of 784 is "
            "needed. Where lines are missing from the drawings, rows cannot be told apart."
        )
    chosen = np.unique(np.linspace(0, len(batch) - 1, min(check, len(batch))).astype(np.int64))
    rendered = rasterize(batch.take(chosen)).reshape(-1, 784)
    wrong = (rendered != bitmaps[chosen]).any(axis=1)
    if wrong.any():
        row = int(chosen[wrong.argmax()])
        raise DataError(
            f"drawing {row} (key_id {batch.key_id[row]}) is not row {row}: {wrong.sum()} of "
            f"{len(chosen)} drawings that were rendered are other bitmaps"
        )
    return batch


def _side(shape: tuple[int, ...]) -> int:
    """Return the side of square bitmaps; 0 when they are not."""
    if len(shape) == 3 and shape[1] == shape[2]:
        return shape[1]
    side = math.isqrt(shape[1]) if len(shape) == 2 else 0
    return side if len(shape) == 2 and side * side == shape[1] else 0


def _read(path: Path, options: ReadOptions) -> Iterator[RecordBatch]:
    size = path.stat().st_size
    images = read_bitmaps(path)
    header, row_bytes = size - images.nbytes, images.shape[1]
    stop = size if options.stop is None else options.stop
    # A row is in the chunk in which its first byte is, as a line of ndjson is.
    first, last = (
        min(max(-(-(byte - header) // row_bytes), 0), len(images)) for byte in (options.start, stop)
    )
    with path.open("rb") as file:  # not from the map: a file that is cut off is an error
        file.seek(header + first * row_bytes)
        rows = np.fromfile(file, np.uint8, (last - first) * row_bytes)
    if len(rows) < (last - first) * row_bytes:
        raise DataError(
            f"{path} was cut off while it was read: expected rows {first} to {last}, found only "
            f"{len(rows) // row_bytes} of them"
        )
    side = math.isqrt(row_bytes)
    word = options.word or label_from_filename(path)
    batch = DrawingBatch.from_strokes([[]] * (last - first), words=[word] * (last - first))
    batch = replace(batch, key_id=row_key_ids(f"numpy_bitmap/{word}", first, last), words=(word,))
    yield RecordBatch(batch, np.arange(first, last), images=rows.reshape(-1, side, side))


def _write(batches: Iterator[DrawingBatch], path: Path, options: WriteOptions) -> None:
    write_bitmaps(batches, path, options.style)


BITMAPS = Format(
    name="bitmaps",
    suffixes=(".npy",),
    magic=b"\x93NUMPY",
    splittable=True,
    bytes_per_drawing=28 * 28,
    fields=frozenset(),
    has_strokes=False,
    read=_read,
    write=_write,
)
