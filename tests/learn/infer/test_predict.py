"""Predictions are those of the model, for a drawing in any format."""

import numpy as np
import pytest

from quickdraw_kit.errors import DataError, UsageError
from quickdraw_kit.learn.infer.predict import iter_predict, predict
from quickdraw_kit.learn.models.model import Model
from quickdraw_kit.raster.render import rasterize
from quickdraw_kit.raster.style import RasterStyle
from quickdraw_kit.strokes.batch import Drawing
from quickdraw_kit.synthetic.generator import generate_drawings

NAMES = ("envelope", "fish", "house", "ladder", "star", "sun")  # as in the data of `splits`


@pytest.fixture(scope="module")
def model(trained) -> Model:
    return trained[1].model


def drawings(count: int):
    return generate_drawings(NAMES, count, seed=5, raw=False)


def test_probabilities_are_those_of_the_model(model):
    batch = drawings(4)
    predictions = predict(model, batch, k=2)
    expected = model.probabilities(rasterize(batch))
    assert [prediction.labels[0] for prediction in predictions] == [
        model.label_names[label] for label in expected.argmax(axis=1)
    ]
    for prediction, row in zip(predictions, expected, strict=True):
        assert prediction.probabilities == tuple(sorted(row.tolist(), reverse=True)[:2])
        assert isinstance(prediction.original, Drawing)


def test_a_picture_is_predicted_as_its_strokes_are(model):
    batch = drawings(4)
    pictures = 255 - rasterize(batch, RasterStyle(side=400, line_diameter=5))
    of_strokes = [prediction.labels[0] for prediction in predict(model, batch)]
    of_pictures = [prediction.labels[0] for prediction in predict(model, pictures)]
    assert np.mean([a == b for a, b in zip(of_strokes, of_pictures, strict=True)]) >= 0.9


def test_several_inputs_keep_their_order(model, tmp_path):
    bitmaps = rasterize(drawings(1))
    np.save(tmp_path / "a.npy", bitmaps)
    predictions = predict(model, [tmp_path / "a.npy", drawings(1)])
    assert [prediction.source for prediction in predictions] == [
        f"{name}:{i + 1}" for name in ("a.npy", "drawing") for i in range(len(bitmaps))
    ]
    half = len(predictions) // 2
    for one, other in zip(predictions[:half], predictions[half:], strict=True):
        assert one.labels == other.labels
        assert np.array_equal(one.image, other.image)


def test_a_model_of_strokes_takes_every_type_of_input():
    batch = drawings(1)[:2]
    model = Model.new("stroke-cnn", ("a", "b"))
    expected = model.probabilities(batch)
    for source in (batch, rasterize(batch), 255 - rasterize(batch, RasterStyle(side=300))):
        predictions = predict(model, source)
        assert len(predictions) == 2
        assert predictions[0].image.shape == (28, 28)
    assert predict(model, batch)[0].probabilities[0] == pytest.approx(expected[0].max())


def test_the_style_of_the_training_set_is_used():
    metadata = {"raster_style": {"side": 32, "line_diameter": 4.0, "padding": 2.0}}
    model = Model.new("tiny-cnn", ("a", "b"), side=32, metadata=metadata)
    batch = drawings(1)
    expected = rasterize(batch, RasterStyle(**metadata["raster_style"]))
    assert np.array_equal([prediction.image for prediction in predict(model, batch)], expected)


@pytest.mark.parametrize("saved", [{"side": 64}, {"sides": 28}, {"side": "28"}, [1], "x"])
def test_a_style_that_does_not_fit_the_model(saved):
    model = Model.new("tiny-cnn", ("a", "b"), metadata={"raster_style": saved})
    with pytest.raises(DataError, match="style"):
        predict(model, drawings(1))


def test_predictions_are_yielded_one_by_one(model):
    predictions = iter_predict(model, [drawings(1), b"not a drawing"])
    assert next(predictions).source == "drawing:1"
    with pytest.raises(DataError, match="bytes"):
        list(predictions)


def test_a_bitmap_without_ink_does_not_affect_the_others():
    model = Model.new("stroke-cnn", ("a", "b"))
    bitmaps = rasterize(drawings(3)[:3])
    bitmaps[1] = 0
    bitmaps[1, 5, 5] = 1  # its pixels differ, but there is nothing to trace
    with pytest.raises(DataError, match=r"^array:2: the picture is empty"):
        predict(model, bitmaps)
    errors = []
    predictions = list(iter_predict(model, bitmaps, on_error=errors.append))
    assert [prediction.source for prediction in predictions] == ["array:1", "array:3"]
    assert [str(error).split(":")[1] for error in errors] == ["2"]
    assert not list(iter_predict(model, bitmaps[1:2], on_error=errors.append))


def test_k_is_at_least_one(model):
    with pytest.raises(UsageError, match="at least 1"):
        predict(model, drawings(1), k=0)
    assert len(predict(model, drawings(1), k=99)[0].labels) == len(NAMES)
