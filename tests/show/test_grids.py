"""Grids: correct is green with a check mark, wrong is red with a cross and the true label."""

import numpy as np
import pytest
from PIL import Image

from quickdraw_kit.errors import UsageError
from quickdraw_kit.show.canvas import RIGHT, WRONG
from quickdraw_kit.show.grids import prediction_grid

NAMES = ["cat", "dog", "The Great Wall of China"]


def blank(number):
    return np.zeros((number, 28, 28), np.uint8)


def test_predictions_are_named_and_marked(tmp_path, texts):
    path = tmp_path / "predictions.svg"
    labels, predictions = np.array([0, 1, 2]), np.array([0, 2, 2])
    confidences = np.array([0.991, 0.5, 1.0], np.float32)
    prediction_grid(blank(3), labels, predictions, NAMES, path, confidence=confidences)
    assert texts(path) == [
        "✓ cat", "99 %",
        "✗ The Great Wall of China", "50 %", "actually dog",
        "✓ The Great Wall of China", "100 %",
    ]  # fmt: skip


def test_confidence_is_optional(tmp_path, texts):
    prediction_grid(blank(1), np.array([0]), np.array([1]), NAMES, tmp_path / "predictions.svg")
    assert texts(tmp_path / "predictions.svg") == ["✗ dog", "actually cat"]


@pytest.mark.parametrize(
    ("prediction", "present", "absent"), [(0, RIGHT, WRONG), (1, WRONG, RIGHT)]
)
def test_correct_is_green_and_wrong_is_red(tmp_path, share_of, prediction, present, absent):
    path = tmp_path / "predictions.png"
    prediction_grid(blank(1), np.array([0]), np.array([prediction]), NAMES, path)
    with Image.open(path) as image:
        assert share_of(path, present) * image.width * image.height > 200
    assert share_of(path, absent) == 0


def test_drawings_are_dark_on_light_and_upright(tmp_path):
    images = blank(1)
    images[0, :14, :14] = 255
    prediction_grid(images, np.array([0]), np.array([0]), NAMES, tmp_path / "grid.png")
    picture = np.asarray(Image.open(tmp_path / "grid.png").convert("L"))
    dark = np.argwhere(picture < 10)
    across = picture.shape[1]
    assert dark[:, 1].max() < 0.55 * across
    assert dark[:, 0].min() < 0.2 * across


def test_same_numbers_same_bytes(tmp_path):
    for suffix in ("png", "svg"):
        paths = [tmp_path / f"{copy}.{suffix}" for copy in "12"]
        for path in paths:
            prediction_grid(blank(3), np.array([0, 1, 2]), np.array([0, 0, 0]), NAMES, path)
        assert paths[0].read_bytes() == paths[1].read_bytes()


def test_wrong_usage(tmp_path):
    path = tmp_path / "grid.png"
    zero = np.array([0])
    with pytest.raises(UsageError, match="0 images in 8 columns"):
        prediction_grid(blank(0), zero[:0], zero[:0], NAMES, path)
    with pytest.raises(UsageError, match="1 images in 0 columns"):
        prediction_grid(blank(1), zero, zero, NAMES, path, columns=0)
    with pytest.raises(UsageError, match="2 images, 1 labels and 1 predictions"):
        prediction_grid(blank(2), zero, zero, NAMES, path)
    assert not path.exists()
