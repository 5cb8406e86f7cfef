"""Laws of the way from a picture back to strokes."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from quickdraw_kit.errors import DataError
from quickdraw_kit.formats.ndjson.files import read_ndjson
from quickdraw_kit.strokes.batch import DrawingBatch
from quickdraw_kit.trace.image import trace_image
from tests.conftest import examples
from tests.trace.cases import HOUSES, away, exact, large, normalized

drawings = st.integers(0, len(HOUSES) - 1).map(lambda i: HOUSES[i : i + 1])


@examples(8)
@given(drawings, st.integers(2, 14))
def test_a_rendered_drawing_comes_back(drawing, width):
    assert away(exact(drawing), normalized(large(drawing, width))) < 0.35


@examples(8)
@given(drawings, st.integers(2, 20))
def test_polarity_does_not_matter(drawing, width):
    picture = large(drawing, width)
    assert np.array_equal(normalized(picture), normalized(255 - picture))


@examples(8)
@given(drawings, st.integers(0, 90), st.integers(0, 90))
def test_place_does_not_matter(drawing, down, right):
    picture = 255 - large(drawing)
    moved = np.pad(picture, ((down, 0), (right, 0)), constant_values=255)
    assert away(normalized(picture), normalized(moved)) < 0.1


@examples(8)
@given(drawings, st.sampled_from([256, 384, 700, 1000]))
def test_size_does_not_matter(drawing, side):
    picture = 255 - large(drawing, 0.02 * side, side)
    assert away(normalized(255 - large(drawing, 10)), normalized(picture)) < 0.3


@examples(8)
@given(drawings, st.integers(0, 2**32 - 1))
@example(HOUSES[:1], 0)
def test_light_and_noise_do_not_matter(drawing, seed):
    rng = np.random.default_rng(seed)
    ink = large(drawing, 6)[:, :, None] / 255.0
    y, x = np.mgrid[-1:1:512j, -1:1:512j]
    light = 1 - 0.2 * x - 0.2 * (x**2 + y**2)
    photo = (np.array([225, 215, 190]) * (1 - ink) + 50 * ink) * light[:, :, None]
    photo = np.clip(photo + rng.normal(0, 6, photo.shape), 0, 255).astype(np.uint8)
    assert away(normalized(255 - large(drawing, 6)), normalized(photo)) < 0.35


@pytest.mark.parametrize("ink", [(220, 30, 30), (20, 60, 200), (230, 210, 0), (90, 90, 90)])
def test_color_does_not_matter(ink):
    drawn = large(HOUSES[:1])
    share = drawn[:, :, None] / 255.0
    picture = (255 * (1 - share) + np.array(ink) * share).astype(np.uint8)
    assert away(normalized(255 - drawn), normalized(picture)) < 0.1


@pytest.mark.parametrize("gray", [0, 255])
def test_transparent_paper(gray):
    drawn = large(HOUSES[:1])
    picture = np.dstack([*[np.full_like(drawn, gray)] * 3, drawn])
    assert away(normalized(255 - drawn), normalized(picture)) < 0.1


def test_what_lies_round_the_paper_is_left_out():
    picture = 255 - large(HOUSES[:1])
    table = np.pad(picture, 40, constant_values=30)
    assert away(normalized(picture), normalized(table)) < 0.1


def test_an_area_that_is_filled_stays_filled():
    picture = np.full((400, 400), 255, np.uint8)
    y, x = np.mgrid[:400, :400]
    picture[np.hypot(x - 200, y - 200) < 120] = 0
    picture[195:205, 20:380] = 0
    seen = normalized(picture)
    assert seen[9:19, 9:19].min() > 200
    assert seen[:6].max() == 0


def test_a_dot_is_a_drawing():
    picture = np.full((100, 100), 255, np.uint8)
    y, x = np.mgrid[:100, :100]
    picture[np.hypot(x - 60, y - 30) < 5] = 0
    assert normalized(picture).max() > 200


def test_a_crossing_is_two_strokes():
    batch = DrawingBatch.from_strokes([[([0, 255], [0, 255]), ([0, 255], [255, 0])]], words=[""])
    strokes = trace_image(large(batch))[0].strokes
    assert len(strokes) == 2
    assert all(np.ptp(stroke, axis=0).min() > 300 for stroke in strokes)


@pytest.mark.parametrize("shape", [(1, 1), (7, 300), (300, 300), (28, 28)])
@pytest.mark.parametrize("gray", [0, 128, 255])
def test_an_empty_picture_is_named_so(shape, gray):
    with pytest.raises(DataError, match="empty"):
        trace_image(np.full(shape, gray, np.uint8))


def test_noise_alone_is_empty():
    noise = np.random.default_rng(1).normal(128, 12, (300, 300, 3)).clip(0, 255)
    with pytest.raises(DataError, match="empty"):
        trace_image(noise.astype(np.uint8))


@pytest.mark.parametrize(
    "array", [np.zeros((9, 9)), np.zeros((0, 9), np.uint8), np.zeros((9, 9, 2), np.uint8)]
)
def test_what_is_no_picture(array):
    with pytest.raises(DataError, match="expected"):
        trace_image(array)


@examples(40)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1), st.integers(0, 3))
def test_any_pixels_become_strokes_or_an_error_of_ours(high, wide, seed, grain):
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (-(-high // 2**grain), -(-wide // 2**grain)), dtype=np.uint8)
    picture = np.kron(small, np.ones((2**grain, 2**grain), np.uint8))[:high, :wide]
    try:
        batch = trace_image(picture)
    except DataError:
        return
    assert np.isfinite(batch.x).all()
    assert batch.point_counts[0] > 0


def test_real_drawings_come_back(real_data):
    batch = read_ndjson(real_data / "quickdraw" / "simplified" / "cat.ndjson")[:15]
    lost = [
        away(exact(batch[i : i + 1]), normalized(large(batch[i : i + 1], 8))) for i in range(15)
    ]
    assert np.median(lost) < 0.15
