"""Second pass: a shard is merged from a slice of every run, rendered and written."""

import dataclasses
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from quickdraw_kit.executors import check_visible
from quickdraw_kit.raster.render import rasterize
from quickdraw_kit.raster.style import RasterStyle
from quickdraw_kit.shards.filters import Filters
from quickdraw_kit.shards.formats.writers import write_npy_shard, write_parquet_shard
from quickdraw_kit.shards.hashes import SPLITS, sampling_hash
from quickdraw_kit.shards.manifest import ShardEntry
from quickdraw_kit.shards.options import PrepareOptions
from quickdraw_kit.shards.prepare.duplicates import DuplicateIds
from quickdraw_kit.shards.prepare.spill import column, open_run
from quickdraw_kit.shards.quality import QUALITY_FLAGS
from quickdraw_kit.storage.files import atomic_write
from quickdraw_kit.storage.hashing import FileEntry
from quickdraw_kit.strokes.batch import DrawingBatch

__all__ = ["Built", "Duplicate", "RunFile", "Shard", "build_shard"]

_STRETCH_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard to build: its split, its number, and of how many in the split."""

    split: int
    index: int
    of: int

    @property
    def stem(self) -> str:
        """First part of the names of its files."""
        return f"{SPLITS[self.split]}-{self.index:05d}-of-{self.of:05d}"

    @property
    def range(self) -> tuple[int, int]:
        """The order hashes that belong to it, both ends included."""
        return self.index * 2**64 // self.of, (self.index + 1) * 2**64 // self.of - 1


@dataclass(frozen=True, slots=True)
class RunFile:
    """A run, and the number of the source that its drawings are from."""

    path: Path
    source: int


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A drawing whose key_id an earlier one has: its place, and the place of that one."""

    source: int
    offset: int
    key_id: int
    first_source: int
    first_offset: int


