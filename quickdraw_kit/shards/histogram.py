"""How many drawings of each category are in each split, as CSV and Parquet."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from quickdraw_kit.errors import IntegrityError
from quickdraw_kit.shards.hashes import SPLITS
from quickdraw_kit.storage.hashing import FileEntry, hashed_write

__all__ = ["HistogramRow", "read_histogram", "write_histogram"]

_RECOGNIZED = ("no", "yes", "unknown")
_HEADER = ["category", "split", "recognized", "drawings"]


@dataclass(frozen=True, slots=True)
class HistogramRow:
    """Drawings of a category in a split, by whether the game recognised them.

    Parameters
    ----------
    category : str
        The label's name.
    split : {"train", "validation", "test"}
        The split.
    recognized : {"yes", "no", "unknown"}
        Unknown for bitmaps, which have no metadata.
    drawings : int
        How many.
    """

    category: str
    split: str
    recognized: str
    drawings: int


def write_histogram(
    folder: Path, categories: tuple[str, ...], counts: Iterable[tuple[str, int, int, int]]
) -> tuple[FileEntry, FileEntry]:
    """Write ``histogram.csv`` and ``histogram.parquet``."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    totals: dict[tuple[int, int, int], int] = {}
    for split, label, recognized, drawings in counts:
        cell = (label, SPLITS.index(split), recognized)
        totals[cell] = totals.get(cell, 0) + drawings
    rows = [
        [categories[label], SPLITS[split], _RECOGNIZED[recognized], drawings]
        for (label, split, recognized), drawings in sorted(totals.items())
    ]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([_HEADER, *rows])
    with hashed_write(folder, "histogram.csv") as csv_file:
        csv_file.write(text.getvalue().encode())
    types = [pa.string(), pa.string(), pa.string(), pa.int64()]
    columns = zip(*rows, strict=True) if rows else [[]] * len(types)
    arrays = [pa.array(values, kind) for values, kind in zip(columns, types, strict=True)]
    with hashed_write(folder, "histogram.parquet") as parquet_file:
        pq.write_table(pa.table(arrays, names=_HEADER), parquet_file)
    return csv_file.entry, parquet_file.entry


def read_histogram(folder: Path) -> list[HistogramRow]:
    """Read ``histogram.csv`` of a data set.

    Parameters
    ----------
    folder : Path
        Folder of the data set.

    Returns
    -------
    list of HistogramRow
        In label order.

    Raises
    ------
    OSError
        If it is not there.
    IntegrityError
        If it is damaged.

    Examples
    --------
    >>> folder = getfixture("tmp_path")
    >>> _ = write_histogram(folder, ("cat",), [("train", 0, 1, 3), ("train", 0, 1, 2)])
    >>> read_histogram(folder)
    [HistogramRow(category='cat', split='train', recognized='yes', drawings=5)]
    """
    path = folder / "histogram.csv"
    with path.open(encoding="utf-8", newline="") as file:
        lines = csv.reader(file)
        if next(lines, None) != _HEADER:
            raise IntegrityError(f"{path} is damaged: expected the columns {', '.join(_HEADER)}")
        try:
            return [HistogramRow(c, split, known, int(n)) for c, split, known, n in lines]
        except ValueError as error:
            raise IntegrityError(f"{path} is damaged: {error}") from error
