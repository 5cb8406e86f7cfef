"""Sketch-RNN's ``.npz``: drawings as pen movements, in the splits train, valid and test.

Each drawing is an array of rows (dx, dy, lifted): where the pen moves from the last point, starting
at (0, 0), and whether it is lifted behind the point. The official files hold them as pickled arrays
of objects; these are read without executing the pickle (see `quickdraw_kit.formats.object_arrays`). What
is written is the same rows in flat arrays, which ``numpy.load`` opens with ``allow_pickle=False``::

    train          int16 (points, 3)      the rows of all drawings, one behind the other
    train_offsets  int64 (drawings + 1,)  where each drawing begins in the rows
    train_key_id   uint64 (drawings,)
    train_word     int32 (drawings,)      index into words
    words          str                    the categories

and the same for valid and test. Country, time, and whether the game recognised a drawing have no
place in either form.
"""

import os
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import DataError, UsageError
from quickdraw_kit.formats.file_names import label_from_filename
from quickdraw_kit.formats.format import Format, ReadOptions, WriteOptions
from quickdraw_kit.formats.npy_header import parse_header, parse_npy
from quickdraw_kit.formats.object_arrays import parse_object_array
from quickdraw_kit.formats.record_batch import RecordBatch
from quickdraw_kit.storage.files import atomic_write
from quickdraw_kit.strokes.batch import DrawingBatch
from quickdraw_kit.strokes.columns import lengths_to_offsets
from quickdraw_kit.strokes.key_ids import row_key_ids

__all__ = [
    "STROKE3",
    "STROKE3_SPLITS",
    "from_stroke3",
    "read_stroke3",
    "to_stroke3",
    "write_stroke3",
]

STROKE3_SPLITS = ("train", "valid", "test")

_HARMLESS = 1 << 26  # bytes that a member may take, however small it is in the file
_DENSEST = 100  # times that a larger one may be of its size in the file; real ones are about 4
_INT16 = np.iinfo(np.int16)
_FARTHEST = 1 << 20  # of one movement: more is damage, and sums of it might overflow

Rows: TypeAlias = npt.NDArray[Any]
Int64Array: TypeAlias = npt.NDArray[np.int64]


def read_stroke3(
    path: str | os.PathLike[str], *, word: str | None = None, split: str | None = None
) -> DrawingBatch:
    """Read a Sketch-RNN ``.npz``, official or as `write_stroke3` makes it.

    Parameters
    ----------
    path : str or path-like
        The file.
    word : str, optional
        Category of the drawings of an official file; by default the one that its name gives.
    split : {"train", "valid", "test"}, optional
        Read only this split; by default all that are there, in this order.

    Returns
    -------
    DrawingBatch
        With int16 coordinates (float32 where the file has real-valued ones), the first movement
        starting at (0, 0), in the scale of the file. An official file has no key_id: each is
        made of word, split and position by `quickdraw_kit.strokes.key_ids.row_key_ids`. Unknown
        metadata is empty.

    Raises
    ------
    DataError
        If the file is damaged, declares more than it can hold, or holds anything but plain
        numeric arrays in these splits. No pickle is loaded.
    UsageError
        If there is no such split.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> path = getfixture("tmp_path") / "cat.npz"
    >>> ragged = np.empty(1, object)
    >>> ragged[0] = np.array([[5, 5, 0], [-2, 0, 1]], np.int16)
    >>> np.savez(path, train=ragged)  # as the official files are
    >>> read_stroke3(path)[0].strokes
    [array([[5, 5],
           [3, 5]], dtype=int16)]
    """
    if split is not None and split not in STROKE3_SPLITS:
        raise UsageError(f"there is no split {split!r}, expected train, valid or test")
    batches = _read_splits(Path(path), word, split)
    return DrawingBatch.concat(batches.values())


def _read_splits(path: Path, word: str | None, split: str | None) -> dict[str, DrawingBatch]:
    """Return the drawings of one split, or of all splits in the file."""
    word = word or label_from_filename(path).removesuffix(".full")
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            names = {name.removesuffix(".npy") for name in archive.namelist()}
            there = [name for name in STROKE3_SPLITS if name in names]
            if not there or split not in (None, *there):
                raise DataError(
                    f"{path} has {sorted(names)[:8]}, expected {split or 'train, valid or test'}"
                )
            chosen = there if split is None else [split]
            return {name: _read_split(archive, path, name, word, names) for name in chosen}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError,
            UnicodeDecodeError) as error:  # fmt: skip
        raise DataError(f"{path} is no whole .npz: {error}. Fetch it again.") from error


