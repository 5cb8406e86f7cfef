"""The graph of a network has its layers, its parameters and its additions."""

import pytest

from quickdraw_kit.learn.models.graph import network_graph
from quickdraw_kit.learn.models.networks import (
    NETWORKS,
    STROKE_NETWORKS,
    build_network,
    count_parameters,
)
from quickdraw_kit.learn.models.summary import describe_network


@pytest.mark.parametrize("name", NETWORKS)
def test_graphs_are_complete(name):
    graph = network_graph(name, 12)
    assert graph.parameters == count_parameters(build_network(name, 12))
    assert graph.nodes[0].inputs == ()
    used = set()
    for index, node in enumerate(graph.nodes[1:], start=1):
        assert node.inputs
        assert all(source < index for source in node.inputs)
        used.update(node.inputs)
    assert used == set(range(len(graph.nodes) - 1)), "the output of a node is not used"
    assert graph.nodes[-1].shape == (12,)


@pytest.mark.parametrize("name", sorted(set(NETWORKS) - STROKE_NETWORKS))
def test_nodes_have_the_layers_of_the_summary(name):
    nodes = [(n.kind, n.shape, n.parameters) for n in network_graph(name, 10).nodes]
    for layer in describe_network(name, 10):
        assert (layer.kind, layer.shape, layer.parameters) in nodes


def test_a_residual_block_adds_its_input_and_its_output():
    nodes = network_graph("quickdraw-resnet", 345).nodes
    additions = [node for node in nodes if node.kind == "+"]
    assert len(additions) == 3
    for addition in additions:
        start, end = sorted(addition.inputs)
        assert [nodes[index].kind.split()[0] for index in range(start, end + 1)] == [
            "ReLU",
            "Conv2d",
            "BatchNorm2d",
        ]


def test_strokes_are_pooled_by_mean_and_maximum():
    nodes = network_graph("stroke-cnn", 345).nodes
    (concatenation,) = [node for node in nodes if node.kind == "concatenate"]
    assert {nodes[index].kind for index in concatenation.inputs} == {
        "mean of the points",
        "maximum of the points",
    }
