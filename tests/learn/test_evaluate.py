"""`evaluate` counts what a plain loop over the answers counts."""

import numpy as np
import pytest
import torch
from torch import nn

from quickdraw_kit.errors import UsageError
from quickdraw_kit.learn.dataset import ArrayDataset
from quickdraw_kit.learn.evaluate import evaluate
from quickdraw_kit.learn.model import Model

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
        ranking = sorted(range(4), key=lambda answer: -logits[answer])
        first += ranking[0] == label
        three += label in ranking[:3]
        confusion[label, ranking[0]] += 1
        assert result.predictions[row] == ranking[0]
        assert result.confidence[row] == pytest.approx(probability.max(), rel=1e-4)
    assert result.loss == pytest.approx(loss / 50, rel=1e-4)
    assert (result.top1, result.top3) == (first / 50, three / 50)
    assert result.confusion.tolist() == confusion.tolist()
    assert result.labels.tolist() == dataset.labels.tolist()


def test_two_labels_have_no_third():
    dataset = ArrayDataset(np.zeros((3, 28, 28), np.uint8), np.array([0, 1, 1]), ("a", "b"))
    assert evaluate(Model.new("tiny-cnn", ("a", "b")), dataset).top3 == 1.0


def test_dropout_is_off():
    dataset = ArrayDataset(np.full((9, 28, 28), 99, np.uint8), np.zeros(9, np.int64), ("a", "b"))
    model = Model.new("mnist-cnn", ("a", "b"))
    model.network.train()
    assert len(set(evaluate(model, dataset, batch_size=4).confidence.round(4).tolist())) == 1


def test_other_labels_are_refused(model, dataset):
    other = ArrayDataset(dataset.images, dataset.labels, ("b", "a", "c", "d"))
    with pytest.raises(UsageError, match="knows a, b, c, d, but the data set has b, a, c, d"):
        evaluate(model, other)
    with pytest.raises(UsageError, match="empty"):
        evaluate(model, ArrayDataset(dataset.images[:0], dataset.labels[:0], NAMES))
