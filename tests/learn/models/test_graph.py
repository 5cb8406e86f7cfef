"""The graph of a network has its layers, its parameters and its joins."""

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
def test_graphs_are_whole(name):
    graph = network_graph(name, 12)
    assert graph.parameters == count_parameters(build_network(name, 12))
    assert graph.nodes[0].inputs == ()
    fed = set()
    for place, node in enumerate(graph.nodes[1:], start=1):
        assert node.inputs
        assert all(source < place for source in node.inputs)
        fed.update(node.inputs)
    assert fed == set(range(len(graph.nodes) - 1)), "a step leads nowhere"
    assert graph.nodes[-1].shape == (12,)


@pytest.mark.parametrize("name", sorted(set(NETWORKS) - STROKE_NETWORKS))
def test_layers_are_those_of_the_table(name):
    nodes = [(n.kind, n.shape, n.parameters) for n in network_graph(name, 10).nodes]
    for layer in describe_network(name, 10):
        assert (layer.kind, layer.shape, layer.parameters) in nodes


def test_a_residual_joins_what_went_in_and_what_came_out():
    nodes = network_graph("quickdraw-resnet", 345).nodes
    joins = [node for node in nodes if node.kind == "+"]
    assert len(joins) == 3
    for join in joins:
        start, end = sorted(join.inputs)
        assert [nodes[place].kind.split()[0] for place in range(start, end + 1)] == [
            "ReLU",
            "Conv2d",
            "BatchNorm2d",
        ]


def test_strokes_are_averaged_and_their_maximum_is_taken():
    nodes = network_graph("stroke-cnn", 345).nodes
    (join,) = [node for node in nodes if node.kind == "concatenate"]
    assert {nodes[place].kind for place in join.inputs} == {
        "mean of the points",
        "maximum of the points",
    }
