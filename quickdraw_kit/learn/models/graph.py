"""A network as a graph of layers, with the additions that a list of layers does not show."""

import operator
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx, nn
from torch.nn.functional import relu

from quickdraw_kit.learn.models.networks import STROKE_NETWORKS, build_network
from quickdraw_kit.learn.models.stroke_network import StrokeBlock
from quickdraw_kit.learn.models.summary import Layer, describe_network

# the functions that become nodes, with the positions of the arguments that are their inputs
_FUNCTIONS: dict[Any, tuple[str, tuple[int, ...]]] = {
    operator.add: ("+", (0, 1)),
    operator.iadd: ("+", (0, 1)),
    torch.add: ("+", (0, 1)),
    torch.cat: ("concatenate", (0,)),
    relu: ("ReLU", (0,)),
    torch.relu: ("ReLU", (0,)),
}
_REDUCTIONS = {"mean": "mean of the points", "amax": "maximum of the points"}


@dataclass(frozen=True, slots=True)
class Node:
    """An input, a layer or an operation of a network."""

    kind: str
    shape: tuple[int, ...]  # of the output; empty where it is that of the inputs
    parameters: int
    inputs: tuple[int, ...]  # indices of earlier nodes


@dataclass(frozen=True, slots=True)
class Graph:
    """The nodes of a network, in the order in which they run."""

    name: str
    nodes: tuple[Node, ...]

    @property
    def parameters(self) -> int:
        """Number of parameters of all nodes."""
        return sum(node.parameters for node in self.nodes)


def network_graph(name: str, classes: int, *, side: int = 28) -> Graph:
    """Trace a network with `torch.fx`, and keep the operations that a figure shows."""
    layers = {layer.name: layer for layer in describe_network(name, classes, side=side)}
    with torch.device("meta"):
        network = build_network(name, classes, side=side)
    traced = _Tracer().trace(network)
    first = (
        Node("points of a drawing", (5,), 0, ())
        if name in STROKE_NETWORKS
        else Node("image", (1, side, side), 0, ())
    )

    nodes: list[Node] = []
    indices: dict[fx.Node, tuple[int, ...]] = {}  # of the nodes that give an operation its values
    for operation in traced.nodes:
        kind, sources, module_name = _describe(operation)
        # without repetitions: an operation may read the same values twice
        inputs = tuple(
            dict.fromkeys(index for source in sources for index in indices.get(source, ()))
        )
        if operation.op == "placeholder":
            node = first
        elif operation.op == "call_module":
            node = _layer_node(network.get_submodule(module_name), module_name, layers, inputs)
        elif kind:
            node = Node(kind, (), 0, inputs)
        else:  # slices, shapes and the like are not shown: their inputs take their place
            indices[operation] = inputs
            continue
        indices[operation] = (len(nodes),)
        nodes.append(node)
    return Graph(name, tuple(nodes))


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        # one node for a block, whose slices and paddings nobody wants to see
        return isinstance(m, StrokeBlock) or super().is_leaf_module(m, module_qualified_name)


def _describe(operation: fx.Node) -> tuple[str, list[fx.Node], str]:
    """Return the kind of a node, empty if it has none; its inputs; the name of its module."""
    if operation.op == "call_module":
        return "", list(_find_nodes(operation.args[:1])), str(operation.target)
    if operation.op == "call_function" and operation.target in _FUNCTIONS:
        kind, positions = _FUNCTIONS[operation.target]
        return kind, list(_find_nodes([operation.args[position] for position in positions])), ""
    if operation.op == "call_method" and operation.target == "scatter_reduce":
        # arguments are (zeros, dimension, index, points, reduction)
        reduction = str(operation.args[4])
        sources = list(_find_nodes(operation.args[3:4]))
        return _REDUCTIONS.get(reduction, reduction), sources, ""
    return "", list(_find_nodes(operation.args)), ""


def _find_nodes(values: Any) -> Iterator[fx.Node]:
    for value in values:
        if isinstance(value, fx.Node):
            yield value
        elif isinstance(value, list | tuple):
            yield from _find_nodes(value)


def _layer_node(
    module: nn.Module, name: str, layers: dict[str, Layer], inputs: tuple[int, ...]
) -> Node:
    if name in layers:
        layer = layers[name]
        return Node(layer.kind, layer.shape, layer.parameters, inputs)
    # a block: its layers are in the table one by one
    inner = [layer for inner_name, layer in layers.items() if inner_name.startswith(f"{name}.")]
    kind = f"{type(module).__name__}, {getattr(module, 'dilation', 0)} apart"
    return Node(kind, inner[-1].shape, sum(layer.parameters for layer in inner), inputs)
