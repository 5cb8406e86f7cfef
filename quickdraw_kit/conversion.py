"""`convert`: drawings from one form to another, chosen by the names of the files.

Forms that are read and written a piece at a time (ndjson, .bin, CSV, Parquet, Arrow, bitmaps) take
constant memory. What a target cannot hold is not dropped in silence: the conversion is refused and
says what would be lost, unless it is told that this is meant. Pictures and bitmaps are exempt: they
are views of drawings, and nobody takes them for one; a picture says which drawing it is of. What
reading has rounded, or what a form says of drawings of which it is not known, is noted.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from quickdraw_kit.acquire.sources import label_from_filename
from quickdraw_kit.errors import DataError, UsageError, format_count
from quickdraw_kit.formats.lossy import Rounding, knows_recognized, lossy_fields, misfit
from quickdraw_kit.formats.ndjson.scanner import OnReject, Reject
from quickdraw_kit.formats.registry import detect_format, iter_drawings
from quickdraw_kit.raster.style import RasterStyle
from quickdraw_kit.storage.files import atomic_write, compressed_writer
from quickdraw_kit.strokes.batch import DrawingBatch

__all__ = ["Conversion", "convert"]

_TARGETS = {
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".bin": "binary",
    ".npz": "stroke3",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".npy": "bitmaps",
    ".svg": "svg",
    ".png": "png",
    ".gif": "gif",
}
_PACKED = (".gz", ".zst")
_STREAMS = ("ndjson", "binary")  # these may be written compressed
_PICTURES = ("svg", "png", "gif")

Batches: TypeAlias = Iterator[DrawingBatch]


@dataclass(frozen=True, slots=True)
class Conversion:
    """What a conversion has done.

    Parameters
    ----------
    source_form, target_form : str
        The forms: ndjson, binary, stroke3, csv, quickdraw414k, parquet, arrow, bitmaps, svg, png
        or gif.
    drawings : int
        Drawings in the target.
    rejects : int
        Lines or rows of the source that were left out because they are no drawings.
    lost : tuple of str
        What the source has and the target has not.
    notes : tuple of str
        What else is to be known: which drawing a picture is of, what was rounded, what the target
        says although it is not known.

    Examples
    --------
    >>> Conversion("ndjson", "binary", 10, 0, ("fractions of a second",)).drawings
    10
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
    epsilon: float = 2.0,
    allow_loss: bool = False,
    style: RasterStyle | None = None,
    on_reject: OnReject | None = None,
) -> Conversion:
    """Convert drawings from one form to another.

    ==================  =======================================================================
    ``.ndjson``         official lines, raw or simplified; also with ``.gz`` or ``.zst``
    ``.bin``            official binary; also with ``.gz`` or ``.zst``
    ``.npz``            pen movements, as of Sketch-RNN
    ``.csv``            Kaggle's table, raw or simplified; read only; also ``.gz`` or ``.zst``
    ``.parquet``        a row a drawing, as of `DrawingBatch.to_arrow`, words as strings
    ``.arrow``          the same as an Arrow file
    a folder            QuickDraw-414k's coordinate files; read only
    ``.npy``            bitmaps, uint8 (N, side * side); written only
    ``.svg .png .gif``  one drawing; written only
    ==================  =======================================================================

    Parameters
    ----------
    source : str or path-like
        What to read; a name without a known suffix is told by its content. ``-`` is ndjson from
        standard input.
    target : str or path-like
        What to write, whole or not at all.
    index : int
        Which drawing, from 0, for a picture.
    word : str, optional
        Category of the drawings of a source that does not name it; by default that of its name.
    simplify : bool
        Whether drawings that are not simplified (real-valued, or in a scale of their own) are
        simplified as Google did.
    epsilon : float
        How far a simplified line may run from its points, in units of the frame.
    allow_loss : bool
        Whether what the target cannot hold may be dropped: times of points, words, countries,
        timestamps and their fractions, and whether drawings were recognized. Bitmaps and pictures
        are renderings, which hold none of it and are always allowed.
    style : RasterStyle, optional
        Of bitmaps; by default that of the official ones.
    on_reject : callable, optional
        Called with each line or row that is no drawing, which is then left out. By default the
        first such line is an error.

    Returns
    -------
    Conversion
        Forms, counts, losses and notes.

    Raises
    ------
    UsageError
        If a form is not known, or not for reading or for writing; source and target are the same
        file; the target takes whole coordinates, or would lose something, and was not told so; or
        there is no drawing of that index.
    DataError
        If the source is damaged or holds bad lines only, or its drawings do not fit the target.
    OSError
        If a file cannot be read or written.

    Examples
    --------
    >>> from quickdraw_kit.formats.ndjson.files import write_ndjson
    >>> folder = getfixture("tmp_path")
    >>> drawings = [[([0, 255], [0, 99])], [([0, 9], [255, 0])]]
    >>> write_ndjson(DrawingBatch.from_strokes(drawings, words=["cat"] * 2), folder / "a.ndjson")
    >>> convert(folder / "a.ndjson", folder / "cat.bin")
    Conversion(source_form='ndjson', target_form='binary', drawings=2, rejects=0, lost=(), notes=())
    >>> convert(folder / "cat.bin", folder / "cat.svg", index=1).notes
    ('number 1 of 2, counted from 0',)
    """
    source, target = Path(source), Path(target)
    target_format = _target_format(target)
    if target.exists() and source.exists() and target.samefile(source):
        raise UsageError(f"{source} is both source and target: name another target")
    source_format = detect_format(source)
    tally = _Tally(source, on_reject, Rounding(source_format))
    batches = iter_drawings(source, word=word, on_reject=tally.reject if on_reject else None)
    if target_format in _PICTURES:
        drawing, of = _drawing(batches, index, source)
        if simplify:
            drawing = next(_simplified(iter([drawing]), epsilon))
        _write_picture(drawing, target, target_format)
        tally.drawings = 1
        if of > 1:
            tally.notes.append(f"number {index:,} of {of:,}, counted from 0")
    else:
        if simplify:
            batches = _simplified(batches, epsilon)
        if target_format != "bitmaps":
            batches = _kept(batches, target, target_format, allow_loss, tally)
        _write(tally.count(batches), target, target_format, style or RasterStyle(), source_format)
        tally.notes += _notes(tally, source_format, target_format)
    return Conversion(
        source_format,
        target_format,
        tally.drawings,
        tally.rejects,
        tuple(sorted(tally.lost)),
        tuple(tally.notes),
    )


