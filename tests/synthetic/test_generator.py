"""The generator: reproducible, in the official layout, recognizable as synthetic."""

import gzip
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickdraw_kit.categories import CATEGORIES
from quickdraw_kit.errors import UsageError
from quickdraw_kit.formats.ndjson.files import (
    detect_variant,
    iter_ndjson,
    read_ndjson,
    write_ndjson,
)
from quickdraw_kit.storage.files import detect_compression, open_decompressed
from quickdraw_kit.strokes.batch import DrawingBatch
from quickdraw_kit.synthetic.generator import (
    SYNTHETIC_CATEGORIES,
    generate_drawings,
    iter_generated,
    write_sample,
)
from tests.conftest import examples

DATA = Path(__file__).parents[2] / "data"
SAMPLE = DATA / "sample.ndjson.gz"


def points_of(drawing):
    return np.concatenate(drawing.strokes)


@pytest.fixture(scope="module")
def raw() -> DrawingBatch:
    return generate_drawings(SYNTHETIC_CATEGORIES, 60)


@pytest.fixture(scope="module")
def simplified() -> DrawingBatch:
    return generate_drawings(SYNTHETIC_CATEGORIES, 60, raw=False)


def test_many_official_categories_are_supported():
    assert len(SYNTHETIC_CATEGORIES) >= 12
    assert [name for name in CATEGORIES if name in SYNTHETIC_CATEGORIES] == list(
        SYNTHETIC_CATEGORIES
    )


@examples(25)
@given(
    category=st.sampled_from(SYNTHETIC_CATEGORIES),
    seed=st.integers(-5, 2**70),
    start=st.integers(0, 1 << 39),
    before=st.integers(0, 5),
    count=st.integers(1, 5),
    after=st.integers(0, 5),
    raw=st.booleans(),
    batch_size=st.integers(1, 4),
)
def test_any_range_can_be_generated_alone(
    category, seed, start, before, count, after, raw, batch_size
):
    whole = generate_drawings([category], before + count + after, seed=seed, start=start, raw=raw)
    batches = iter_generated(
        [category], count, seed=seed, start=start + before, raw=raw, batch_size=batch_size
    )
    assert DrawingBatch.concat(batches).equals(whole[before : before + count])


def test_a_category_does_not_depend_on_the_others():
    alone = generate_drawings(["sun"], 4)
    mixed = generate_drawings(["zigzag", "sun", "circle"], 4)
    assert alone.equals(mixed.filter(np.array(mixed.words_of_drawings()) == "sun"))


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "simplified"])
def test_seeds_and_numbers_give_other_drawings(raw):
    varied = [
        name for name in SYNTHETIC_CATEGORIES if name != "line"
    ]  # two lines may well have the same two points
    batch = DrawingBatch.concat(
        generate_drawings(varied, 50, seed=seed, raw=raw) for seed in (0, 1)
    )
    assert len({points_of(drawing).tobytes() for drawing in batch}) == len(batch)
    assert len(set(batch.key_id.tolist())) == len(batch)


def test_key_ids_cannot_be_mistaken_for_real_ones(raw, real_data):
    assert (raw.key_id >> np.uint64(63)).all()
    real = read_ndjson(next((real_data / "quickdraw/simplified").glob("*.ndjson")))
    assert real.key_id.max() < 1 << 53


def test_raw_drawings_look_like_recorded_ones(raw):
    assert raw.is_float
    assert raw.stroke_counts.min() >= 1
    assert np.diff(raw.stroke_offsets).min() >= 1
    assert 50 < np.median(raw.point_counts) < 300
    quarters = raw.x * 4
    assert (quarters % 1 == 0).all(), "coordinates are quantized"
    assert ((quarters % 4) != 0).any(), "and some are not whole"
    assert raw.x.min() > -100
    assert raw.x.max() < 1400
    for drawing in raw:
        t = points_of(drawing)[:, 2]
        assert t[0] == 0
        assert (np.diff(t) >= 0).all()
        for stroke, next_stroke in zip(drawing.strokes, drawing.strokes[1:], strict=False):
            assert next_stroke[0, 2] - stroke[-1, 2] >= 100, "lifting the pen takes time"
    corners = {tuple(points_of(drawing)[:, :2].min(axis=0) // 20) for drawing in raw}
    assert len(corners) > len(raw) / 4, "drawings are at different positions"


def test_the_pen_is_slow_at_the_ends_of_a_stroke():
    lines = generate_drawings(["line"], 300)
    ends, middles = [], []
    for drawing in lines:
        steps = np.hypot(*np.diff(drawing.strokes[0][:, :2], axis=0).T)
        if len(steps) >= 15:
            ends += [*steps[:2], *steps[-2:]]
            middles += [*steps[5:-5]]
    assert np.median(ends) < 0.8 * np.median(middles)


def test_simplified_drawings_fill_the_frame(simplified):
    assert simplified.x.dtype == np.uint8
    assert simplified.t is None
    assert 10 <= np.median(simplified.point_counts) <= 50
    for drawing in simplified:
        points = points_of(drawing)
        assert points.min(axis=0).tolist() == [0, 0]
        assert points.max() == 255
        for stroke in drawing.strokes:
            assert (np.diff(stroke.astype(int), axis=0) != 0).any(axis=1).all()


def test_drawings_vary_in_strokes_and_metadata(raw):
    words = np.array(raw.words_of_drawings())
    for word in ("square", "house", "sun", "flower", "ladder", "fish"):
        assert len(set(raw.stroke_counts[words == word].tolist())) > 1, word
    assert 0.85 < raw.recognized.mean() < 0.97
    assert len(set(raw.countrycode.tolist())) > 10
    assert (raw.countrycode == b"US").mean() > 0.3
    assert raw.timestamp.min() >= np.datetime64("2017-01-23")
    assert raw.timestamp.max() < np.datetime64("2017-03-30")


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "simplified"])
def test_generated_drawings_read_back(tmp_path, raw):
    batch = generate_drawings(SYNTHETIC_CATEGORIES, 7, raw=raw)
    write_ndjson(batch, tmp_path / "drawings.ndjson")
    assert read_ndjson(tmp_path / "drawings.ndjson").equals(batch)


