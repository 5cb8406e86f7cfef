"""What people bring to a model: files, streams, pixels and strokes, made what it was trained on.

A model answers well about bitmaps that look like its training set, and badly about all others. So
strokes go through the simplification and the renderer that made the training set, and pictures are
traced to strokes first. Only a bitmap that has the model's size already is taken as it is.
"""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import DataError
from quickdraw_kit.raster.bitmaps import read_bitmaps
from quickdraw_kit.raster.render import rasterize
from quickdraw_kit.raster.style import RasterStyle
from quickdraw_kit.strokes.batch import Drawing, DrawingBatch
from quickdraw_kit.strokes.ndjson import iter_ndjson
from quickdraw_kit.strokes.npy import parse_npy
from quickdraw_kit.strokes.simplify import simplify
from quickdraw_kit.trace.image import trace_image
from quickdraw_kit.trace.picture import MAX_BYTES, is_picture, read_picture
from quickdraw_kit.trace.svg import is_svg, read_svg

__all__ = ["Input", "Part", "Picture", "as_trained", "read_input"]

Picture: TypeAlias = npt.NDArray[np.uint8]
Input: TypeAlias = str | os.PathLike[str] | bytes | DrawingBatch | Picture
"""A file (``-`` is standard input), what is in it, drawings, or pixels."""

