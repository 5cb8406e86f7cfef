"""Inputs for a model: files, streams, pixels and strokes, converted to what it was trained on.

A model is accurate on bitmaps that look like its training set, and on no others. So strokes go
through the simplification and the renderer that made the training set, and pictures are traced to
strokes first; `preprocess` has the recipes of other training sets. Only a bitmap that already has
the model's size is taken as it is.
"""

import itertools
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import DataError, UsageError
from quickdraw_kit.formats.bitmaps import read_bitmaps
from quickdraw_kit.formats.foreign import describe_foreign
from quickdraw_kit.formats.format import Format, ReadOptions
from quickdraw_kit.formats.labeled_images import image_side
from quickdraw_kit.formats.ndjson.files import iter_ndjson
from quickdraw_kit.formats.npy_header import parse_npy
from quickdraw_kit.formats.record_batch import RecordBatch
from quickdraw_kit.formats.registry import (
    find_files,
    find_format,
    format_from_name,
    iter_drawings,
    list_suffixes,
)
from quickdraw_kit.formats.svg import is_svg, read_svg
from quickdraw_kit.learn.infer.preprocess import Preprocessing
from quickdraw_kit.strokes.batch import Drawing, DrawingBatch
from quickdraw_kit.strokes.simplify import simplify
from quickdraw_kit.trace.image import trace_image
from quickdraw_kit.trace.image_file import MAX_BYTES, is_picture, read_picture
from quickdraw_kit.trace.ink import to_grayscale

Pixels: TypeAlias = npt.NDArray[np.uint8]
Input: TypeAlias = str | os.PathLike[str] | bytes | DrawingBatch | Pixels
"""A file (``-`` is standard input), its content, drawings, or pixels."""
OnError: TypeAlias = Callable[[DataError], None]
"""Called with the error of a drawing that is left out."""

_Converted = TypeVar("_Converted")

_BATCH_ROWS = 512
_NPY_MAGIC = b"\x93NUMPY"
_HEAD_BYTES = 1024  # enough to detect every format
_EXPECTED = "a PNG, JPEG, WebP, BMP, GIF or TIFF picture, SVG, .npy, or a file of drawings"
_COMPRESSED_MAGIC = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd")  # gzip, zstd


@dataclass(frozen=True, slots=True, eq=False)
class InputBatch:
    """At most 512 drawings of one input, as a model takes them."""

    sources: list[str]  # where each comes from, such as cats.ndjson:3, counted from 1
    images: Pixels  # shape (n, side, side), rendered in the style of the training set
    strokes: DrawingBatch | None  # the same, simplified; None for bitmaps
    originals: Sequence[Pixels | Drawing]  # what was given


def find_inputs(path: str | os.PathLike[str]) -> list[Path]:
    """Return the files that a path means: a file, a folder, a glob, or ``-`` for standard input."""
    files = find_files(Path(path), _may_be_input)
    if files is None:
        raise UsageError(
            f"{path} does not exist: give a file, a folder, a glob, or - for standard input"
        )
    if not files:
        inner = Path(path).is_dir() and any(child.is_dir() for child in Path(path).iterdir())
        hint = f". Of its folders name one, or all: '{Path(path) / '*/*'}'" if inner else ""
        raise UsageError(
            f"{path} has no pictures and no files of drawings: expected {_EXPECTED}{hint}"
        )
    return files


def _may_be_input(path: Path) -> bool:
    """Whether a file of a folder is tried: by its name, or as its content is a picture's."""
    if format_from_name(path) is not None:
        return True
    with path.open("rb") as file:
        return is_picture(file.read(16))


def read_input(
    source: Input, preprocessing: Preprocessing, on_error: OnError | None = None
) -> Iterator[InputBatch]:
    """Read an input in batches of bounded size; files are detected by their content.

    `on_error` is called for a drawing with nothing to recognize; by default its error is raised.
    """
    reader = _Reader(preprocessing, on_error or raise_error)
    if isinstance(source, DrawingBatch):
        starts = range(0, len(source), _BATCH_ROWS)
        batches = (source[start : start + _BATCH_ROWS] for start in starts)
        return reader.read_strokes(batches, "drawing")
    if isinstance(source, np.ndarray):
        return reader.read_array(source, "array")
    if isinstance(source, bytes):
        return reader.read_bytes(source, "bytes")
    if str(source) == "-":
        return reader.read_stdin()
    files = find_inputs(source)
    if len(files) == 1:
        return reader.read_path(files[0])
    # lazily: a folder may have more pictures than fit in memory
    return itertools.chain.from_iterable(map(reader.read_path, files))


