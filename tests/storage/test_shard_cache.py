"""The shard cache: verified, within its limit, shared by threads and processes."""

import contextlib
import hashlib
import os
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import filelock
import numpy as np
import pytest

from quickdraw_kit.errors import DataError, IntegrityError, QuickdrawError
from quickdraw_kit.shards.manifest import load_manifest
from quickdraw_kit.shards.options import PrepareOptions
from quickdraw_kit.shards.prepare.pipeline import prepare
from quickdraw_kit.shards.read.dataset import open_shards
from quickdraw_kit.storage.hashing import FileEntry
from quickdraw_kit.storage.shard_cache import CachedFiles
from quickdraw_kit.storage.store import RetryingStore
from quickdraw_kit.synthetic.generator import write_sample

NAMES = ("a.npy", "b.npy", "c.parquet")

READER = """
import pathlib, random, sys, time
from quickdraw_kit.storage.shard_cache import CachedFiles
from quickdraw_kit.shards.read.dataset import ShardDataset
from quickdraw_kit.shards.manifest import load_manifest
from quickdraw_kit.storage.store import RetryingStore
folder, cache, limit, seed = sys.argv[1:]
store = RetryingStore(pathlib.Path(folder).as_uri())
files = CachedFiles(store, pathlib.Path(cache), int(limit))
dataset = ShardDataset(load_manifest(pathlib.Path(folder)), files)
print("ready", flush=True)
while not pathlib.Path(cache, "begin").exists():
    time.sleep(0.001)
draw = random.Random(seed)
for _ in range(60):
    dataset[draw.randrange(len(dataset))]
"""


@pytest.fixture
def store(tmp_path):
    """A store with files of 100 bytes."""
    store = RetryingStore(f"memory://{tmp_path.name}")
    for name in NAMES:
        store.put(name, content(name))
    return store


@pytest.fixture
def downloaded(monkeypatch):
    """The names of the files that are downloaded."""
    names, download = [], RetryingStore.download

    def noted(self, entry, path, stop=None):
        names.append(entry.name)
        download(self, entry, path, stop)

    monkeypatch.setattr(RetryingStore, "download", noted)
    return names


def content(name: str) -> bytes:
    return name[:1].encode() * 100


def entry(name: str) -> FileEntry:
    return FileEntry(name, 100, hashlib.sha256(content(name)).hexdigest())


def read(files: CachedFiles, name: str) -> bytes:
    with files.open(entry(name)) as file:
        return file.read()


def copy_of(folder: Path, name: str) -> Path:
    return folder / f"{entry(name).sha256}{Path(name).suffix}"


def bytes_in(folder: Path) -> int:
    total = 0
    for path in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):  # evicted meanwhile
            total += path.stat().st_size
    return total


def test_the_least_recently_used_copy_is_evicted(store, downloaded, tmp_path):
    files = CachedFiles(store, tmp_path, limit=200)
    for number, name in enumerate(["a.npy", "b.npy", "a.npy"]):
        assert read(files, name) == content(name)
        os.utime(copy_of(tmp_path, name), (number, number))
    with files.open(entry("b.npy")) as open_copy:
        os.utime(copy_of(tmp_path, "b.npy"), (0, 0))
        read(files, "c.parquet")
        assert not copy_of(tmp_path, "b.npy").exists()
        assert open_copy.read() == content("b.npy")  # an open file can be read to its end
    assert copy_of(tmp_path, "a.npy").exists()
    assert downloaded == ["a.npy", "b.npy", "c.parquet"]


def test_only_copies_are_evicted(store, tmp_path):
    digits = hashlib.sha256(b"").hexdigest()
    others = ["thesis.doc", "train-00000.npy", digits, f"{digits}.txt", f".{digits}.npy.partial"]
    for name in others:
        (tmp_path / name).write_bytes(b"x" * 1000)
        os.utime(tmp_path / name, (1, 1))
    (tmp_path / f"{digits}.npy").mkdir()
    (tmp_path / f"{digits}.parquet").symlink_to(tmp_path / "thesis.doc")
    partial = tmp_path / f".{digits}.npy.0123456789abcdef.partial"  # of a process that was killed
    partial.write_bytes(b"x" * 1000)
    files = CachedFiles(store, tmp_path, limit=100)
    for name in NAMES:
        assert read(files, name) == content(name)
    assert {path.name for path in tmp_path.iterdir()} == {
        *others,
        f"{digits}.npy",
        f"{digits}.parquet",
        ".lock",
        copy_of(tmp_path, NAMES[-1]).name,
    }


def test_a_data_set_in_the_data_home_is_not_a_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("QUICKDRAW_KIT_HOME", str(tmp_path / "home"))
    write_sample(tmp_path / "sample", drawings=135)
    url = f"memory://{tmp_path.name}"
    prepare([tmp_path / "sample"], url, options=PrepareOptions(rows_per_shard=20), workers=1)
    prepare([tmp_path / "sample"], tmp_path / "home" / "shards", workers=1)
    before = sorted((tmp_path / "home" / "shards").iterdir())
    dataset = open_shards(url, cache_bytes=1)
    dataset.take(range(len(dataset)))
    assert sorted((tmp_path / "home" / "shards").iterdir()) == before
    assert (tmp_path / "home" / "cache").is_dir()


