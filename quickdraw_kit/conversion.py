"""`convert`: drawings from one format to another, chosen by the names of the files.

Formats that are read and written in batches (all but ``.npz``) take constant memory. What a target
cannot hold is not dropped silently: the conversion is refused and lists the lossy fields, unless
the caller allows it. Pictures and bitmaps are exempt: they show drawings instead of holding them; a
note says which drawing a picture shows. Notes also report coordinates that reading has rounded, and
fields that the target holds although they are not known.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import DataError, UsageError, format_count
from quickdraw_kit.formats.file_names import COMPRESSION_SUFFIXES, label_from_filename
from quickdraw_kit.formats.format import Format, ReadOptions, WriteOptions
from quickdraw_kit.formats.lossy import describe_misfit, lossy_fields
from quickdraw_kit.formats.ndjson.scanner import OnReject, Reject
from quickdraw_kit.formats.picture_export import FolderOptions, export_pictures
from quickdraw_kit.formats.picture_style import PICTURE_SIDE, PictureStyle
from quickdraw_kit.formats.record_batch import RecordBatch, label_words, rebatch
from quickdraw_kit.formats.registry import (
    FORMATS,
    drawing_format,
    format_from_name,
    list_suffixes,
)
from quickdraw_kit.raster.style import RasterStyle
from quickdraw_kit.shards.filters import Filters
from quickdraw_kit.shards.keyed_hashes import sampling_hash
from quickdraw_kit.storage.files import atomic_write
from quickdraw_kit.strokes.batch import DrawingBatch

Batches: TypeAlias = Iterator[DrawingBatch]
Records: TypeAlias = Iterator[RecordBatch]

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
    filtered : dict of str to int
        Drawings that were left out, by filter.

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
    filtered: dict[str, int] = field(default_factory=dict)


def convert(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    index: int = 0,
    word: str | None = None,
    simplify: bool = False,
    epsilon: float = _EPSILON,
    allow_loss: bool = False,
    style: RasterStyle | PictureStyle | None = None,
    folder: FolderOptions | None = None,
    columns: int | None = None,
    filters: Filters | None = None,
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
    ``.png``            one drawing, or with `columns` a sheet of all; a picture that is read, also
                        JPEG, WebP, BMP, GIF and TIFF, is traced
    ``.gif .webp``      one drawing, as it was drawn
    a folder            a picture of each drawing in a folder per class, such as ``pictures/``, or
                        ``pictures/*.svg``
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
    style : PictureStyle or RasterStyle, optional
        Size, pen and colors of bitmaps and pictures; by default those of the official bitmaps, and
        for pictures a thinner pen, black on white.
    folder : FolderOptions, optional
        Format and names of the pictures in a folder.
    columns : int, optional
        Write one PNG with all drawings, so many in a row, under the name of each class.
    filters : Filters, optional
        Which drawings to convert; quality flags are those of `prepare`.
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
    style = PictureStyle.of(style)
    if filters is not None and filters.exclude_flags:
        raise UsageError("exclude_flags are those of prepare: leave them out")
    place = _Target.of(target, folder, columns)
    source, target, target_format = Path(source), place.path, place.format
    # not by name: the target may be a link to the source, which it would replace
    if target.exists() and source.exists() and target.samefile(source):
        raise UsageError(f"{source} is both source and target: name another target")
    _check_options(place, index, style, epsilon if not simplify else None, folder)
    source_format = drawing_format(
        source, needs_strokes=not (target_format.shows_bitmaps and not simplify)
    )
    state = _State(source, on_reject)
    # what is traced has no scale of its own
    if source_format.is_picture and target_format.coordinates != "any" and not simplify:
        simplify = not target_format.is_rendering
        state.notes += ["simplified to the frame of 256"] * simplify

    def read() -> Records:
        options = ReadOptions(
            word=word, needs_labels=False, on_reject=state.reject if on_reject else None
        )
        records = source_format.read(source, options)
        if source_format.has_strokes and (size := source_format.batch_size):
            plain = rebatch((each.batch for each in records), size)
            records = (RecordBatch(batch, np.arange(len(batch))) for batch in plain)
        return state.filter(records, filters)

    records = read()
    if filters is not None and filters.max_per_category is not None:
        records = _sampled(records, read, source, filters.max_per_category, state)
    if place.is_single:
        records, number = _pick(records, index, source)
        if number > 1:
            state.notes.append(f"number {index:,} of {number:,}, counted from 0")
    if simplify:
        records = _simplified(records, epsilon)
    # after simplifying, which can make drawings fit; renderings are exempt
    if not target_format.is_rendering:
        records = _check_losses(records, target, target_format, allow_loss, state)

    # the batches are read, checked and counted only while they are written
    records = state.count(records)
    if place.columns is not None:
        _write_sheet(records, target, style, place.columns)
    elif place.is_folder:
        export_pictures(records, target, target_format, style, folder or FolderOptions())
    elif source_format.has_strokes:
        batches = _at_least_one(each.batch for each in records)
        target_format.write(batches, target, WriteOptions(style))
    else:
        _write_picture(next(records), target, target_format, style)
    if not target_format.is_picture:
        state.notes += _notes(state, target_format)
    return Conversion(
        source_format.name,
        target_format.name,
        state.drawings,
        state.rejects,
        tuple(sorted(state.lost)),
        tuple(state.notes),
        dict(state.filtered),
    )


@dataclass(frozen=True, slots=True)
class _Target:
    """What is written: a file of drawings, a picture, a sheet, or a folder of pictures."""

    path: Path
    format: Format
    is_folder: bool = False
    columns: int | None = None  # of a sheet

    @property
    def is_single(self) -> bool:
        """Whether it shows one drawing."""
        return self.format.is_picture and not self.is_folder and self.columns is None

    @classmethod
    def of(
        cls, target: str | os.PathLike[str], folder: FolderOptions | None, columns: int | None
    ) -> "_Target":
        path, text = Path(target), os.fspath(target)
        given = folder.format if folder is not None else None
        # as in pictures/*.svg
        if path.name.startswith("*."):
            path, pattern = path.parent, path.suffix.removeprefix(".").lower()
            if given not in (None, pattern):
                raise UsageError(f"{target} and the format (--format) {given} differ")
            return cls(path, _picture_format(pattern), is_folder=True)
        ends = text.endswith(("/", os.sep))
        if columns is None and (ends or path.is_dir() or given):
            if path.is_file():
                raise UsageError(f"{path} is a file: name a folder, or leave out --format")
            return cls(path, _picture_format(given or "png"), is_folder=True)
        format = _target_format(path)
        if columns is None:
            return cls(path, format)
        if columns < 1 or format.name != "png":
            raise UsageError(
                f"{path} in {columns} columns: expected a sheet that ends in .png, and at least one"
            )
        return cls(path, format, columns=columns)


def _picture_format(name: str) -> Format:
    format = FORMATS.get(name)
    if format is None or format.encode is None:
        known = ", ".join(f.name for f in FORMATS.values() if f.encode is not None)
        raise UsageError(f"{name} is not a format of pictures that can be written: {known}")
    return format


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
    filtered: Counter[str] = field(default_factory=Counter)
    lost: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)

    def reject(self, reject: Reject) -> None:
        self.rejects += 1
        self.first_reject = self.first_reject or reject
        if self.on_reject is not None:
            self.on_reject(reject)

    def filter(self, batches: Records, filters: Filters | None) -> Records:
        for records in batches:
            if filters is None:
                yield records
                continue
            records = replace(records, batch=label_words(records.batch))
            keep, filtered = filters.keep(records.batch)
            self.filtered.update(filtered)
            yield records.filter(keep)

    def count(self, batches: Records) -> Records:
        for records in batches:
            self.drawings += len(records.batch)
            yield records
        if self.filtered and not self.drawings:
            reasons = ", ".join(f"{number:,} {name}" for name, number in self.filtered.items())
            raise DataError(f"no drawing of {self.source} is left: {reasons}. Loosen the filters.")
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
            f"{path} does not have the suffix of a format that can be written: {suffixes}; "
            "a folder of pictures ends in /"
        )
    is_written = format.compressible and path.suffix != ".zip"
    if path.suffix in COMPRESSION_SUFFIXES and not is_written:
        raise UsageError(
            f"{path}: {format.name} is not written as {path.suffix}, remove {path.suffix} from "
            "the name"
        )
    return format


def _check_options(
    target: _Target,
    index: int,
    style: PictureStyle,
    epsilon: float | None,
    folder: FolderOptions | None,
) -> None:
    """Raise `UsageError` for an option that does nothing for the target."""
    reason = None
    what = f"{target.format.name} files" if target.format.is_rendering else "strokes"
    unused = sorted(style.given - target.format.style_fields)
    if index and not target.is_single:
        reason = "index (--index) chooses the drawing of a picture, and all drawings are written"
    elif unused:
        flags = ", ".join(f"{name} (--{name.replace('_', '-')})" for name in unused)
        reason = f"{flags}: not used where {what} are written"
    elif folder not in (None, FolderOptions()) and not target.is_folder:
        reason = "format, names and overwrite are those of a folder of pictures, and this is a file"
    elif epsilon not in (None, _EPSILON):
        reason = "epsilon (--epsilon) is the tolerance of simplify (--simplify), which is not set"
    if reason is not None:
        raise UsageError(f"{target.path}: {reason}. Leave it out, or name another target.")


def _simplified(batches: Records, epsilon: float) -> Records:
    from quickdraw_kit.strokes.simplify import simplify

    for records in batches:
        # uint8 coordinates are simplified already
        if records.batch.x.dtype == np.uint8:
            yield records
        else:
            yield replace(records, batch=simplify(records.batch, epsilon))


def _sampled(
    first: Records, again: Callable[[], Records], source: Path, number: int, state: _State
) -> Records:
    """Yield the drawings of each word with the smallest hashes, as `prepare` chooses them."""
    if str(source) == "-":
        raise UsageError(
            "max_per_category (--max-per-category) reads twice, which standard input does not "
            "allow: save it to a file"
        )
    smallest: dict[str | None, npt.NDArray[np.uint64]] = {}
    for records in first:
        batch = label_words(records.batch)
        hashes = sampling_hash(batch.key_id, "")
        for code in np.unique(batch.word_code):
            word = batch.words[code]
            known = smallest.get(word, np.zeros(0, np.uint64))
            joined = np.concatenate([known, hashes[batch.word_code == code]])
            smallest[word] = np.sort(joined)[:number]
    limits = {word: hashes[-1] for word, hashes in smallest.items()}

    # counted and reported again
    state.filtered.clear()
    state.rejects, on_reject, state.on_reject = 0, state.on_reject, None
    for records in again():
        batch = label_words(records.batch)
        limit = np.array([limits.get(word, 0) for word in batch.words], np.uint64)
        keep = sampling_hash(batch.key_id, "") <= limit[batch.word_code]
        state.filtered["limit"] += int(np.count_nonzero(~keep))
        yield replace(records, batch=batch).filter(keep)
    state.on_reject = on_reject


def _write_picture(records: RecordBatch, target: Path, format: Format, style: PictureStyle) -> None:
    """Write a bitmap as a picture; small ones are enlarged."""
    if format.encode is None or records.images is None:
        raise AssertionError(f"{target}: bitmaps are not written as {format.name}")
    if style.side is None:
        side = records.images.shape[-1]
        style = replace(style, side=side * max(PICTURE_SIDE // side, 1))
    with atomic_write(target) as file:
        file.write(next(format.encode(records, style)))


def _write_sheet(batches: Records, target: Path, style: PictureStyle, columns: int) -> None:
    from quickdraw_kit.show.poster import write_poster

    write_poster(batches, target, style, columns)


def _check_losses(
    batches: Records, target: Path, format: Format, allow_loss: bool, state: _State
) -> Records:
    """Yield the batches, and raise at the first one that the target cannot hold."""
    for records in batches:
        batch = records.batch
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
        yield records


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


def _pick(batches: Records, index: int, source: Path) -> tuple[Records, int]:
    """Return the drawing at an index, and the number of drawings in the source."""
    if index < 0:
        raise UsageError(f"index is {index}, expected a number from 0 (--index)")
    drawing = None
    count = 0
    for records in batches:
        number = len(records.batch)
        if count <= index < count + number:
            drawing = records.filter(np.arange(count, count + number) == index)
        # not a break: the error and the note tell the number of drawings
        count += number
    if drawing is None:
        raise UsageError(f"{source} has no drawing {index}: it has {count:,}, counted from 0")
    return iter([drawing]), count