def write_stroke3(
    batch: DrawingBatch, path: str | os.PathLike[str], *, splits: Sequence[str] | None = None
) -> None:
    """Write drawings as pen movements in flat arrays, whole or not at all.

    Parameters
    ----------
    batch : DrawingBatch
        Drawings with whole coordinates. Country, timestamp, recognized and the times of the points
        are not written.
    path : str or path-like
        Where to.
    splits : sequence of {"train", "valid", "test"}, optional
        The split of each drawing; by default all are in train.

    Raises
    ------
    DataError
        As `to_stroke3`.
    UsageError
        If a split has another name, or there is not one for each drawing.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> path = getfixture("tmp_path") / "line.npz"
    >>> write_stroke3(DrawingBatch.from_strokes([[([9, 0], [0, 9])]], words=["line"]), path)
    >>> np.load(path, allow_pickle=False)["train"]
    array([[ 9,  0,  0],
           [-9,  9,  1]], dtype=int16)
    """
    named = np.array(["train"] * len(batch) if splits is None else splits, dtype=np.str_)
    if named.shape != (len(batch),) or not set(named.tolist()) <= set(STROKE3_SPLITS):
        raise UsageError(
            f"splits names {sorted(set(named.tolist()))} for {len(named)} drawings, expected "
            f"train, valid or test for each of {len(batch)}"
        )
    arrays: dict[str, npt.NDArray[Any]] = {"words": np.array(batch.words, dtype=np.str_)}
    for name in STROKE3_SPLITS:
        chosen = named == name
        if not chosen.any() and (name != "train" or chosen.size):
            continue
        part = batch.filter(chosen)
        arrays[name], arrays[f"{name}_offsets"] = to_stroke3(part)
        arrays[f"{name}_key_id"], arrays[f"{name}_word"] = part.key_id, part.word_code
    with atomic_write(path) as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


def to_stroke3(batch: DrawingBatch) -> tuple[npt.NDArray[np.int16], Int64Array]:
    """Return drawings as pen movements."""
    if batch.is_float:
        raise DataError("stroke-3 takes whole coordinates: simplify the drawings first")
    empty = np.diff(batch.stroke_offsets) == 0
    if empty.any():
        stroke = int(empty.argmax())
        drawing = int(np.searchsorted(batch.drawing_offsets, stroke, side="right")) - 1
        raise DataError(f"drawing {drawing} has a stroke without points, which stroke-3 cannot say")
    rows = np.zeros((len(batch.x), 3), np.int16)
    starts = batch.point_offsets[:-1][batch.point_counts > 0]
    for column, values in enumerate((batch.x, batch.y)):
        moves = np.diff(values.astype(np.int32), prepend=np.int32(0))
        moves[starts] = values[starts]
        if moves.size and (moves.min() < _INT16.min or moves.max() > _INT16.max):
            raise DataError(f"movements run from {moves.min()} to {moves.max()}: they take int16")
        rows[:, column] = moves
    rows[batch.stroke_offsets[1:] - 1, 2] = 1
    return rows, batch.point_offsets


def from_stroke3(rows: Rows, offsets: Int64Array, word: str, *, where: str) -> DrawingBatch:
    """Make a batch of pen movements."""
    real = rows.dtype.kind == "f"
    lifted = rows[:, 2] == 1
    good = (lifted | (rows[:, 2] == 0)) & (np.abs(rows[:, :2]) <= _FARTHEST).all(axis=1)
    if not good.all():
        row = int(good.argmin())
        drawing = int(np.searchsorted(offsets, row, side="right")) - 1
        raise DataError(f"{where}, drawing {drawing}: the row {rows[row].tolist()} is no movement")
    counts = np.diff(offsets)
    path = np.cumsum(rows[:, :2], axis=0, dtype=np.float64 if real else np.int64)
    before = np.concatenate([np.zeros((1, 2), path.dtype), path])[offsets[:-1]]
    path -= np.repeat(before, counts, axis=0)
    if not real and path.size and (path.min() < _INT16.min or path.max() > _INT16.max):
        far = int(((path < _INT16.min) | (path > _INT16.max)).any(axis=1).argmax())
        drawing = int(np.searchsorted(offsets, far, side="right")) - 1
        raise DataError(f"{where}, drawing {drawing}: the pen leaves int16 at {path[far].tolist()}")
    lifted[offsets[1:][counts > 0] - 1] = True
    ends = np.flatnonzero(lifted) + 1
    x, y = path.astype(np.float32 if real else np.int16).T.copy()
    without_strokes = DrawingBatch.from_strokes([[]] * len(counts), words=[word] * len(counts))
    return replace(
        without_strokes,
        x=x,
        y=y,
        words=(word,),
        stroke_offsets=np.concatenate([[0], ends]),
        drawing_offsets=np.searchsorted(ends, offsets, side="right"),
    )


