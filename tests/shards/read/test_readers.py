"""Rows of shards: both forms give the same in any order; a file that is cut off is an error."""

import errno
import gc
import hashlib
import io
import os
import subprocess
import sys
import threading

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from quickdraw_kit.errors import IntegrityError, QuickdrawError
from quickdraw_kit.shards.manifest import load_manifest
from quickdraw_kit.shards.options import PrepareOptions
from quickdraw_kit.shards.prepare.pipeline import prepare
from quickdraw_kit.shards.read.dataset import open_shards
from quickdraw_kit.shards.read.readers import all_labels, images_of, labels_of, metadata_of
from quickdraw_kit.storage.cache import LocalFiles
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


def opened(folder, split="train"):
    manifest = load_manifest(folder)
    shard = next(shard for shard in manifest.shards if shard.split == split)
    return LocalFiles(folder), manifest, shard


@given(data=st.data())
def test_both_forms_give_the_same_rows_in_any_order(folder, data):
    both = [opened(folder / format) for format in FORMATS]
    number = both[0][2].rows
    rows = np.array(data.draw(st.lists(st.integers(0, number - 1), max_size=20)), np.int64)
    start = data.draw(st.integers(0, number))
    stop = data.draw(st.integers(start, number))
    expected = np.load(next((folder / "npy").glob("train*.images.npy")))
    for place in both:
        images, labels = images_of(*place), labels_of(*place)
        assert np.array_equal(images.take(rows), expected[rows])
        assert np.array_equal(labels.take(rows), all_labels(*place)[rows])
        part = np.empty((stop - start, 28, 28), np.uint8)
        images.read(start, part)
        assert np.array_equal(part, expected[start:stop])
    assert np.array_equal(all_labels(*both[0]), all_labels(*both[1]))


def test_a_file_that_is_cut_off_while_it_is_open(folder, tmp_path):
    prepare([folder / "sample"], tmp_path / "out", workers=1)
    place = opened(tmp_path / "out")
    images, last = images_of(*place), place[2].rows - 1
    path = next((tmp_path / "out").glob("train*.images.npy"))
    size = path.stat().st_size
    os.truncate(path, size - 100)
    out = np.empty((last, 28, 28), np.uint8)
    images.read(0, out)  # what is there can be read
    for read in (lambda: images.read(1, out), lambda: images.take(np.array([last]))):
        with pytest.raises(IntegrityError, match=f"cut off.*{size} bytes at first, {size - 100}"):
            read()
    path.unlink()
    with pytest.raises(IntegrityError, match="cannot be read: No such file"):
        images_of(*place)


def test_no_file_stays_open(folder):
    def held():
        gc.collect()
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208

    if not os.path.isdir("/proc/self/fd"):  # noqa: PTH112
        pytest.skip("no /proc here")
    before = held()
    dataset = open_shards(folder / "npy")
    dataset.take(range(len(dataset)))
    assert held() > before
    del dataset
    assert held() == before
    manifest = folder / "npy" / "manifest.json"
    for name in ("train", "test"):
        place = opened(folder / "npy", name)
        path = next((folder / "npy").glob(f"{name}*.labels.npy"))
        whole = path.read_bytes()
        path.write_bytes(whole[:-8])
        try:
            with pytest.raises(IntegrityError, match=r"has .* bytes, expected"):
                labels_of(*place)
        finally:
            path.write_bytes(whole)
    assert manifest.exists()
    assert held() == before


@pytest.mark.parametrize("code", [errno.EIO, errno.ESTALE])
def test_a_disk_that_fails_names_the_file(folder, monkeypatch, code):
    images, labels = images_of(*opened(folder / "npy")), labels_of(*opened(folder / "npy"))

    def fails(*arguments):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("quickdraw_kit.shards.read.readers._read_at", fails)
    for rows in (images, labels):
        with pytest.raises(
            IntegrityError, match=rf"train.*\.npy cannot be read: {os.strerror(code)}"
        ):
            rows.take(np.array([1]))
    with pytest.raises(IntegrityError, match=r"train.*\.npy cannot be read"):
        images_of(*opened(folder / "npy"))


@pytest.mark.parametrize("format", FORMATS)
def test_too_many_open_files_are_no_damage(folder, monkeypatch, format):
    place = opened(folder / format)

    def fails(self, entry, stop=None):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), entry.name)

    monkeypatch.setattr(LocalFiles, "open", fails)
    for read in (images_of, labels_of, all_labels):
        with pytest.raises(QuickdrawError, match=r"Too many open files.*ulimit") as caught:
            read(*place)
        assert not isinstance(caught.value, IntegrityError)


def test_parquet_is_read_in_the_thread_that_asks(folder, monkeypatch):
    """Another one that still has the file when the interpreter ends would abort it."""
    threads = set()

    class Noting(io.FileIO):
        def read(self, size=-1):
            threads.add(threading.get_ident())
            return super().read(size)

    monkeypatch.setattr(
        LocalFiles, "open", lambda self, entry, stop=None: Noting(self.folder / entry.name)
    )
    files, manifest, shard = opened(folder / "parquet")
    images_of(files, manifest, shard)
    all_labels(files, manifest, shard)
    metadata_of(files, shard)
    assert threads == {threading.get_ident()}


def test_a_system_that_cannot_read_at_a_place(folder):
    """As Windows, on which Python has neither of the two."""
    program = (
        "import hashlib, os, sys; del os.pread, os.preadv\n"
        "from quickdraw_kit.shards.read.dataset import open_shards\n"
        "dataset = open_shards(sys.argv[1])\n"
        "rows = dataset.take([5, 3, 0, len(dataset) - 1])\n"
        "print(hashlib.sha256(b''.join(part.tobytes() for part in rows)).hexdigest())"
    )
    said = subprocess.run(
        [sys.executable, "-c", program, folder / "npy"], capture_output=True, text=True, check=True
    )
    dataset = open_shards(folder / "npy")
    rows = dataset.take([5, 3, 0, len(dataset) - 1])
    expected = hashlib.sha256(b"".join(part.tobytes() for part in rows)).hexdigest()
    assert said.stdout.strip() == expected
