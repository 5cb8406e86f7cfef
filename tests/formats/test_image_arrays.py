"""Arrays of numpy with images and labels: mnist.npz and the like, X.npy with y.npy."""

import numpy as np
import pytest

from quickdraw_kit.acquire.sources import resolve_sources
from quickdraw_kit.errors import DataError
from quickdraw_kit.formats.registry import find_format
from quickdraw_kit.formats.stroke3 import write_stroke3
from quickdraw_kit.learn.config import TrainConfig
from quickdraw_kit.learn.data.splits import open_splits
from quickdraw_kit.synthetic.generator import generate_drawings

RNG = np.random.default_rng(7)
IMAGES = RNG.integers(0, 256, (80, 28, 28), np.uint8)
LABELS = np.arange(80) % 10


def records_of(path):
    return [records for source in resolve_sources(path) for records in source.read_record_batches()]


def words_of(path):
    return [word for records in records_of(path) for word in records.batch.words_of_drawings()]


@pytest.mark.parametrize(
    "names",
    [
        ("x_train", "y_train", "x_test", "y_test"),
        ("train_images", "train_labels", "test_images", "test_labels"),
        ("X_train", "Y_train", "X_test", "Y_test"),
    ],
)
def test_splits_of_a_file_are_kept(tmp_path, names):
    path = tmp_path / "mnist.npz"
    arrays = (IMAGES[:60], LABELS[:60], IMAGES[60:].reshape(20, 784), LABELS[60:])
    np.savez(path, **dict(zip(names, arrays, strict=True)))
    splits = open_splits(TrainConfig(data=path, val_fraction=0.25))
    np.testing.assert_array_equal(splits["test"].images, IMAGES[60:])
    np.testing.assert_array_equal(splits["test"].labels, LABELS[60:])
    assert len(splits["train"]) + len(splits["validation"]) == 60
    assert splits["train"].label_names == tuple("0123456789")
    assert [np.bincount(records.split).tolist() for records in records_of(path)] == [
        [60],
        [0, 0, 20],
    ]


def test_one_hot_labels_a_column_of_labels_and_names(tmp_path):
    path = tmp_path / "x.npz"
    names = np.array([*CATEGORIES_OF_A_COURSE])
    for labels in (np.eye(10)[LABELS], LABELS[:, None], LABELS.astype(np.float32)):
        np.savez(path, images=IMAGES, labels=labels, classes=names)
        assert words_of(path)[:3] == ["flying saucer", "cat", "robot"]


CATEGORIES_OF_A_COURSE = (
    "flying_saucer", "Cat", "robot", "sun", "star", "bee", "car", "eye", "fan", "key",
)  # fmt: skip


def test_an_npz_of_drawings_is_not_one_of_images(tmp_path):
    write_stroke3(generate_drawings(["star"], 3, raw=False), tmp_path / "star.npz")
    assert find_format(tmp_path / "star.npz").name == "stroke3"


def test_labels_beside_images(tmp_path):
    np.save(tmp_path / "X.npy", IMAGES.reshape(-1, 784))
    np.save(tmp_path / "y.npy", LABELS)
    for data in (tmp_path, tmp_path / "X.npy"):
        assert words_of(data) == [str(label) for label in LABELS]
        assert sum(map(len, open_splits(TrainConfig(data=data)).values())) == 80
    np.save(tmp_path / "y.npy", LABELS[:-1])
    with pytest.raises(DataError, match=r"y\.npy holds \(79,\), expected a label for each of 80"):
        words_of(tmp_path)


def test_pairs_of_npz_as_of_kmnist(tmp_path):
    for split, part in (("train", slice(60)), ("test", slice(60, 80))):
        np.savez(tmp_path / f"kmnist-{split}-imgs.npz", IMAGES[part])
        np.savez(tmp_path / f"kmnist-{split}-labels.npz", LABELS[part])
    assert set(words_of(tmp_path)) == {"o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"}
    splits = open_splits(TrainConfig(data=tmp_path))
    np.testing.assert_array_equal(splits["test"].images, IMAGES[60:])


def test_x_without_y_is_a_category_of_its_own(tmp_path):
    np.save(tmp_path / "X.npy", IMAGES)
    assert set(words_of(tmp_path)) == {"X"}


def test_images_without_labels_can_be_predicted_only(tmp_path):
    np.savez(tmp_path / "x.npz", x_test=IMAGES)
    with pytest.raises(DataError, match="has no labels for x_test"):
        words_of(tmp_path / "x.npz")


def test_a_damaged_file_has_no_message_of_python(tmp_path):
    np.savez(tmp_path / "x.npz", x=IMAGES, y=LABELS)
    whole = (tmp_path / "x.npz").read_bytes()
    for cut in (10, len(whole) // 2, len(whole) - 30):
        (tmp_path / "x.npz").write_bytes(whole[:cut])
        with pytest.raises(DataError, match=r"x\.npz is not a complete \.npz\. Download it again"):
            words_of(tmp_path / "x.npz")
