"""Data sets in stores, against a server that implements the S3 protocol."""

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
from quickdraw_kit.shards.verify import verify
from quickdraw_kit.storage.filesystem import FilesystemStore
from quickdraw_kit.storage.hashing import FileEntry
from quickdraw_kit.storage.retry import NotFoundError, RetryPolicy, TemporaryError
from quickdraw_kit.storage.store import RetryingStore, open_store
from quickdraw_kit.synthetic.generator import write_sample
from tests.acquire.bucket import Bucket, Fault


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


def upload(folder, url):
    store = RetryingStore(url)
    for path in folder.iterdir():
        store.put(path.name, path)
    return url


def entry_of(name: str, content: bytes) -> FileEntry:
    return FileEntry(name, len(content), hashlib.sha256(content).hexdigest())


def test_a_data_set_in_a_store_equals_the_one_in_a_folder(bucket, local, tmp_path):
    in_folder = open_shards(local, split="train")
    remote = open_shards(upload(local, bucket), split="train", cache=tmp_path)
    assert remote.label_names == in_folder.label_names
    assert remote.to_pandas().equals(in_folder.to_pandas())
    for expected, batch in zip(
        in_folder.batches(32, shuffle=True), remote.batches(32, shuffle=True), strict=True
    ):
        assert np.array_equal(expected[0], batch[0])
        assert np.array_equal(expected[1], batch[1])
    assert np.array_equal(remote[5][0], in_folder[5][0])


def test_cached_files_are_not_downloaded_again(bucket, local, tmp_path):
    url = upload(local, bucket)
    dataset = open_shards(url, cache=tmp_path)
    first = [images.copy() for images, _ in dataset.batches(50)]
    store = RetryingStore(url)
    for path in local.iterdir():
        if path.name != "manifest.json":
            store.delete(path.name)
    again = open_shards(url, cache=tmp_path)
    assert all(np.array_equal(a, b) for a, (b, _) in zip(first, again.batches(50), strict=True))


def test_downloads_are_verified_and_can_be_stopped(bucket, tmp_path):
    store, stop = RetryingStore(bucket, chunk_bytes=1), threading.Event()
    store.put("a.bin", b"whole")
    store.download(entry_of("a.bin", b"whole"), tmp_path / "a.bin", stop)
    assert (tmp_path / "a.bin").read_bytes() == b"whole"
    with pytest.raises(IntegrityError, match="not the file that the manifest lists"):
        store.download(entry_of("a.bin", b"other"), tmp_path / "b.bin", stop)
    stop.set()
    with pytest.raises(QuickdrawError, match=r"a\.bin: stopped"):
        store.download(entry_of("a.bin", b"whole"), tmp_path / "b.bin", stop)
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]
    store.download(
        entry_of("a.bin", b"whole"), tmp_path / "b.bin"
    )  # only that download was stopped


def test_a_store_without_a_manifest_is_not_a_data_set(bucket, tmp_path):
    with pytest.raises(DataError, match=r"manifest\.json does not exist"):
        open_shards(bucket, cache=tmp_path)


def test_a_temporary_failure_names_the_file(bucket, monkeypatch):
    store = RetryingStore(bucket, RetryPolicy(attempts=1))
    monkeypatch.setattr(FilesystemStore, "get", fail)
    with pytest.raises(QuickdrawError, match=r"a\.txt: reset by peer.*Try again"):
        store.get("a.txt")


def fail(self, name):
    raise TemporaryError("reset by peer")


def test_an_unknown_store():
    with pytest.raises(UsageError, match="not the address of a known store"):
        RetryingStore("nostore://bucket/x")


def test_a_data_set_can_be_pickled(bucket, local, tmp_path):
    dataset = open_shards(upload(local, bucket), cache=tmp_path)
    again = pickle.loads(pickle.dumps(dataset))
    assert np.array_equal(again[3][0], dataset[3][0])


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_has_connections_of_its_own(bucket, local, tmp_path):
    """As the workers of a DataLoader on Linux."""
    dataset = open_shards(upload(local, bucket), split="train", cache=tmp_path)
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


