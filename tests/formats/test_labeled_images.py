"""Images with labels of their own: names of classes, splits by name, shapes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickdraw_kit.errors import DataError
from quickdraw_kit.formats.labeled_images import (
    image_side,
    label_records,
    split_of_name,
    to_images,
    traits_of,
)


def words_of(labels, path, **options):
    images = np.zeros((len(labels), 4, 4), np.uint8)
    records = label_records(images, np.array(labels), path, key="x", **options)
    return records.batch.words_of_drawings()


@pytest.mark.parametrize(
    ("path", "labels", "words"),
    [
        ("mnist/train-images-idx3-ubyte", [0, 9], ["0", "9"]),
        ("FashionMNIST/raw/train-images-idx3-ubyte", [0, 9], ["T-shirt/top", "Ankle boot"]),
        ("KMNIST/raw/train-images-idx3-ubyte", [0, 9], ["o", "wo"]),
        ("emnist-letters-train-images-idx3-ubyte", [1, 26], ["a", "z"]),
        ("emnist-balanced-train-images-idx3-ubyte", [0, 10, 46], ["0", "A", "t"]),
        ("emnist-byclass-test-images-idx3-ubyte", [0, 10, 61], ["0", "A", "z"]),
        ("emnist-digits-test-images-idx3-ubyte", [0, 9], ["0", "9"]),
        ("other/train-images-idx3-ubyte", [1, 26], ["1", "26"]),
        ("other/train-images-idx3-ubyte", [0, 24], ["0", "24"]),
    ],
)
def test_names_of_classes(tmp_path, path, labels, words):
    assert words_of(labels, tmp_path / path) == words


def test_emnist_is_read_upright_and_named_by_its_mapping(tmp_path):
    path = tmp_path / "emnist-letters-train-images-idx3-ubyte"
    (tmp_path / "emnist-letters-mapping.txt").write_text("1 71 103\n2 72 104\n")
    image = np.arange(16, dtype=np.uint8).reshape(1, 4, 4)
    records = label_records(image, np.array([2]), path, key="x")
    assert records.batch.words == ("g", "h")
    np.testing.assert_array_equal(records.images[0], image[0].T)
    assert not traits_of(tmp_path / "kmnist" / "train-images-idx3-ubyte").transposed


def test_labels_may_be_texts_or_have_names(tmp_path):
    assert words_of(["Flying_Saucer", "cat", "robot"], tmp_path / "x.npz") == [
        "flying saucer",
        "cat",
        "robot",
    ]
    assert words_of([1, 0], tmp_path / "x.npz", names=["cat", "flying_saucer"]) == [
        "flying saucer",
        "cat",
    ]


@pytest.mark.parametrize("labels", [[-1], [1e7], [0.5]])
def test_labels_that_are_not_classes(tmp_path, labels):
    with pytest.raises(DataError, match="expected numbers of classes"):
        words_of(labels, tmp_path / "x.npz")


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("t10k-images-idx3-ubyte", "test"),
        ("emnist-letters-test-images-idx3-ubyte", "test"),
        ("qmnist-test10k-images", "test"),
        ("mnist_test.csv", "test"),
        ("val_images", "validation"),
        ("x_train", "train"),
        ("train.csv", "train"),
        ("digits.csv", None),
        ("contest.csv", None),
    ],
)
def test_splits_by_name(name, split):
    assert split_of_name(name) == split


@given(st.integers(2, 30), st.integers(0, 3), st.data())
def test_axes_of_length_1_do_not_count(side, number, data):
    shape = [number, *data.draw(st.sampled_from([[side, side], [side * side]]))]
    for _ in range(data.draw(st.integers(0, 2))):
        shape.insert(data.draw(st.integers(1, len(shape))), 1)
    assert image_side(shape) == side
    array = np.zeros(shape, np.uint8)
    assert to_images(array, "x").shape == (number, side, side)


def test_pixels_of_other_types():
    images = np.random.default_rng(0).integers(0, 256, (3, 28, 28), np.uint8)
    images[0, 0, :2] = 0, 255
    for array in (images, images.astype(np.int64), images.astype(np.float64), images / 255):
        np.testing.assert_array_equal(to_images(array, "x"), images)
    np.testing.assert_array_equal(to_images(images > 99, "x"), (images > 99) * np.uint8(255))


@pytest.mark.parametrize(
    "array", [np.full((2, 16), -1), np.full((2, 16), np.nan), np.full((2, 16), "a"), np.ones(9)]
)
def test_arrays_that_are_not_images(array):
    with pytest.raises(DataError, match=r"^x "):
        to_images(array, "x")
