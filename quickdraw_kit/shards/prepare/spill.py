"""Sorted runs: the drawings of a unit, filtered, split and in shuffled order, as an Arrow file.

Preparing is an external sort. Units are parsed into runs, each ordered by split and then by the
hash that is its drawings' place in the shuffled order; a shard is a range of that hash, so it is
merged from one slice of each run, found by binary search. Runs keep the strokes and not the pixels,
which are eight times as many bytes; pixels are drawn once, when their shard is written.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from quickdraw_kit.shards.hashes import SPLITS, order_hash
from quickdraw_kit.shards.prepare.record_batches import RecordBatch
from quickdraw_kit.storage.files import atomic_write
from quickdraw_kit.strokes.columns import Int64Array, lengths_to_offsets

__all__ = ["METADATA", "Run", "column", "distinct_rank", "open_run", "write_run"]

UInt64Array = npt.NDArray[np.uint64]

METADATA = ("key_id", "word", "countrycode", "timestamp", "recognized")


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """An open run."""

    table: pa.Table
    bounds: Int64Array

    def rows_in_order(self, split: int, low: int, high: int) -> pa.Table:
        """Return the rows of a split whose place is in a range, without copying."""
        first, last = self.bounds[split : split + 2]
        order = column(self.table, "order")[first:last]
        start = np.searchsorted(order, np.uint64(low), side="left")
        stop = np.searchsorted(order, np.uint64(high), side="right")
        return self.table.slice(first + start, stop - start)


def write_run(
    path: Path,
    records: RecordBatch,
    split: npt.NDArray[np.uint8],
    salt: str,
    flags: npt.NDArray[np.uint8] | None = None,
) -> list[int]:
    """Write a record batch as a run."""
    order = order_hash(records.batch.key_id, salt)
    rows = np.lexsort((order, split))
    table = records.batch.take(rows).to_arrow()
    columns: dict[str, Any] = {
        "order": order[rows],
        "offset": records.offset[rows],
    }
    if flags is not None:
        columns["quality"] = flags[rows]
    if records.images is not None:
        table = table.select(list(METADATA))
        unknown = pa.nulls(len(rows), pa.bool_())
        table = table.set_column(METADATA.index("recognized"), "recognized", unknown)
        images = np.ascontiguousarray(records.images[rows])
        size = int(np.prod(images.shape[1:]))
        columns["image"] = pa.FixedSizeBinaryArray.from_buffers(
            pa.binary(size), len(images), [None, pa.py_buffer(images)]
        )
    for name, values in columns.items():
        table = table.append_column(name, pa.array(values) if name != "image" else values)
    counts = np.bincount(split, minlength=len(SPLITS))
    bounds = lengths_to_offsets(counts)
    table = table.replace_schema_metadata({"bounds": " ".join(map(str, bounds))})
    # a run is scratch: it need survive a kill of the process, not a power cut
    with atomic_write(path, sync=False) as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=max(len(rows), 1))
    return [int(count) for count in counts]


@contextmanager
def open_run(path: Path) -> Iterator[Run]:
    """Map a run into memory, for the length of a block."""
    with pa.memory_map(str(path)) as file:
        table = pa.ipc.open_file(file).read_all()
        bounds = table.schema.metadata[b"bounds"].split()
        yield Run(table, np.array([int(bound) for bound in bounds], np.int64))


def column(table: pa.Table, name: str) -> npt.NDArray[Any]:
    """Return a column of numbers as an array, shared with Arrow when it is one chunk."""
    chunks = table.column(name).chunks
    arrays: list[npt.NDArray[Any]] = [chunk.to_numpy(zero_copy_only=True) for chunk in chunks]
    if len(arrays) == 1:
        return arrays[0]
    return np.concatenate(arrays) if arrays else np.zeros(0, np.uint64)


def distinct_rank(group: npt.NDArray[np.integer[Any]], value: UInt64Array) -> npt.NDArray[np.int64]:
    """Rank values within their groups; equal values share a rank."""
    by_value = np.lexsort((value, group))
    groups, values = group[by_value], value[by_value]
    new_group = np.ones(len(groups), np.bool_)
    new_group[1:] = groups[1:] != groups[:-1]
    new_value = new_group.copy()
    new_value[1:] |= values[1:] != values[:-1]
    place = np.cumsum(new_value)
    first = np.maximum.accumulate(np.where(new_group, place, 0))
    rank = np.empty(len(groups), np.int64)
    rank[by_value] = place - first
    return rank