@dataclass(slots=True)
class _Tally:
    """What is counted on the way."""

    source: Path
    on_reject: OnReject | None
    rounding: Rounding
    drawings: int = 0
    rejects: int = 0
    lost: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)

    def reject(self, reject: Reject) -> None:
        self.rejects += 1
        if self.on_reject is not None:
            self.on_reject(reject)

    def count(self, batches: Batches) -> Batches:
        for batch in batches:
            self.drawings += len(batch)
            yield batch
        if self.rejects and not self.drawings:
            raise DataError(
                f"{self.source} holds no drawing, but {format_count(self.rejects, 'bad line')}"
            )


def _target_format(path: Path) -> str:
    packed = path.suffix in _PACKED
    format = _TARGETS.get((path.with_suffix("") if packed else path).suffix)
    if format is None:
        raise UsageError(f"{path} has no suffix of a form that is written: {', '.join(_TARGETS)}")
    if packed and format not in _STREAMS:
        raise UsageError(f"{path}: a {format} file is not written compressed, drop {path.suffix}")
    return format


def _simplified(batches: Batches, epsilon: float) -> Batches:
    from quickdraw_kit.strokes.simplify import simplify

    for batch in batches:
        yield batch if batch.x.dtype == np.uint8 else simplify(batch, epsilon)