@dataclass(frozen=True, slots=True)
class Built:
    """What became of a shard."""

    entry: ShardEntry
    histogram: tuple[tuple[int, int, int], ...]
    beyond_limit: int
    duplicates: tuple[Duplicate, ...]
    excluded: dict[str, int] = dataclasses.field(default_factory=dict)
    flags: dict[str, int] = dataclasses.field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Write the outcome; with it the shard is done."""
        with atomic_write(path) as file:
            file.write(json.dumps(dataclasses.asdict(self)).encode())

    @classmethod
    def load(cls, path: Path) -> "Built":
        """Read what `save` wrote."""
        document: dict[str, Any] = json.loads(path.read_bytes())
        entry = document["entry"]
        files = tuple(FileEntry(**file) for file in entry["files"])
        return cls(
            entry=ShardEntry(**{**entry, "files": files}),
            histogram=tuple(tuple(row) for row in document["histogram"]),
            beyond_limit=document["beyond_limit"],
            duplicates=tuple(Duplicate(**entry) for entry in document["duplicates"]),
            excluded=document["excluded"],
            flags=document["flags"],
        )


def build_shard(
    shard: Shard,
    *,
    runs: Sequence[RunFile],
    categories: tuple[str, ...],
    options: PrepareOptions,
    limits: npt.NDArray[np.uint64] | None,
    folder: Path,
    out: Path,
    filters: Filters | None = None,
    duplicates: DuplicateIds | None = None,
) -> int:
    """Merge, render and write a shard; when that is done already, do nothing."""
    check_visible(folder)
    outcome = folder / f"{shard.stem}.json"
    if outcome.exists():
        built = Built.load(outcome)
        sent = outcome.with_suffix(".sent").exists()
        if sent or all((out / file.name).exists() for file in built.entry.files):
            return built.entry.rows
    merge = _Merge.of(shard, runs, categories, times=options.keep_strokes)
    within = merge.within(limits, options.salt)
    rows = within[np.argsort(merge.order[within], kind="stable")]
    again = np.zeros(len(rows), np.bool_)
    again[1:] = merge.order[rows[1:]] == merge.order[rows[:-1]]
    twins = merge.duplicates(rows, again)
    rows = rows[~again]
    flags: npt.NDArray[np.uint8] | None = None
    excluded: dict[str, int] = {}
    if duplicates is not None:
        flags = merge.flags(rows, duplicates)
        keep, excluded = (filters or Filters()).keep_unflagged(flags)
        rows, flags = rows[keep], flags[keep]
    files = _write(merge, rows, shard.stem, categories, options, out, flags)
    built = Built(
        entry=ShardEntry(SPLITS[shard.split], shard.index, len(rows), files),
        histogram=merge.histogram(rows),
        beyond_limit=len(merge.order) - len(within),
        duplicates=twins,
        excluded=excluded,
        flags=_count_flags(flags),
    )
    built.save(outcome)
    return len(rows)


@dataclass(frozen=True, slots=True, eq=False)
class _Merge:
    """The slices of all runs that make a shard, one behind the other."""

    order: npt.NDArray[np.uint64]
    label: npt.NDArray[np.int64]
    source: npt.NDArray[np.int64]
    offset: npt.NDArray[np.int64]
    kind: npt.NDArray[np.int64]
    place: npt.NDArray[np.int64]  # of a row among those of its kind
    quality: npt.NDArray[np.uint8]
    pixels: tuple[DrawingBatch | npt.NDArray[np.uint8], ...]  # by kind
    metadata: pa.Table

    @classmethod
    def of(
        cls,
        shard: Shard,
        runs: Sequence[RunFile],
        categories: tuple[str, ...],
        *,
        times: bool,
    ) -> "_Merge":
        label_of = {name: label for label, name in enumerate(categories)}
        slices: list[tuple[int, pa.Table]] = []
        for run in runs:
            with open_run(run.path) as opened:
                table = opened.rows_in_order(shard.split, *shard.range)
                if not times and "t" in table.column_names:
                    table = table.drop_columns("t")  # nothing is drawn with them
                if table.num_rows:
                    slices.append((run.source, _copied(table)))
        tables = [table for _, table in slices]
        names = [_kind(table) for table in tables]
        kinds = sorted(set(names))
        counts = np.array([table.num_rows for table in tables], np.int64)
        kind = np.repeat([kinds.index(name) for name in names], counts).astype(np.int64)
        place = np.zeros(len(kind), np.int64)
        for index in range(len(kinds)):
            place[kind == index] = np.arange(np.count_nonzero(kind == index))
        columns = ("key_id", "countrycode", "timestamp", "recognized")
        return cls(
            order=_joined([column(table, "order") for table in tables], np.uint64),
            label=_joined([_labels(table, label_of) for table in tables], np.int64),
            source=np.repeat([source for source, _ in slices], counts).astype(np.int64),
            offset=_joined([column(table, "offset") for table in tables], np.int64),
            kind=kind,
            place=place,
            quality=_joined([_quality(table) for table in tables], np.uint8),
            pixels=tuple(
                _pixels([table for table, own in zip(tables, names, strict=True) if own == name])
                for name in kinds
            ),
            metadata=pa.concat_tables(
                [_METADATA.empty_table(), *(_plain(table.select(columns)) for table in tables)]
            ),
        )

    def within(self, limits: npt.NDArray[np.uint64] | None, salt: str) -> npt.NDArray[np.int64]:
        if limits is None:
            return np.arange(len(self.order))
        lot = sampling_hash(column(self.metadata, "key_id"), salt)
        return np.flatnonzero(lot <= limits[self.label])

    def duplicates(
        self, rows: npt.NDArray[np.int64], again: npt.NDArray[np.bool_]
    ) -> tuple[Duplicate, ...]:
        if not again.any():
            return ()
        key_id = column(self.metadata, "key_id")
        first = np.maximum.accumulate(np.where(again, 0, np.arange(len(rows))))
        return tuple(
            Duplicate(
                int(self.source[row]),
                int(self.offset[row]),
                int(key_id[row]),
                int(self.source[original]),
                int(self.offset[original]),
            )
            for row, original in zip(rows[again], rows[first[again]], strict=True)
        )

    def flags(self, rows: npt.NDArray[np.int64], duplicates: DuplicateIds) -> npt.NDArray[np.uint8]:
        own: npt.NDArray[np.uint8] = self.quality[rows]
        return own | duplicates.flags(column(self.metadata, "key_id")[rows])

    def histogram(self, rows: npt.NDArray[np.int64]) -> tuple[tuple[int, int, int], ...]:
        recognized = self.metadata.column("recognized").cast(pa.int8()).fill_null(2).to_numpy()
        pairs = self.label[rows] * 3 + recognized[rows]
        values, counts = np.unique(pairs, return_counts=True)
        return tuple(
            (int(value) // 3, int(value) % 3, int(count))
            for value, count in zip(values, counts, strict=True)
        )

    def images(
        self, rows: npt.NDArray[np.int64], style: RasterStyle
    ) -> Iterator[npt.NDArray[np.uint8]]:
        stretch = max(1, _STRETCH_BYTES // style.side**2)
        for start in range(0, len(rows), stretch):
            chosen = rows[start : start + stretch]
            images = np.zeros((len(chosen), style.side, style.side), np.uint8)
            for kind, pixels in enumerate(self.pixels):
                own = self.kind[chosen] == kind
                place = self.place[chosen[own]]
                if isinstance(pixels, DrawingBatch):
                    images[own] = rasterize(pixels.take(place), style)
                else:
                    images[own] = pixels[place].reshape(-1, style.side, style.side)
            yield images


def _write(
    merge: _Merge,
    rows: npt.NDArray[np.int64],
    stem: str,
    categories: tuple[str, ...],
    options: PrepareOptions,
    out: Path,
    flags: npt.NDArray[np.uint8] | None,
) -> tuple[FileEntry, ...]:
    labels = merge.label[rows]
    words = pa.DictionaryArray.from_arrays(
        pa.array(labels.astype(np.int32)), pa.array(categories, pa.string())
    )
    metadata = merge.metadata.take(pa.array(rows)).add_column(1, "word", words.cast(pa.string()))
    if flags is not None:
        metadata = metadata.append_column("quality", pa.array(flags))
    if options.keep_strokes:
        drawings = [pixels for pixels in merge.pixels if isinstance(pixels, DrawingBatch)]
        if drawings:
            table = drawings[0].take(merge.place[rows]).to_arrow()
            for name in ("x", "y", "t"):
                if name in table.column_names:
                    metadata = metadata.append_column(name, table.column(name))
    images = merge.images(rows, options.style)
    if options.format == "parquet":
        return write_parquet_shard(out, stem, images, labels, metadata, categories)
    return write_npy_shard(out, stem, images, options.style.side, labels, metadata)


_METADATA = pa.schema(
    [
        ("key_id", pa.uint64()),
        ("countrycode", pa.string()),
        ("timestamp", pa.timestamp("us", "UTC")),
        ("recognized", pa.bool_()),
    ]
)


def _copied(table: pa.Table) -> pa.Table:
    """Copy a slice, so that its run can be closed: pages of a map count as memory until then."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return pa.ipc.open_stream(sink.getvalue()).read_all()


