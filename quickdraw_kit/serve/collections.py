"""Collections of drawings to browse: shards or files of drawings, filtered and compared."""

import functools
import itertools
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from quickdraw_kit.acquire.sources import resolve_sources
from quickdraw_kit.categories import label_order
from quickdraw_kit.errors import DataError, UsageError
from quickdraw_kit.raster.render import rasterize
from quickdraw_kit.shards.keyed_hashes import SPLITS
from quickdraw_kit.shards.manifest import MANIFEST_NAME
from quickdraw_kit.shards.quality import QUALITY_FLAGS
from quickdraw_kit.shards.read.dataset import open_shards
from quickdraw_kit.storage.urls import parse_location
from quickdraw_kit.strokes.batch import DrawingBatch

Images = npt.NDArray[np.uint8]
Rows = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int64]

_MAX_DRAWINGS = 200_000  # of files, which are in memory; shards are read as needed
_UNKNOWN = "unknown"
_RECOGNIZED = ("false", "true", _UNKNOWN)
_BATCH = 16_384  # bitmaps that are compared at once
_CACHED_SELECTIONS = 64


@dataclass(frozen=True, slots=True)
class Filter:
    """Which drawings to select; None selects all, an unknown name selects none."""

    category: str | None = None
    country: str | None = None
    split: str | None = None
    recognized: str | None = None  # false, true or unknown
    flag: str | None = None


class _Drawings(Protocol):
    """The drawings of a collection, from shards or from files."""

    columns: dict[str, tuple[Codes, tuple[str, ...]]]  # codes of the drawings, names of the codes
    flags: dict[str, npt.NDArray[np.bool_]]  # which drawings have a quality flag

    def images(self, rows: Rows) -> Images: ...

    def describe(self, row: int) -> dict[str, Any]: ...


class Collection:
    """Drawings with their metadata in columns, as codes and names."""

    def __init__(self, name: str, drawings: _Drawings) -> None:
        self.name = name
        self._drawings = drawings
        self._columns = drawings.columns
        # cached: the pages of one selection are requested one after another
        self.select = functools.lru_cache(_CACHED_SELECTIONS)(self._select)

    def __len__(self) -> int:
        return len(self._columns["category"][0])

    def facets(self) -> dict[str, dict[str, int]]:
        """Count the drawings of each category, country and split, and those recognized."""
        return {
            name: {
                value: int(count)
                for value, count in zip(
                    values, np.bincount(codes, minlength=len(values)), strict=True
                )
            }
            for name, (codes, values) in self._columns.items()
        }

    def _select(self, selection: Filter) -> Rows:
        """Return the selected rows, in order."""
        values = {
            "category": selection.category,
            "country": selection.country,
            "split": selection.split,
            "recognized": selection.recognized,
        }
        mask = np.ones(len(self), np.bool_)
        for column, value in values.items():
            if value is None:
                continue
            codes, names = self._columns.get(column, (None, ()))
            if codes is None or value not in names:
                return np.zeros(0, np.int64)
            mask &= codes == names.index(value)

        if selection.flag is not None:
            mask &= self._drawings.flags.get(selection.flag, np.False_)
        return np.flatnonzero(mask)

    @property
    def flags(self) -> dict[str, int]:
        """Count the drawings of each quality flag."""
        return {name: int(mask.sum()) for name, mask in self._drawings.flags.items()}

    def images(self, rows: Rows) -> Images:
        """Return the bitmaps of rows, uint8 of shape (n, side, side)."""
        return self._drawings.images(rows)

    def describe(self, row: int) -> dict[str, Any]:
        """Return the metadata of a row, and its strokes if it has any."""
        self.check_row(row)
        return self._drawings.describe(row)

    def nearest(self, row: int, count: int) -> list[tuple[int, float]]:
        """Return the rows with the most similar bitmaps, and the root mean square differences."""
        self.check_row(row)

        # in batches: the differences as float32 take four times the memory of the bitmaps
        target = self.images(np.array([row]))[0].astype(np.float32).ravel()
        distances = np.empty(len(self), np.float32)
        for start in range(0, len(self), _BATCH):
            rows = np.arange(start, min(start + _BATCH, len(self)))
            pixels = self.images(rows).reshape(len(rows), -1).astype(np.float32)
            distances[rows] = np.square(pixels - target).mean(axis=1)

        distances[row] = np.inf  # not a neighbor of itself
        count = min(count, len(self) - 1)
        nearest = np.argsort(distances, kind="stable")[:count]
        return [(int(other), float(np.sqrt(distances[other]))) for other in nearest]

    def check_row(self, row: int) -> None:
        """Raise `DataError` for a row that does not exist."""
        if not 0 <= row < len(self):
            raise DataError(f"there is no drawing {row}: expected 0 to {len(self) - 1}")


def open_collection(location: str | os.PathLike[str]) -> Collection:
    """Open a folder or a URL of shards, or files of drawings."""
    path = parse_location(location)
    if isinstance(path, str):  # a URL, where only shards can be browsed
        return Collection(path.rstrip("/").rpartition("/")[2], _Shards(path))
    if not path.exists():
        raise UsageError(f"{path} does not exist: expected shards, or files of drawings")
    if (path / MANIFEST_NAME).exists():
        return Collection(path.name, _Shards(path))
    return Collection(path.name, _DrawingFiles(path))


