"""Rows of shards: both forms give the same in any order; a file that is cut off is an error."""

import gc
import os

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from quickdraw_kit.errors import IntegrityError
from quickdraw_kit.shards.dataset import open_shards
from quickdraw_kit.shards.layout import Layout
from quickdraw_kit.shards.manifest import load_manifest
from quickdraw_kit.shards.prepare import prepare
from quickdraw_kit.shards.rows import all_labels, images_of, labels_of
from quickdraw_kit.shards.store import LocalFiles
from quickdraw_kit.strokes.generate import write_sample

FORMS = ("npy", "parquet")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    write_sample(folder / "sample", drawings=270)
    for form in FORMS:
        prepare([folder / "sample"], folder / form, layout=Layout(form=form), workers=1)
    return folder


def opened(folder, split="train"):
    manifest = load_manifest(folder)
    shard = next(shard for shard in manifest.shards if shard.split == split)
    return LocalFiles(folder), manifest, shard


@given(data=st.data())
def test_both_forms_give_the_same_rows_in_any_order(folder, data):
    both = [opened(folder / form) for form in FORMS]
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
    with pytest.raises(IntegrityError, match="cannot be opened"):
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
