"""The figure of predictions."""

import numpy as np
import pytest
from PIL import Image

from quickdraw_kit.errors import UsageError
from quickdraw_kit.learn.infer.predict import Prediction
from quickdraw_kit.raster.render import rasterize
from quickdraw_kit.show.predictions import prediction_figure
from quickdraw_kit.synthetic.generator import generate_drawings

BATCH = generate_drawings(("star",), 1, seed=1, raw=False)
SEEN = rasterize(BATCH)[0]


def prediction(original) -> Prediction:
    return Prediction("a" * 60, ("star", "house"), (0.75, 0.25), SEEN, original)


@pytest.mark.parametrize(
    "original",
    [BATCH[0], SEEN, np.zeros((30, 20, 3), np.uint8), np.zeros((30, 20, 4), np.uint8)],
    ids=["strokes", "gray", "color", "transparent"],
)
def test_every_type_of_input(original, tmp_path):
    path = tmp_path / "figure.png"
    prediction_figure([prediction(original)], path)
    with Image.open(path) as figure:
        assert min(figure.size) > 150


def test_a_row_for_each_prediction(tmp_path):
    path = tmp_path / "figure.svg"
    prediction_figure([prediction(SEEN), prediction(BATCH[0])], path)
    text = path.read_text()
    assert text.count("<image") == 3


def test_nothing_to_draw(tmp_path):
    with pytest.raises(UsageError, match="no prediction"):
        prediction_figure([], tmp_path / "figure.png")