def trace_bitmaps(batch: InputBatch, on_error: OnError | None = None) -> InputBatch | None:
    """Trace the bitmaps of a batch, for a model that takes strokes; None if none has ink."""
    # one by one: a bitmap without ink must not affect the others
    traced = [
        (row, strokes)
        for row, (name, image) in enumerate(zip(batch.sources, batch.images, strict=True))
        if (strokes := _convert(_trace, image, name, on_error or raise_error)) is not None
    ]
    if not traced:
        return None
    rows = [row for row, _ in traced]
    return InputBatch(
        [batch.sources[row] for row in rows],
        batch.images[rows],
        DrawingBatch.concat([strokes for _, strokes in traced]),
        [batch.originals[row] for row in rows],
    )


def ensure_simplified(batch: DrawingBatch) -> DrawingBatch:
    """Simplify the drawings that are not simplified yet, whatever their scale; order is kept."""
    empty = np.flatnonzero(batch.point_counts == 0)
    if len(empty):
        raise DataError(f"drawing {empty[0]} has no points: there is nothing to recognize")
    # of formats that know no uint8, such as .npz
    if batch.x.dtype == np.int16 and _is_in_frame(batch):
        batch = replace(batch, x=batch.x.astype(np.uint8), y=batch.y.astype(np.uint8))
    if batch.x.dtype != np.uint8:
        return simplify(batch)
    fills_frame = _fills_frame(batch)
    if fills_frame.all():
        return batch

    # simplify refuses uint8, which stands for simplified drawings
    wide = replace(batch, x=batch.x.astype(np.int16), y=batch.y.astype(np.int16))
    drawings = DrawingBatch.concat([batch.filter(fills_frame), simplify(wide.filter(~fills_frame))])
    order = np.concatenate([np.flatnonzero(fills_frame), np.flatnonzero(~fills_frame)])
    return drawings.take(np.argsort(order))


