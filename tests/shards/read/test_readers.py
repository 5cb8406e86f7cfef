"""Open shards: both formats give the same rows; a truncated file is an error; few stay open."""

import errno
import gc
import hashlib
import io
import os
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from quickdraw_kit.errors import IntegrityError, QuickdrawError
from quickdraw_kit.shards.formats.parquet import read_metadata
from quickdraw_kit.shards.manifest import load_manifest
from quickdraw_kit.shards.options import PrepareOptions
from quickdraw_kit.shards.prepare.pipeline import prepare
from quickdraw_kit.shards.read.dataset import open_shards
from quickdraw_kit.shards.read.readers import OpenShards, open_images, open_labels, read_labels
from quickdraw_kit.storage.shard_cache import LocalFiles
from quickdraw_kit.synthetic.generator import write_sample

FORMATS = ("npy", "parquet")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    write_sample(folder / "sample", drawings=270)
    for format in FORMATS:
        prepare(
            [folder / "sample"], folder / format, options=PrepareOptions(format=format), workers=1
        )
    return folder


def arguments(folder, split="train"):
    manifest = load_manifest(folder)
    shard = next(shard for shard in manifest.shards if shard.split == split)
    return LocalFiles(folder), manifest, shard


@given(data=st.data())
def test_both_formats_give_the_same_rows_in_any_order(folder, data):
    both = [arguments(folder / format) for format in FORMATS]
    number = both[0][2].rows
    rows = np.array(data.draw(st.lists(st.integers(0, number - 1), max_size=20)), np.int64)
    start = data.draw(st.integers(0, number))
    stop = data.draw(st.integers(start, number))
    expected = np.load(next((folder / "npy").glob("train*.images.npy")))
    for args in both:
        images, labels = open_images(*args), open_labels(*args)
        assert np.array_equal(images.take(rows), expected[rows])
        assert np.array_equal(labels.take(rows), read_labels(*args)[rows])
        part = np.empty((stop - start, 28, 28), np.uint8)
        images.read(start, part)
        assert np.array_equal(part, expected[start:stop])
    assert np.array_equal(read_labels(*both[0]), read_labels(*both[1]))


def test_a_file_that_is_truncated_while_it_is_open(folder, tmp_path):
    prepare([folder / "sample"], tmp_path / "out", workers=1)
    args = arguments(tmp_path / "out")
    images, last = open_images(*args), args[2].rows - 1
    path = next((tmp_path / "out").glob("train*.images.npy"))
    size = path.stat().st_size
    os.truncate(path, size - 100)
    out = np.empty((last, 28, 28), np.uint8)
    images.read(0, out)  # the bytes before the end can be read
    for read in (lambda: images.read(1, out), lambda: images.take(np.array([last]))):
        with pytest.raises(IntegrityError, match=f"truncated.*{size} bytes at first, {size - 100}"):
            read()
    path.unlink()
    with pytest.raises(IntegrityError, match="cannot be read: No such file"):
        open_images(*args)


def test_files_close_with_their_data_set(folder):
    def open_files():
        gc.collect()
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208

    if not os.path.isdir("/proc/self/fd"):  # noqa: PTH112
        pytest.skip("no /proc here")
    before = open_files()
    dataset = open_shards(folder / "npy")
    dataset.take(range(len(dataset)))
    assert open_files() > before
    del dataset
    assert open_files() == before
    manifest = folder / "npy" / "manifest.json"
    for name in ("train", "test"):
        args = arguments(folder / "npy", name)
        path = next((folder / "npy").glob(f"{name}*.labels.npy"))
        whole = path.read_bytes()
        path.write_bytes(whole[:-8])
        try:
            with pytest.raises(IntegrityError, match=r"has .* bytes, expected"):
                open_labels(*args)
        finally:
            path.write_bytes(whole)
    assert manifest.exists()
    assert open_files() == before


@pytest.mark.parametrize("code", [errno.EIO, errno.ESTALE])
def test_a_failing_disk_is_an_error_with_the_name_of_the_file(folder, monkeypatch, code):
    images, labels = (
        open_images(*arguments(folder / "npy")),
        open_labels(*arguments(folder / "npy")),
    )

    def fails(*arguments):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "preadv", fails)
    for rows in (images, labels):
        with pytest.raises(
            IntegrityError, match=rf"train.*\.npy cannot be read: {os.strerror(code)}"
        ):
            rows.take(np.array([1]))
    with pytest.raises(IntegrityError, match=r"train.*\.npy cannot be read"):
        open_images(*arguments(folder / "npy"))


