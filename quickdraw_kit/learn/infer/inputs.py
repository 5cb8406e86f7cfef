"""What people bring to a model: files, streams, pixels and strokes, made what it was trained on.

A model answers well about bitmaps that look like its training set, and badly about all others. So
strokes go through the simplification and the renderer that made the training set, and pictures are
traced to strokes first. Only a bitmap that has the model's size already is taken as it is.
"""

import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import DataError, UsageError
from quickdraw_kit.formats.bitmaps import read_bitmaps
from quickdraw_kit.formats.ndjson.files import iter_ndjson
from quickdraw_kit.formats.npy_header import parse_npy
from quickdraw_kit.formats.svg import is_svg, read_svg
from quickdraw_kit.learn.infer.input_batches import (
    Part,
    Picture,
    Reject,
    ensure_simplified,
    raise_error,
    trace,
)
from quickdraw_kit.raster.render import rasterize
from quickdraw_kit.raster.style import RasterStyle
from quickdraw_kit.strokes.batch import DrawingBatch
from quickdraw_kit.trace.image_file import MAX_BYTES, is_picture, read_picture

__all__ = ["Input", "check_input", "read_input"]

Input: TypeAlias = str | os.PathLike[str] | bytes | DrawingBatch | Picture
"""A file (``-`` is standard input), what is in it, drawings, or pixels."""

_BATCH = 512  # drawings of a part
_NPY = b"\x93NUMPY"
_HEAD = 1024
_PACKED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd")  # gzip, zstd


def check_input(path: str | os.PathLike[str]) -> None:
    """Refuse a path where there is no file to read."""
    if Path(path).is_dir():
        raise UsageError(f"{path} is a folder: give the files in it")
    if str(path) != "-" and not Path(path).exists():
        raise UsageError(f"{path} does not exist: give a file, or - for standard input")


def read_input(source: Input, style: RasterStyle, on_error: Reject | None = None) -> Iterator[Part]:
    """Read an input, told by its content, in parts of a bounded size."""
    reject = on_error or raise_error
    if isinstance(source, DrawingBatch):
        cuts = range(0, len(source), _BATCH)
        return _of_strokes((source[cut : cut + _BATCH] for cut in cuts), "drawing", style, reject)
    if isinstance(source, np.ndarray):
        return _of_array(source, "array", style, reject)
    if isinstance(source, bytes):
        return _of_bytes(source, "bytes", style, reject)
    if str(source) == "-":
        return _of_stdin(style, reject)
    return _of_path(Path(source), style, reject)


def _of_path(path: Path, style: RasterStyle, reject: Reject) -> Iterator[Part]:
    check_input(path)
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if head.startswith(_NPY) and path.stat().st_size > MAX_BYTES:
        return _of_array(read_bitmaps(path), path.name, style, reject)
    if _is_whole(head):
        with path.open("rb") as file:
            return _of_bytes(file.read(MAX_BYTES + 1), path.name, style, reject)
    _check_lines(head, path.name)
    return _of_strokes(iter_ndjson(path, batch_size=_BATCH), path.name, style, reject)


def _of_stdin(style: RasterStyle, reject: Reject) -> Iterator[Part]:
    file: Any = sys.stdin.buffer
    head = file.peek(_HEAD)
    if _is_whole(head):
        return _of_bytes(file.read(MAX_BYTES + 1), "stdin", style, reject)
    _check_lines(head, "stdin")
    return _of_strokes(iter_ndjson(file, batch_size=_BATCH), "stdin", style, reject)


def _is_whole(head: bytes) -> bool:
    """Tell whether a file is of a form that is read at once and not line by line."""
    return is_picture(head) or is_svg(head) or head.startswith(_NPY)


