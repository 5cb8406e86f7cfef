"""A pass over shards in stretches: rows in memory, of which the next are read while these are used.

Two stretches are in memory and no more: shuffled rows are read to the places that were drawn for
them, and not shuffled once they are read.
"""

import itertools
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from quickdraw_kit.shards.read.handles import OpenShards
from quickdraw_kit.shards.read.readers import Rows

__all__ = ["Stretch", "stretches"]

Stretch: TypeAlias = tuple[int, npt.NDArray[np.uint8], npt.NDArray[np.int64]]
"""The row of the pass at which it begins, its images and its labels."""

_PIECE = 1 << 12  # rows that are read at once to be shuffled; the caches of a processor hold them


def stretches(
    opened: OpenShards, batch_size: int, *, shuffle: bool, seed: int, window: int, first: int
) -> Iterator[Stretch]:
    """Yield stretches of a pass, cut between batches, from the one with row `first` on.

    What is in a stretch depends on its place alone, so that any of them can be made first.
    """
    stop = threading.Event()
    made = _made(opened, batch_size, shuffle, seed, window, first, stop)
    thread = ThreadPoolExecutor(1, thread_name_prefix="shards-ahead")
    try:
        coming = thread.submit(next, made, None)
        while (stretch := coming.result()) is not None:
            coming = thread.submit(next, made, None)
            yield stretch
            del stretch  # not held while the next is waited for
    finally:
        stop.set()
        thread.shutdown(wait=False)  # a request that a store does not answer has its own end


def _made(
    opened: OpenShards,
    batch_size: int,
    shuffle: bool,
    seed: int,
    window: int,
    first: int,
    stop: threading.Event,
) -> Iterator[Stretch]:
    side = opened.manifest.options.style.side
    numbers = list(range(len(opened.shards)))
    if shuffle:
        numbers = np.random.default_rng(seed).permutation(len(numbers)).tolist()
    ends = np.cumsum([opened.shards[number].rows for number in numbers], dtype=np.int64)
    for begin, end in _cuts(ends, batch_size, window, shuffle):
        if end <= first:
            continue
        images = np.empty((end - begin, side, side), np.uint8)
        labels = np.empty(end - begin, np.int64)
        places = None
        if shuffle:
            order = np.random.default_rng([seed, begin]).permutation(len(labels))
            places = np.empty_like(order)
            places[order] = np.arange(len(order))
        here, row = int(np.searchsorted(ends, begin, side="right")), begin
        while row < end and not stop.is_set():
            shard_images, shard_labels = opened.get(numbers[here], stop)
            part = slice(row - begin, min(end, int(ends[here])) - begin)
            start = row - int(ends[here]) + opened.shards[numbers[here]].rows
            _read(shard_images, start, images, part, places)
            _read(shard_labels, start, labels, part, places)
            row, here = begin + part.stop, here + 1
        yield begin, images, labels


def _read(
    rows: Rows,
    start: int,
    out: npt.NDArray[Any],
    part: slice,
    places: npt.NDArray[np.int64] | None,
) -> None:
    """Copy the rows from `start` on into a part of a stretch, or to the places of that part."""
    if places is None:
        rows.read(start, out[part])
        return
    piece = np.empty((min(_PIECE, part.stop - part.start), *out.shape[1:]), out.dtype)
    for begin in range(part.start, part.stop, _PIECE):
        end = min(begin + _PIECE, part.stop)
        rows.read(start + begin - part.start, piece[: end - begin])
        out[places[begin:end]] = piece[: end - begin]


def _cuts(
    ends: npt.NDArray[np.int64], batch_size: int, window: int, shuffle: bool
) -> Iterator[tuple[int, int]]:
    """Yield where stretches begin and end."""
    total = int(ends[-1]) if len(ends) else 0
    # in order, the first batch need not wait for more than one shard
    whole = [] if shuffle else (ends // batch_size * batch_size).tolist()
    for begin, end in itertools.pairwise(sorted({0, *whole, total})):
        for start in range(begin, end, window):
            yield start, min(start + window, end)
