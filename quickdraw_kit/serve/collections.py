"""Collections of drawings to browse: shards or files of drawings, filtered and compared."""

import functools
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
from quickdraw_kit.shards.hashes import SPLITS
from quickdraw_kit.shards.manifest import MANIFEST_NAME
from quickdraw_kit.shards.quality import QUALITY_FLAGS
from quickdraw_kit.shards.read.dataset import open_shards
from quickdraw_kit.storage.urls import parse_location
from quickdraw_kit.strokes.batch import DrawingBatch

Images = npt.NDArray[np.uint8]
Rows = npt.NDArray[np.int64]

_MAX_DRAWINGS = 200_000  # of files, which are held in memory
_BATCH = 16_384
_CACHED_SELECTIONS = 64


@dataclass(frozen=True, slots=True)
class Filter:
    """Which drawings to select; None selects all."""

    category: str | None = None
    country: str | None = None
    split: str | None = None
    recognized: bool | None = None
    flag: str | None = None


class _Drawings(Protocol):
    """The drawings of a collection, from shards or from files."""

    columns: dict[str, tuple[npt.NDArray[Any], tuple[str, ...]]]

    def images(self, rows: Rows) -> Images: ...

    def describe(self, row: int) -> dict[str, Any]: ...


class Collection:
    """Drawings with their metadata in columns, as codes and names."""

    def __init__(self, name: str, drawings: _Drawings) -> None:
        self.name = name
        self._drawings = drawings
        self._columns = drawings.columns
        self.select = functools.lru_cache(_CACHED_SELECTIONS)(self._select)

    def __len__(self) -> int:
        return len(self._columns["category"][0])

    def facets(self) -> dict[str, dict[str, int]]:
        """Count the drawings of each category, country, split and flag."""
        return {
            name: {
                value: int(count)
                for value, count in zip(
                    values, np.bincount(codes, minlength=len(values)), strict=True
                )
            }
            for name, (codes, values) in self._columns.items()
        }

    def _select(self, choice: Filter) -> Rows:
        """Return the selected rows, in order; an unknown name selects none."""
        mask = np.ones(len(self), np.bool_)
        wanted = {
            "category": choice.category,
            "country": choice.country,
            "split": choice.split,
            "recognized": None if choice.recognized is None else str(choice.recognized).lower(),
        }
        for name, value in wanted.items():
            if value is None:
                continue
            codes, values = self._columns.get(name, (None, ()))
            if codes is None or value not in values:
                return np.zeros(0, np.int64)
            mask &= codes == values.index(value)
        if choice.flag is not None:
            mask &= self._flagged(choice.flag)
        return np.flatnonzero(mask)

    def _flagged(self, flag: str) -> npt.NDArray[np.bool_]:
        flags: dict[str, npt.NDArray[np.bool_]] = getattr(self._drawings, "flags", {})
        return flags.get(flag, np.zeros(len(self), np.bool_))

    @property
    def flags(self) -> dict[str, int]:
        """Count the drawings of each quality flag."""
        flags: dict[str, npt.NDArray[np.bool_]] = getattr(self._drawings, "flags", {})
        return {name: int(mask.sum()) for name, mask in flags.items()}

    def images(self, rows: Rows) -> Images:
        """Return the bitmaps of rows, uint8 of shape (n, side, side)."""
        return self._drawings.images(rows)

    def describe(self, row: int) -> dict[str, Any]:
        """Return the metadata of a row, and its strokes if it has any."""
        if not 0 <= row < len(self):
            raise DataError(f"drawing {row} of {len(self)}")
        return self._drawings.describe(row)

    def nearest(self, row: int, count: int) -> list[tuple[int, float]]:
        """Return the drawings with the nearest bitmaps, and their differences, without itself."""
        if not 0 <= row < len(self):
            raise DataError(f"drawing {row} of {len(self)}")

        # in batches: the differences as float32 take four times the memory of the bitmaps
        wanted = self.images(np.array([row]))[0].astype(np.float32).ravel()
        distances = np.empty(len(self), np.float32)
        for start in range(0, len(self), _BATCH):
            rows = np.arange(start, min(start + _BATCH, len(self)))
            pixels = self.images(rows).reshape(len(rows), -1).astype(np.float32)
            distances[rows] = np.square(pixels - wanted).mean(axis=1)

        distances[row] = np.inf
        count = min(count, len(self) - 1)
        nearest = np.argsort(distances, kind="stable")[:count]
        return [(int(other), float(np.sqrt(distances[other]))) for other in nearest]