def _check_lines(head: bytes, name: str) -> None:
    """Refuse what cannot be ndjson, which is what is left when nothing else fits."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if start not in (b"", b"{") and not head.startswith(_PACKED):
        raise DataError(
            f"{name} is of no form that is read: expected a PNG, JPEG, WebP, BMP or GIF picture, "
            "SVG, .npy, or ndjson"
        )


def _of_bytes(data: bytes, name: str, style: RasterStyle, reject: Reject) -> Iterator[Part]:
    try:
        if is_picture(data[:_HEAD]):
            picture = read_picture(data)
            return _of_pictures([picture], [name], style, reject)
        if is_svg(data[:_HEAD]):
            return _of_strokes([read_svg(data)], name, style, reject, alone=True)
    except DataError as error:
        raise DataError(f"{name}: {error}") from error
    if data.startswith(_NPY):
        if len(data) > MAX_BYTES:
            raise DataError(f"{name} has more than {MAX_BYTES} bytes: give the file by its path")
        return _of_array(parse_npy(data, name), name, style, reject)
    _check_lines(data[:_HEAD], name)
    return _of_strokes(iter_ndjson(data, batch_size=_BATCH), name, style, reject)


def _of_array(
    array: npt.NDArray[Any], name: str, style: RasterStyle, reject: Reject
) -> Iterator[Part]:
    side = style.side
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or 0 in array.shape:
        raise DataError(
            f"{name} is {array.dtype} {array.shape}, expected uint8: bitmaps of shape "
            f"(n, {side * side}) or (n, height, width), or a picture"
        )
    if array.ndim == 2 and array.shape[1] == side * side:
        array = array.reshape(-1, side, side)
    elif array.ndim == 2 or array.shape[2] in (3, 4):
        return _of_pictures([array], [name], style, reject)
    if array.shape[1:] != (side, side):
        names = [f"{name}:{row + 1}" for row in range(len(array))]
        return _of_pictures(array, names, style, reject)
    return _of_bitmaps(array, name, style, reject)


def _of_strokes(
    batches: Iterable[DrawingBatch],
    name: str,
    style: RasterStyle,
    reject: Reject,
    *,
    alone: bool = False,
) -> Iterator[Part]:
    row = 0
    for batch in batches:
        names = [name] if alone else [f"{name}:{row + i + 1}" for i in range(len(batch))]
        row += len(batch)
        drawn = batch.point_counts > 0
        for place in np.flatnonzero(~drawn):
            reject(DataError(f"{names[place]}: the drawing has no point"))
        if not drawn.any():
            continue
        batch = batch if drawn.all() else batch.filter(drawn)
        try:
            strokes = ensure_simplified(batch)
        except DataError as error:
            raise DataError(f"{name}: {error}") from error
        names = [names[place] for place in np.flatnonzero(drawn)]
        yield Part(names, rasterize(strokes, style), strokes, batch)  # type: ignore[arg-type]
    if row == 0:
        raise DataError(f"{name} is empty: it has no drawing")


def _of_bitmaps(bitmaps: Picture, name: str, style: RasterStyle, reject: Reject) -> Iterator[Part]:
    """Take bitmaps as they are, white on black; those that are black on white are turned."""
    for start in range(0, len(bitmaps), _BATCH):
        part = np.array(bitmaps[start : start + _BATCH])
        ring = np.concatenate([part[:, 0], part[:, -1], part[:, :, 0], part[:, :, -1]], axis=1)
        turned = np.median(ring, axis=1) > 127
        images = np.where(turned[:, None, None], 255 - part, part)
        blank = np.ptp(part, axis=(1, 2)) == 0
        for row in np.flatnonzero(blank):
            reject(DataError(f"{name}: bitmap {start + row + 1} is empty, all of one grey"))
        if not blank.all():
            rows = np.flatnonzero(~blank)
            names = [f"{name}:{start + row + 1}" for row in rows]
            yield Part(names, images[rows], None, list(part[rows]))


def _of_pictures(
    pictures: Iterable[Picture], names: list[str], style: RasterStyle, reject: Reject
) -> Iterator[Part]:
    for name, picture in zip(names, pictures, strict=True):
        if picture.shape == (style.side, style.side):
            for part in _of_bitmaps(picture[None], name, style, reject):
                yield replace(part, sources=[name])
            continue
        strokes = trace(picture, name, reject)
        if strokes is not None:
            yield Part([name], rasterize(strokes, style), strokes, [picture])
