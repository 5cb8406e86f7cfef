"""Merge stage, in a worker: a shard is merged from a slice of every spill file, rendered, written.

A shard is a range of the order hash. Equal key_ids have equal hashes, so drawings that share one
meet in the same shard: the first stays, in the order of the sources, and the others are rejected.
"""

import dataclasses
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from quickdraw_kit.errors import UsageError
from quickdraw_kit.executors import check_visible
from quickdraw_kit.raster.render import rasterize
from quickdraw_kit.raster.style import RasterStyle
from quickdraw_kit.shards.filters import Filters
from quickdraw_kit.shards.formats import SHARD_FORMATS
from quickdraw_kit.shards.keyed_hashes import SPLITS, sampling_hash
from quickdraw_kit.shards.manifest import ShardEntry
from quickdraw_kit.shards.options import PrepareOptions
from quickdraw_kit.shards.prepare.duplicates import DuplicateIds
from quickdraw_kit.shards.prepare.spill import SpillPath, column, open_spill_file, word_labels
from quickdraw_kit.shards.prepare.workdir import WorkDir
from quickdraw_kit.shards.quality import QUALITY_FLAGS
from quickdraw_kit.storage.files import atomic_write
from quickdraw_kit.storage.hashing import FileEntry
from quickdraw_kit.strokes.batch import DrawingBatch

