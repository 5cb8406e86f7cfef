"""A pass over shards in buffers: the next one is read in a thread while the current one is used.

No more than two buffers are in memory: rows that are to be shuffled are read to their shuffled
positions, instead of being copied after they were read.
"""

import itertools
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from quickdraw_kit.shards.formats.base import Rows
from quickdraw_kit.shards.read.readers import OpenShards

Buffer: TypeAlias = tuple[int, npt.NDArray[np.uint8], npt.NDArray[np.int64]]
"""The row of the pass at which the buffer starts, its images and its labels."""

_READ_ROWS = 1 << 12  # read at once before they are shuffled: they fit the caches of a processor


def prefetch_buffers(
    shards: OpenShards,
    batch_size: int,
    *,
    shuffle: bool,
    seed: int,
    buffer_rows: int,
    first_row: int,
) -> Iterator[Buffer]:
    """Yield the buffers of a pass, from the one with `first_row` on.

    A buffer ends between two batches. Its rows depend on the seed and on where it starts, not on
    the buffers before it, so a pass can start at any of them.
    """
    stop = threading.Event()
    buffers = _read_buffers(shards, batch_size, shuffle, seed, buffer_rows, first_row, stop)
    thread = ThreadPoolExecutor(1, thread_name_prefix="shard-prefetch")
    try:
        pending = thread.submit(next, buffers, None)
        # one call at a time: a generator cannot run in two threads
        while (buffer := pending.result()) is not None:
            pending = thread.submit(next, buffers, None)
            yield buffer
            del buffer  # freed before the next one is waited for: two in memory, not three
    finally:
        stop.set()
        # do not wait for a store that does not answer: the request has its own timeout
        thread.shutdown(wait=False)


def _read_buffers(
    shards: OpenShards,
    batch_size: int,
    shuffle: bool,
    seed: int,
    buffer_rows: int,
    first_row: int,
    stop: threading.Event,
) -> Iterator[Buffer]:
    side = shards.manifest.options.style.side
    numbers = list(range(len(shards.shards)))
    if shuffle:
        numbers = np.random.default_rng(seed).permutation(len(numbers)).tolist()
    ends = np.cumsum([shards.shards[number].rows for number in numbers], dtype=np.int64)

    for start, end in _buffer_ranges(ends, batch_size, buffer_rows, shuffle):
        if end <= first_row:
            continue
        images = np.empty((end - start, side, side), np.uint8)
        labels = np.empty(end - start, np.int64)
        positions = _shuffled_positions(seed, start, end - start) if shuffle else None

        # a buffer may begin and end in the middle of a shard
        visited, row = int(np.searchsorted(ends, start, side="right")), start
        while row < end and not stop.is_set():
            shard_images, shard_labels = shards.get(numbers[visited], stop)
            part = slice(row - start, min(end, int(ends[visited])) - start)
            shard_row = row - int(ends[visited]) + shards.shards[numbers[visited]].rows
            _read_rows(shard_images, shard_row, images, part, positions)
            _read_rows(shard_labels, shard_row, labels, part, positions)
            row, visited = start + part.stop, visited + 1

        # incomplete after a stop, but then nothing waits for it
        yield start, images, labels


def _shuffled_positions(seed: int, start: int, rows: int) -> npt.NDArray[np.int64]:
    """Return where each row of a buffer goes: the inverse of a permutation."""
    # by its start too: a pass that begins here must get the same order
    order = np.random.default_rng([seed, start]).permutation(rows)
    positions = np.empty_like(order)
    positions[order] = np.arange(rows)
    return positions


def _read_rows(
    rows: Rows,
    start: int,
    out: npt.NDArray[Any],
    part: slice,
    positions: npt.NDArray[np.int64] | None,
) -> None:
    """Read rows into a part of a buffer, or to the shuffled positions of that part."""
    if positions is None:
        rows.read(start, out[part])
        return

    # a sixteenth at most, so that the memory beside the buffer is small
    size = min(_READ_ROWS, -(-(part.stop - part.start) // 16))
    scratch = np.empty((size, *out.shape[1:]), out.dtype)
    for begin in range(part.start, part.stop, size):
        end = min(begin + size, part.stop)
        rows.read(start + begin - part.start, scratch[: end - begin])
        out[positions[begin:end]] = scratch[: end - begin]


def _buffer_ranges(
    ends: npt.NDArray[np.int64], batch_size: int, buffer_rows: int, shuffle: bool
) -> Iterator[tuple[int, int]]:
    """Yield the first and the last row of each buffer, exclusive."""
    total = int(ends[-1]) if len(ends) else 0
    # in order, buffers end with shards too: the first batch waits for one shard and no more
    shard_ends = [] if shuffle else (ends // batch_size * batch_size).tolist()
    for start, end in itertools.pairwise(sorted({0, *shard_ends, total})):
        for begin in range(start, end, buffer_rows):
            yield begin, min(begin + buffer_rows, end)