def test_messages_contain_no_credentials(tmp_path):
    store = RetryingStore(
        "http://me:secret@127.0.0.1:9/shards?token=secret", RetryPolicy(attempts=1)
    )
    with pytest.raises(QuickdrawError, match=r"http://127\.0\.0\.1:9/shards") as error:
        store.get("a.txt")
    assert "secret" not in str(error.value)


@pytest.fixture
def web():
    bucket = Bucket()
    yield bucket
    bucket.close()


def test_a_data_set_on_a_web_server(web, local, tmp_path):
    for path in local.iterdir():
        web.put(f"shards/{path.name}", path.read_bytes())
    dataset = open_shards(f"{web.url}/shards", cache=tmp_path)
    expected = open_shards(local)
    for (images, labels), (images_, labels_) in zip(
        dataset.batches(50), expected.batches(50), strict=True
    ):
        assert np.array_equal(images, images_)
        assert np.array_equal(labels, labels_)
    assert verify(f"{web.url}/shards").ok


@pytest.mark.parametrize(
    "fault", [Fault(cut=60_000), Fault(status=503), Fault(cut=60_000, reset=True)]
)
def test_a_download_is_resumed(web, tmp_path, fault):
    data = np.random.default_rng(0).bytes(100_000)
    web.put("shards/a.npy", data)
    web.fail("shards/a.npy", fault)
    store = RetryingStore(f"{web.url}/shards", RetryPolicy(first_wait=0.01))
    store.download(entry_of("a.npy", data), tmp_path / "a.npy")
    assert (tmp_path / "a.npy").read_bytes() == data
    assert fault.reset or web.sent() <= len(data) + len("sorry")


def test_a_download_restarts_when_the_file_changes(web, tmp_path):
    old, new = (np.random.default_rng(seed).bytes(100_000) for seed in (0, 1))
    web.put("shards/a.npy", old)
    change = Fault(before=lambda bucket: bucket.put("shards/a.npy", new))
    web.fail("shards/a.npy", Fault(cut=60_000), change)
    store = RetryingStore(f"{web.url}/shards", RetryPolicy(first_wait=0.01))
    store.download(entry_of("a.npy", new), tmp_path / "a.npy")
    assert (tmp_path / "a.npy").read_bytes() == new


def test_a_file_of_another_size_is_not_downloaded(web, tmp_path):
    web.put("shards/a.npy", b"123456")
    store = RetryingStore(f"{web.url}/shards")
    with pytest.raises(IntegrityError, match="has 6 bytes, expected 5"):
        store.download(entry_of("a.npy", b"12345"), tmp_path / "a.npy")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["memory", "folder"])
def test_the_operations_of_a_store(tmp_path, kind):
    location = tmp_path / "a b" if kind == "folder" else f"memory://{tmp_path.name}/a b"
    (tmp_path / "a b").mkdir()
    store = open_store(location)
    store.put("one.bin", b"12345")
    (tmp_path / "local").write_bytes(b"678")
    store.put("two.bin", tmp_path / "local")
    assert store.get("one.bin") == b"12345"
    assert store.stat("two.bin").size == 3
    assert [info.name for info in store.list()] == ["one.bin", "two.bin"]
    assert [info.name for info in store.list("o*")] == ["one.bin"]
    with store.open_range("one.bin", 2, store.stat("one.bin")) as reader:
        assert (reader.start, b"".join(reader.chunks)) == (2, b"345")
    with store.open_range("one.bin", 2, store.stat("two.bin")) as reader:
        assert (reader.start, b"".join(reader.chunks)) == (0, b"12345")
    for _ in range(2):
        store.delete("one.bin")  # it need not exist
    with pytest.raises(NotFoundError):
        store.get("one.bin")
