"""`rasterize`: what it takes, what it refuses, and what its bytes must not depend on."""

import numpy as np
import pytest

from quickdraw_kit.errors import DataError, UsageError
from quickdraw_kit.raster.render import rasterize
from quickdraw_kit.raster.style import RasterStyle
from quickdraw_kit.strokes.batch import DrawingBatch
from quickdraw_kit.synthetic.generator import generate_drawings
from tests.raster.cases import hard_cases

LINE = [([0, 255], [0, 255])]


def batch_of(drawings, dtype=None) -> DrawingBatch:
    return DrawingBatch.from_strokes(drawings, words=["line"] * len(drawings), dtype=dtype)


@pytest.mark.parametrize("side", [1, 28, 61, 1024])
def test_shape_and_dtype(side):
    images = rasterize(batch_of([LINE, LINE]), RasterStyle(side=side))
    assert images.shape == (2, side, side)
    assert images.dtype == np.uint8
    assert images.any()


def test_no_drawings():
    assert rasterize(batch_of([])).shape == (0, 28, 28)


@pytest.mark.parametrize("threads", [1, 2, 5, 100])
def test_threads_do_not_change_a_byte(threads):
    batch = batch_of(hard_cases(300, seed=3))
    assert np.array_equal(rasterize(batch, threads=threads), rasterize(batch))


def test_a_drawing_does_not_depend_on_its_neighbours():
    drawings = hard_cases(150, seed=4)  # more than a block of them
    together = rasterize(batch_of(drawings))
    alone = np.concatenate([rasterize(batch_of([drawing])) for drawing in drawings])
    assert np.array_equal(together, alone)
    assert np.array_equal(rasterize(batch_of(drawings)[37:91]), together[37:91])


def test_coordinates_may_be_uint8_or_int16():
    drawings = hard_cases(100, seed=5)
    assert np.array_equal(
        rasterize(batch_of(drawings, "int16")), rasterize(batch_of(drawings, "uint8"))
    )


def test_out_is_overwritten_and_returned():
    batch = batch_of([LINE, [([9], [9])]])
    out = np.full((2, 28, 28), 77, np.uint8)
    assert rasterize(batch, out=out) is out
    assert np.array_equal(out, rasterize(batch))


@pytest.mark.parametrize(
    "out",
    [
        np.zeros((1, 784), np.uint8),
        np.zeros((2, 28, 28), np.uint8),
        np.zeros((1, 28, 28), np.int8),
        np.zeros((1, 28, 56), np.uint8)[:, :, ::2],
        np.zeros((28, 28, 1), np.uint8).T.transpose(0, 2, 1)[:, ::-1],
    ],
    ids=["flat", "too many", "int8", "strided", "reversed"],
)
def test_out_that_does_not_fit_is_refused(out):
    before = out.copy()
    with pytest.raises(UsageError, match=r"expected a .*uint8 \(1, 28, 28\)"):
        rasterize(batch_of([LINE]), out=out)
    assert np.array_equal(out, before)


@pytest.mark.parametrize("threads", [0, -1])
def test_threads_below_one_are_refused(threads):
    with pytest.raises(UsageError, match=f"threads is {threads}, expected at least 1"):
        rasterize(batch_of([LINE]), threads=threads)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("axis", [0, 1])
def test_coordinates_that_are_not_finite_are_refused_by_drawing(value, axis):
    points = np.zeros((2, 3), np.float32)
    points[axis, 2] = value
    batch = DrawingBatch.from_strokes(
        [LINE, [([0], [0]), points]], words=["line"] * 2, key_id=[11, 12], dtype="float32"
    )
    with pytest.raises(DataError, match=r"drawing 1 \(key_id 12\) has the point"):
        rasterize(batch)


def test_real_valued_drawings_are_fitted_to_the_frame():
    small = batch_of([[([0, 255], [0, 255]), ([20], [200])]], "uint8")
    large = batch_of([[([-1000, 1550], [300, 2850]), ([-800], [2300])]], "float32")
    assert np.array_equal(rasterize(large), rasterize(small))


def test_int16_far_outside_the_frame_is_cut_off():
    far = [[-32768, 32767, -32768, 0], [-32768, 32767, 32767, 0]]
    batch = batch_of([[far], LINE, [([0, 32767], [0, 0])]], "int16")
    images = rasterize(batch)
    assert images[0].any()
    assert np.array_equal(images[1], rasterize(batch_of([LINE]))[0])


def test_a_pen_below_the_tolerance_leaves_no_trace():
    out = np.full((1, 3, 3), 77, np.uint8)
    style = RasterStyle(side=3, line_diameter=0.01, padding=0)
    assert not rasterize(batch_of([LINE]), style, out=out).any()


def test_drawings_without_strokes_are_black():
    out = np.full((3, 28, 28), 77, np.uint8)
    images = rasterize(batch_of([[], LINE, []]), out=out)
    assert images.any(axis=(1, 2)).tolist() == [False, True, False]
    assert not rasterize(batch_of([[], []])).any()


@pytest.mark.parametrize("threads", [1, 2, 7])
@pytest.mark.parametrize("empty", [1, 9000])
def test_a_share_of_the_drawings_may_be_without_strokes(threads, empty):
    out = np.full((empty + 3, 28, 28), 77, np.uint8)
    images = rasterize(batch_of([LINE] * 3 + [[]] * empty), threads=threads, out=out)
    assert images[:3].any(axis=(1, 2)).all()
    assert not images[3:].any()


def test_out_that_is_read_only_is_refused():
    out = np.zeros((1, 28, 28), np.uint8)
    out.flags.writeable = False
    with pytest.raises(UsageError, match="expected a writable"):
        rasterize(batch_of([LINE]), out=out)


def test_strokes_without_points_leave_no_trace():
    batch = batch_of([[LINE[0], ([3], [200])], [([9], [9])]])
    ends = [0, 0, *batch.stroke_offsets[1:-1], *[batch.stroke_offsets[-1]] * 2]
    hollow = DrawingBatch(
        **{name: getattr(batch, name) for name in batch.__slots__}
        | {
            "stroke_offsets": np.array(ends),
            "drawing_offsets": np.array([0, 3, len(ends) - 1]),
        }
    )
    assert hollow.stroke_counts.sum() > batch.stroke_counts.sum()
    assert np.array_equal(rasterize(hollow), rasterize(batch))


@pytest.mark.parametrize("raw", [False, True])
def test_one_drawing_is_one_image(raw):
    batch = generate_drawings(["star"], 3, raw=raw)
    images = rasterize(batch)
    for number, drawing in enumerate(batch):
        np.testing.assert_array_equal(rasterize(drawing), images[number])
        np.testing.assert_array_equal(rasterize(drawing.strokes), images[number])
        rows = [stroke.T.tolist() for stroke in drawing.strokes]
        np.testing.assert_array_equal(rasterize(rows), images[number])
    assert rasterize(batch[0], RasterStyle(side=50)).shape == (50, 50)
    assert not rasterize([]).any()


@pytest.mark.parametrize("other", [None, 5, "cat", {"drawing": []}, [1, 2]])
def test_what_is_no_drawing_is_named(other):
    with pytest.raises(UsageError, match=r"cannot render a \w+: expected a DrawingBatch"):
        rasterize(other)
