"""The networks have the layouts and numbers of parameters that they are known for."""

import pytest
import torch

from quickdraw_kit.errors import UsageError
from quickdraw_kit.learn.models.networks import (
    NETWORKS,
    STROKE_NETWORKS,
    build_network,
    count_parameters,
)


@pytest.mark.parametrize(
    ("name", "classes", "layers"),
    [
        ("mnist-cnn", 10, [208, 3_216, 32_896, 1_290]),
        ("quickdraw-cnn", 345, [832, 9_248, 18_496, 295_424, 176_985]),
    ],
)
def test_numbers_of_parameters(name, classes, layers):
    network = build_network(name, classes)
    assert [count_parameters(layer) for layer in network if count_parameters(layer)] == layers
    assert count_parameters(network) == sum(layers) == {10: 37_610, 345: 500_985}[classes]


@pytest.mark.parametrize(
    ("name", "classes", "maximum"),
    [
        ("tiny-cnn", 12, 30_000),
        ("mnist-tiny", 10, 8_000),
        ("quickdraw-resnet", 345, 500_000),
        ("stroke-cnn", 345, 500_000),
    ],
)
def test_small_networks_are_small(name, classes, maximum):
    assert count_parameters(build_network(name, classes)) < maximum


@pytest.mark.parametrize("side", [16, 28, 33, 64])
@pytest.mark.parametrize("name", sorted(set(NETWORKS) - STROKE_NETWORKS))
def test_images_in_logits_out(name, side):
    network = build_network(name, 7, side=side)
    assert network(torch.zeros(3, 1, side, side)).shape == (3, 7)


@pytest.mark.parametrize(
    ("name", "classes", "side", "message"),
    [
        ("resnet", 10, 28, "there is no network 'resnet', expected one of mnist-cnn"),
        ("tiny-cnn", 1, 28, "1 classes"),
        ("tiny-cnn", 10, 8, "8 x 8 pixels"),
    ],
)
def test_invalid_arguments(name, classes, side, message):
    with pytest.raises(UsageError, match=message):
        build_network(name, classes, side=side)


def test_the_dropout_rate_can_be_changed():
    layers = list(build_network("mnist-cnn", 10, dropout=0.25).modules())
    assert [m.p for m in layers if isinstance(m, torch.nn.Dropout)] == [0.25]
