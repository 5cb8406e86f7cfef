"""What a model answers, about any form of a drawing."""

import numpy as np
import pytest

from quickdraw_kit.errors import DataError, UsageError
from quickdraw_kit.learn.config import TrainConfig
from quickdraw_kit.learn.infer.predict import iter_predict, predict
from quickdraw_kit.learn.models.model import Model
from quickdraw_kit.learn.train import train
from quickdraw_kit.raster.render import rasterize
from quickdraw_kit.raster.style import RasterStyle
from quickdraw_kit.strokes.batch import Drawing
from quickdraw_kit.synthetic.generator import generate_drawings

NAMES = ("envelope", "fish", "house", "ladder", "star", "sun")  # as of the data of `splits`


@pytest.fixture(scope="module")
def model(splits) -> Model:
    return train(TrainConfig(network="tiny-cnn", batch_size=64, epochs=6, threads=1), splits).model


def drawings(count: int):
    return generate_drawings(NAMES, count, seed=5, raw=False)


def test_probabilities_are_those_of_the_model(model):
    batch = drawings(4)
    answers = predict(model, batch, k=2)
    chances = model.probabilities(rasterize(batch))
    assert [answer.labels[0] for answer in answers] == [
        model.label_names[i] for i in chances.argmax(axis=1)
    ]
    for answer, row in zip(answers, chances, strict=True):
        assert answer.probabilities == tuple(sorted(row.tolist(), reverse=True)[:2])
        assert isinstance(answer.original, Drawing)


def test_a_picture_is_taken_for_what_its_strokes_are(model):
    batch = drawings(4)
    pictures = 255 - rasterize(batch, RasterStyle(side=400, line_diameter=5))
    said = [answer.labels[0] for answer in predict(model, batch)]
    of_pictures = [answer.labels[0] for answer in predict(model, pictures)]
    assert np.mean([a == b for a, b in zip(said, of_pictures, strict=True)]) >= 0.9


def test_several_inputs_keep_their_order(model, tmp_path):
    bitmaps = rasterize(drawings(1))
    np.save(tmp_path / "a.npy", bitmaps)
    answers = predict(model, [tmp_path / "a.npy", drawings(1)])
    assert [a.source for a in answers] == [
        f"{name}:{i + 1}" for name in ("a.npy", "drawing") for i in range(len(bitmaps))
    ]
    half = len(answers) // 2
    for one, other in zip(answers[:half], answers[half:], strict=True):
        assert one.labels == other.labels
        assert np.array_equal(one.image, other.image)


def test_a_model_of_strokes_takes_every_form():
    batch = drawings(1)[:2]
    model = Model.new("stroke-cnn", ("a", "b"))
    chances = model.probabilities(batch)
    for source in (batch, rasterize(batch), 255 - rasterize(batch, RasterStyle(side=300))):
        answers = predict(model, source)
        assert len(answers) == 2
        assert answers[0].image.shape == (28, 28)
    assert predict(model, batch)[0].probabilities[0] == pytest.approx(chances[0].max())


def test_the_style_of_the_training_set_is_used():
    metadata = {"raster_style": {"side": 32, "line_diameter": 4.0, "padding": 2.0}}
    model = Model.new("tiny-cnn", ("a", "b"), side=32, metadata=metadata)
    batch = drawings(1)
    expected = rasterize(batch, RasterStyle(**metadata["raster_style"]))
    assert np.array_equal([answer.image for answer in predict(model, batch)], expected)


@pytest.mark.parametrize("told", [{"side": 64}, {"sides": 28}, {"side": "28"}, [1], "x"])
def test_a_style_that_does_not_fit_the_model(told):
    model = Model.new("tiny-cnn", ("a", "b"), metadata={"raster_style": told})
    with pytest.raises(DataError, match="style"):
        predict(model, drawings(1))


def test_answers_come_one_by_one(model):
    answers = iter_predict(model, [drawings(1), b"nothing of ours"])
    assert next(answers).source == "drawing:1"
    with pytest.raises(DataError, match="bytes"):
        list(answers)


def test_a_bitmap_without_ink_does_not_hide_the_others():
    model = Model.new("stroke-cnn", ("a", "b"))
    bitmaps = rasterize(drawings(3)[:3])
    bitmaps[1] = 0
    bitmaps[1, 5, 5] = 1  # not all of one grey, but nothing to trace
    with pytest.raises(DataError, match=r"^array:2: the picture is empty"):
        predict(model, bitmaps)
    errors = []
    answers = list(iter_predict(model, bitmaps, on_error=errors.append))
    assert [answer.source for answer in answers] == ["array:1", "array:3"]
    assert [str(error).split(":")[1] for error in errors] == ["2"]
    assert not list(iter_predict(model, bitmaps[1:2], on_error=errors.append))


def test_at_least_one_label(model):
    with pytest.raises(UsageError, match="at least 1"):
        predict(model, drawings(1), k=0)
    assert len(predict(model, drawings(1), k=99)[0].labels) == len(NAMES)
