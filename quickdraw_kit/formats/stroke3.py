"""Sketch-RNN's ``.npz``: drawings as pen movements, in the splits train, valid and test.

Each drawing is an array of rows (dx, dy, lifted): the movement from the last point, starting at
(0, 0), and whether the pen is lifted after the point. The official files hold them as pickled
arrays of objects, which are read without executing the pickle (see
`quickdraw_kit.formats.object_arrays`). `write_stroke3` writes the same rows in flat arrays, which
``numpy.load`` opens with ``allow_pickle=False``::

    train          int16 (points, 3)      the rows of all drawings, concatenated
    train_offsets  int64 (drawings + 1,)  where each drawing starts in the rows
    train_key_id   uint64 (drawings,)
    train_word     int32 (drawings,)      index into words
    words          str                    the categories

and the same for valid and test. Neither layout holds country, times, or whether the game recognized
a drawing.
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

STROKE3_SPLITS = ("train", "valid", "test")

_MAX_SMALL_MEMBER = 1 << 26  # bytes that a member may decompress to, whatever its ratio
_MAX_RATIO = 100  # of a larger member; the ratio of official ones is about 4
_INT16 = np.iinfo(np.int16)
_MAX_MOVEMENT = 1 << 20  # more is damage, and sums of it could overflow

Rows: TypeAlias = npt.NDArray[Any]
Int64Array: TypeAlias = npt.NDArray[np.int64]


def read_stroke3(
    path: str | os.PathLike[str], *, word: str | None = None, split: str | None = None
) -> DrawingBatch:
    """Read a Sketch-RNN ``.npz``, official or written by `write_stroke3`.

    Parameters
    ----------
    path : str or path-like
        The file.
    word : str, optional
        Category of the drawings of an official file; by default the one that it is named after.
    split : {"train", "valid", "test"}, optional
        The split to read; by default all that exist, in this order.

    Returns
    -------
    DrawingBatch
        Drawings in the scale of the file, with int16 coordinates (float64 if the file has
        real-valued ones) that start at the first movement from (0, 0). An official file has no
        key_id: each is a hash of word, split and position. Unknown metadata is empty.

    Raises
    ------
    DataError
        If the file is damaged, declares more than it can hold, or has something else than plain
        numeric arrays in its splits. No pickle is loaded.
    UsageError
        If `split` is not the name of a split.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> import numpy as np
    >>> from quickdraw_kit import read_stroke3
    >>> drawings = np.empty(1, object)
    >>> drawings[0] = np.array([[5, 5, 0], [-2, 0, 1]], np.int16)
    >>> np.savez("cat.npz", train=drawings)  # like the official files
    >>> read_stroke3("cat.npz")[0].strokes
    [array([[5, 5],
           [3, 5]], dtype=int16)]
    """
    if split is not None and split not in STROKE3_SPLITS:
        raise UsageError(f"there is no split {split!r}, expected train, valid or test")
    batches = _read_splits(Path(path), word, split)
    return DrawingBatch.concat(batches.values())


def _read_splits(path: Path, word: str | None, split: str | None) -> dict[str, DrawingBatch]:
    """Return the drawings of one split, or of all splits in the file."""
    word = word or label_from_filename(path)
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            names = {name.removesuffix(".npy") for name in archive.namelist()}
            present = [name for name in STROKE3_SPLITS if name in names]
            if not present or split not in (None, *present):
                raise DataError(
                    f"{path} has {sorted(names)[:8]}, expected {split or 'train, valid or test'}"
                )
            chosen = present if split is None else [split]
            return {name: _read_split(archive, path, name, word, names) for name in chosen}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError,
            UnicodeDecodeError) as error:  # fmt: skip
        raise DataError(f"{path} is not a complete .npz. Download it again.") from error


def write_stroke3(
    batch: DrawingBatch, path: str | os.PathLike[str], *, splits: Sequence[str] | None = None
) -> None:
    """Write drawings as pen movements in flat arrays, atomically.

    Parameters
    ----------
    batch : DrawingBatch
        Drawings with whole coordinates. Country, timestamp, recognized and the times of points are
        not written.
    path : str or path-like
        The file to write.
    splits : sequence of {"train", "valid", "test"}, optional
        The split of each drawing; by default all are in train.

    Raises
    ------
    DataError
        If a coordinate is not a whole number, a stroke has no points, or a movement does not fit
        int16.
    UsageError
        If `splits` has other names, or not one for each drawing.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import numpy as np
    >>> from quickdraw_kit import DrawingBatch, write_stroke3
    >>> write_stroke3(DrawingBatch.from_strokes([[([9, 0], [0, 9])]], words=["line"]), "line.npz")
    >>> np.load("line.npz", allow_pickle=False)["train"]
    array([[ 9,  0,  0],
           [-9,  9,  1]], dtype=int16)
    """
    names = np.array(["train"] * len(batch) if splits is None else splits, dtype=np.str_)
    if names.shape != (len(batch),) or not set(names.tolist()) <= set(STROKE3_SPLITS):
        raise UsageError(
            f"splits has {sorted(set(names.tolist()))} for {len(names)} drawings, expected "
            f"train, valid or test for each of {len(batch)}"
        )
    # no word is empty: the empty one stands for a word that is not known
    words = [word or "" for word in batch.words]
    arrays: dict[str, npt.NDArray[Any]] = {"words": np.array(words, dtype=np.str_)}
    for name in STROKE3_SPLITS:
        in_split = names == name
        if not in_split.any() and (name != "train" or in_split.size):
            continue  # a file without drawings still has an empty train
        drawings = batch.filter(in_split)
        arrays[name], arrays[f"{name}_offsets"] = to_stroke3(drawings)
        arrays[f"{name}_key_id"], arrays[f"{name}_word"] = drawings.key_id, drawings.word_code
    with atomic_write(path) as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


def to_stroke3(batch: DrawingBatch) -> tuple[npt.NDArray[np.int16], Int64Array]:
    """Return the rows of all drawings, and the offset of each drawing in them."""
    if batch.is_float:
        raise DataError("stroke-3 holds whole coordinates: simplify the drawings first")
    empty = np.diff(batch.stroke_offsets) == 0
    if empty.any():
        stroke = int(empty.argmax())
        drawing = int(np.searchsorted(batch.drawing_offsets, stroke, side="right")) - 1
        raise DataError(
            f"drawing {drawing} has a stroke without points, which stroke-3 cannot hold"
        )

    rows = np.zeros((len(batch.x), 3), np.int16)
    # a drawing without points has no row to start at
    starts = batch.point_offsets[:-1][batch.point_counts > 0]
    for column, values in enumerate((batch.x, batch.y)):
        # in 32 bits, where movements that do not fit can be seen before they wrap around
        moves = np.diff(values.astype(np.int32), prepend=np.int32(0))
        # from (0, 0), not from the end of the drawing before
        moves[starts] = values[starts]
        if moves.size and (moves.min() < _INT16.min or moves.max() > _INT16.max):
            raise DataError(f"movements from {moves.min()} to {moves.max()} do not fit int16")
        rows[:, column] = moves
    rows[batch.stroke_offsets[1:] - 1, 2] = 1
    return rows, batch.point_offsets


def from_stroke3(rows: Rows, offsets: Int64Array, word: str, *, where: str) -> DrawingBatch:
    """Return a batch of the drawings whose rows start at `offsets`."""
    is_float = rows.dtype.kind == "f"
    lifted = rows[:, 2] == 1
    valid = (lifted | (rows[:, 2] == 0)) & (np.abs(rows[:, :2]) <= _MAX_MOVEMENT).all(axis=1)
    if not valid.all():
        row = int(valid.argmin())
        drawing = int(np.searchsorted(offsets, row, side="right")) - 1
        raise DataError(
            f"{where}, drawing {drawing}: the row {rows[row].tolist()} is not a movement"
        )

    # One running sum over all drawings, less what it was before each of them.
    counts = np.diff(offsets)
    path = np.cumsum(rows[:, :2], axis=0, dtype=np.float64 if is_float else np.int64)
    before = np.concatenate([np.zeros((1, 2), path.dtype), path])[offsets[:-1]]
    path -= np.repeat(before, counts, axis=0)
    if not is_float and path.size and (path.min() < _INT16.min or path.max() > _INT16.max):
        far = int(((path < _INT16.min) | (path > _INT16.max)).any(axis=1).argmax())
        drawing = int(np.searchsorted(offsets, far, side="right")) - 1
        raise DataError(
            f"{where}, drawing {drawing}: the pen leaves the range of int16 at {path[far].tolist()}"
        )

    # The last stroke ends with its drawing, whether the pen is lifted there or not.
    lifted[offsets[1:][counts > 0] - 1] = True
    ends = np.flatnonzero(lifted) + 1
    x, y = path.astype(np.float64 if is_float else np.int16).T.copy()
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
    data = read_member(archive, path, split)
    if f"{split}_offsets" in names:
        rows = parse_npy(data, where)
        columns = {
            name: parse_npy(read_member(archive, path, name), f"{path}, {name}")
            for name in (f"{split}_offsets", f"{split}_key_id", f"{split}_word", "words")
        }
        offsets, key_id, codes, words = columns.values()
        # before offsets and codes are used as indices
        _check_columns(rows, offsets, key_id, codes, words, where)
        batch = from_stroke3(rows, offsets, "", where=where)
        return replace(
            batch,
            key_id=key_id,
            key_id_known=None,
            word_code=codes,
            words=tuple(word or None for word in words.tolist()),
        )

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
    # the empty array is for a split without drawings
    rows = np.concatenate([np.zeros((0, 3), np.int16), *arrays])
    batch = from_stroke3(rows, offsets, word, where=where)
    key_id = row_key_ids(f"sketchrnn/{word}/{split}", 0, len(batch))
    return replace(batch, key_id=key_id, key_id_known=None)


def read_member(archive: zipfile.ZipFile, path: Path, name: str) -> bytes:
    """Return the bytes of a member, if the file can hold its declared size."""
    try:
        info = archive.getinfo(f"{name}.npy")
    except KeyError:
        raise DataError(f"{path} has no {name}") from None
    if info.file_size > max(_MAX_SMALL_MEMBER, _MAX_RATIO * info.compress_size):
        raise DataError(
            f"{path}, {name} declares {info.file_size} bytes from {info.compress_size}: it would "
            "exhaust the memory and is not a file of drawings"
        )
    if info.compress_size > path.stat().st_size:
        raise DataError(f"{path}, {name} declares more bytes than the file has: it is cut off")
    try:
        return archive.read(info)
    except OSError as error:  # an offset that the file does not have, such as a negative one
        raise DataError(f"{path}, {name} is damaged: {error}") from error


def _check_columns(
    rows: Rows, offsets: Rows, key_id: Rows, codes: Rows, words: Rows, where: str
) -> None:
    number = len(offsets) - 1
    is_valid = (
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
    if not is_valid:
        raise DataError(f"{where}: rows, offsets, key_id and words do not belong together")


def _read(path: Path, options: ReadOptions) -> Iterator[RecordBatch]:
    splits = _read_splits(path, options.word, None)
    batch = DrawingBatch.concat(splits.values())
    # the codes are those of the project's splits, which have the same order
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
