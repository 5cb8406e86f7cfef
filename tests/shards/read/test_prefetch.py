"""A pass in stretches: its order is told by the seed alone, and two stretches are in memory."""

import threading
import tracemalloc
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickdraw_kit.shards.options import PrepareOptions
from quickdraw_kit.shards.prepare.pipeline import prepare
from quickdraw_kit.shards.read import prefetch as stretches
from quickdraw_kit.shards.read.dataset import open_shards

ROWS = 3_000


@pytest.fixture(scope="module", params=[70, 10_000])
def dataset(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stretches")
    images = np.random.default_rng(0).integers(0, 256, (ROWS, 784), np.uint8)
    np.save(folder / "cat.npy", images)
    options = PrepareOptions(rows_per_shard=request.param)
    prepare([folder / "cat.npy"], folder / "out", options=options, workers=1)
    return open_shards(folder / "out", split="train")


@given(
    batch_size=st.integers(1, 300),
    shuffle=st.booleans(),
    seed=st.integers(0, 5),
    shuffle_buffer=st.integers(1, 600),
    piece=st.integers(1, 100),
)
def test_the_order_is_the_one_that_is_promised(
    dataset, batch_size, shuffle, seed, shuffle_buffer, piece
):
    """Shards in an order that the seed draws, and windows in an order of seed and place."""
    sizes = [shard.rows for shard in dataset.manifest.shards if shard.split == "train"]
    shards = np.split(np.arange(len(dataset)), np.cumsum(sizes)[:-1])
    shuffle_buffer = max(shuffle_buffer // batch_size, 1) * batch_size
    if shuffle:
        drawn = np.random.default_rng(seed).permutation(len(shards))
        rows = np.concatenate([shards[number] for number in drawn])
        for begin in range(0, len(rows), shuffle_buffer):
            part = rows[begin : begin + shuffle_buffer]
            rows[begin : begin + shuffle_buffer] = part[
                np.random.default_rng([seed, begin]).permutation(len(part))
            ]
    else:
        rows = np.arange(len(dataset))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stretches, "_PIECE", piece)
        batches = list(
            dataset.batches(batch_size, shuffle=shuffle, seed=seed, shuffle_buffer=shuffle_buffer)
        )
    images, labels = dataset.take(rows)
    assert np.array_equal(np.concatenate([batch[0] for batch in batches]), images)
    assert np.array_equal(np.concatenate([batch[1] for batch in batches]), labels)


@pytest.mark.parametrize("shuffle", [False, True])
def test_two_stretches_are_in_memory(dataset, monkeypatch, shuffle):
    """The one in use, and the next one when it is ready."""
    made, ready = stretches._made, threading.Semaphore(0)

    def told(*arguments):
        for stretch in made(*arguments):
            ready.release()
            yield stretch
            del stretch
        ready.release()

    monkeypatch.setattr(stretches, "_made", told)
    monkeypatch.setattr(stretches, "_PIECE", 10)
    shuffle_buffer = 500
    dataset.take(range(len(dataset)))  # whatever is made once
    tracemalloc.start()
    try:
        coming = dataset.batches(shuffle_buffer, shuffle=shuffle, shuffle_buffer=shuffle_buffer)
        next(coming)
        assert ready.acquire(timeout=60)  # of the first
        assert ready.acquire(timeout=60)  # and of the second
        for images, labels in coming:
            assert ready.acquire(timeout=60)
            del images, labels
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2.3 * shuffle_buffer * 784 < len(dataset) * 784


def test_a_stretch_is_let_go_of_while_the_next_is_waited_for(dataset, monkeypatch):
    read, seen = stretches._read, []

    def waits(rows, start, out, part, places):
        if out.ndim == 3 and (not seen or seen[-1][0]() is not out):
            assert not seen or seen[-1][1].wait(60)
            gone = threading.Event()
            weakref.finalize(out, gone.set)
            seen.append((weakref.ref(out), gone))
        read(rows, start, out, part, places)

    monkeypatch.setattr(stretches, "_read", waits)
    for images, labels in dataset.batches(50, shuffle=True, shuffle_buffer=500):
        del images, labels
    assert len(seen) == -(-len(dataset) // 500)


def test_no_thread_is_left(dataset):
    before = threading.enumerate()
    coming = dataset.batches(50, shuffle_buffer=100)
    next(coming)
    (ahead,) = set(threading.enumerate()) - set(before)
    coming.close()
    ahead.join(60)
    assert not ahead.is_alive()
