"""Drawings and pictures become bitmaps in the way in which the training set was made."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from quickdraw_kit.errors import DataError
from quickdraw_kit.formats.idx import read_idx
from quickdraw_kit.formats.labeled_images import FASHION_NAMES
from quickdraw_kit.learn.config import TrainConfig
from quickdraw_kit.learn.data.splits import open_splits
from quickdraw_kit.learn.infer.predict import predict
from quickdraw_kit.learn.infer.preprocess import Preprocessing, model_preprocessing
from quickdraw_kit.learn.models.model import Model
from quickdraw_kit.raster.render import rasterize
from quickdraw_kit.raster.style import RasterStyle
from quickdraw_kit.strokes.batch import DrawingBatch
from quickdraw_kit.synthetic.generator import generate_drawings
from tests.learn.data.test_splits import write_idx

MNIST = Preprocessing(RasterStyle(), "mnist")


def on_canvas(digit, side=400, top=60, left=60, scale=10, ink=0, paper=255) -> np.ndarray:
    size = (digit.shape[1] * scale, digit.shape[0] * scale)
    large = np.asarray(Image.fromarray(digit).resize(size, Image.Resampling.BICUBIC))
    canvas = np.full((side, side), paper, np.float64)
    part = canvas[top : top + large.shape[0], left : left + large.shape[1]]
    part += (ink - paper) * (large / 255)
    return canvas.astype(np.uint8)


def center_of_mass(bitmap) -> np.ndarray:
    return np.indices(bitmap.shape).reshape(2, -1) @ bitmap.ravel() / bitmap.sum()


def stroke(points) -> DrawingBatch:
    return DrawingBatch.from_strokes([[np.asarray(points).T]], words=["x"])


@given(st.lists(st.tuples(st.integers(0, 255), st.integers(0, 255)), min_size=2, max_size=8))
def test_mnist_ink_fills_the_box_and_is_centered_by_its_mass(points):
    image = MNIST.from_strokes(stroke(points))[0]
    rows, columns = np.nonzero(image)
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    assert max(height, width) in (19, 20)
    assert image.max() == 255
    # within half a pixel, unless the box would leave the image
    inside = rows.min() > 0 and columns.min() > 0 and rows.max() < 27 and columns.max() < 27
    if inside:
        assert np.abs(center_of_mass(image) - 14).max() <= 0.75


@pytest.mark.parametrize("ink_and_paper", [(0, 255), (255, 0), (60, 200), (180, 240)])
def test_place_size_and_brightness_on_the_canvas_do_not_matter(ink_and_paper):
    digit = MNIST.from_strokes(generate_drawings(["ladder"], 1, raw=False))[0]
    ink, paper = ink_and_paper
    expected = digit.astype(int)
    for place in ({}, {"top": 5, "left": 110}, {"scale": 5, "top": 230}):
        image = MNIST.from_picture(on_canvas(digit, ink=ink, paper=paper, **place))
        assert np.abs(image - expected).mean() < 12


def test_thin_lines_on_a_large_canvas_get_the_width_of_the_pen():
    canvas = np.full((400, 400), 255, np.uint8)
    canvas[50:350, 199:202] = 0
    image = MNIST.from_picture(canvas)
    assert 1.9 <= (image.sum(axis=1) / 255)[image.any(axis=1)].mean() <= 3


def test_mnist_images_keep_their_answers_on_a_canvas(real_data):
    """The recipe gives back the pixels of real digits."""
    digits = read_idx(real_data / "mnist/t10k-images-idx3-ubyte.gz")[:20]
    for digit in digits:
        image = MNIST.from_picture(on_canvas(digit))
        assert np.corrcoef(image.ravel(), digit.ravel())[0, 1] > 0.7


@pytest.mark.parametrize("inverted", [False, True])
def test_pictures_are_resized_as_they_are(inverted):
    picture = np.zeros((60, 120, 3), np.uint8)
    picture[20:40, 30:90] = 200
    image = Preprocessing(RasterStyle(), "resize").from_picture(
        255 - picture if inverted else picture
    )
    assert image.shape == (28, 28)
    assert abs(int(image[14, 14]) - 200) <= 3
    assert image[:6].max() == image[:, :4].max() == 0


def test_strokes_and_pictures_are_rasterized_by_default():
    model = Model.new("tiny-cnn", ("a", "b"))
    batch = generate_drawings(["star"], 2, raw=False)
    assert model_preprocessing(model) == Preprocessing(RasterStyle())
    assert np.array_equal(model_preprocessing(model).from_strokes(batch), rasterize(batch))


def test_a_model_of_digits_gets_the_box_of_mnist():
    model = Model.new("tiny-cnn", ("a", "b"), metadata={"preprocessing": "mnist"})
    batch = generate_drawings(["star"], 1, raw=False)
    picture = 255 - rasterize(batch, RasterStyle(side=300))[0]
    for source in (batch, picture):
        [prediction] = predict(model, source)
        rows, columns = np.nonzero(prediction.image)
        assert max(np.ptp(rows), np.ptp(columns)) + 1 <= 20
    [same] = predict(model, prediction.image)  # a bitmap of its size stays as it is
    assert np.array_equal(same.image, prediction.image)


def test_an_unknown_recipe_is_refused():
    model = Model.new("tiny-cnn", ("a", "b"), metadata={"preprocessing": "photo"})
    with pytest.raises(DataError, match="'photo', expected one of rasterize, mnist, resize"):
        model_preprocessing(model)


@pytest.mark.parametrize(("folder", "recipe"), [("mnist", "mnist"), ("fashion-mnist", "resize")])
def test_the_recipe_is_recorded(tmp_path, folder, recipe):
    images = np.random.default_rng(0).integers(0, 255, (200, 28, 28), np.uint8)
    labels = np.arange(200, dtype=np.uint8) % 10
    (tmp_path / folder).mkdir()
    write_idx(tmp_path / folder / "train-images-idx3-ubyte", images)
    write_idx(tmp_path / folder / "train-labels-idx1-ubyte", labels)
    splits = open_splits(TrainConfig(data=tmp_path / folder))
    assert splits.metadata["preprocessing"] == recipe
    assert (splits["train"].label_names == FASHION_NAMES) == (recipe == "resize")
