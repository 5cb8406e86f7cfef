"""The metrics of `evaluate` agree with a plain loop over the rows, and with scikit-learn."""

import json

import numpy as np
import pytest
import torch
from sklearn import metrics as oracle
from torch import nn

from quickdraw_kit.errors import UsageError
from quickdraw_kit.learn.data.dataset import ArrayDataset
from quickdraw_kit.learn.data.splits import open_splits
from quickdraw_kit.learn.evaluate import evaluate, training_config
from quickdraw_kit.learn.models.model import Model
from quickdraw_kit.shards.read.dataset import open_shards

NAMES = ("a", "b", "c", "d")


class Brightness(nn.Module):
    """The logits are the first pixels, so that a test can write them into the images."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(25.5))

    def forward(self, images):
        return images[:, 0, 0, :4] * self.scale


@pytest.fixture
def model():
    return Model(Brightness(), "brightness", NAMES, 4)


@pytest.fixture
def dataset():
    rng = np.random.default_rng(0)
    images = rng.permuted(np.tile(np.arange(16, dtype=np.uint8), (50, 1)), axis=1)
    return ArrayDataset(images.reshape(50, 4, 4), rng.integers(0, 4, 50), NAMES)


@pytest.mark.parametrize("batch_size", [1, 7, 512])
def test_agrees_with_a_plain_loop(model, dataset, batch_size):
    result = evaluate(model, dataset, batch_size=batch_size)
    loss, first, three = 0.0, 0, 0
    confusion = np.zeros((4, 4), int)
    for row, (image, label) in enumerate(zip(dataset.images, dataset.labels, strict=True)):
        logits = image[0, :4] * 0.1
        probability = np.exp(logits) / np.exp(logits).sum()
        loss -= np.log(probability[label])
        ranking = sorted(range(4), key=lambda label: -logits[label])
        first += ranking[0] == label
        three += label in ranking[:3]
        confusion[label, ranking[0]] += 1
        assert result.predictions[row] == ranking[0]
        assert result.confidence[row] == pytest.approx(probability.max(), rel=1e-4)
    assert result.loss == pytest.approx(loss / 50, rel=1e-4)
    assert (result.top1, result.top3) == (first / 50, three / 50)
    assert result.top5 == 1.0
    assert result.confusion.tolist() == confusion.tolist()
    assert result.labels.tolist() == dataset.labels.tolist()


def test_top3_of_two_labels_is_one():
    dataset = ArrayDataset(np.zeros((3, 28, 28), np.uint8), np.array([0, 1, 1]), ("a", "b"))
    assert evaluate(Model.new("tiny-cnn", ("a", "b")), dataset).top3 == 1.0


def test_dropout_is_disabled():
    dataset = ArrayDataset(np.full((9, 28, 28), 99, np.uint8), np.zeros(9, np.int64), ("a", "b"))
    model = Model.new("mnist-cnn", ("a", "b"))
    model.network.train()
    assert len(set(evaluate(model, dataset, batch_size=4).confidence.round(4).tolist())) == 1


def test_other_labels_are_refused(model, dataset):
    other = ArrayDataset(dataset.images, dataset.labels, ("b", "a", "c", "d"))
    with pytest.raises(
        UsageError, match="has the labels a, b, c, d, but the data set has b, a, c, d"
    ):
        evaluate(model, other)
    with pytest.raises(UsageError, match="empty"):
        evaluate(model, ArrayDataset(dataset.images[:0], dataset.labels[:0], NAMES))


def test_metrics_agree_with_scikit_learn(model, dataset):
    result = evaluate(model, dataset, batch_size=16)
    logits = dataset.images[:, 0, :4] * 0.1
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels, predictions = dataset.labels, probabilities.argmax(axis=1)
    assert result.loss == pytest.approx(oracle.log_loss(labels, probabilities), rel=1e-5)
    assert result.top1 == oracle.accuracy_score(labels, predictions)
    assert result.top3 == oracle.top_k_accuracy_score(labels, probabilities, k=3)
    macro_f1 = oracle.f1_score(labels, predictions, average="macro")
    assert result.macro_f1 == pytest.approx(macro_f1)
    assert result.confusion.tolist() == oracle.confusion_matrix(labels, predictions).tolist()
    assert result.metrics() == {name: getattr(result, name) for name in result.metrics()}


def test_summary_is_json_without_nan(model, dataset):
    summary = evaluate(model, dataset).summary()
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    assert sum(row["support"] for row in summary["per_class"]) == summary["drawings"] == 50
    assert sum(row["drawings"] for row in summary["calibration"]) == 50
    assert all(pair["label"] != pair["predicted"] for pair in summary["confused_pairs"])


def test_strokes_are_evaluated_in_the_order_of_their_images(shards):
    model = Model.new("stroke-cnn", open_shards(shards / "parquet").label_names)
    splits = open_splits(training_config(model, shards / "parquet"))
    result = evaluate(model, splits["train"])
    images = open_shards(shards / "parquet", split="train")
    assert result.labels.tolist() == images.labels.tolist()


def test_data_is_split_as_it_was_for_training():
    metadata = {"config": {"val_fraction": 0.3, "test_fraction": 0.2}}
    config = training_config(Model.new("tiny-cnn", ("a", "b"), metadata=metadata), "bitmaps")
    assert (config.val_fraction, config.test_fraction, config.network) == (0.3, 0.2, "tiny-cnn")
    assert training_config(Model.new("tiny-cnn", ("a", "b")), "bitmaps").val_fraction == 0.1
