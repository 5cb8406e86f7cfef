import numpy as np
import pytest
from PIL import Image

from quickdraw_kit.errors import UsageError
from quickdraw_kit.formats.png import render_drawing, write_png
from quickdraw_kit.strokes.batch import DrawingBatch


def test_ink_is_under_the_pen_and_not_at_the_edge(tmp_path):
    batch = DrawingBatch.from_strokes(
        [[([0, 255], [0, 255])], [([0, 255], [128, 128])]], words=["line", "line"]
    )
    write_png(batch, tmp_path / "line.png", 1)
    with Image.open(tmp_path / "line.png") as image:
        assert image.mode == "L"
        pixels = np.asarray(image)
    assert pixels.shape == (256, 256)
    dark = pixels < 128
    assert 4 <= dark[:, 128].sum() <= 7
    assert dark.any(axis=0).sum() >= 240
    assert not dark[:100].any()


def test_reproducible(tmp_path):
    batch = DrawingBatch.from_strokes([[([0, 255, 3], [7, 200, 90])]], words=["line"])
    for name in ("a.png", "b.png"):
        write_png(batch, tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize("dtype", ["float64", "int16"])
def test_drawings_outside_the_frame_are_normalized(dtype):
    rng = np.random.default_rng(1)
    points = rng.integers(0, 256, (2, 9))
    points[:, 0], points[:, 1] = 0, 255
    inside = DrawingBatch.from_strokes([[points]], words=["cat"])
    outside = DrawingBatch.from_strokes([[points * 4 - 300]], words=["cat"], dtype=dtype)
    np.testing.assert_array_equal(render_drawing(inside), render_drawing(outside))


def test_invalid_arguments(tmp_path):
    batch = DrawingBatch.from_strokes([[([0], [0])]], words=["dot"])
    with pytest.raises(IndexError, match="drawing -2 of 1"):
        write_png(batch, tmp_path / "dot.png", -2)
    with pytest.raises(UsageError, match="side is 5000"):
        write_png(batch, tmp_path / "dot.png", side=5000)
    assert list(tmp_path.iterdir()) == []