@pytest.mark.parametrize("format", FORMATS)
def test_too_many_open_files_are_not_damage(folder, monkeypatch, format):
    args = arguments(folder / format)

    def fails(self, entry, stop=None):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), entry.name)

    monkeypatch.setattr(LocalFiles, "open", fails)
    for read in (open_images, open_labels, read_labels):
        with pytest.raises(QuickdrawError, match=r"Too many open files.*ulimit") as caught:
            read(*args)
        assert not isinstance(caught.value, IntegrityError)


def test_parquet_is_read_in_the_calling_thread(folder, monkeypatch):
    """A thread that still holds the file when the interpreter ends would abort it."""
    threads = set()

    class RecordingFile(io.FileIO):
        def read(self, size=-1):
            threads.add(threading.get_ident())
            return super().read(size)

    monkeypatch.setattr(
        LocalFiles, "open", lambda self, entry, stop=None: RecordingFile(self.folder / entry.name)
    )
    files, manifest, shard = arguments(folder / "parquet")
    open_images(files, manifest, shard)
    read_labels(files, manifest, shard)
    read_metadata(files, shard)
    assert threads == {threading.get_ident()}


def test_without_preadv(folder):
    """On Windows, Python has neither pread nor preadv."""
    program = (
        "import hashlib, os, sys; del os.pread, os.preadv\n"
        "from quickdraw_kit.shards.read.dataset import open_shards\n"
        "dataset = open_shards(sys.argv[1])\n"
        "rows = dataset.take([5, 3, 0, len(dataset) - 1])\n"
        "print(hashlib.sha256(b''.join(part.tobytes() for part in rows)).hexdigest())"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, folder / "npy"], capture_output=True, text=True, check=True
    )
    dataset = open_shards(folder / "npy")
    rows = dataset.take([5, 3, 0, len(dataset) - 1])
    expected = hashlib.sha256(b"".join(part.tobytes() for part in rows)).hexdigest()
    assert result.stdout.strip() == expected


@pytest.fixture(scope="module")
def small_shards(folder):
    options = PrepareOptions(rows_per_shard=4)
    prepare([folder / "sample"], folder / "small", options=options, workers=1)
    return folder / "small"


@pytest.fixture
def open_files():
    """A function that counts the file descriptors of this process."""
    if not os.path.isdir("/proc/self/fd"):  # noqa: PTH112
        pytest.skip("no /proc here")
    return lambda: len(os.listdir("/proc/self/fd"))  # noqa: PTH208


def test_few_files_are_open_and_none_after_the_data_set_is_deleted(small_shards, open_files):
    gc.collect()
    before = open_files()
    dataset = open_shards(small_shards)
    assert len(dataset.manifest.shards) > 40
    dataset.take(range(len(dataset)))
    for _ in dataset.batches(16, shuffle=True):
        assert before < open_files() <= before + 2 * 16 + 4  # and files that are being opened
    gc.disable()
    try:
        del dataset
        assert open_files() == before
    finally:
        gc.enable()


def test_threads_share_open_shards(small_shards):
    dataset = open_shards(small_shards)
    expected = dataset.take(range(len(dataset)))
    orders = [np.random.default_rng(seed).permutation(len(dataset)) for seed in range(8)]
    with ThreadPoolExecutor(8) as threads:
        for order, (images, labels) in zip(orders, threads.map(dataset.take, orders), strict=True):
            assert np.array_equal(images, expected[0][order])
            assert np.array_equal(labels, expected[1][order])


def test_the_least_recently_used_shard_is_closed(small_shards):
    dataset = open_shards(small_shards)
    shards = OpenShards(LocalFiles(small_shards), dataset.manifest, dataset.manifest.shards)
    first, second = shards.get(0), shards.get(1)
    for number in range(2, 17):
        shards.get(0)
        shards.get(number)
    assert shards.get(0) is first
    assert shards.get(1) is not second
    assert pickle.loads(pickle.dumps(shards)).get(1) is not second
