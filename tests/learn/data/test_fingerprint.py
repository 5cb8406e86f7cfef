"""Different data sets have different fingerprints, by their rows in memory or their manifest."""

import numpy as np
import pytest

from quickdraw_kit.learn.data.dataset import ArrayDataset
from quickdraw_kit.learn.data.fingerprint import fingerprint, hash_rows
from quickdraw_kit.learn.data.sequences import StrokeDataset
from quickdraw_kit.raster.style import RasterStyle
from quickdraw_kit.shards.options import PrepareOptions
from quickdraw_kit.shards.prepare.pipeline import prepare
from quickdraw_kit.shards.read.dataset import open_shards
from quickdraw_kit.synthetic.generator import generate_drawings, write_sample

NAMES = ("star", "sun")


def test_different_rows_have_different_hashes():
    rows = np.random.default_rng(0).integers(0, 2, (40_000, 17), np.uint8)
    distinct = len(np.unique(rows, axis=0))
    assert len(np.unique(hash_rows(rows))) == distinct < len(rows)
    assert (hash_rows(rows)[::-1] == hash_rows(rows[::-1])).all()


def images(seed):
    return np.random.default_rng(seed).integers(0, 256, (6, 28, 28), np.uint8)


def strokes(seed):
    return generate_drawings(NAMES, 3, seed=seed, raw=False)


@pytest.mark.parametrize(
    "data",
    [
        lambda seed: ArrayDataset(images(seed), np.arange(6) % 2, NAMES),
        lambda seed: ArrayDataset(images(0), (np.arange(6) + seed) % 2, NAMES),
        lambda seed: ArrayDataset(images(0), np.arange(6) % 2, ("star", f"sun {seed}")),
        lambda seed: StrokeDataset(strokes(seed), np.arange(6) % 2, NAMES),
    ],
    ids=["images", "labels", "names", "strokes"],
)
def test_the_fingerprint_of_data_in_memory_depends_on_every_part(data):
    assert fingerprint(data(1)) == fingerprint(data(1)) != fingerprint(data(2))


def test_the_fingerprint_of_shards_depends_on_the_manifest(tmp_path):
    write_sample(tmp_path / "sample", drawings=40, categories=NAMES)
    for name, style in (("one", {}), ("same", {}), ("other", {"line_diameter": 8.0})):
        options = PrepareOptions(style=RasterStyle(**style))
        prepare([tmp_path / "sample"], tmp_path / name, workers=1, options=options)
    one, same, other = (
        fingerprint(open_shards(tmp_path / name)) for name in ("one", "same", "other")
    )
    assert one == same != other
