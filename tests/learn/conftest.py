"""A data set for training: generated drawings, rendered."""

import numpy as np
import pytest

from quickdraw_kit.learn.data.dataset import ArrayDataset
from quickdraw_kit.raster.render import rasterize
from quickdraw_kit.synthetic.generator import generate_drawings

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
