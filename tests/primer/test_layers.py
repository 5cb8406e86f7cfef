"""The networks of the primer are those of `train`, parameter by parameter."""

import pytest
import torch

from quickdraw_kit.errors import UsageError
from quickdraw_kit.learn.models.networks import build_network, count_parameters
from quickdraw_kit.primer.layers import ARCHITECTURES, summarize


@pytest.mark.parametrize(("name", "classes"), [("mnist-cnn", 10), ("quickdraw-cnn", 345)])
def test_counts_and_shapes_are_those_of_torch(name, classes):
    network = build_network(name, classes)
    summaries = summarize(name)
    assert sum(layer.parameters for layer in summaries) == count_parameters(network)
    tensors = network.state_dict()
    with_weights = [summary for summary in summaries if summary.layer.index is not None]
    assert len(tensors) == 2 * len(with_weights)
    for summary in with_weights:
        names = [f"{summary.layer.index}.{tensor}" for tensor in ("weight", "bias")]
        assert summary.parameters == sum(tensors[name].numel() for name in names)
    shapes = []
    x = torch.zeros(1, 1, 28, 28)
    for module in network.eval():
        x = module(x)
        shapes.append(tuple(x.shape[1:]))
    for summary in summaries[1:-1]:
        assert summary.shape in shapes


def test_parameter_counts_are_those_of_the_course():
    assert [layer.parameters for layer in summarize("mnist-cnn") if layer.parameters] == [
        208,
        3216,
        32896,
        1290,
    ]
    assert [layer.parameters for layer in summarize("quickdraw-cnn") if layer.parameters] == [
        832, 9248, 18496, 295424, 176985,
    ]  # fmt: skip


def test_arithmetic_ends_in_the_number_it_explains():
    for name in ARCHITECTURES:
        for layer in summarize(name, classes=22):
            if layer.parameters:
                assert layer.parameter_arithmetic.endswith(f"= {layer.parameters:,}")


def test_an_unknown_network():
    with pytest.raises(UsageError, match="expected mnist-cnn or quickdraw-cnn"):
        summarize("resnet")
