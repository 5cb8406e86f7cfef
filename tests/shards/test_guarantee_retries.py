"""Guarantee: a store that fails for a while costs time and no data; a refusal is an error at once.

Only our own retries meet the faults: those of the driver are switched off.
"""

import hashlib
import threading
import time

import numpy as np
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from quickdraw_kit.errors import DataError, QuickdrawError
from quickdraw_kit.shards.options import PrepareOptions
from quickdraw_kit.shards.prepare.pipeline import prepare
from quickdraw_kit.shards.read.dataset import ShardDataset, open_shards
from quickdraw_kit.storage.hashing import FileEntry
from quickdraw_kit.storage.retry import RetryPolicy
from quickdraw_kit.storage.shard_cache import CachedFiles
from quickdraw_kit.storage.store import RetryingStore
from quickdraw_kit.synthetic.generator import write_sample
from tests.shards.conftest import QUICK
from tests.shards.flaky import Fault

OPTIONS = PrepareOptions(rows_per_shard=20)
PASSING = (500, 503, "drop", "lost", "cut")


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    folder = tmp_path_factory.mktemp("retries")
    write_sample(folder / "sample", drawings=135)
    prepare([folder / "sample"], folder / "shards", options=OPTIONS, workers=1)
    return folder


def files(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def entry_of(name: str, content: bytes) -> FileEntry:
    return FileEntry(name, len(content), hashlib.sha256(content).hexdigest())


def stored(url: str) -> dict[str, bytes]:
    store = RetryingStore(url)
    return {name: store.get(name) for name in store.sizes()}


@pytest.mark.parametrize("kind", PASSING)
def test_every_request_is_repeated(flaky, s3, tmp_path, kind):
    store = RetryingStore(f"{s3}/repeated-{kind}")
    content = np.random.default_rng(0).bytes(100_000)
    (tmp_path / "b.bin").write_bytes(content)
    flaky.faults = [Fault(method, "", kind, 2) for method in ("PUT", "GET", "HEAD", "DELETE")]
    store.put("a.bin", content)
    assert store.get("a.bin") == content
    assert store.sizes() == {"a.bin": len(content)}
    flaky.faults += [Fault(method, "", kind, 2) for method in ("PUT", "GET", "HEAD", "DELETE")]
    store.put("b.bin", tmp_path / "b.bin")
    assert set(store.sizes()) == {"a.bin", "b.bin"}
    flaky.faults += [Fault("GET", "b.bin", kind, 2)]
    store.download(entry_of("b.bin", content), tmp_path / "c.bin")
    assert (tmp_path / "c.bin").read_bytes() == content
    store.delete("a.bin")
    assert set(store.sizes()) == {"b.bin"}
    assert {fault.method for fault in flaky.happened} >= {"PUT", "GET"}


def test_a_refused_request_is_not_repeated(flaky, s3):
    store = RetryingStore(f"{s3}/refused")
    store.put("a.bin", b"x")
    flaky.faults = [Fault("GET", "a.bin", 403, 99)]
    with pytest.raises(QuickdrawError, match=r"refused/a\.bin: Forbidden"):
        store.get("a.bin")
    with pytest.raises(DataError, match=r"refused/b\.bin does not exist"):
        store.get("b.bin")
    assert len(flaky.happened) == 1


def test_the_last_attempt_fails_with_the_file_and_the_reason(flaky, s3, tmp_path):
    store = RetryingStore(f"{s3}/ends")
    store.put("a.bin", b"x" * 1000)
    flaky.faults = [Fault("GET", "a.bin", "cut", 99)]
    with pytest.raises(QuickdrawError, match=r"ends/a\.bin: .*Try again later"):
        store.download(entry_of("a.bin", b"x" * 1000), tmp_path / "a.bin")
    assert len(flaky.happened) == QUICK.attempts
    assert not list(tmp_path.iterdir())


def test_a_long_download_continues_where_it_was_cut(flaky, s3, tmp_path):
    store = RetryingStore(f"{s3}/long", chunk_bytes=100_000)
    content = np.random.default_rng(0).bytes(1_000_000)
    store.put("a.bin", content)
    flaky.faults, flaky.sent = [Fault("GET", "a.bin", "cut", 3)], 0
    store.download(entry_of("a.bin", content), tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == content
    assert flaky.sent <= len(content) + 3 * 100_000


def test_prepare_into_a_store_that_fails_at_times(flaky, s3, sample, tmp_path):
    url = f"{s3}/fails"
    flaky.faults = [Fault("PUT", "train", kind) for kind in PASSING]
    flaky.faults += [Fault("PUT", "manifest", 503)]
    prepare([sample / "sample"], url, options=OPTIONS, data_home=tmp_path, workers=1)
    assert len(flaky.happened) == 6
    assert stored(url) == files(sample / "shards")


def test_a_pass_over_a_store_that_fails_at_times(flaky, s3, sample, tmp_path):
    url = f"{s3}/pass"
    prepare([sample / "sample"], url, options=OPTIONS, data_home=tmp_path, workers=1)
    flaky.faults = [Fault("GET", "images", kind) for kind in PASSING]
    flaky.faults += [Fault("GET", "manifest", 503)]
    dataset = open_shards(url, cache=tmp_path / "cache")
    here = open_shards(sample / "shards")
    for ours, theirs in zip(here.batches(16), dataset.batches(16), strict=True):
        assert np.array_equal(ours[0], theirs[0])
    assert len(flaky.happened) == 6


def test_a_pass_that_is_closed_stops_waiting_and_the_next_one_waits(sample, tmp_path, monkeypatch):
    url = "memory://left"
    manifest = prepare([sample / "sample"], url, options=OPTIONS, data_home=tmp_path, workers=1)
    store = RetryingStore(url, RetryPolicy(first_wait=600))
    dataset = ShardDataset(manifest, CachedFiles(store, tmp_path / "cache"), "train")
    answers, asked = MemoryFileSystem._open, threading.Event()

    def answers_twice(*arguments, **options):
        if len(list((tmp_path / "cache").glob("*.npy"))) < 2:
            return answers(*arguments, **options)
        asked.set()
        raise TimeoutError("no answer")

    begun = time.monotonic()
    coming = dataset.batches(16)
    with monkeypatch.context() as patch:
        patch.setattr(MemoryFileSystem, "_open", answers_twice)
        next(coming)
        assert asked.wait(60)
        coming.close()
    for thread in threading.enumerate():
        if thread.name.startswith("shards-ahead"):
            thread.join(60)
    assert time.monotonic() - begun < 60
    assert sum(len(labels) for _, labels in dataset.batches(16)) == len(dataset)