def _kind(table: pa.Table) -> str:
    if "image" in table.column_names:
        return "image"
    return f"{table.schema.field('x').type} {'t' in table.column_names}"


def _pixels(tables: list[pa.Table]) -> DrawingBatch | npt.NDArray[np.uint8]:
    if "image" not in tables[0].column_names:
        return DrawingBatch.concat(DrawingBatch.from_arrow(table) for table in tables)
    chunks = [chunk for table in tables for chunk in table.column("image").chunks]
    return np.concatenate(
        [
            np.frombuffer(chunk.buffers()[1], np.uint8).reshape(-1, chunk.type.byte_width)[
                chunk.offset : chunk.offset + len(chunk)
            ]
            for chunk in chunks
        ]
    )


def _labels(table: pa.Table, label_of: dict[str, int]) -> npt.NDArray[np.int64]:
    words = table.column("word").combine_chunks()
    if isinstance(words, pa.ChunkedArray):
        words = words.chunk(0)
    # a word that only filtered drawings have is in the vocabulary and not among the labels
    labels = np.array([label_of.get(word, -1) for word in words.dictionary.to_pylist()], np.int64)
    codes: npt.NDArray[np.int32] = words.indices.to_numpy()
    return labels[codes]


def _quality(table: pa.Table) -> npt.NDArray[np.uint8]:
    if "quality" in table.column_names:
        flags: npt.NDArray[np.uint8] = column(table, "quality")
        return flags
    return np.zeros(table.num_rows, np.uint8)


def _count_flags(flags: npt.NDArray[np.uint8] | None) -> dict[str, int]:
    if flags is None:
        return {}
    return {name: int(np.count_nonzero(flags & bit)) for name, bit in QUALITY_FLAGS.items()}


def _plain(table: pa.Table) -> pa.Table:
    return table.replace_schema_metadata().cast(_METADATA)


def _joined(arrays: list[npt.NDArray[Any]], dtype: type[np.generic]) -> npt.NDArray[Any]:
    return np.concatenate([np.zeros(0, dtype), *arrays])
