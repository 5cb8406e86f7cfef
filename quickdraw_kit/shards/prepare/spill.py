"""Spill files: the drawings of a chunk, filtered, split and in shuffled order, as an Arrow file.

Preparing is an external sort. Chunks are parsed into spill files, each ordered by split and then by
the order hash, which is the position of a drawing in the shuffled order. A shard is a range of that
hash, so it is merged from one slice of each spill file, found by binary search. Spill files hold
strokes instead of pixels, which are eight times as many bytes; a drawing is rendered once, when its
shard is written.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from quickdraw_kit.formats.record_batch import RecordBatch
from quickdraw_kit.shards.keyed_hashes import SPLITS, order_hash
from quickdraw_kit.storage.files import atomic_write
from quickdraw_kit.strokes.columns import Int64Array, lengths_to_offsets

UInt64Array = npt.NDArray[np.uint64]

_METADATA = ("key_id", "word", "countrycode", "timestamp", "recognized")


@dataclass(frozen=True, slots=True)
class SpillPath:
    """Where a spill file is, and the number of the source that its drawings are from."""

    path: Path
    source: int


@dataclass(frozen=True, slots=True, eq=False)
class SpillFile:
    """An open spill file."""

    table: pa.Table  # mapped into memory
    split_offsets: Int64Array  # rows at which the splits start, and the number of rows

    def slice_(self, split: int, low: int, high: int) -> pa.Table:
        """Return the rows of a split with an order hash from `low` to `high`, without copying."""
        first, last = self.split_offsets[split : split + 2]
        order = column(self.table, "order")[first:last]
        start = np.searchsorted(order, np.uint64(low), side="left")
        stop = np.searchsorted(order, np.uint64(high), side="right")
        return self.table.slice(first + start, stop - start)


def write_spill_file(
    path: Path,
    records: RecordBatch,
    split: npt.NDArray[np.uint8],
    salt: str,
    flags: npt.NDArray[np.uint8] | None = None,
) -> list[int]:
    """Write a record batch as a spill file; return the number of drawings in each split."""
    order = order_hash(records.batch.key_id, salt)
    rows = np.lexsort((order, split))

    batch = records.batch.take(rows)
    table = batch.to_arrow()
    if records.images is not None:
        table = table.select(list(_METADATA))  # bitmaps have no strokes
    # Rows of shards are identified by key_ids, so those made from the content stay; and an unknown
    # country is empty, as in every version: bytes must not change.
    countries = table["countrycode"].fill_null("")
    for name, values in (("key_id", pa.array(batch.key_id)), ("countrycode", countries)):
        table = table.set_column(_METADATA.index(name), name, values)
    table = table.append_column("order", pa.array(order[rows]))
    table = table.append_column("offset", pa.array(records.position[rows]))
    if flags is not None:
        table = table.append_column("quality", pa.array(flags[rows]))
    if records.images is not None:
        table = table.append_column("image", _image_column(records.images[rows]))

    counts = np.bincount(split, minlength=len(SPLITS))
    offsets = lengths_to_offsets(counts)
    table = table.replace_schema_metadata({"split_offsets": " ".join(map(str, offsets))})
    # not synced: a spill file must survive a kill of the process, but not a power failure. One
    # record batch, so that every column is a single buffer when it is mapped.
    with atomic_write(path, sync=False) as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=max(len(rows), 1))
    return [int(count) for count in counts]


def _image_column(images: npt.NDArray[np.uint8]) -> pa.Array:
    images = np.ascontiguousarray(images)
    size = int(np.prod(images.shape[1:]))
    buffers = [None, pa.py_buffer(images)]
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(size), len(images), buffers)


@contextmanager
def open_spill_file(path: Path) -> Iterator[SpillFile]:
    """Map a spill file into memory; its tables must not be used after the block."""
    with pa.memory_map(str(path)) as file:
        table = pa.ipc.open_file(file).read_all()
        offsets = table.schema.metadata[b"split_offsets"].split()
        yield SpillFile(table, np.array([int(offset) for offset in offsets], np.int64))


def column(table: pa.Table, name: str) -> npt.NDArray[Any]:
    """Return a column of numbers as an array, which shares memory with Arrow if it is one chunk."""
    chunks = table.column(name).chunks
    arrays: list[npt.NDArray[Any]] = [chunk.to_numpy(zero_copy_only=True) for chunk in chunks]
    if len(arrays) == 1:
        return arrays[0]
    return np.concatenate(arrays) if arrays else np.zeros(0, np.uint64)


def word_labels(table: pa.Table, labels: dict[str, int]) -> npt.NDArray[np.int64]:
    """Return the label of each row; -1 for words without one, which only filtered drawings have."""
    words = table.column("word").combine_chunks()
    if isinstance(words, pa.ChunkedArray):
        words = words.chunk(0)
    by_code = np.array([labels.get(word, -1) for word in words.dictionary.to_pylist()], np.int64)
    codes: npt.NDArray[np.int32] = words.indices.to_numpy()
    return by_code[codes]


def distinct_rank(group: npt.NDArray[np.integer[Any]], value: UInt64Array) -> npt.NDArray[np.int64]:
    """Rank values within their groups, from 0; equal values share a rank.

    With equal ranks for equal values, all drawings with one key_id are sampled, or none: which of
    them is the duplicate is decided later.
    """
    by_value = np.lexsort((value, group))
    groups, values = group[by_value], value[by_value]
    new_group = np.ones(len(groups), np.bool_)
    new_group[1:] = groups[1:] != groups[:-1]
    new_value = new_group.copy()
    new_value[1:] |= values[1:] != values[:-1]

    # count distinct values over all groups, and subtract the count at which the group starts
    count = np.cumsum(new_value)
    first = np.maximum.accumulate(np.where(new_group, count, 0))
    rank = np.empty(len(groups), np.int64)
    rank[by_value] = count - first
    return rank