def open_collection(location: str | os.PathLike[str]) -> Collection:
    """Open a folder or a URL of shards, or files of drawings."""
    path = parse_location(location)
    if isinstance(path, str):
        return Collection(path.rstrip("/").rpartition("/")[2], _Shards(path))
    if not path.exists():
        raise UsageError(f"{path} does not exist: expected shards, or a folder of .ndjson files")
    if (path / MANIFEST_NAME).exists():
        return Collection(path.name, _Shards(path))
    return Collection(path.name, _DrawingFiles(path))


class _Shards:
    def __init__(self, path: Path | str) -> None:
        self._data = open_shards(path)
        frame = self._data.to_pandas()
        self._frame = frame
        names = self._data.label_names
        country = _encode(frame["countrycode"].astype(object).fillna("").astype(str).tolist())
        splits = frame["split"].astype(str).to_numpy()
        self.columns = {
            "category": (frame["label"].to_numpy(dtype=np.int64), names),
            "country": country,
            "split": (np.searchsorted(sorted(SPLITS), splits), tuple(sorted(SPLITS))),
            "recognized": _encode_recognized(frame["recognized"]),
        }
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
            "key_id": str(record["key_id"]),
            "country": _text(record["countrycode"]),
            "time": _text(record["timestamp"]),
            "recognized": None if pd.isna(record["recognized"]) else bool(record["recognized"]),
            "split": str(record["split"]),
            "flags": [name for name, mask in self.flags.items() if mask[row]],
            "strokes": None,
        }
        if "x" in self._frame.columns:
            parts = [
                [np.asarray(stroke).tolist() for stroke in record[axis]]
                for axis in ("x", "y", "t")
                if axis in self._frame.columns and record[axis] is not None
            ]
            description["strokes"] = [list(rows) for rows in zip(*parts, strict=True)]
        return description


class _DrawingFiles:
    def __init__(self, path: Path) -> None:
        batch = self._batch = _read(path)
        order = label_order(set(batch.words_of_drawings()))
        index = np.array([order.index(w) if w in order else 0 for w in batch.words], np.int64)
        self.columns = {
            "category": (index[batch.word_code], tuple(order)),
            "country": _encode(batch.countrycode.astype(str).tolist()),
            "recognized": (batch.recognized.astype(np.int64), ("false", "true")),
        }

    def images(self, rows: Rows) -> Images:
        return rasterize(self._batch.take(rows))

    def describe(self, row: int) -> dict[str, Any]:
        drawing = self._batch[row]
        return {
            "word": drawing.word,
            "key_id": str(drawing.key_id),
            "country": drawing.countrycode,
            "time": str(drawing.timestamp),
            "recognized": drawing.recognized,
            "split": None,
            "strokes": [stroke.T.tolist() for stroke in drawing.strokes],
        }


def _read(path: Path) -> DrawingBatch:
    parts: list[DrawingBatch] = []
    for source in resolve_sources([path]):
        if not source.format.has_strokes:
            continue
        for records in source.read_record_batches():
            parts.append(records.batch)
            if sum(map(len, parts)) >= _MAX_DRAWINGS:
                return DrawingBatch.concat(parts)[:_MAX_DRAWINGS]
    if not parts:
        raise DataError(
            f"{path} holds no drawings: expected shards or files with drawings, such as .ndjson"
        )
    return DrawingBatch.concat(parts)


def _text(value: Any) -> str | None:
    import pandas as pd

    return None if pd.isna(value) else str(value)


def _encode_recognized(values: Any) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """Encode true, false and unknown; bitmaps and IDX images have no metadata."""
    unknown = values.isna().to_numpy()
    known = values.fillna(False).to_numpy(dtype=np.bool_)
    return np.where(unknown, 2, known).astype(np.int64), ("false", "true", "unknown")


def _encode(values: Iterable[str]) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    names, codes = np.unique(np.array(list(values), dtype=object).astype(str), return_inverse=True)
    return codes.astype(np.int64), tuple(names.tolist())