_BATCH = 512  # drawings of a part
_NPY = b"\x93NUMPY"
_HEAD = 1024


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A few drawings of one input, as a model takes them.

    Parameters
    ----------
    sources : list of str
        Where each comes from.
    images : ndarray of uint8, shape (n, side, side)
        As the training set was rendered.
    strokes : DrawingBatch or None
        The same, simplified; None for bitmaps that came as they are.
    originals : sequence of ndarray or Drawing
        What was given.

    See Also
    --------
    read_input : makes them.
    """

    sources: list[str]
    images: Picture
    strokes: DrawingBatch | None
    originals: Sequence[Picture | Drawing]


def as_trained(batch: DrawingBatch) -> DrawingBatch:
    """Bring drawings into the form that models are trained on: the simplified one.

    Parameters
    ----------
    batch : DrawingBatch
        Simplified drawings, which stay as they are, or drawings in any other scale.

    Returns
    -------
    DrawingBatch
        Simplified.

    Raises
    ------
    DataError
        If a drawing has no point, or a coordinate is not finite.

    Examples
    --------
    >>> as_trained(DrawingBatch.from_strokes([[([5, 7], [1, 1])]], words=[""]))[0].strokes
    [array([[  0,   0],
           [255,   0]], dtype=uint8)]
    """
    empty = np.flatnonzero(batch.point_counts == 0)
    if len(empty):
        raise DataError(f"drawing {empty[0]} has no point: there is nothing to recognise")
    if batch.x.dtype != np.uint8:
        return simplify(batch)
    framed = _framed(batch)
    if framed.all():
        return batch
    wide = replace(batch, x=batch.x.astype(np.int16), y=batch.y.astype(np.int16))
    parts = DrawingBatch.concat([batch.filter(framed), simplify(wide.filter(~framed))])
    place = np.argsort(np.concatenate([np.flatnonzero(framed), np.flatnonzero(~framed)]))
    return parts.take(place)


def _framed(batch: DrawingBatch) -> npt.NDArray[np.bool_]:
    """Tell which drawings begin at 0 and end at 255, as simplified ones do."""
    starts = batch.point_offsets[:-1]
    low = np.maximum(np.minimum.reduceat(batch.x, starts), np.minimum.reduceat(batch.y, starts))
    high = np.maximum(np.maximum.reduceat(batch.x, starts), np.maximum.reduceat(batch.y, starts))
    return np.asarray((low == 0) & ((high == 255) | (high == 0)))


def read_input(source: Input, style: RasterStyle) -> Iterator[Part]:
    """Read an input, told by its content, in parts of a bounded size.

    Parameters
    ----------
    source : path, bytes, DrawingBatch or ndarray
        As for `quickdraw_kit.learn.predict.predict`.
    style : RasterStyle
        How the training set was rendered.

    Yields
    ------
    Part
        At least one drawing each.

    Raises
    ------
    UsageError, DataError, OSError
        As `quickdraw_kit.learn.predict.predict`.

    Examples
    --------
    >>> batch = DrawingBatch.from_strokes([[([5, 7], [1, 1])]], words=[""])
    >>> [part.sources for part in read_input(batch, RasterStyle())]
    [['drawing:1']]
    """
    if isinstance(source, DrawingBatch):
        cuts = range(0, len(source), _BATCH)
        return _of_strokes((source[cut : cut + _BATCH] for cut in cuts), "drawing", style)
    if isinstance(source, np.ndarray):
        return _of_array(source, "array", style)
    if isinstance(source, bytes):
        return _of_bytes(source, "bytes", style)
    if str(source) == "-":
        return _of_stdin(style)
    return _of_path(Path(source), style)


def _of_path(path: Path, style: RasterStyle) -> Iterator[Part]:
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if head.startswith(_NPY) and path.stat().st_size > MAX_BYTES:
        return _of_array(read_bitmaps(path), path.name, style)
    if _is_whole(head):
        with path.open("rb") as file:
            return _of_bytes(file.read(MAX_BYTES + 1), path.name, style)
    return _of_strokes(iter_ndjson(path, batch_size=_BATCH), path.name, style)


def _of_stdin(style: RasterStyle) -> Iterator[Part]:
    file: Any = sys.stdin.buffer
    if _is_whole(file.peek(_HEAD)):
        return _of_bytes(file.read(MAX_BYTES + 1), "stdin", style)
    return _of_strokes(iter_ndjson(file, batch_size=_BATCH), "stdin", style)


def _is_whole(head: bytes) -> bool:
    """Tell whether a file is of a form that is read at once and not line by line."""
    return is_picture(head) or is_svg(head) or head.startswith(_NPY)


def _of_bytes(data: bytes, name: str, style: RasterStyle) -> Iterator[Part]:
    try:
        if is_picture(data[:_HEAD]):
            picture = read_picture(data)
            return _of_pictures([picture], [name], style)
        if is_svg(data[:_HEAD]):
            return _of_strokes([read_svg(data)], name, style, alone=True)
    except DataError as error:
        raise DataError(f"{name}: {error}") from error
    if data.startswith(_NPY):
        if len(data) > MAX_BYTES:
            raise DataError(f"{name} has more than {MAX_BYTES} bytes: give the file by its path")
        return _of_array(parse_npy(data, name), name, style)
    return _of_strokes(iter_ndjson(data, batch_size=_BATCH), name, style)


def _of_array(array: npt.NDArray[Any], name: str, style: RasterStyle) -> Iterator[Part]:
    side = style.side
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or 0 in array.shape:
        raise DataError(
            f"{name} is {array.dtype} {array.shape}, expected uint8: bitmaps of shape "
            f"(n, {side * side}) or (n, height, width), or a picture"
        )
    if array.ndim == 2 and array.shape[1] == side * side:
        array = array.reshape(-1, side, side)
    elif array.ndim == 2 or array.shape[2] in (3, 4):
        return _of_pictures([array], [name], style)
    if array.shape[1:] != (side, side):
        names = [f"{name}:{row + 1}" for row in range(len(array))]
        return _of_pictures(array, names, style)
    return _of_bitmaps(array, name, style)


def _of_strokes(
    batches: Iterable[DrawingBatch], name: str, style: RasterStyle, *, alone: bool = False
) -> Iterator[Part]:
    row = 0
    for batch in batches:
        try:
            strokes = as_trained(batch)
        except DataError as error:
            raise DataError(f"{name}: {error}") from error
        names = [name] if alone else [f"{name}:{row + i + 1}" for i in range(len(batch))]
        yield Part(names, rasterize(strokes, style), strokes, batch)  # type: ignore[arg-type]
        row += len(batch)
    if row == 0:
        raise DataError(f"{name} is empty: it has no drawing")


def _of_bitmaps(bitmaps: Picture, name: str, style: RasterStyle) -> Iterator[Part]:
    """Take bitmaps as they are, white on black; those that are black on white are turned."""
    for start in range(0, len(bitmaps), _BATCH):
        part = np.array(bitmaps[start : start + _BATCH])
        ring = np.concatenate([part[:, 0], part[:, -1], part[:, :, 0], part[:, :, -1]], axis=1)
        turned = np.median(ring, axis=1) > 127
        images = np.where(turned[:, None, None], 255 - part, part)
        blank = np.flatnonzero(np.ptp(part, axis=(1, 2)) == 0)
        if len(blank):
            raise DataError(f"{name}: bitmap {start + blank[0] + 1} is empty, all of one grey")
        names = [f"{name}:{start + row + 1}" for row in range(len(part))]
        yield Part(names, images, None, list(part))


def _of_pictures(
    pictures: Iterable[Picture], names: list[str], style: RasterStyle
) -> Iterator[Part]:
    for name, picture in zip(names, pictures, strict=True):
        if picture.shape == (style.side, style.side):
            (part,) = _of_bitmaps(picture[None], name, style)
            yield replace(part, sources=[name])
            continue
        try:
            strokes = as_trained(trace_image(picture))
        except DataError as error:
            raise DataError(f"{name}: {error}") from error
        yield Part([name], rasterize(strokes, style), strokes, [picture])