class _Shards:
    """Metadata in memory, bitmaps from the shards."""

    def __init__(self, path: Path | str) -> None:
        self._data = open_shards(path)
        frame = self._data.to_pandas()
        self._frame = frame

        # strings become codes once, so that a filter compares integers
        labels = frame["label"].to_numpy(dtype=np.int64)
        countries = frame["countrycode"].astype(object).fillna("").astype(str)
        country = _encode(name or _UNKNOWN for name in countries)
        splits = frame["split"].astype(str).to_numpy()
        self.columns = {
            "category": (labels, self._data.label_names),
            "country": country,
            "split": (np.searchsorted(sorted(SPLITS), splits), tuple(sorted(SPLITS))),
            "recognized": _encode_recognized(frame["recognized"]),
        }

        # a bit for each flag, if the shards were prepared with quality flags
        self.flags: dict[str, npt.NDArray[np.bool_]] = {}
        if "quality" in frame.columns:
            masks = frame["quality"].to_numpy(dtype=np.uint8)
            self.flags = {name: masks & bit != 0 for name, bit in QUALITY_FLAGS.items()}

    def images(self, rows: Rows) -> Images:
        return self._data.take(rows)[0]

    def describe(self, row: int) -> dict[str, Any]:
        import pandas as pd

        record = self._frame.iloc[row]
        description: dict[str, Any] = {
            "word": str(record["word"]),
            "key_id": str(record["key_id"]),  # JavaScript would round the number
            "country": _text(record["countrycode"]),
            "time": _text(record["timestamp"]),
            "recognized": None if pd.isna(record["recognized"]) else bool(record["recognized"]),
            "split": str(record["split"]),
            "flags": [name for name, mask in self.flags.items() if mask[row]],
            "strokes": None,
        }
        if "x" in self._frame.columns:
            # columns of strokes to strokes of columns, without t if the drawings are simplified
            axes = [
                [np.asarray(stroke).tolist() for stroke in record[axis]]
                for axis in ("x", "y", "t")
                if axis in self._frame.columns and record[axis] is not None
            ]
            description["strokes"] = [list(stroke) for stroke in zip(*axes, strict=True)]
        return description


class _DrawingFiles:
    """Drawings in memory, rendered as needed, or bitmaps."""

    def __init__(self, path: Path) -> None:
        batch, self._bitmaps = _read(path)
        self._batch = batch
        # a batch may list words that no drawing has; they are not categories
        words = [word or _UNKNOWN for word in batch.words]
        names = label_order({words[code] for code in np.unique(batch.word_code)})
        labels = np.array([names.index(w) if w in names else 0 for w in words], np.int64)
        self.columns = {
            "category": (labels[batch.word_code], tuple(names)),
            "country": _encode(name or _UNKNOWN for name in batch.countrycode.astype(str).tolist()),
            "recognized": (batch.recognition.astype(np.int64), _RECOGNIZED),
        }
        self.flags: dict[str, npt.NDArray[np.bool_]] = {}  # computed by prepare only

    def images(self, rows: Rows) -> Images:
        if self._bitmaps is not None:
            return self._bitmaps[rows]
        return rasterize(self._batch.take(rows))

    def describe(self, row: int) -> dict[str, Any]:
        drawing = self._batch[row]
        return {
            "word": drawing.word,
            "key_id": str(drawing.key_id),
            "country": drawing.countrycode or None,
            "time": _text(drawing.timestamp),
            "recognized": drawing.recognized,
            "split": None,
            "strokes": [stroke.T.tolist() for stroke in drawing.strokes] or None,
        }


def _read(path: Path) -> tuple[DrawingBatch, Images | None]:
    """Read the files below a folder, up to a number of drawings that fits in memory.

    Bitmaps are read only if there are no strokes: beside drawings, they show the same.
    """
    sources = resolve_sources(path)
    has_strokes = any(source.format.has_strokes for source in sources)
    chosen = (source for source in sources if source.format.has_strokes == has_strokes)
    batches: list[DrawingBatch] = []
    bitmaps: list[Images] = []
    for records in itertools.chain.from_iterable(each.read_record_batches() for each in chosen):
        batches.append(records.batch)
        if records.images is not None:
            bitmaps.append(records.images)
        if sum(map(len, batches)) >= _MAX_DRAWINGS:
            break
    if not batches:
        raise DataError(f"{path} has no drawings: expected shards, or files such as .ndjson")
    if len({images.shape[1:] for images in bitmaps}) > 1:
        raise DataError(f"{path} has bitmaps of several sizes, expected one")
    images = np.concatenate(bitmaps)[:_MAX_DRAWINGS] if bitmaps else None
    return DrawingBatch.concat(batches)[:_MAX_DRAWINGS], images


def _text(value: Any) -> str | None:
    import pandas as pd

    return None if pd.isna(value) else str(value)


def _encode_recognized(values: Any) -> tuple[Codes, tuple[str, ...]]:
    """Encode false, true and unknown; bitmaps and IDX images have no metadata."""
    unknown = values.isna().to_numpy()
    known = values.fillna(False).to_numpy(dtype=np.bool_)
    return np.where(unknown, 2, known).astype(np.int64), _RECOGNIZED


def _encode(values: Iterable[str]) -> tuple[Codes, tuple[str, ...]]:
    """Return a code for each value, and the values that the codes stand for."""
    names, codes = np.unique(np.array(list(values), dtype=object).astype(str), return_inverse=True)
    return codes.astype(np.int64), tuple(names.tolist())
