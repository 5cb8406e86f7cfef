"""The training step: what is rearranged for speed changes no bit."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from quickdraw_kit.learn.models.networks import build_network
from quickdraw_kit.learn.state import class_weights, swap_relu_and_max_pool
from quickdraw_kit.learn.train import TrainConfig, train


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", ["mnist-cnn", "quickdraw-resnet"])
def test_pooling_before_relu_changes_no_bit(name, precision, splits, one_thread):
    torch.manual_seed(0)
    plain = build_network(name, 6).to(memory_format=torch.channels_last)
    swapped = copy.deepcopy(plain)
    swap_relu_and_max_pool(swapped)
    assert [type(layer) for layer in swapped] != [type(layer) for layer in plain]

    losses = [train_epoch(network, splits["train"], precision) for network in (plain, swapped)]
    assert losses[0] == losses[1]
    # the swapped layers have no weights, so names are the same
    states = plain.state_dict(), swapped.state_dict()
    for name in states[0]:
        assert torch.equal(states[0][name], states[1][name]), name


@pytest.fixture
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def train_epoch(network: nn.Module, data, precision: torch.dtype) -> list[float]:
    """Train with batches of 64 as `train` does; return the losses of the steps."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    losses = []
    for step, (images, labels) in enumerate(data.batches(64, shuffle=True)):
        torch.manual_seed(step)  # for dropout
        inputs = torch.from_numpy(images).unsqueeze(1).float().div_(255)
        inputs = inputs.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", precision, enabled=precision != torch.float32):
            logits = network(inputs)
        loss = cross_entropy(logits.float(), torch.from_numpy(labels))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def test_the_layers_of_the_model_stay_in_their_order(splits):
    config = TrainConfig(network="mnist-cnn", batch_size=64, epochs=1, threads=1)
    network = train(config, splits).model.network
    kinds = [type(layer).__name__ for layer in network]
    assert kinds[:3] == ["Conv2d", "ReLU", "MaxPool2d"]
    assert not network[1].inplace


def test_relu_and_max_pooling_are_swapped():
    network = nn.Sequential(nn.ReLU(), nn.MaxPool2d(2))
    swap_relu_and_max_pool(network)
    assert [type(layer).__name__ for layer in network] == ["MaxPool2d", "ReLU"]


def test_class_weights():
    counts = np.array([90, 10, 0])
    assert class_weights(counts, 0.0).tolist() == [1, 1, 0]
    full = class_weights(counts, 1.0)
    torch.testing.assert_close(full * torch.tensor([90.0, 10, 0]), torch.tensor([50.0, 50, 0]))
