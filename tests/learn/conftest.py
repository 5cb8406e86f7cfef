"""Data sets: generated drawings, rendered in memory and as shards."""

from pathlib import Path

import numpy as np
import pytest

from quickdraw_kit.learn.data.dataset import ArrayDataset
from quickdraw_kit.learn.history import EpochMetrics
from quickdraw_kit.learn.train import TrainConfig, TrainResult, train
from quickdraw_kit.raster.render import rasterize
from quickdraw_kit.shards.options import PrepareOptions
from quickdraw_kit.shards.prepare.pipeline import prepare
from quickdraw_kit.synthetic.generator import generate_drawings, write_sample

NAMES = ("envelope", "fish", "house", "ladder", "star", "sun")


def dataset_of(count: int, *, seed: int = 0, start: int = 0) -> ArrayDataset:
    batch = generate_drawings(NAMES, count, seed=seed, start=start, raw=False)
    return ArrayDataset(rasterize(batch), batch.word_code.astype(np.int64), batch.words)


@pytest.fixture(scope="session")
def splits() -> dict[str, ArrayDataset]:
    return {
        "train": dataset_of(60),
        "validation": dataset_of(10, start=60),
        "test": dataset_of(50, seed=1),
    }


@pytest.fixture(scope="session")
def trained(once, splits) -> tuple[TrainConfig, TrainResult, list[EpochMetrics]]:
    """A training run that has learned the splits, and the metrics that it reported."""

    def make(folder: Path):
        config = TrainConfig(
            out=folder / "new", network="tiny-cnn", epochs=6, batch_size=16, learning_rate=1e-2,
            threads=1,
        )  # fmt: skip
        seen: list[EpochMetrics] = []
        return config, train(config, splits, on_epoch=seen.append), seen

    return once("trained", make)


@pytest.fixture(scope="session")
def shards(once) -> Path:
    """A folder with a sample, and its shards in both formats; those in Parquet have strokes."""
    return once("learn-shards", make_shards)


def make_shards(folder: Path) -> Path:
    write_sample(folder / "sample", drawings=200, categories=["circle", "star", "line"])
    prepare([folder / "sample"], folder / "npy", workers=1)
    options = PrepareOptions(format="parquet", keep_strokes=True)
    prepare([folder / "sample"], folder / "parquet", workers=1, options=options)
    return folder
