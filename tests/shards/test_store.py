"""Data sets in object stores, against a real server that speaks Amazon's protocol."""

import contextlib
import hashlib
import pickle

import numpy as np
import pytest

from quickdraw_kit.acquire.session import Patience
from quickdraw_kit.errors import DataError, IntegrityError, QuickdrawError, UsageError
from quickdraw_kit.shards.dataset import open_shards
from quickdraw_kit.shards.layout import Layout
from quickdraw_kit.shards.manifest import FileEntry, load_manifest
from quickdraw_kit.shards.prepare import prepare
from quickdraw_kit.shards.store import CachedFiles, ObjectStore
from quickdraw_kit.strokes.generate import write_sample


@pytest.fixture
def bucket(s3):
    return f"{s3}/{hashlib.sha256(np.random.default_rng().bytes(8)).hexdigest()[:12]}"


@pytest.fixture(scope="module", params=["npy", "parquet"])
def local(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    write_sample(folder / "sample", drawings=135)
    layout = Layout(form=request.param, shard_rows=20)
    prepare([folder / "sample"], folder / "shards", layout=layout, workers=1)
    return folder / "shards"


def copied(folder, url):
    store = ObjectStore(url)
    for path in folder.iterdir():
        store.put(path, path.name)
    return url


def bytes_in(folder) -> int:
    total = 0
    for path in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):  # dropped while we look
            total += path.stat().st_size
    return total


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


def test_the_cache_stays_within_its_bound_and_the_pass_is_whole(bucket, local, tmp_path):
    url = copied(local, bucket)
    largest = max(file.bytes for file in load_manifest(local).all_files())
    limit = 3 * largest
    dataset = open_shards(url, cache=tmp_path, cache_bytes=limit)
    here = open_shards(local)
    held = []
    for ours, theirs in zip(here.batches(7), dataset.batches(7), strict=True):
        assert np.array_equal(ours[0], theirs[0])
        held.append(bytes_in(tmp_path))
    assert 0 < max(held) <= limit
    assert sum(file.bytes for file in load_manifest(local).all_files()) > limit


def test_what_is_cached_is_not_fetched_again(bucket, local, tmp_path):
    url = copied(local, bucket)
    dataset = open_shards(url, cache=tmp_path)
    first = [images.copy() for images, _ in dataset.batches(50)]
    store = ObjectStore(url)
    for path in local.iterdir():
        if path.name != "manifest.json":
            store.delete(path.name)
    again = open_shards(url, cache=tmp_path)
    assert all(np.array_equal(a, b) for a, (b, _) in zip(first, again.batches(50), strict=True))


def test_a_file_that_is_not_the_one_of_the_manifest_is_refused(bucket, local, tmp_path):
    url = copied(local, bucket)
    name = load_manifest(local).shards[0].files[0].name
    ObjectStore(url).write(name, b"x" * (local / name).stat().st_size)
    with pytest.raises(IntegrityError, match="not the file that the manifest names"):
        list(open_shards(url, cache=tmp_path).batches(10))
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_copy_that_was_cut_off_is_fetched_again(bucket, tmp_path):
    store = ObjectStore(bucket)
    store.write("a.bin", b"whole")
    files = CachedFiles(store, tmp_path)
    path = files.path(entry_of("a.bin", b"whole"))
    path.write_bytes(b"who")
    assert files.path(entry_of("a.bin", b"whole")).read_bytes() == b"whole"


def test_a_store_without_a_manifest_is_no_data_set(bucket, tmp_path):
    with pytest.raises(DataError, match=r"manifest\.json does not exist"):
        open_shards(bucket, cache=tmp_path)


def test_a_store_that_does_not_answer_is_an_error_that_says_where(bucket, monkeypatch):
    store = ObjectStore(bucket, Patience(attempts=1))
    monkeypatch.setattr(store._system, "cat_file", lambda path: 1 / 0)
    with pytest.raises(QuickdrawError, match=r"a\.txt: ZeroDivisionError.*Try again"):
        store.read("a.txt")


def test_an_unknown_store():
    with pytest.raises(UsageError, match="no address of a store"):
        ObjectStore("nostore://bucket/x")


def test_it_travels_to_other_processes(bucket, local, tmp_path):
    dataset = open_shards(copied(local, bucket), cache=tmp_path)
    again = pickle.loads(pickle.dumps(dataset))
    assert np.array_equal(again[3][0], dataset[3][0])