def _kept(batches: Batches, target: Path, format: str, allow_loss: bool, tally: _Tally) -> Batches:
    """Pass the batches on, as long as nothing is lost that may not be."""
    for batch in batches:
        if (found := misfit(batch, format)) is not None:
            raise UsageError(
                f"{tally.source} holds {found} in {target.suffix}: simplify the drawings "
                "(simplify=True, --simplify)"
            )
        tally.lost.update(lossy_fields(batch, format, label_from_filename(target)))
        if tally.lost and not allow_loss:
            raise UsageError(
                f"{target} would lose {', '.join(sorted(tally.lost))}. Say that this is meant "
                "(allow_loss=True, --allow-loss), or write .ndjson or .parquet."
            )
        tally.rounding.add(batch)
        yield batch


def _notes(tally: _Tally, source_format: str, target_format: str) -> Iterator[str]:
    """Say what the drawings went through that is no loss of theirs."""
    if count := tally.rounding.drawings:
        most = f"{tally.rounding.most:.1g} at most"
        yield f"coordinates of {format_count(count, 'drawing')} held as float32, off by {most}"
    if target_format in ("binary", "parquet", "arrow") and not knows_recognized(source_format):
        yield "recognized is false throughout, for it is not known"


def _write(
    batches: Batches, path: Path, format: str, style: RasterStyle, source_format: str
) -> None:
    match format:
        case "ndjson":
            from quickdraw_kit.formats.ndjson.writer import encode_lines

            known = knows_recognized(source_format)
            _write_stream(batches, path, lambda batch: encode_lines(batch, recognized=known))
        case "binary":
            from quickdraw_kit.formats.binary import pack_binary

            _write_stream(batches, path, lambda batch: [pack_binary(batch)])
        case "stroke3":
            from quickdraw_kit.formats.stroke3 import write_stroke3

            write_stroke3(DrawingBatch.concat(_or_none(batches)), path)
        case "bitmaps":
            from quickdraw_kit.formats.bitmaps import write_bitmaps

            write_bitmaps(batches, path, style)
        case _:
            _write_tables(batches, path, format)


def _or_none(batches: Batches) -> Batches:
    """Pass the batches on, or an empty one when there is none."""
    yield next(batches, DrawingBatch.from_strokes([], words=[]))
    yield from batches


def _write_stream(
    batches: Batches, path: Path, pack: Callable[[DrawingBatch], Iterable[bytes | memoryview]]
) -> None:
    with atomic_write(path) as file, compressed_writer(file, path) as out:
        for batch in batches:
            for part in pack(batch):
                out.write(part)


def _write_tables(batches: Batches, path: Path, format: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    writer: Any = None
    with atomic_write(path) as file:
        for batch in _or_none(batches):
            table = batch.to_arrow()
            # as strings, for a file has one dictionary and batches have each their own
            words = table["word"].cast(pa.string())
            table = table.set_column(table.schema.get_field_index("word"), "word", words)
            if writer is None:
                make = pq.ParquetWriter if format == "parquet" else pa.ipc.new_file
                writer = make(file, table.schema)
            writer.write_table(table)
        writer.close()


def _drawing(batches: Batches, index: int, source: Path) -> tuple[DrawingBatch, int]:
    """Return the batch of one drawing, and how many drawings there are."""
    if index < 0:
        raise UsageError(f"index is {index}, expected a number from 0 (--index)")
    found = None
    count = 0
    for batch in batches:
        if count <= index < count + len(batch):
            found = batch[index - count : index - count + 1]
        count += len(batch)
    if found is None:
        raise UsageError(f"{source} has no drawing {index}: it has {count:,}, counted from 0")
    return found, count


def _write_picture(batch: DrawingBatch, path: Path, format: str) -> None:
    from quickdraw_kit.formats.gif import write_gif
    from quickdraw_kit.formats.png import write_png
    from quickdraw_kit.formats.svg_writer import write_svg

    {"svg": write_svg, "png": write_png, "gif": write_gif}[format](batch, path)
