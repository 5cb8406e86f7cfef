"""The layouts of the primer are the trainer's networks, parameter by parameter."""

import pytest
import torch

from quickdraw_kit.errors import UsageError
from quickdraw_kit.learn.models.networks import build_network, count_parameters
from quickdraw_kit.primer.layers import LAYOUTS, cards


@pytest.mark.parametrize(("name", "classes"), [("mnist-cnn", 10), ("quickdraw-cnn", 345)])
def test_counts_and_shapes_are_those_of_torch(name, classes):
    network = build_network(name, classes)
    made = cards(name)
    assert sum(card.parameters for card in made) == count_parameters(network)
    tensors = network.state_dict()
    for card in made:
        if card.layer.index >= 0:
            own = [tensors[f"{card.layer.index}.{part}"].numel() for part in ("weight", "bias")]
            assert card.parameters == sum(own)
    assert len(tensors) == 2 * sum(card.layer.index >= 0 for card in made)
    shapes = []
    x = torch.zeros(1, 1, 28, 28)
    for module in network.eval():
        x = module(x)
        shapes.append(tuple(x.shape[1:]))
    for card in made[1:-1]:
        assert card.shape in shapes


def test_the_numbers_of_the_course_come_out_of_the_formula():
    assert [c.parameters for c in cards("mnist-cnn") if c.parameters] == [208, 3216, 32896, 1290]
    assert [c.parameters for c in cards("quickdraw-cnn") if c.parameters] == [
        832, 9248, 18496, 295424, 176985,
    ]  # fmt: skip


def test_arithmetic_ends_in_the_number_it_explains():
    for name in LAYOUTS:
        for card in cards(name, classes=22):
            if card.parameters:
                assert card.parameter_arithmetic.endswith(f"= {card.parameters:,}")


def test_an_unknown_network():
    with pytest.raises(UsageError, match="expected mnist-cnn or quickdraw-cnn"):
        cards("resnet")