def raise_error(error: DataError) -> None:
    """Raise an error; the default of `on_error`."""
    raise error


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads inputs for one model; a method per type of input, and each yields batches."""

    preprocessing: Preprocessing
    on_error: OnError

    def read_path(self, path: Path) -> Iterator[InputBatch]:
        head = b""  # of a folder that is one source
        if path.is_file():
            with path.open("rb") as file:
                head = file.read(_HEAD_BYTES)
        _check_foreign(head, path.name)

        # large arrays are mapped; pictures, SVG and small arrays are read whole
        if head.startswith(_NPY_MAGIC) and path.stat().st_size > MAX_BYTES:
            return self.read_array(read_bitmaps(path), path.name)
        if _is_read_whole(head):
            with path.open("rb") as file:
                return self.read_bytes(file.read(MAX_BYTES + 1), path.name)

        # all other formats are streamed; ndjson does not need its suffix
        format = None if _is_json(head) else find_format(path)
        if format is not None and not format.has_strokes:
            return self.read_images(format.read(path, ReadOptions(needs_labels=False)), path.name)
        if format is not None and _is_streamed(format):
            return self.read_strokes(iter_drawings(path, batch_size=_BATCH_ROWS), path.name)
        if format is None or format.is_picture:
            _check_ndjson(head, path.name)
        return self.read_strokes(iter_ndjson(path, batch_size=_BATCH_ROWS), path.name)

    def read_stdin(self) -> Iterator[InputBatch]:
        file: Any = sys.stdin.buffer
        head = file.peek(_HEAD_BYTES)  # a pipe cannot be rewound
        if _is_read_whole(head):
            return self.read_bytes(file.read(MAX_BYTES + 1), "stdin")
        _check_ndjson(head, "stdin")
        return self.read_strokes(iter_ndjson(file, batch_size=_BATCH_ROWS), "stdin")

    def read_bytes(self, data: bytes, name: str) -> Iterator[InputBatch]:
        head = data[:_HEAD_BYTES]
        _check_foreign(head, name)
        try:
            if is_picture(head):
                return self.read_pictures([read_picture(data)], [name])
            if is_svg(head):
                return self.read_strokes([read_svg(data)], name, single=True)
        except DataError as error:
            raise DataError(f"{name}: {error}") from error
        if head.startswith(_NPY_MAGIC):
            if len(data) > MAX_BYTES:
                raise DataError(
                    f"{name} has more than {MAX_BYTES} bytes: give the file by its path"
                )
            return self.read_array(parse_npy(data, name), name)
        _check_ndjson(head, name)
        return self.read_strokes(iter_ndjson(data, batch_size=_BATCH_ROWS), name)

    def read_array(self, array: npt.NDArray[Any], name: str) -> Iterator[InputBatch]:
        """Read bitmaps of any size, or a picture, whichever the shape says."""
        side = self.preprocessing.side
        is_image = array.ndim in (2, 3) or image_side(array.shape)
        if array.dtype != np.uint8 or not is_image or 0 in array.shape:
            raise DataError(
                f"{name} is {array.dtype} {array.shape}, expected uint8: bitmaps of shape "
                f"(n, {side * side}) or (n, height, width), or a picture"
            )
        if array.ndim == 3 and array.shape[2] == 1:
            array = array[:, :, 0]
        elif 1 in array.shape[1:] and (given := image_side(array.shape)):
            array = array.reshape(-1, given, given)
        if array.ndim == 2 and array.shape[1] == side * side:
            array = array.reshape(-1, side, side)  # flat, as in the official files
        elif array.ndim == 2 or array.shape[2] in (3, 4):
            return self.read_pictures([array], [name])
        if array.shape[1:] != (side, side):
            return self.read_pictures(array, [f"{name}:{row + 1}" for row in range(len(array))])
        return self.read_bitmaps(array, name)

    def read_images(self, records: Iterable[RecordBatch], name: str) -> Iterator[InputBatch]:
        """Read the images of a format that has no strokes."""
        first = 0
        for batch in records:
            images = batch.images if batch.images is not None else np.zeros((0, 1, 1), np.uint8)
            if images.shape[1:] == (self.preprocessing.side, self.preprocessing.side):
                yield from self.read_bitmaps(images, name, first)
            else:
                names = [f"{name}:{first + row + 1}" for row in range(len(images))]
                yield from self.read_pictures(images, names)
            first += len(images)

    def read_strokes(
        self, batches: Iterable[DrawingBatch], name: str, *, single: bool = False
    ) -> Iterator[InputBatch]:
        """Simplify and render drawings; `single` is a drawing that needs no number."""
        count = 0
        for batch in batches:
            names = [name] if single else [f"{name}:{count + i + 1}" for i in range(len(batch))]
            count += len(batch)

            # left out first: an empty drawing must not make the others of its batch fail
            has_points = batch.point_counts > 0
            for row in np.flatnonzero(~has_points):
                self.on_error(DataError(f"{names[row]}: the drawing has no points"))
            if not has_points.any():
                continue
            if not has_points.all():
                batch = batch.filter(has_points)
                names = [names[row] for row in np.flatnonzero(has_points)]

            try:
                strokes = ensure_simplified(batch)
            except DataError as error:
                raise DataError(f"{name}: {error}") from error
            images = self.preprocessing.from_strokes(strokes)
            yield InputBatch(names, images, strokes, batch)  # type: ignore[arg-type]
        if count == 0:
            raise DataError(f"{name} is empty: it has no drawings")

    def read_bitmaps(self, bitmaps: Pixels, name: str, first: int = 0) -> Iterator[InputBatch]:
        """Take bitmaps of the model's size as they are, white on black; invert the others."""
        for start in range(0, len(bitmaps), _BATCH_ROWS):
            given = np.array(bitmaps[start : start + _BATCH_ROWS])
            blank = np.ptp(given, axis=(1, 2)) == 0
            for row in np.flatnonzero(blank):
                message = (
                    f"{name}: bitmap {first + start + row + 1} is empty: all its pixels are equal"
                )
                self.on_error(DataError(message))
            if blank.all():
                continue

            # the border of a drawing is mostly paper
            border = np.concatenate(
                [given[:, 0], given[:, -1], given[:, :, 0], given[:, :, -1]], axis=1
            )
            black_on_white = np.median(border, axis=1) > 127
            images = np.where(black_on_white[:, None, None], 255 - given, given)
            rows = np.flatnonzero(~blank)
            names = [f"{name}:{first + start + row + 1}" for row in rows]
            yield InputBatch(names, images[rows], None, list(given[rows]))

    def read_pictures(self, pictures: Iterable[Pixels], names: list[str]) -> Iterator[InputBatch]:
        """Trace and render pictures, but for those that are bitmaps of the model's size."""
        for name, picture in zip(names, pictures, strict=True):
            if picture.shape[:2] == (self.preprocessing.side, self.preprocessing.side):
                # by its pixels: the answer does not depend on the mode that it was saved in
                bitmap = to_grayscale(picture)
                for batch in self.read_bitmaps(bitmap[None], name):
                    yield replace(batch, sources=[name])  # a single one needs no number
                continue
            if self.preprocessing.traces:
                strokes = _convert(_trace, picture, name, self.on_error)
                if strokes is not None:
                    images = self.preprocessing.from_strokes(strokes)
                    yield InputBatch([name], images, strokes, [picture])
                continue
            image = _convert(self.preprocessing.from_picture, picture, name, self.on_error)
            if image is not None:
                yield InputBatch([name], image[None], None, [picture])


