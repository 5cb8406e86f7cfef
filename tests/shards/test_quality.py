"""Quality flags: for each a drawing with it and one without it, and properties of duplicates."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickdraw_kit.errors import UsageError
from quickdraw_kit.formats.ndjson.files import read_ndjson
from quickdraw_kit.raster.render import rasterize
from quickdraw_kit.shards.quality import (
    QUALITY_FLAGS,
    check_flags,
    find_duplicates,
    fingerprints,
    flag_names,
    quality_flags,
)
from quickdraw_kit.strokes.batch import DrawingBatch
from quickdraw_kit.synthetic.generator import generate_drawings
from tests.conftest import examples

LINE = [([0, 255], [0, 255])]


def flags_of(drawing, *, word="line", **columns):
    batch = DrawingBatch.from_strokes([drawing], words=[word])
    batch = replace(batch, **columns)
    return flag_names(int(quality_flags(batch, rasterize(batch))[0]))


def timed(milliseconds):
    return [([0.5, 255.5], [0.5, 99.5], [0, milliseconds])]


@pytest.mark.parametrize(
    ("flag", "flagged", "unflagged"),
    [
        ("dot", [([3], [3])], LINE),
        ("dot", [([0, 2], [0, 2]), ([255], [255])], [([0, 20], [0, 2]), ([255], [255])]),
        (
            "scribble",
            [([0, 255] * 16, [y for y in range(0, 256, 16) for _ in (0, 1)])],
            [([0, 255] * 3, [y for y in range(0, 256, 96) for _ in (0, 1)])],
        ),
        ("many-points", [(list(range(256)) + [9] * 20, [0] * 276)], [([0, 255] * 137, [0] * 274)]),
        ("time-limit", timed(19_000), timed(18_999)),
    ],
)
def test_a_drawing_with_a_flag_and_one_without(flag, flagged, unflagged):
    not_recognized = {"recognized": np.array([False]), "recognized_known": None}
    assert flag in flags_of(flagged, **not_recognized)
    assert flag not in flags_of(unflagged, **not_recognized)


def test_a_recognized_drawing_does_not_have_the_time_limit_flag():
    recognized = {"recognized": np.array([True]), "recognized_known": None}
    assert "time-limit" not in flags_of(timed(19_900), **recognized)
    assert "time-limit" not in flags_of(timed(19_900))  # not known


def test_unknown_words():
    assert flags_of(LINE, word="lime") == ("unknown-word",)
    assert flags_of(LINE, word="line") == ()


def test_flag_names():
    assert flag_names(sum(QUALITY_FLAGS.values())) == tuple(QUALITY_FLAGS)
    assert check_flags(["near-duplicate", "dot", "dot"]) == ("dot", "near-duplicate")
    with pytest.raises(UsageError, match="did you mean scribble"):
        check_flags(["scribbel"])


def sample():
    """Drawings with copies of some of them, and copies in which one pixel has moved."""
    originals = generate_drawings(["line", "circle", "star"], 12, raw=False)
    copies = originals.take(np.arange(0, 36, 3))
    moved = originals.take(np.arange(1, 36, 5))
    x = moved.x.copy()
    x[moved.point_offsets[:-1]] ^= 1
    moved = replace(moved, x=x)
    parts = [originals, copies, moved]
    batch = DrawingBatch.concat(parts)
    return replace(
        batch, key_id=np.arange(100, 100 + len(batch), dtype=np.uint64), key_id_known=None
    ), len(originals)


def test_copies_are_duplicates_and_the_smallest_key_id_is_the_original():
    batch, originals = sample()
    ids, flags = find_duplicates(fingerprints(batch, rasterize(batch)))
    exact = ids[flags == QUALITY_FLAGS["duplicate"]]
    copies = batch.key_id[originals : originals + 12]
    assert set(copies.tolist()) <= set(exact.tolist())
    assert batch.key_id[0] not in ids


@examples(40)
@given(st.randoms(use_true_random=False), st.integers(1, 5))
def test_duplicates_do_not_depend_on_order_and_repeats(random, repeats):
    batch, _ = sample()
    prints = fingerprints(batch, rasterize(batch))
    expected = find_duplicates(prints)
    rows = list(range(len(prints))) + [random.randrange(len(prints)) for _ in range(repeats)]
    random.shuffle(rows)
    result = find_duplicates(prints[rows])
    assert np.array_equal(result[0], expected[0])
    assert np.array_equal(result[1], expected[1])


@examples(30)
@given(st.integers(0, 6))
def test_ranges_of_the_shape_can_be_searched_separately(bits):
    batch, _ = sample()
    prints = fingerprints(batch, rasterize(batch))
    part = prints["shape"] >> np.uint64(64 - bits) if bits else np.zeros(len(prints), np.uint64)
    result = [find_duplicates(prints[part == value]) for value in np.unique(part)]
    ids = np.concatenate([ids for ids, _ in result])
    flags = np.concatenate([flags for _, flags in result])
    order = np.argsort(ids)
    expected = find_duplicates(prints)
    assert np.array_equal(ids[order], expected[0])
    assert np.array_equal(flags[order], expected[1])


def test_drawings_of_other_categories_are_not_duplicates():
    batch = DrawingBatch.from_strokes([LINE, LINE], words=["line", "stairs"], key_id=[1, 2])
    assert not len(find_duplicates(fingerprints(batch, rasterize(batch)))[0])


def test_no_drawings():
    empty = generate_drawings(["line"], 1, raw=False)[:0]
    images = np.zeros((0, 28, 28), np.uint8)
    assert quality_flags(empty, images).shape == (0,)
    assert not len(find_duplicates(fingerprints(empty, images))[0])


def test_few_real_drawings_have_a_flag(real_data):
    files = sorted((real_data / "quickdraw" / "simplified").glob("*.ndjson"))[:60]
    batch = DrawingBatch.concat(read_ndjson(path) for path in files)
    images = rasterize(batch)
    flagged = quality_flags(batch, images) != 0
    ids, _ = find_duplicates(fingerprints(batch, images))
    assert flagged.mean() < 0.01
    assert len(ids) < 0.01 * len(batch)