def _read_split(
    archive: zipfile.ZipFile, path: Path, split: str, word: str, names: set[str]
) -> DrawingBatch:
    where = f"{path}, {split}"
    data = _member(archive, path, split)
    if f"{split}_offsets" in names:
        rows = parse_npy(data, where)
        columns = {
            name: parse_npy(_member(archive, path, name), f"{path}, {name}")
            for name in (f"{split}_offsets", f"{split}_key_id", f"{split}_word", "words")
        }
        offsets, key_id, codes, words = columns.values()
        _check(rows, offsets, key_id, codes, words, where)
        batch = from_stroke3(rows, offsets, "", where=where)
        return replace(batch, key_id=key_id, word_code=codes, words=tuple(words.tolist()))
    header = parse_header(data[:4096], len(data), where)
    if header.dtype is None:
        arrays: Sequence[Rows] = parse_object_array(data, header.offset, where)
    elif header.shape == (0,):
        arrays = []
    else:  # drawings that happen to be equally long
        arrays = list(np.atleast_1d(parse_npy(data, where)))
    for number, array in enumerate(arrays):
        if array.ndim != 2 or array.shape[1] != 3 or array.dtype.kind not in "iuf":
            raise DataError(
                f"{where}, drawing {number}: an array {array.dtype} {array.shape}, "
                "expected numbers (points, 3)"
            )
    offsets = lengths_to_offsets([len(array) for array in arrays])
    rows = np.concatenate([np.zeros((0, 3), np.int16), *arrays])
    batch = from_stroke3(rows, offsets, word, where=where)
    return replace(batch, key_id=row_key_ids(f"sketchrnn/{word}/{split}", 0, len(batch)))


def _member(archive: zipfile.ZipFile, path: Path, name: str) -> bytes:
    """Return a member whose declared size the file can hold."""
    try:
        info = archive.getinfo(f"{name}.npy")
    except KeyError:
        raise DataError(f"{path} has no {name}") from None
    if info.file_size > max(_HARMLESS, _DENSEST * info.compress_size):
        raise DataError(
            f"{path}, {name} declares {info.file_size} bytes from {info.compress_size}: it would "
            "fill the memory and is no file of drawings"
        )
    if info.compress_size > path.stat().st_size:
        raise DataError(f"{path}, {name} declares more bytes than the file has: it is cut off")
    try:
        return archive.read(info)
    except OSError as error:  # a place that the file does not have, such as one before its start
        raise DataError(f"{path}, {name} is damaged: {error}") from error


def _check(rows: Rows, offsets: Rows, key_id: Rows, codes: Rows, words: Rows, where: str) -> None:
    number = len(offsets) - 1
    fits = (
        rows.ndim == 2
        and rows.shape[1] == 3
        and rows.dtype == np.int16
        and offsets.dtype == np.int64
        and offsets.ndim == 1
        and number >= 0
        and offsets[0] == 0
        and offsets[-1] == len(rows)
        and bool((np.diff(offsets) >= 0).all())
        and key_id.dtype == np.uint64
        and codes.dtype == np.int32
        and key_id.shape == codes.shape == (number,)
        and words.dtype.kind == "U"
        and words.ndim == 1
        and bool(((codes >= 0) & (codes < len(words))).all())
    )
    if not fits:
        raise DataError(f"{where}: rows, offsets, key_id and words do not fit together")


def _read(path: Path, options: ReadOptions) -> Iterator[RecordBatch]:
    splits = _read_splits(path, options.word, None)
    batch = DrawingBatch.concat(splits.values())
    codes = [STROKE3_SPLITS.index(name) for name in splits]
    split = np.repeat(np.array(codes, np.uint8), [len(part) for part in splits.values()])
    yield RecordBatch(batch, np.arange(len(batch)), split=split)


def _write(batches: Iterator[DrawingBatch], path: Path, options: WriteOptions) -> None:
    write_stroke3(DrawingBatch.concat(batches), path)


STROKE3 = Format(
    name="stroke3",
    suffixes=(".npz",),
    magic=b"PK\x03\x04",
    position="drawing",
    bytes_per_drawing=130,
    fields=frozenset({"word"}),
    has_splits=True,
    coordinates="whole",
    read=_read,
    write=_write,
)
