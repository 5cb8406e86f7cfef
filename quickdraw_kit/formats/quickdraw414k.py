"""QuickDraw-414k, the data set of the Multi-Graph Transformer paper: a ``.npy`` per drawing.

``coordinate_files/<train|val|test>/<category>/<name>.npy`` has 100 rows of x, y, pen down, pen up:
absolute coordinates in the 256 x 256 frame, (1, 0) within a stroke and (0, 1) at its last point,
padded with rows of 0 or -1; the authors cut off longer drawings. Some files hold the rows as a
pickled object, which is read without executing the pickle. The layout is taken from public loaders
of the data set (PengBoXiangShang/torchsketch and programs built on it). The data set itself is on a
file-sharing service and was not available for tests: anything that differs is refused, not guessed.

References
----------
Xu, Joshi, Bresson: Multi-Graph Transformer for Free-Hand Sketch Recognition, arXiv:1912.11258.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from quickdraw_kit.categories import CATEGORIES
from quickdraw_kit.errors import DataError, UsageError
from quickdraw_kit.formats.format import Format, ReadOptions
from quickdraw_kit.formats.npy_header import parse_header, parse_npy
from quickdraw_kit.formats.object_arrays import parse_object_array
from quickdraw_kit.formats.record_batch import RecordBatch
from quickdraw_kit.strokes.batch import DrawingBatch
from quickdraw_kit.strokes.columns import lengths_to_offsets
from quickdraw_kit.strokes.key_ids import row_key_ids

QUICKDRAW414K_SPLITS = ("train", "val", "test")

_MAX_BYTES = 1 << 16  # of a file; 100 rows of doubles take 3,328


def iter_quickdraw414k(
    folder: str | os.PathLike[str], *, split: str | None = None
) -> Iterator[DrawingBatch]:
    """Read the coordinate files of QuickDraw-414k, one category at a time."""
    if split is not None and split not in QUICKDRAW414K_SPLITS:
        raise UsageError(f"there is no split {split!r}, expected train, val or test")
    for _, batch in _iter_categories(Path(folder), split):
        yield batch


def _root(folder: Path) -> Path:
    inner = folder / "coordinate_files"
    return inner if inner.is_dir() else folder


def _iter_categories(folder: Path, split: str | None) -> Iterator[tuple[str, DrawingBatch]]:
    """Yield the name of the split and the drawings of each category of each split."""
    root = _root(folder)
    wanted = QUICKDRAW414K_SPLITS if split is None else (split,)
    present = [name for name in wanted if (root / name).is_dir()]
    if not present:
        raise DataError(f"{root} has no folder {' or '.join(wanted)} of coordinate files")
    for name in present:
        # sorted, because a folder is listed in any order, and positions must not depend on it
        for category in sorted(child for child in (root / name).iterdir() if child.is_dir()):
            if files := sorted(category.glob("*.npy")):
                yield name, _read_category(files, name, category.name)


def _read_category(files: list[Path], split: str, name: str) -> DrawingBatch:
    # labels are official words: the folder ice_cream holds "ice cream"
    spaced = name.replace("_", " ")
    word = spaced if name not in CATEGORIES and spaced in CATEGORIES else name
    drawings = [_read_rows(path) for path in files]

    # a stroke ends where the pen is lifted, and where the next drawing begins
    offsets = lengths_to_offsets([len(rows) for rows in drawings])
    rows = np.concatenate(drawings)
    ends = np.flatnonzero(np.isin(np.arange(1, len(rows) + 1), offsets) | (rows[:, 3] == 1)) + 1
    x, y = rows[:, :2].astype(np.int16).T.copy()

    key_ids = [row_key_ids(f"quickdraw-414k/{split}/{name}/{path.stem}", 0, 1) for path in files]
    without_strokes = DrawingBatch.from_strokes(
        [[]] * len(files), words=[word] * len(files), key_id=np.concatenate(key_ids)
    )
    return replace(
        without_strokes,
        x=x,
        y=y,
        stroke_offsets=np.concatenate([[0], ends]),
        drawing_offsets=np.searchsorted(ends, offsets, side="right"),
    )


def _read_rows(path: Path) -> npt.NDArray[Any]:
    """Return the rows of a file without its padding."""
    with path.open("rb") as file:
        # one byte more shows that the file is too large, without reading all of it
        data = file.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        raise DataError(f"{path} has more than {_MAX_BYTES} bytes: not a file of QuickDraw-414k")
    header = parse_header(data, len(data), str(path))
    if header.dtype is None:
        arrays = parse_object_array(data, header.offset, str(path))
    else:
        arrays = [parse_npy(data, str(path))]
    if len(arrays) != 1:
        raise DataError(f"{path} holds {len(arrays)} arrays, expected one drawing")
    (rows,) = arrays
    if rows.ndim != 2 or rows.shape[1] != 4 or rows.dtype.kind not in "iuf":
        raise DataError(f"{path} holds {rows.dtype} {rows.shape}, expected numbers (100, 4)")

    # the points end at the first row whose pen is neither down nor up
    pen = rows[:, 2:].tolist()
    points = next((row for row, state in enumerate(pen) if sorted(state) != [0, 1]), len(rows))
    padding = rows[points:]
    if not ((padding == -1).all(axis=1) | (padding == 0).all(axis=1)).all():
        raise DataError(
            f"{path}, row {points}: {padding[0].tolist()} is neither a point nor padding"
        )
    if not points:
        raise DataError(f"{path} has no points")
    # NaN fails too: it differs from itself
    coordinates = rows[:points, :2]
    if ((coordinates != np.rint(coordinates)) | (np.abs(coordinates) > 0x7FFF)).any():
        raise DataError(f"{path} has coordinates that are not whole numbers of 16 bits")
    return rows[:points]


def _read(path: Path, options: ReadOptions) -> Iterator[RecordBatch]:
    first = 0
    for name, batch in _iter_categories(path, None):
        split = np.full(len(batch), QUICKDRAW414K_SPLITS.index(name), np.uint8)
        yield RecordBatch(batch, np.arange(first, first + len(batch)), split=split)
        first += len(batch)


def _sniff_folder(folder: Path) -> bool:
    root = _root(folder)
    if root != folder:
        return True
    splits = (root / name for name in QUICKDRAW414K_SPLITS)
    return any(any(split.glob("*/*.npy")) for split in splits if split.is_dir())


QUICKDRAW414K = Format(
    name="quickdraw414k",
    sniff_folder=_sniff_folder,
    position="drawing",
    bytes_per_drawing=3328,
    fields=frozenset({"word"}),
    has_splits=True,
    read=_read,
)