_RENDER_BYTES = 4 << 20  # of bitmaps that are rendered and written at a time


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard to write: number `index` of `count` in its split."""

    split: int
    index: int
    count: int

    @property
    def stem(self) -> str:
        """First part of the names of its files."""
        return f"{SPLITS[self.split]}-{self.index:05d}-of-{self.count:05d}"

    @property
    def hash_range(self) -> tuple[int, int]:
        """First and last order hash that belong to it."""
        return self.index * 2**64 // self.count, (self.index + 1) * 2**64 // self.count - 1


@dataclass(frozen=True, slots=True)
class MergeJob:
    """What the merge of every shard of a run needs."""

    workdir: WorkDir
    spill_files: Sequence[SpillPath]
    label_names: tuple[str, ...]
    options: PrepareOptions
    filters: Filters
    sampling_limits: npt.NDArray[np.uint64] | None  # highest sampling hash to keep, by label
    duplicates: DuplicateIds | None  # with quality flags


@dataclass(frozen=True, slots=True)
class DuplicateKey:
    """A drawing whose key_id an earlier drawing has; positions as in `RecordBatch`."""

    source: int
    offset: int
    key_id: int
    first_source: int
    first_offset: int


@dataclass(frozen=True, slots=True)
class MergeResult:
    """What came of a shard."""

    entry: ShardEntry
    histogram: tuple[tuple[int, int, int], ...]  # label, recognized (2: unknown), drawings
    beyond_limit: int  # drawings over max_per_category
    duplicates: tuple[DuplicateKey, ...]
    excluded: dict[str, int]  # filtered drawings, by flag
    flags: dict[str, int]  # written drawings, by flag

    def save(self, path: Path) -> None:
        """Write the result, with which the shard is done."""
        with atomic_write(path) as file:
            file.write(json.dumps(dataclasses.asdict(self)).encode())

    @classmethod
    def load(cls, path: Path) -> "MergeResult":
        """Read what `save` wrote."""
        document: dict[str, Any] = json.loads(path.read_bytes())
        entry = document["entry"]
        files = tuple(FileEntry(**file) for file in entry["files"])
        document["entry"] = ShardEntry(**{**entry, "files": files})
        document["histogram"] = tuple(tuple(cell) for cell in document["histogram"])
        document["duplicates"] = tuple(DuplicateKey(**each) for each in document["duplicates"])
        return cls(**document)


def merge_shard(job: MergeJob, shard: Shard) -> int:
    """Merge, render and write a shard, unless that is done; return its number of rows."""
    workdir, options = job.workdir, job.options
    check_visible(workdir.merge)
    result_path = workdir.shard_result(shard.stem)
    if result_path.exists():
        # without its files the shard is not done: they may have been deleted in the store
        result = MergeResult.load(result_path)
        uploaded = workdir.shard_uploaded(shard.stem).exists()
        if uploaded or all((workdir.out / file.name).exists() for file in result.entry.files):
            return result.entry.rows

    drawings = _load(job, shard)
    sampled = drawings.sampled(job.sampling_limits, options.salt)

    # a stable sort keeps drawings with one key_id in the order of the sources, on any machine
    rows = sampled[np.argsort(drawings.order[sampled], kind="stable")]
    repeated = np.zeros(len(rows), np.bool_)
    repeated[1:] = drawings.order[rows[1:]] == drawings.order[rows[:-1]]
    duplicates = drawings.duplicates(rows, repeated)
    rows = rows[~repeated]

    flags: npt.NDArray[np.uint8] | None = None
    excluded: dict[str, int] = {}
    if job.duplicates is not None:
        flags = drawings.flags(rows, job.duplicates)
        keep, excluded = job.filters.keep_unflagged(flags)
        rows, flags = rows[keep], flags[keep]

    # files before the result: with the result the shard is done
    files = _write(job, shard, drawings, rows, flags)
    result = MergeResult(
        entry=ShardEntry(SPLITS[shard.split], shard.index, len(rows), files),
        histogram=drawings.histogram(rows),
        beyond_limit=len(drawings.order) - len(sampled),
        duplicates=duplicates,
        excluded=excluded,
        flags=_count_flags(flags),
    )
    result.save(result_path)
    return len(rows)


@dataclass(frozen=True, slots=True, eq=False)
class _Drawings:
    """The drawings of a shard, those of one spill file after those of another."""

    order: npt.NDArray[np.uint64]
    label: npt.NDArray[np.int64]
    source: npt.NDArray[np.int64]
    offset: npt.NDArray[np.int64]
    quality: npt.NDArray[np.uint8]
    metadata: pa.Table
    # strokes of different types and bitmaps cannot be in one array, so each type has its own
    contents: tuple[DrawingBatch | npt.NDArray[np.uint8], ...]
    content: npt.NDArray[np.int64]  # number of the content that holds a drawing
    content_row: npt.NDArray[np.int64]  # its row there

    def sampled(self, limits: npt.NDArray[np.uint64] | None, salt: str) -> npt.NDArray[np.int64]:
        """Return the rows that `max_per_category` keeps."""
        if limits is None:
            return np.arange(len(self.order))
        hashes = sampling_hash(column(self.metadata, "key_id"), salt)
        return np.flatnonzero(hashes <= limits[self.label])

    def duplicates(
        self, rows: npt.NDArray[np.int64], repeated: npt.NDArray[np.bool_]
    ) -> tuple[DuplicateKey, ...]:
        """Return the rows that repeat the key_id of the row before, each with the first of them."""
        if not repeated.any():
            return ()

        key_id = column(self.metadata, "key_id")
        # the last row before it that repeats nothing
        first = np.maximum.accumulate(np.where(repeated, 0, np.arange(len(rows))))
        return tuple(
            DuplicateKey(
                int(self.source[row]),
                int(self.offset[row]),
                int(key_id[row]),
                int(self.source[original]),
                int(self.offset[original]),
            )
            for row, original in zip(rows[repeated], rows[first[repeated]], strict=True)
        )

    def flags(self, rows: npt.NDArray[np.int64], duplicates: DuplicateIds) -> npt.NDArray[np.uint8]:
        """Return the quality flags of rows: those of the extract stage, and duplicates."""
        quality: npt.NDArray[np.uint8] = self.quality[rows]
        return quality | duplicates.flags(column(self.metadata, "key_id")[rows])

    def histogram(self, rows: npt.NDArray[np.int64]) -> tuple[tuple[int, int, int], ...]:
        """Count rows by label and by whether they were recognized; see `MergeResult`."""
        recognized = self.metadata.column("recognized").cast(pa.int8()).fill_null(2).to_numpy()
        # both in one number, so that one call counts them
        cells, counts = np.unique(self.label[rows] * 3 + recognized[rows], return_counts=True)
        return tuple(
            (int(cell) // 3, int(cell) % 3, int(count))
            for cell, count in zip(cells, counts, strict=True)
        )

    def images(
        self, rows: npt.NDArray[np.int64], style: RasterStyle
    ) -> Iterator[npt.NDArray[np.uint8]]:
        """Render rows, some at a time: memory does not grow with the side."""
        step = max(1, _RENDER_BYTES // style.side**2)
        for start in range(0, len(rows), step):
            chosen = rows[start : start + step]
            images = np.zeros((len(chosen), style.side, style.side), np.uint8)
            for number, content in enumerate(self.contents):
                here = self.content[chosen] == number
                content_rows = self.content_row[chosen[here]]
                if isinstance(content, DrawingBatch):
                    images[here] = rasterize(content.take(content_rows), style)
                else:
                    images[here] = content[content_rows].reshape(-1, style.side, style.side)
            yield images


def _load(job: MergeJob, shard: Shard) -> _Drawings:
    """Read the slice of each spill file that belongs to a shard."""
    labels = {name: label for label, name in enumerate(job.label_names)}
    tables: list[pa.Table] = []
    sources: list[int] = []
    for spill_path in job.spill_files:
        with open_spill_file(spill_path.path) as spill_file:
            table = spill_file.slice_(shard.split, *shard.hash_range)
            if not job.options.keep_strokes and "t" in table.column_names:
                table = table.drop_columns("t")  # not needed to render
            if table.num_rows:
                tables.append(_copy(table))
                sources.append(spill_path.source)

    # tables with the same types of strokes are concatenated, in the order of the spill files
    types = [_content_type(table) for table in tables]
    distinct_types = sorted(set(types))
    counts = np.array([table.num_rows for table in tables], np.int64)
    content = np.repeat([distinct_types.index(each) for each in types], counts).astype(np.int64)
    content_row = np.zeros(len(content), np.int64)
    for number in range(len(distinct_types)):
        content_row[content == number] = np.arange(np.count_nonzero(content == number))

    metadata = [table.select(_METADATA.names).replace_schema_metadata() for table in tables]
    return _Drawings(
        order=_concatenate([column(table, "order") for table in tables], np.uint64),
        label=_concatenate([word_labels(table, labels) for table in tables], np.int64),
        source=np.repeat(sources, counts).astype(np.int64),
        offset=_concatenate([column(table, "offset") for table in tables], np.int64),
        quality=_concatenate([_quality(table) for table in tables], np.uint8),
        metadata=pa.concat_tables(
            [_METADATA.empty_table(), *(table.cast(_METADATA) for table in metadata)]
        ),
        contents=tuple(
            _concatenate_content(
                [table for table, each in zip(tables, types, strict=True) if each == content_type]
            )
            for content_type in distinct_types
        ),
        content=content,
        content_row=content_row,
    )


def _write(
    job: MergeJob,
    shard: Shard,
    drawings: _Drawings,
    rows: npt.NDArray[np.int64],
    flags: npt.NDArray[np.uint8] | None,
) -> tuple[FileEntry, ...]:
    """Render rows and write them as the files of a shard."""
    options, out = job.options, job.workdir.out
    labels = drawings.label[rows]
    words = pa.DictionaryArray.from_arrays(
        pa.array(labels.astype(np.int32)), pa.array(job.label_names, pa.string())
    )
    # after key_id, as in every version: the bytes depend on the order of the columns
    metadata = drawings.metadata.take(pa.array(rows))
    metadata = metadata.add_column(1, "word", words.cast(pa.string()))
    if flags is not None:
        metadata = metadata.append_column("quality", pa.array(flags))

    if options.keep_strokes:
        # there are no bitmaps, which the plan refuses; a shard without drawings has no content
        batches = [content for content in drawings.contents if isinstance(content, DrawingBatch)]
        if len(batches) > 1:
            raise UsageError(
                "strokes should be kept, and the sources hold both raw and simplified drawings, "
                "which one table cannot hold: prepare them separately"
            )
        if batches:
            table = batches[0].take(drawings.content_row[rows]).to_arrow()
            for name in ("x", "y", "t"):
                if name in table.column_names:
                    metadata = metadata.append_column(name, table.column(name))

    images = drawings.images(rows, options.style)
    return SHARD_FORMATS[options.format].write_shard(
        out,
        shard.stem,
        images,
        labels,
        metadata,
        side=options.style.side,
        categories=job.label_names,
    )


_METADATA = pa.schema(
    [
        ("key_id", pa.uint64()),
        ("countrycode", pa.string()),
        ("timestamp", pa.timestamp("us", "UTC")),
        ("recognized", pa.bool_()),
    ]
)


def _copy(table: pa.Table) -> pa.Table:
    """Copy a slice of a mapped file, so that the file can be closed.

    The pages of a map count as memory of the process as long as it is open.
    """
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return pa.ipc.open_stream(sink.getvalue()).read_all()


def _content_type(table: pa.Table) -> str:
    if "image" in table.column_names:
        return "image"
    return f"{table.schema.field('x').type} {'t' in table.column_names}"


def _concatenate_content(tables: list[pa.Table]) -> DrawingBatch | npt.NDArray[np.uint8]:
    """Join strokes as a batch, or bitmaps as rows of pixels."""
    if "image" not in tables[0].column_names:
        return DrawingBatch.concat(DrawingBatch.from_arrow(table) for table in tables)

    # views of the buffers: to_numpy would make an object for each bitmap
    chunks = [chunk for table in tables for chunk in table.column("image").chunks]
    return np.concatenate(
        [
            np.frombuffer(chunk.buffers()[1], np.uint8).reshape(-1, chunk.type.byte_width)[
                chunk.offset : chunk.offset + len(chunk)
            ]
            for chunk in chunks
        ]
    )


def _quality(table: pa.Table) -> npt.NDArray[np.uint8]:
    if "quality" in table.column_names:
        flags: npt.NDArray[np.uint8] = column(table, "quality")
        return flags
    return np.zeros(table.num_rows, np.uint8)


def _count_flags(flags: npt.NDArray[np.uint8] | None) -> dict[str, int]:
    if flags is None:
        return {}
    return {name: int(np.count_nonzero(flags & bit)) for name, bit in QUALITY_FLAGS.items()}


def _concatenate(arrays: list[npt.NDArray[Any]], dtype: type[np.generic]) -> npt.NDArray[Any]:
    """Concatenate arrays, of which there may be none."""
    return np.concatenate([np.zeros(0, dtype), *arrays])
