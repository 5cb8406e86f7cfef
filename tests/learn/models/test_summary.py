"""`describe_network` lists every layer of a network once."""

import pytest

from quickdraw_kit.learn.models.networks import NETWORKS, build_network, count_parameters
from quickdraw_kit.learn.models.summary import describe_network


@pytest.mark.parametrize("name", NETWORKS)
def test_parameters_add_up(name):
    layers = describe_network(name, 12)
    assert sum(layer.parameters for layer in layers) == count_parameters(build_network(name, 12))
    assert layers[-1].shape == (12,)
    assert len({layer.name for layer in layers}) == len(layers)


def test_the_layout_of_mnist_cnn():
    layers = [layer for layer in describe_network("mnist-cnn", 10) if layer.parameters]
    assert [layer.kind for layer in layers] == [
        "Conv2d 1 -> 8, 5 x 5",
        "Conv2d 8 -> 16, 5 x 5",
        "Linear 256 -> 128",
        "Linear 128 -> 10",
    ]
    assert [layer.shape for layer in layers] == [(8, 24, 24), (16, 8, 8), (128,), (10,)]
