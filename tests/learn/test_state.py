"""The step of a training run: what is rearranged for speed changes no bit."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from quickdraw_kit.learn import state as steps
from quickdraw_kit.learn.train import TrainConfig, train


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("network", ["mnist-cnn", "quickdraw-resnet"])
def test_pooling_before_relu_changes_no_bit(network, precision, splits, monkeypatch):
    config = TrainConfig(
        network=network, epochs=1, batch_size=64, precision=precision, threads=1, translate=0.1
    )
    spared = train(config, splits)
    monkeypatch.setattr(steps, "spare_relu", lambda network: None)
    plain = train(config, splits)
    ours, theirs = (r.model.network.state_dict() for r in (spared, plain))
    for name in ours:
        assert torch.equal(ours[name], theirs[name]), name
    assert spared.history[0].train_loss == plain.history[0].train_loss


def test_the_layers_of_the_model_stay_in_their_order(splits):
    result = train(
        replace(TrainConfig(network="mnist-cnn", batch_size=64), epochs=1, threads=1), splits
    )
    kinds = [type(layer).__name__ for layer in result.model.network]
    assert kinds[:3] == ["Conv2d", "ReLU", "MaxPool2d"]
    assert not result.model.network[1].inplace


def test_weights_of_labels():
    counts = np.array([90, 10, 0])
    assert steps.class_weights(counts, 0.0).tolist() == [1, 1, 0]
    full = steps.class_weights(counts, 1.0)
    torch.testing.assert_close(full * torch.tensor([90.0, 10, 0]), torch.tensor([50.0, 50, 0]))
