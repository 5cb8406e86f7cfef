"""Files of bitmaps: the official ``.npy``, and IDX as of MNIST.

Row i of an official ``<category>.npy`` is line i of the simplified ``<category>.ndjson``, and
drawing i of ``<category>.bin``; the bitmaps themselves name neither. `join_bitmaps` gives each row
its metadata back, and renders drawings to prove that the two files are of one making.
"""

import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import DataError
from quickdraw_kit.formats.binary import read_binary
from quickdraw_kit.formats.ndjson.files import read_ndjson
from quickdraw_kit.formats.npy_header import parse_header
from quickdraw_kit.raster.render import rasterize
from quickdraw_kit.raster.style import RasterStyle
from quickdraw_kit.storage.files import atomic_write, detect_compression, open_decompressed
from quickdraw_kit.strokes.batch import DrawingBatch
from quickdraw_kit.strokes.normalize import normalize

__all__ = ["join_bitmaps", "read_bitmaps", "read_idx", "write_bitmaps"]

_HEAD = 4096
_STEP = 1 << 20
_HARMLESS = 1 << 26  # bytes that an IDX file may unpack to, however small it is
_DENSEST = 100  # times that a larger one may be of its packed size; MNIST's is 5
_IDX_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


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


def read_idx(path: str | os.PathLike[str]) -> npt.NDArray[Any]:
    """Read an IDX file: images or labels of MNIST, Fashion-MNIST, EMNIST and their like.

    Parameters
    ----------
    path : str or path-like
        The file, as it is or compressed with gzip or zstd.

    Returns
    -------
    ndarray
        Of the type and shape that the file declares: uint8 (N, 28, 28) for images, uint8 (N,) for
        labels. Read-only.

    Raises
    ------
    DataError
        If it is no IDX file, or holds another number of bytes than it declares; no more is read,
        and nothing is allocated for a promise.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> path = getfixture("tmp_path") / "labels-idx1-ubyte"
    >>> _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 5, 0, 4]))
    >>> read_idx(path)
    array([5, 0, 4], dtype=uint8)
    """
    path = Path(path)
    with open_decompressed(path) as file:
        magic = file.read(4)
        if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _IDX_TYPES or not magic[3]:
            raise DataError(f"{path} is no IDX file: it begins with {magic!r}")
        lengths = file.read(4 * magic[3])
        shape = tuple(np.frombuffer(lengths[: len(lengths) // 4 * 4], ">u4").tolist())
        dtype = np.dtype(_IDX_TYPES[magic[2]])
        size, stored = math.prod(shape) * dtype.itemsize, path.stat().st_size
        packed = detect_compression(path) is not None
        if len(shape) != magic[3] or len(lengths) != 4 * magic[3]:
            raise DataError(f"{path} ends within its header. It is cut off: fetch it again.")
        if size > (max(_HARMLESS, _DENSEST * stored) if packed else stored):
            raise DataError(
                f"{path} declares {shape}, {size} bytes, more than its {stored} bytes can hold"
            )
        content = bytearray()
        while part := file.read(min(_STEP, size + 1 - len(content))):
            content += part
    if len(content) != size:
        found = f"holds {len(content)}" if len(content) < size else "goes on behind them"
        raise DataError(f"{path} declares {shape}, {size} bytes, but {found}. Fetch it again.")
    return np.frombuffer(bytes(content), dtype).reshape(shape)


def _side(shape: tuple[int, ...]) -> int:
    """Return the side of square bitmaps; 0 when they are not."""
    if len(shape) == 3 and shape[1] == shape[2]:
        return shape[1]
    side = math.isqrt(shape[1]) if len(shape) == 2 else 0
    return side if len(shape) == 2 and side * side == shape[1] else 0
