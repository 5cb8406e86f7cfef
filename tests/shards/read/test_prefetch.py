"""A pass in buffers: the seed alone decides its order, and two buffers are in memory."""

import itertools
import threading
import tracemalloc
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickdraw_kit.shards.options import PrepareOptions
from quickdraw_kit.shards.prepare.pipeline import prepare
from quickdraw_kit.shards.read.dataset import open_shards
from quickdraw_kit.shards.read.readers import OpenShards

ROWS = 3_000


@pytest.fixture(scope="module", params=[70, 10_000])
def dataset(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("prefetch")
    images = np.random.default_rng(0).integers(0, 256, (ROWS, 784), np.uint8)
    np.save(folder / "cat.npy", images)
    options = PrepareOptions(rows_per_shard=request.param)
    prepare([folder / "cat.npy"], folder / "out", options=options, workers=1)
    return open_shards(folder / "out", split="train")


@pytest.fixture
def on_read(monkeypatch):
    """Set a function that is called before and after labels are read, with the rows of the pass.

    The labels of a part of a buffer are read after its images.
    """

    class Labels:
        def __init__(self, rows, calls):
            self.rows, self.calls = rows, calls

        def read(self, start, out):
            before, after = self.calls
            before(len(out))
            self.rows.read(start, out)
            after(len(out))

    def set_calls(before=lambda rows: None, after=lambda rows: None):
        get = OpenShards.get

        def get_recording(self, number, stop=None):
            images, labels = get(self, number, stop)
            return images, Labels(labels, (before, after))

        monkeypatch.setattr(OpenShards, "get", get_recording)

    return set_calls


@given(
    batch_size=st.integers(1, 300),
    shuffle=st.booleans(),
    seed=st.integers(0, 5),
    shuffle_buffer=st.integers(1, 600),
)
def test_the_order_is_that_of_the_documentation(dataset, batch_size, shuffle, seed, shuffle_buffer):
    """Shards in an order that the seed decides, buffers in an order of the seed and the start."""
    sizes = [shard.rows for shard in dataset.manifest.shards if shard.split == "train"]
    shards = np.split(np.arange(len(dataset)), np.cumsum(sizes)[:-1])
    buffer_rows = max(shuffle_buffer // batch_size, 1) * batch_size
    if shuffle:
        order = np.random.default_rng(seed).permutation(len(shards))
        rows = np.concatenate([shards[number] for number in order])
        for start in range(0, len(rows), buffer_rows):
            part = rows[start : start + buffer_rows]
            rows[start : start + buffer_rows] = part[
                np.random.default_rng([seed, start]).permutation(len(part))
            ]
    else:
        rows = np.arange(len(dataset))
    batches = list(
        dataset.batches(batch_size, shuffle=shuffle, seed=seed, shuffle_buffer=shuffle_buffer)
    )
    images, labels = dataset.take(rows)
    assert np.array_equal(np.concatenate([batch[0] for batch in batches]), images)
    assert np.array_equal(np.concatenate([batch[1] for batch in batches]), labels)


@pytest.mark.parametrize("shuffle", [False, True])
def test_two_buffers_are_in_memory(dataset, on_read, shuffle):
    """The current one, and the next one when it is complete."""
    size, total = 500, len(dataset)
    dataset.take(range(total))  # allocate what is allocated once
    rows_read = 0
    progress = threading.Condition()

    def after(rows):
        nonlocal rows_read
        with progress:
            rows_read += rows
            progress.notify_all()

    on_read(after=after)
    tracemalloc.start()
    try:
        used = 0
        for images, labels in dataset.batches(size, shuffle=shuffle, shuffle_buffer=size):
            used += len(labels)
            with progress:  # until the next buffer is complete
                assert progress.wait_for(lambda: rows_read >= min(used + size, total), timeout=60)  # noqa: B023
            del images, labels
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert used == total
    assert peak < 2.3 * size * 784 < total * 784


def test_a_buffer_is_freed_while_the_next_is_waited_for(dataset, on_read):
    size = 500
    buffers = -(-len(dataset) // size)
    freed = [threading.Event() for _ in range(buffers)]
    rows_read = 0
    waited = []

    def before(rows):
        nonlocal rows_read
        number = rows_read // size
        if number > 0 and number not in waited:
            waited.append(number)
            assert freed[number - 1].wait(60)
        rows_read += rows

    on_read(before=before)
    numbers = itertools.count()
    last = None
    for images, labels in dataset.batches(50, shuffle=True, shuffle_buffer=size):
        if last is None or last() is not images.base:
            last = weakref.ref(images.base)
            weakref.finalize(images.base, freed[next(numbers)].set)
        del images, labels
    assert waited == list(range(1, buffers))
    assert next(numbers) == buffers


def test_no_thread_is_left(dataset):
    before = threading.enumerate()
    batches = dataset.batches(50, shuffle_buffer=100)
    next(batches)
    (prefetching,) = set(threading.enumerate()) - set(before)
    batches.close()
    prefetching.join(60)
    assert not prefetching.is_alive()
