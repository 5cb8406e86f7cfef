"""Open shards: few at a time, closed as soon as nobody has them, and shared by threads."""

import gc
import os
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from quickdraw_kit.shards.options import PrepareOptions
from quickdraw_kit.shards.prepare.pipeline import prepare
from quickdraw_kit.shards.read.dataset import open_shards
from quickdraw_kit.shards.read.handles import OpenShards
from quickdraw_kit.storage.cache import LocalFiles
from quickdraw_kit.synthetic.generator import write_sample


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("opened")
    write_sample(folder / "sample", drawings=270)
    prepare(
        [folder / "sample"], folder / "out", options=PrepareOptions(rows_per_shard=4), workers=1
    )
    return folder / "out"


@pytest.fixture
def held():
    """How many descriptors this process has."""
    if not os.path.isdir("/proc/self/fd"):  # noqa: PTH112
        pytest.skip("no /proc here")
    return lambda: len(os.listdir("/proc/self/fd"))  # noqa: PTH208


def test_few_files_are_open_and_none_when_the_data_set_is_let_go_of(folder, held):
    gc.collect()
    before = held()
    dataset = open_shards(folder)
    assert len(dataset.manifest.shards) > 40
    dataset.take(range(len(dataset)))
    for _ in dataset.batches(16, shuffle=True):
        assert before < held() <= before + 2 * 16 + 4  # those that are being opened
    gc.disable()
    try:
        del dataset
        assert held() == before
    finally:
        gc.enable()


def test_threads_share_them(folder):
    dataset = open_shards(folder)
    expected = dataset.take(range(len(dataset)))
    orders = [np.random.default_rng(seed).permutation(len(dataset)) for seed in range(8)]
    with ThreadPoolExecutor(8) as threads:
        for order, (images, labels) in zip(orders, threads.map(dataset.take, orders), strict=True):
            assert np.array_equal(images, expected[0][order])
            assert np.array_equal(labels, expected[1][order])


def test_what_was_asked_for_last_stays_open(folder):
    dataset = open_shards(folder)
    shards = OpenShards(LocalFiles(folder), dataset.manifest, dataset.manifest.shards)
    first, second = shards.get(0), shards.get(1)
    for number in range(2, 17):
        shards.get(0)
        shards.get(number)
    assert shards.get(0) is first
    assert shards.get(1) is not second
    assert pickle.loads(pickle.dumps(shards)).get(1) is not second