def _is_read_whole(head: bytes) -> bool:
    return is_picture(head) or is_svg(head) or head.startswith(_NPY_MAGIC)


def _is_streamed(format: Format) -> bool:
    # ndjson has a reader whose batches are as small as those of this module: predictions before an
    # invalid line are yielded
    is_read_elsewhere = format.is_picture or format.name == "ndjson"
    return format.can_read and format.has_strokes and not is_read_elsewhere


def _check_foreign(head: bytes, name: str) -> None:
    if (foreign := describe_foreign(head)) is not None:
        raise DataError(f"{name} {foreign}")


def _check_ndjson(head: bytes, name: str) -> None:
    """Raise `DataError` for what cannot be ndjson, the last format that is tried."""
    if head.strip() and not _is_json(head) and not head.startswith(_COMPRESSED_MAGIC):
        suffixes = list_suffixes(lambda f: f.can_read and not f.is_picture)
        raise DataError(f"{name} has an unsupported format: expected {_EXPECTED} ({suffixes})")


def _is_json(head: bytes) -> bool:
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{")


def _trace(picture: Pixels) -> DrawingBatch:
    """Trace a picture to a simplified drawing."""
    return ensure_simplified(trace_image(picture))


def _convert(
    convert: Callable[[Pixels], _Converted], picture: Pixels, name: str, on_error: OnError
) -> _Converted | None:
    """Convert a picture; None, after `on_error`, if it has no ink."""
    try:
        return convert(picture)
    except DataError as error:
        on_error(DataError(f"{name}: {error}"))
        return None


def _is_in_frame(batch: DrawingBatch) -> bool:
    return all(
        axis.min(initial=0) >= 0 and axis.max(initial=0) <= 255 for axis in (batch.x, batch.y)
    )


def _fills_frame(batch: DrawingBatch) -> npt.NDArray[np.bool_]:
    """Return which drawings are from 0 to 255 as simplified ones are; dots are at 0."""
    # the drawing starts at 0 on both axes, and ends at 255 on the longer one
    starts = batch.point_offsets[:-1]
    low = np.maximum(np.minimum.reduceat(batch.x, starts), np.minimum.reduceat(batch.y, starts))
    high = np.maximum(np.maximum.reduceat(batch.x, starts), np.maximum.reduceat(batch.y, starts))
    return np.asarray((low == 0) & ((high == 255) | (high == 0)))
