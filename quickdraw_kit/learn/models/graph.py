"""A network as a graph: what feeds what, with the sums that a list of layers does not show."""

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

__all__ = ["Graph", "Node", "network_graph"]

# what is drawn of the plain functions and methods in a network, and which arguments are its inputs
_FUNCTIONS: dict[Any, tuple[str, tuple[int, ...]]] = {
    operator.add: ("+", (0, 1)),
    operator.iadd: ("+", (0, 1)),
    torch.add: ("+", (0, 1)),
    torch.cat: ("concatenate", (0,)),
    relu: ("ReLU", (0,)),
    torch.relu: ("ReLU", (0,)),
}
_SCATTERED = {"mean": "mean of the points", "amax": "maximum of the points"}


@dataclass(frozen=True, slots=True)
class Node:
    """A step of a network."""

    kind: str
    shape: tuple[int, ...]
    parameters: int
    inputs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """A network, drawn or to be drawn."""

    name: str
    nodes: tuple[Node, ...]

    @property
    def parameters(self) -> int:
        """Parameters of all nodes."""
        return sum(node.parameters for node in self.nodes)


def network_graph(name: str, classes: int, *, side: int = 28) -> Graph:
    """Trace a network."""
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
    places: dict[fx.Node, tuple[int, ...]] = {}  # the nodes that an operation stands for
    for step in traced.nodes:
        kind, sources, under = _drawn(step)
        inputs = tuple(dict.fromkeys(place for each in sources for place in places.get(each, ())))
        if step.op == "placeholder":
            node = first
        elif step.op == "call_module":
            node = _of_layers(kind, network.get_submodule(under), under, layers, inputs)
        elif kind:
            node = Node(kind, (), 0, inputs)
        else:  # slices, shapes and such pass on what they were given
            places[step] = inputs
            continue
        places[step] = (len(nodes),)
        nodes.append(node)
    return Graph(name, tuple(nodes))


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, StrokeBlock) or super().is_leaf_module(m, module_qualified_name)


def _drawn(step: fx.Node) -> tuple[str, list[fx.Node], str]:
    """Return what a step is called, if it is drawn, what feeds it, and the module that it calls."""
    if step.op == "call_module":
        return "", list(_nodes(step.args[:1])), str(step.target)
    if step.op == "call_function" and step.target in _FUNCTIONS:
        kind, places = _FUNCTIONS[step.target]
        return kind, list(_nodes([step.args[place] for place in places])), ""
    if step.op == "call_method" and step.target == "scatter_reduce":
        how = str(step.args[4])  # of (zeros, dimension, index, points, how)
        return _SCATTERED.get(how, how), list(_nodes(step.args[3:4])), ""
    return "", list(_nodes(step.args)), ""


def _nodes(values: Any) -> Iterator[fx.Node]:
    for value in values:
        if isinstance(value, fx.Node):
            yield value
        elif isinstance(value, list | tuple):
            yield from _nodes(value)


def _of_layers(
    kind: str, module: nn.Module, name: str, layers: dict[str, Layer], inputs: tuple[int, ...]
) -> Node:
    if name in layers:
        layer = layers[name]
        return Node(layer.kind, layer.shape, layer.parameters, inputs)
    inner = [layer for where, layer in layers.items() if where.startswith(f"{name}.")]
    kind = f"{type(module).__name__}, {getattr(module, 'dilation', 0)} apart"
    return Node(kind, inner[-1].shape, sum(layer.parameters for layer in inner), inputs)