def test_bundled_sample_is_what_the_generator_writes(tmp_path):
    words = list(dict.fromkeys(read_ndjson(SAMPLE).words_of_drawings()))
    assert ",".join(words) in (DATA / "README.md").read_text("utf-8")
    again = tmp_path / SAMPLE.name
    write_sample(again, drawings=1200, categories=words, raw=True)
    with gzip.open(SAMPLE) as bundled, gzip.open(again) as generated:
        assert bundled.read() == generated.read()
    assert SAMPLE.stat().st_size < 1_500_000


def test_sample_has_a_file_per_category(tmp_path):
    calls = []
    paths = write_sample(
        tmp_path / "new" / "folder",
        drawings=100,
        categories=["star", "Ice_Cream", "house"],
        seed=3,
        progress=lambda done, total: calls.append((done, total)),
    )
    assert [path.name for path in paths] == ["house.ndjson", "ice cream.ndjson", "star.ndjson"]
    assert sorted(path.parent for path in paths) == [tmp_path / "new" / "folder"] * 3
    for path, word, count in zip(paths, ["house", "ice cream", "star"], [34, 33, 33], strict=True):
        assert detect_variant(path) == "simplified"
        assert read_ndjson(path).equals(generate_drawings([word], count, seed=3, raw=False))
    assert calls == [(34, 100), (67, 100), (100, 100)]


def test_sample_in_one_file(tmp_path):
    (path,) = write_sample(tmp_path / "all.ndjson", drawings=8, categories=["sun", "eye"], raw=True)
    assert read_ndjson(path).equals(generate_drawings(["eye", "sun"], 4))


def test_compressed_sample_has_the_same_bytes_each_time(tmp_path, monkeypatch):
    plain = write_sample(tmp_path / "a.ndjson", drawings=4, categories=["sun"])[0].read_bytes()
    for suffix in (".gz", ".zst"):
        one, other = (tmp_path / f"{name}.ndjson{suffix}" for name in "ab")
        write_sample(one, drawings=4, categories=["sun"])
        with monkeypatch.context() as patch:
            patch.setattr("time.time", lambda: 2e9)
            write_sample(other, drawings=4, categories=["sun"])
        assert one.read_bytes() == other.read_bytes()
        assert detect_compression(one) == {".gz": "gzip", ".zst": "zstd"}[suffix]
        with open_decompressed(one) as file:
            assert file.read() == plain


def test_bundled_sample_has_no_time_and_no_file_name():
    assert SAMPLE.read_bytes()[:8] == b"\x1f\x8b\x08\x00\0\0\0\0"


@pytest.mark.parametrize("name", [".", "all.ndjson", "all.ndjson.gz"])
def test_sample_that_fails_leaves_no_file(tmp_path, name):
    def fail(written, total):
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="disk is full"):
        write_sample(tmp_path / name, drawings=3, categories=["sun"], progress=fail)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number(tmp_path):
    def peak(drawings: int) -> int:
        tracemalloc.start()
        try:
            write_sample(tmp_path / "line.ndjson", drawings=drawings, categories=["line"])
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(10)  # compiles the writer
    assert peak(40_000) < 1.5 * peak(4_000)
    assert sum(len(batch) for batch in iter_ndjson(tmp_path / "line.ndjson")) == 4_000


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: generate_drawings(["cat"], 1), "does not draw cat, only circle, clock"),
        (lambda: generate_drawings(["nothing at all"], 1), "unknown category"),
        (lambda: generate_drawings([], 1), "no categories are given, expected some of circle"),
        (lambda: generate_drawings(["sun"], 0), "count 0 and batch_size 2048 must be"),
        (lambda: list(iter_generated(["sun"], 1, batch_size=0)), "batch_size 0 must be"),
        (lambda: generate_drawings(["sun"], 1, start=-1), "drawings -1 to 0, expected"),
        (lambda: generate_drawings(["sun"], 1, start=1 << 60), "expected numbers 0 to"),
        (
            lambda: write_sample("out", drawings=2),
            f"2 drawings of {len(SYNTHETIC_CATEGORIES)} categories",
        ),
    ],
)
def test_usage_errors(call, message):
    with pytest.raises(UsageError, match=message):
        call()
