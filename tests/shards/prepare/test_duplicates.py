"""Duplicates are found for any number of ranges of fingerprints."""

from dataclasses import replace

import numpy as np

from quickdraw_kit.raster.render import rasterize
from quickdraw_kit.shards.prepare.duplicates import (
    FingerprintRange,
    find_duplicates_in,
    join_duplicates,
    save_fingerprints,
    split_into_ranges,
)
from quickdraw_kit.shards.prepare.workdir import WorkDir
from quickdraw_kit.shards.quality import QUALITY_FLAGS, fingerprints
from quickdraw_kit.strokes.batch import DrawingBatch
from quickdraw_kit.synthetic.generator import generate_drawings


def test_a_range_has_a_bounded_number_of_drawings():
    assert split_into_ranges(0) == [FingerprintRange(0, 1)]
    assert split_into_ranges(5_000_000) == [FingerprintRange(0, 2), FingerprintRange(1, 2)]


def test_the_number_of_ranges_changes_nothing(tmp_path):
    once = generate_drawings(["circle", "star"], 50, raw=False)
    batch = DrawingBatch.concat([once, once[::7]])
    batch = replace(batch, key_id=np.arange(len(batch), dtype=np.uint64), key_id_known=None)
    prints = tmp_path / "prints.npy"
    save_fingerprints(fingerprints(batch, rasterize(batch)), prints)

    flags = []
    for count in (1, 4):
        workdir = WorkDir(tmp_path / str(count))
        workdir.extract.mkdir(parents=True)
        ranges = [FingerprintRange(index, count) for index in range(count)]
        for part in ranges:
            find_duplicates_in(part, fingerprint_files=[prints], workdir=workdir)
        flags.append(join_duplicates(ranges, workdir).flags(batch.key_id))
    assert np.array_equal(*flags)
    assert (flags[0][100:] & QUALITY_FLAGS["duplicate"] != 0).all()
    assert not (flags[0][:100] & QUALITY_FLAGS["duplicate"]).any()


def test_without_duplicates_no_drawing_is_flagged(tmp_path):
    batch = generate_drawings(["circle"], 1, raw=False)
    workdir = WorkDir(tmp_path)
    workdir.extract.mkdir(parents=True)
    save_fingerprints(fingerprints(batch, rasterize(batch)), tmp_path / "prints.npy")
    ranges = split_into_ranges(1)
    find_duplicates_in(ranges[0], fingerprint_files=[tmp_path / "prints.npy"], workdir=workdir)
    assert join_duplicates(ranges, workdir).flags(batch.key_id).tolist() == [0]
