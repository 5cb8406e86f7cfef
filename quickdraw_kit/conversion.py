"""`convert`: drawings from one format to another, chosen by the names of the files.

Formats that are read and written in batches (all but ``.npz``) take constant memory. What a target
hold is not dropped silently: the conversion is refused and lists the lossy fields, unless the
caller allows it. Pictures and bitmaps are exempt: they show drawings instead of holding them; a
note says which drawing a picture shows. Notes also report coordinates that reading has rounded, and
fields that the target holds although they are not known.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import DataError, UsageError, format_count
from quickdraw_kit.formats.file_names import COMPRESSION_SUFFIXES, label_from_filename
from quickdraw_kit.formats.format import Format, WriteOptions
from quickdraw_kit.formats.lossy import describe_misfit, lossy_fields
from quickdraw_kit.formats.ndjson.scanner import OnReject, Reject
from quickdraw_kit.formats.registry import (
    FORMATS,
    detect_format,
    format_from_name,
    iter_drawings,
    list_suffixes,
)
from quickdraw_kit.raster.style import RasterStyle
from quickdraw_kit.strokes.batch import DrawingBatch

Batches: TypeAlias = Iterator[DrawingBatch]

_EPSILON = 2.0  # of Google's simplified drawings


@dataclass(frozen=True, slots=True)
class Conversion:
    """The result of a conversion.

    Parameters
    ----------
    source_format, target_format : str
        Names of the formats: ndjson, csv, binary, stroke3, parquet, arrow, quickdraw414k, bitmaps,
        svg, png or gif.
    drawings : int
        Drawings in the target.
    rejects : int
        Lines or rows of the source that were skipped because they are not valid drawings.
    lost : tuple of str
        What the source has and the target does not have.
    notes : tuple of str
        Which drawing a picture shows, and what the target contains although it is not known.

    Examples
    --------
    >>> from quickdraw_kit import convert, generate_drawings, write_ndjson
    >>> write_ndjson(generate_drawings(["star"], 2, raw=False), "star.ndjson")
    >>> result = convert("star.ndjson", "star.parquet")
    >>> result.target_format, result.drawings, result.lost
    ('parquet', 2, ())
    """

    source_format: str
    target_format: str
    drawings: int
    rejects: int
    lost: tuple[str, ...]
    notes: tuple[str, ...] = ()


def convert(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    index: int = 0,
    word: str | None = None,
    simplify: bool = False,
    epsilon: float = _EPSILON,
    allow_loss: bool = False,
    style: RasterStyle | None = None,
    on_reject: OnReject | None = None,
) -> Conversion:
    """Convert drawings from one format to another.

    ==================  =======================================================================
    ``.ndjson``         official lines, raw or simplified; also compressed
    ``.bin``            official binary; also compressed
    ``.npz``            pen movements, as in Sketch-RNN
    ``.csv``            Kaggle's table, raw or simplified; read only; also compressed
    ``.parquet``        a row per drawing, as in `DrawingBatch.to_arrow`, words as strings
    ``.arrow``          the same as an Arrow file
    a folder            the coordinate files of QuickDraw-414k; read only
    ``.npy``            bitmaps, uint8 (N, side * side); written only
    ``.svg``            one drawing; an SVG that is read becomes one drawing
    ``.png .gif``       one drawing; a picture that is read is traced
    ``.jpg .webp``      a picture to trace, also ``.bmp`` and ``.tif``; read only
    ==================  =======================================================================

    Parameters
    ----------
    source : str or path-like
        What to read. A file without a known suffix is recognized by its content. ``-`` is ndjson
        from standard input.
    target : str or path-like
        The file to write, atomically.
    index : int
        Which drawing of the source to write to a picture, from 0.
    word : str, optional
        Category of the drawings of a source that does not hold it; by default the one that the file
        is named after.
    simplify : bool
        Whether to simplify drawings that are not simplified (real-valued, or in a scale of their
        own), with Google's algorithm.
    epsilon : float
        Largest distance of a simplified line from its points, in units of the 256 x 256 frame.
    allow_loss : bool
        Whether to drop what the target cannot hold: times of points, words, countries, timestamps
        and their fractions, and whether drawings were recognized. Bitmaps and pictures are
        renderings, which hold none of these and are always allowed.
    style : RasterStyle, optional
        Style of bitmaps; by default that of the official ones.
    on_reject : callable, optional
        Called with each line or row that is not a valid drawing and is skipped. By default the
        first such line is an error.

    Returns
    -------
    Conversion
        Formats, counts, lossy fields and notes.

    Raises
    ------
    UsageError
        If a format is not known or cannot be read or written, source and target are the same file,
        the drawings must be simplified first, `allow_loss` is needed, `index` is out of range, or
        an option does nothing for the target.
    DataError
        If the source is damaged or has invalid lines only, or its drawings do not fit the target.
    OSError
        If a file cannot be read or written.

    Examples
    --------
    >>> from quickdraw_kit import convert, generate_drawings, write_ndjson
    >>> write_ndjson(generate_drawings(["star"], 3, raw=False), "star.ndjson")
    >>> convert("star.ndjson", "star.npy").drawings
    3
    >>> convert("star.ndjson", "star.svg", index=1).notes
    ('number 1 of 3, counted from 0',)
    """
    source, target = Path(source), Path(target)
    target_format = _target_format(target)
    # not by name: the target may be a link to the source, which it would replace
    if target.exists() and source.exists() and target.samefile(source):
        raise UsageError(f"{source} is both source and target: name another target")
    _check_options(target, target_format, index, style, epsilon if not simplify else None)
    source_format = FORMATS[detect_format(source)]
    state = _State(source, on_reject)
    batches = iter_drawings(source, word=word, on_reject=state.reject if on_reject else None)

    if target_format.is_picture:
        batch, number = _pick(batches, index, source)
        if number > 1:
            state.notes.append(f"number {index:,} of {number:,}, counted from 0")
        batches = iter([batch])
    if simplify:
        batches = _simplified(batches, epsilon)
    # after simplifying, which can make drawings fit; renderings are exempt
    if not target_format.is_rendering:
        batches = _check_losses(batches, target, target_format, allow_loss, state)

    options = WriteOptions(style or RasterStyle())
    # the batches are read, checked and counted only while they are written
    target_format.write(_at_least_one(state.count(batches)), target, options)
    if not target_format.is_picture:
        state.notes += _notes(state, target_format)
    return Conversion(
        source_format.name,
        target_format.name,
        state.drawings,
        state.rejects,
        tuple(sorted(state.lost)),
        tuple(state.notes),
    )


@dataclass(slots=True)
class _State:
    """Counts and notes of a conversion that is under way."""

    source: Path
    on_reject: OnReject | None
    drawings: int = 0
    rejects: int = 0
    first_reject: Reject | None = None
    unknown_key_ids: int = 0
    unknown_recognized: int = 0
    lost: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)

    def reject(self, reject: Reject) -> None:
        self.rejects += 1
        self.first_reject = self.first_reject or reject
        if self.on_reject is not None:
            self.on_reject(reject)

    def count(self, batches: Batches) -> Batches:
        for batch in batches:
            self.drawings += len(batch)
            yield batch
        # Raised while the target is still a partial file, so that none appears.
        if self.first_reject is not None and not self.drawings:
            raise DataError(
                f"{self.source} has no valid drawing, only "
                f"{format_count(self.rejects, 'invalid line')}. The first is line "
                f"{self.first_reject.line}: {self.first_reject.reason}"
            )


def _target_format(path: Path) -> Format:
    format = format_from_name(path)
    if format is None or not format.can_write:
        suffixes = list_suffixes(lambda f: f.can_write)
        raise UsageError(
            f"{path} does not have the suffix of a format that can be written: {suffixes}"
        )
    is_written = format.compressible and path.suffix != ".zip"
    if path.suffix in COMPRESSION_SUFFIXES and not is_written:
        raise UsageError(
            f"{path}: {format.name} is not written as {path.suffix}, remove {path.suffix} from "
            "the name"
        )
    return format


def _check_options(
    target: Path, format: Format, index: int, style: RasterStyle | None, epsilon: float | None
) -> None:
    """Raise `UsageError` for an option that does nothing for the target."""
    reason = None
    if index and not format.is_picture:
        reason = "index (--index) chooses the drawing of a picture, and all drawings are written"
    elif style not in (None, RasterStyle()) and not format.is_rendering:
        reason = "side, pen and margin are those of bitmaps, and strokes are written"
    elif epsilon not in (None, _EPSILON):
        reason = "epsilon (--epsilon) is the tolerance of simplify (--simplify), which is not set"
    if reason is not None:
        raise UsageError(f"{target}: {reason}. Leave it out, or name another target.")


def _simplified(batches: Batches, epsilon: float) -> Batches:
    from quickdraw_kit.strokes.simplify import simplify

    for batch in batches:
        # uint8 coordinates are simplified already
        yield batch if batch.x.dtype == np.uint8 else simplify(batch, epsilon)


def _check_losses(
    batches: Batches, target: Path, format: Format, allow_loss: bool, state: _State
) -> Batches:
    """Yield the batches, and raise at the first one that the target cannot hold."""
    for batch in batches:
        if (misfit := describe_misfit(batch, format)) is not None:
            raise UsageError(
                f"{state.source} has {misfit} in {target.suffix}: simplify the drawings "
                "(simplify=True, --simplify)"
            )
        # a target that is named after the word does not lose it
        state.lost.update(lossy_fields(batch, format, label_from_filename(target)))
        if state.lost and not allow_loss:
            raise UsageError(
                f"{target} would lose {', '.join(sorted(state.lost))}. Allow it (allow_loss=True, "
                "--allow-loss), or write .ndjson or .parquet."
            )
        state.unknown_key_ids += _count_unknown(batch.key_id_known)
        state.unknown_recognized += _count_unknown(batch.recognized_known)
        yield batch


def _at_least_one(batches: Batches) -> Batches:
    """Yield the batches, or an empty one: writers take the types of columns from the first."""
    yield next(batches, DrawingBatch.from_strokes([], words=[]))
    yield from batches


def _notes(state: _State, target: Format) -> Iterator[str]:
    """Report what the target contains although it is not known."""
    if target.holds_unknown:
        return
    if "recognized" in target.fields and state.unknown_recognized:
        which = "all drawings"
        if state.unknown_recognized < state.drawings:
            which = format_count(state.unknown_recognized, "drawing")
        yield f"recognized is false for {which}, because it is not known"
    if state.unknown_key_ids and not target.is_rendering:
        drawings = format_count(state.unknown_key_ids, "drawing")
        yield f"the key_id of {drawings} is made from the strokes, because it is not known"


def _count_unknown(known: npt.NDArray[np.bool_] | None) -> int:
    return 0 if known is None else int(np.count_nonzero(~known))


def _pick(batches: Batches, index: int, source: Path) -> tuple[DrawingBatch, int]:
    """Return a batch of the drawing at an index, and the number of drawings in the source."""
    if index < 0:
        raise UsageError(f"index is {index}, expected a number from 0 (--index)")
    drawing = None
    count = 0
    for batch in batches:
        if count <= index < count + len(batch):
            drawing = batch[index - count : index - count + 1]
        # not a break: the error and the note tell the number of drawings
        count += len(batch)
    if drawing is None:
        raise UsageError(f"{source} has no drawing {index}: it has {count:,}, counted from 0")
    return drawing, count
