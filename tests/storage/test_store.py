"""Data sets in object stores, against a real server that speaks Amazon's protocol."""

import hashlib
import multiprocessing
import pickle
import threading

import numpy as np
import pytest

from quickdraw_kit.errors import DataError, IntegrityError, QuickdrawError, UsageError
from quickdraw_kit.shards.options import PrepareOptions
from quickdraw_kit.shards.prepare.pipeline import prepare
from quickdraw_kit.shards.read.dataset import open_shards
from quickdraw_kit.storage.hashing import FileEntry
from quickdraw_kit.storage.retry import RetryPolicy
from quickdraw_kit.storage.store import RetryingStore
from quickdraw_kit.synthetic.generator import write_sample


@pytest.fixture
def bucket(s3):
    return f"{s3}/{hashlib.sha256(np.random.default_rng().bytes(8)).hexdigest()[:12]}"


@pytest.fixture(scope="module", params=["npy", "parquet"])
def local(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    write_sample(folder / "sample", drawings=135)
    options = PrepareOptions(format=request.param, rows_per_shard=20)
    prepare([folder / "sample"], folder / "shards", options=options, workers=1)
    return folder / "shards"


def copied(folder, url):
    store = RetryingStore(url)
    for path in folder.iterdir():
        store.put(path.name, path)
    return url


def entry_of(name: str, content: bytes) -> FileEntry:
    return FileEntry(name, len(content), hashlib.sha256(content).hexdigest())


def test_a_data_set_in_a_store_is_the_one_on_the_disk(bucket, local, tmp_path):
    here = open_shards(local, split="train")
    there = open_shards(copied(local, bucket), split="train", cache=tmp_path)
    assert there.label_names == here.label_names
    assert there.to_pandas().equals(here.to_pandas())
    for ours, theirs in zip(
        here.batches(32, shuffle=True), there.batches(32, shuffle=True), strict=True
    ):
        assert np.array_equal(ours[0], theirs[0])
        assert np.array_equal(ours[1], theirs[1])
    assert np.array_equal(there[5][0], here[5][0])


def test_what_is_cached_is_not_fetched_again(bucket, local, tmp_path):
    url = copied(local, bucket)
    dataset = open_shards(url, cache=tmp_path)
    first = [images.copy() for images, _ in dataset.batches(50)]
    store = RetryingStore(url)
    for path in local.iterdir():
        if path.name != "manifest.json":
            store.delete(path.name)
    again = open_shards(url, cache=tmp_path)
    assert all(np.array_equal(a, b) for a, (b, _) in zip(first, again.batches(50), strict=True))


def test_what_is_fetched_is_checked_and_stops_when_it_is_told(bucket, tmp_path, monkeypatch):
    monkeypatch.setattr("quickdraw_kit.storage.store._PIECE", 1)
    store, stop = RetryingStore(bucket), threading.Event()
    store.put("a.bin", b"whole")
    store.download(entry_of("a.bin", b"whole"), tmp_path / "a.bin", stop)
    assert (tmp_path / "a.bin").read_bytes() == b"whole"
    with pytest.raises(IntegrityError, match="not the file that the manifest names"):
        store.download(entry_of("a.bin", b"other"), tmp_path / "b.bin", stop)
    stop.set()
    with pytest.raises(QuickdrawError, match=r"a\.bin: stopped"):
        store.download(entry_of("a.bin", b"whole"), tmp_path / "b.bin", stop)
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]
    store.download(entry_of("a.bin", b"whole"), tmp_path / "b.bin")  # only that one was to stop


def test_a_store_without_a_manifest_is_no_data_set(bucket, tmp_path):
    with pytest.raises(DataError, match=r"manifest\.json does not exist"):
        open_shards(bucket, cache=tmp_path)


def test_a_store_that_does_not_answer_is_an_error_that_says_where(bucket, monkeypatch):
    store = RetryingStore(bucket, RetryPolicy(attempts=1))
    monkeypatch.setattr(store._system, "cat_file", lambda path: 1 / 0)
    with pytest.raises(QuickdrawError, match=r"a\.txt: ZeroDivisionError.*Try again"):
        store.get("a.txt")


def test_an_unknown_store():
    with pytest.raises(UsageError, match="no address of a store"):
        RetryingStore("nostore://bucket/x")


def test_it_travels_to_other_processes(bucket, local, tmp_path):
    dataset = open_shards(copied(local, bucket), cache=tmp_path)
    again = pickle.loads(pickle.dumps(dataset))
    assert np.array_equal(again[3][0], dataset[3][0])


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_process_that_is_forked_asks_the_store_itself(bucket, local, tmp_path):
    """As the workers of a DataLoader are on Linux."""
    dataset = open_shards(copied(local, bucket), split="train", cache=tmp_path)
    dataset[0]
    context = multiprocessing.get_context("fork")
    receiving, sending = context.Pipe(duplex=False)
    worker = context.Process(target=lambda: sending.send(dataset.take(range(len(dataset)))))
    worker.start()
    sending.close()
    images, labels = receiving.recv()
    worker.join()
    expected = open_shards(local, split="train").take(range(len(dataset)))
    assert np.array_equal(images, expected[0])
    assert np.array_equal(labels, expected[1])


def test_no_secret_is_in_a_message(tmp_path):
    store = RetryingStore(
        "http://me:secret@127.0.0.1:9/shards?token=secret", RetryPolicy(attempts=1)
    )
    with pytest.raises(QuickdrawError, match=r"http://127\.0\.0\.1:9/shards") as told:
        store.get("a.txt")
    assert "secret" not in str(told.value)
