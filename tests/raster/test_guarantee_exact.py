"""Guarantee: every byte is the official one, and cairo's, at any side, pen and margin."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickdraw_kit.formats.ndjson.files import read_ndjson
from quickdraw_kit.raster.render import rasterize
from quickdraw_kit.raster.style import RasterStyle
from quickdraw_kit.strokes.batch import DrawingBatch
from tests.conftest import examples
from tests.raster.cases import hard_cases
from tests.raster.oracle import draw_with_cairo, needs_cairo

STYLES = [
    RasterStyle(),
    RasterStyle(side=16),
    RasterStyle(side=56),
    RasterStyle(side=64),
    RasterStyle(side=128),
    RasterStyle(side=256),
    RasterStyle(line_diameter=4),
    RasterStyle(line_diameter=40, padding=0),
    RasterStyle(side=64, line_diameter=2, padding=3.5),
]
GOLDEN = Path(__file__).with_name("golden.npz")


def name(style: RasterStyle) -> str:
    return f"{style.side}-{style.line_diameter:g}-{style.padding:g}"


def batch_of(drawings) -> DrawingBatch:
    return DrawingBatch.from_strokes(drawings, words=["circle"] * len(drawings))


def differing(drawings, style: RasterStyle) -> list[int]:
    images = rasterize(batch_of(drawings), style)
    return [
        number
        for number, (strokes, image) in enumerate(zip(drawings, images, strict=True))
        if not np.array_equal(draw_with_cairo(strokes, style), image)
    ]


def real_drawings(folder: Path, every: int):
    for path in sorted((folder / "quickdraw" / "simplified").glob("*.ndjson"))[::every]:
        for drawing in read_ndjson(path):
            yield [stroke.T.astype(np.float64) for stroke in drawing.strokes]


def test_the_heads_of_the_official_files(real_data):
    """Line i of a category's file is row i of its bitmaps."""
    compared = 0
    for path in sorted((real_data / "quickdraw" / "numpy_bitmap").glob("*.npy")):
        batch = read_ndjson(real_data / "quickdraw" / "simplified" / f"{path.stem}.ndjson")
        # the file of cats at hand begins with other lines: its line 200 is row 0
        lines = (
            slice(200, 222)
            if path.stem == "cat"
            else slice(0, 250 if path.stem == "bowtie" else 25)
        )
        images = rasterize(batch[lines])
        official = np.load(path, mmap_mode="r")[: len(images)].reshape(-1, 28, 28)
        assert np.array_equal(images, official), path.stem
        compared += len(images)
    assert compared == 20 * 25 + 250 + 22


@needs_cairo
def test_all_real_drawings_at_the_official_style(real_data):
    drawings = list(real_drawings(real_data, 1))
    assert len(drawings) > 10_000
    assert differing(drawings, RasterStyle()) == []


@needs_cairo
@pytest.mark.parametrize("style", STYLES, ids=name)
def test_real_drawings_at_other_styles(real_data, style):
    assert differing(list(real_drawings(real_data, 12)), style) == []


@needs_cairo
def test_edges_that_begin_at_one_place_keep_their_order(real_data):
    """With a thin pen, one pixel of drawing 35 depends on how edges are merged into a list."""
    path = real_data / "quickdraw" / "simplified" / "hot dog.ndjson"
    drawings = [[s.T.astype(np.float64) for s in drawing.strokes] for drawing in read_ndjson(path)]
    assert len(drawings) > 35
    assert differing(drawings, RasterStyle(side=64, line_diameter=1, padding=8)) == []


@needs_cairo
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_twenty_thousand_hard_cases(seed):
    assert differing(hard_cases(5000, seed), RasterStyle()) == []


@needs_cairo
@pytest.mark.parametrize("style", STYLES, ids=name)
def test_hard_cases_at_other_styles(style):
    assert differing(hard_cases(400, seed=99), style) == []


coordinates = st.integers(0, 255)
strokes = st.lists(st.tuples(coordinates, coordinates), min_size=1, max_size=12).map(
    lambda points: np.array(points, np.float64).T
)


@needs_cairo
@examples(300)
@given(st.lists(strokes, min_size=1, max_size=3), st.sampled_from(STYLES))
def test_no_counterexample_is_found(drawing, style):
    assert differing([drawing], style) == []


def golden_images() -> dict[str, np.ndarray]:
    """What `python -m tests.raster.test_guarantee_exact` keeps, having asked cairo."""
    return {name(s): rasterize(batch_of(hard_cases(60, 7)), s) for s in STYLES if s.side <= 64}


def test_golden_bitmaps_hold_without_cairo():
    with np.load(GOLDEN, allow_pickle=False) as kept:
        images = golden_images()
        assert set(kept.files) == set(images)
        for key, expected in images.items():
            assert np.array_equal(kept[key], expected), key


if __name__ == "__main__":
    for each in STYLES:
        assert differing(hard_cases(60, 7), each) == [], each
    np.savez_compressed(GOLDEN, **golden_images())
