"""MNIST as CSV, and Kaggle's Digit Recognizer."""

import gzip

import numpy as np
import pytest

from quickdraw_kit.acquire.sources import resolve_sources
from quickdraw_kit.errors import DataError
from quickdraw_kit.learn.config import TrainConfig
from quickdraw_kit.learn.data.splits import open_splits
from quickdraw_kit.learn.infer.inputs import read_input
from quickdraw_kit.learn.infer.preprocess import Preprocessing
from quickdraw_kit.raster.style import RasterStyle

RNG = np.random.default_rng(7)
IMAGES = RNG.integers(0, 256, (30, 28, 28), np.uint8)
LABELS = np.arange(30) % 10


def rows(*, labels=LABELS, last=False, mark=","):
    for image, label in zip(IMAGES.reshape(-1, 784), labels, strict=True):
        pixels = [str(value) for value in image]
        fields = [*pixels, str(label)] if last else [str(label), *pixels]
        yield mark.join(fields if label != "" else pixels)


def indexed(lines):
    return [f"{number},{line}" for number, line in enumerate(lines)]


def table(lines, header=None):
    return "\n".join([*([",".join(header)] if header else []), *lines, ""]).encode()


def records_of(path):
    return [records for source in resolve_sources(path) for records in source.read_record_batches()]


PIXELS = [f"pixel{number}" for number in range(784)]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("mnist_train.csv", table(rows(), ["label", *PIXELS])),
        ("mnist.csv", table(rows())),
        ("mnist.csv", table(rows(mark=";"))),
        ("mnist.csv", table(rows(), [str(number) for number in range(785)])),
        ("mnist.csv", table(rows(last=True), [*PIXELS, "label"])),
        ("mnist.csv", table(rows(labels=[f"{label}.0" for label in LABELS]))),
        ("mnist.csv", table(rows(), [f"0.{number}" for number in range(785)])),
        ("mnist.csv", table(indexed(rows()), ["", "label", *PIXELS])),
        ("MNIST.CSV", table(rows())),
        ("mnist.csv.gz", gzip.compress(table(rows()))),
        ("mnist", table(rows(), ["label", *PIXELS])),
    ],
)
def test_images_and_labels(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    [records] = records_of(tmp_path / name)
    np.testing.assert_array_equal(records.images, IMAGES)
    assert records.batch.words_of_drawings() == [str(label) for label in LABELS]
    assert (records.split is not None) == ("train" in name)


def test_labels_may_be_words(tmp_path):
    words = ["flying_saucer", "Cat", "robot"] * 10
    (tmp_path / "doodles.csv").write_bytes(table(rows(labels=words), ["word", *PIXELS]))
    [records] = records_of(tmp_path / "doodles.csv")
    assert records.batch.words_of_drawings()[:3] == ["flying saucer", "cat", "robot"]


def test_the_test_file_is_the_test_split(tmp_path):
    for split in ("train", "test"):
        (tmp_path / f"mnist_{split}.csv").write_bytes(table(rows(), ["label", *PIXELS]))
    splits = open_splits(TrainConfig(data=tmp_path, val_fraction=0.25))
    assert len(splits["test"]) == 30
    assert len(splits["train"]) + len(splits["validation"]) == 30


def test_a_table_without_labels_can_be_predicted_only(tmp_path):
    (tmp_path / "test.csv").write_bytes(table(rows(labels=[""] * 30), PIXELS))
    batches = list(read_input(tmp_path / "test.csv", Preprocessing(RasterStyle())))
    assert [name for batch in batches for name in batch.sources][-1] == "test.csv:30"
    np.testing.assert_array_equal(np.concatenate([b.originals for b in batches]), IMAGES)
    with pytest.raises(DataError, match=r"test\.csv has no labels: .* Only predict takes"):
        records_of(tmp_path / "test.csv")


@pytest.mark.parametrize("bad", ["1,2,3", ",".join(["9", *["x"] * 784])])
def test_a_damaged_row_has_no_message_of_a_library(tmp_path, bad):
    (tmp_path / "mnist.csv").write_bytes(table([*rows(), bad]))
    with pytest.raises(DataError, match=r"mnist\.csv, after row 0: a row does not have 785"):
        records_of(tmp_path / "mnist.csv")


def test_a_missing_label_is_named(tmp_path):
    content = table([*rows(), "," + ",".join(["0"] * 784)], ["label", *PIXELS])
    (tmp_path / "mnist.csv").write_bytes(content)
    with pytest.raises(DataError, match="row 31: the label is missing"):
        records_of(tmp_path / "mnist.csv")