def test_a_copy_that_cannot_be_deleted_stays(store, tmp_path, monkeypatch):
    files = CachedFiles(store, tmp_path, limit=100)
    read(files, "a.npy")

    def refuse(self, missing_ok=False):
        raise PermissionError(13, "it is open", str(self))

    monkeypatch.setattr(Path, "unlink", refuse)
    assert read(files, "b.npy") == content("b.npy")
    assert copy_of(tmp_path, "a.npy").exists()


def test_a_file_that_the_manifest_does_not_list_is_an_error(store, tmp_path):
    store.put("a.npy", b"x" * 100)
    with pytest.raises(IntegrityError, match="not the file that the manifest lists"):
        CachedFiles(store, tmp_path).open(entry("a.npy"))
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]
    with pytest.raises(DataError, match=r"d\.npy does not exist"):
        CachedFiles(store, tmp_path).open(entry("d.npy"))


@pytest.mark.parametrize("damaged", [b"a" * 99, b"a" * 99 + b"b", b""])
def test_a_damaged_copy_is_downloaded_again(store, downloaded, tmp_path, damaged):
    read(CachedFiles(store, tmp_path), "a.npy")
    copy_of(tmp_path, "a.npy").write_bytes(damaged)
    files = CachedFiles(store, tmp_path)  # as in another process
    for _ in range(2):
        assert read(files, "a.npy") == content("a.npy")
    assert downloaded == ["a.npy", "a.npy"]


def test_a_copy_is_flushed_before_it_is_renamed(store, tmp_path, monkeypatch):
    synced, sync = [], os.fsync

    def noted(descriptor):
        synced.append(copy_of(tmp_path, "a.npy").exists())
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    read(CachedFiles(store, tmp_path), "a.npy")
    assert synced[0] is False


def test_threads_download_a_file_once(store, downloaded, tmp_path):
    at_once = threading.Barrier(8)

    def ask(number):
        files = CachedFiles(store, tmp_path, limit=1)  # a data set of its own
        at_once.wait()
        return read(files, "a.npy")

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(ask, range(8))) == {content("a.npy")}
    assert downloaded == ["a.npy"]


def test_a_copy_that_is_evicted_at_once_can_be_read(store, tmp_path, monkeypatch):
    """As by another process that locks the folder next."""
    lock = CachedFiles.lock

    @contextlib.contextmanager
    def evicting(self, stop):
        with lock(self, stop):
            yield
        copy_of(tmp_path, "a.npy").unlink()

    monkeypatch.setattr(CachedFiles, "lock", evicting)
    assert read(CachedFiles(store, tmp_path), "a.npy") == content("a.npy")


@pytest.mark.parametrize("format", ["npy", "parquet"])
def test_processes_share_copies_and_limit(tmp_path, warm, format):
    """They evict each other's copies all the time, before they are open and after."""
    write_sample(tmp_path / "sample", drawings=135)
    options = PrepareOptions(format=format, rows_per_shard=20)
    prepare([tmp_path / "sample"], tmp_path / "shards", options=options, workers=1)
    largest = max(file.bytes for file in load_manifest(tmp_path / "shards").all_files())
    cache, limit = tmp_path / "cache", 2 * largest
    cache.mkdir()
    readers = [warm.start("-c", READER, tmp_path / "shards", cache, limit, seed) for seed in (1, 2)]
    while any(reader.stdout != "ready\n" for reader in readers):
        assert not any(reader.poll() for reader in readers), [reader.stderr for reader in readers]
    (cache / "begin").touch()
    sizes = [0]
    while any(reader.poll() is None for reader in readers):
        sizes.append(bytes_in(cache))
    assert [reader.stderr for reader in readers] == ["", ""]
    assert 0 < max(sizes) <= limit


def test_the_stop_flag_ends_the_wait_for_another_process(store, tmp_path):
    stop = threading.Event()
    with filelock.FileLock(tmp_path / ".lock"), ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(CachedFiles(store, tmp_path).open, entry("a.npy"), stop)
        stop.set()
        with pytest.raises(QuickdrawError, match="stopped while another process downloads"):
            waiting.result(timeout=10)


def test_a_cache_folder_that_cannot_be_created(store, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(QuickdrawError, match=r"a\.npy cannot be cached in .*Make room"):
        CachedFiles(store, tmp_path / "file" / "cache").open(entry("a.npy"))


def test_cached_files_can_be_pickled(store, tmp_path):
    files = pickle.loads(pickle.dumps(CachedFiles(store, tmp_path, limit=150)))
    assert read(files, "a.npy") == content("a.npy")
    assert files.limit == 150


def test_the_cache_of_a_data_set_stays_within_its_limit(tmp_path):
    write_sample(tmp_path / "sample", drawings=135)
    url, options = f"memory://{tmp_path.name}", PrepareOptions(rows_per_shard=20)
    manifest = prepare([tmp_path / "sample"], url, options=options, data_home=tmp_path, workers=1)
    prepare([tmp_path / "sample"], tmp_path / "here", options=options, workers=1)
    limit = 3 * max(file.bytes for file in manifest.all_files())
    remote = open_shards(url, cache=tmp_path / "c", cache_bytes=limit)
    local = open_shards(tmp_path / "here")
    sizes = []
    for expected, batch in zip(local.batches(7), remote.batches(7), strict=True):
        assert np.array_equal(expected[0], batch[0])
        sizes.append(bytes_in(tmp_path / "c"))
    assert 0 < max(sizes) <= limit < sum(file.bytes for file in manifest.all_files())
