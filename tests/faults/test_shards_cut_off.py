"""Shards that are cut off while they are read: an error with the file, and no crash.

A memory map would end the process (SIGBUS), so each case runs the command line.
"""

import os
import random
import time

import pytest

from quickdraw_kit.shards.options import PrepareOptions
from quickdraw_kit.shards.prepare.pipeline import prepare
from quickdraw_kit.synthetic.generator import write_sample
from tests.warm import TRAIN

pytestmark = pytest.mark.slow
POINTS = 12 if os.environ.get("FAULTS") == "all" else 3


@pytest.fixture(scope="module")
def drawings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cut")
    write_sample(folder / "sample", drawings=1_500, categories=["circle", "line"])
    return folder / "sample"


@pytest.mark.parametrize("format", ["npy", "parquet"])
def test_while_train_reads(drawings, tmp_path, tally, warm, format):
    """Many epochs of small shards, so that the disk is read again."""
    counts = tally(f"a {format} shard that is cut off while train reads")
    rng = random.Random(format)
    for point in range(POINTS):
        shards, out = tmp_path / f"shards{point}", tmp_path / f"model{point}"
        prepare(
            [drawings], shards, options=PrepareOptions(format=format, rows_per_shard=100), workers=1
        )
        settings = ["--network", "tiny-cnn", "--epochs", "50", "--threads", "1", "--out", out]
        process = warm.load(*TRAIN).start("-m", "quickdraw_kit", "train", shards, *settings)
        while not (out / "checkpoint.safetensors").exists():
            assert process.poll() is None, process.stderr
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.3))
        for path in shards.glob(f"train-*{'.images.npy' if format == 'npy' else '.parquet'}"):
            os.truncate(path, path.stat().st_size // 2)
        code, messages = process.wait(), process.stderr
        assert code == 1, (code, messages)
        assert "Traceback" not in messages
        assert "train-" in messages
        assert "verify" in messages
        counts.add("stopped with a reason")
