"""How many drawings of each category are in each split, as CSV and Parquet."""

import csv
import io
import os
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from pathlib import Path

from quickdraw_kit.errors import DataError, IntegrityError
from quickdraw_kit.shards.keyed_hashes import SPLITS
from quickdraw_kit.storage.hashing import FileEntry, hashed_write
from quickdraw_kit.storage.store import RetryingStore
from quickdraw_kit.storage.urls import parse_location

HISTOGRAM_NAME = "histogram.csv"

_RECOGNIZED = ("no", "yes", "unknown")  # by the code in the counts
_HEADER = ("category", "split", "recognized", "drawings")


@dataclass(frozen=True, slots=True)
class HistogramRow:
    """The number of drawings of a category in a split, by whether the game recognized them.

    Parameters
    ----------
    category : str
        The label name.
    split : {"train", "validation", "test"}
        The split.
    recognized : {"yes", "no", "unknown"}
        Unknown for bitmaps, which have no metadata.
    drawings : int
        The number of drawings.

    See Also
    --------
    read_histogram : Read the rows of a data set.

    Examples
    --------
    >>> from quickdraw_kit import prepare, read_histogram, write_sample
    >>> _ = write_sample("drawings", drawings=60, categories=["star"])
    >>> _ = prepare(["drawings"], "shards", workers=1)
    >>> read_histogram("shards")[0].category
    'star'
    """

    category: str
    split: str
    recognized: str
    drawings: int


def read_histogram(location: str | os.PathLike[str]) -> list[HistogramRow]:
    """Read the histogram of a data set.

    Parameters
    ----------
    location : str or path-like
        Folder of the data set, or a URL such as ``s3://bucket/shards``.

    Returns
    -------
    list of HistogramRow
        In label order.

    Raises
    ------
    DataError
        If there is no histogram.
    IntegrityError
        If it is damaged.
    QuickdrawError
        If the store fails.

    Examples
    --------
    >>> from quickdraw_kit import prepare, read_histogram, write_sample
    >>> _ = write_sample("drawings", drawings=60, categories=["star"])
    >>> _ = prepare(["drawings"], "shards", workers=1)
    >>> sum(row.drawings for row in read_histogram("shards"))
    60
    """
    path, content = _read_csv(location)
    try:
        # newline="": csv itself must see the line ends, which a quoted name may contain
        lines = csv.reader(io.StringIO(content.decode(), newline=""))
        if next(lines, None) != list(_HEADER):
            raise ValueError(f"expected the columns {', '.join(_HEADER)}")
        return [
            HistogramRow(category, split, recognized, int(drawings))
            for category, split, recognized, drawings in lines
        ]
    except ValueError as error:
        raise IntegrityError(f"{path} is damaged: {error}. Run: quickdraw-kit verify") from error


def write_histogram(
    folder: Path, categories: tuple[str, ...], counts: Iterable[tuple[str, int, int, int]]
) -> tuple[FileEntry, FileEntry]:
    """Write ``histogram.csv`` and ``histogram.parquet``.

    Counts are split, label, whether recognized (0, 1, or 2 for unknown) and drawings; those of the
    same cell are added.
    """
    # not at the top: reading a histogram does not need pyarrow
    import pyarrow as pa
    import pyarrow.parquet as pq

    # shards of one split have cells in common
    totals: dict[tuple[int, int, int], int] = {}
    for split, label, recognized, drawings in counts:
        cell = (label, SPLITS.index(split), recognized)
        totals[cell] = totals.get(cell, 0) + drawings

    # sorted by codes, not by names: in label order, and train before validation before test
    rows = [
        HistogramRow(categories[label], SPLITS[split], _RECOGNIZED[recognized], drawings)
        for (label, split, recognized), drawings in sorted(totals.items())
    ]

    with hashed_write(folder, HISTOGRAM_NAME) as csv_file:
        csv_file.write(format_csv(rows))

    # types are given, because an empty table has no values to infer them from
    types = [pa.string(), pa.string(), pa.string(), pa.int64()]
    columns = zip(*map(astuple, rows), strict=True) if rows else [[]] * len(types)
    arrays = [pa.array(values, dtype) for values, dtype in zip(columns, types, strict=True)]
    with hashed_write(folder, "histogram.parquet") as parquet_file:
        pq.write_table(pa.table(arrays, names=list(_HEADER)), parquet_file)
    return csv_file.entry, parquet_file.entry


def format_csv(rows: Iterable[HistogramRow]) -> bytes:
    """Return the content of ``histogram.csv``."""
    text = io.StringIO()
    # csv ends lines with \r\n by default, and \r would stick to the last column in other tools
    csv.writer(text, lineterminator="\n").writerows([_HEADER, *map(astuple, rows)])
    return text.getvalue().encode()


def _read_csv(location: str | os.PathLike[str]) -> tuple[str, bytes]:
    """Return the path of the file, for messages, and its content."""
    folder = parse_location(location)
    if isinstance(folder, str):
        store = RetryingStore(folder)
        return f"{store}/{HISTOGRAM_NAME}", store.get(HISTOGRAM_NAME)
    path = folder / HISTOGRAM_NAME
    if not path.is_file():
        raise DataError(
            f"{path} does not exist: {folder} is not a finished data set. To count the drawings "
            "in files, run: quickdraw-kit inspect"
        )
    return str(path), path.read_bytes()
