"""The layers of a network, one by one, for tables and figures."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from quickdraw_kit.learn.data.sequences import pack_strokes
from quickdraw_kit.learn.models.networks import STROKE_NETWORKS, build_network, count_parameters
from quickdraw_kit.strokes.batch import DrawingBatch


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer of a network."""

    name: str  # as in the state dict
    kind: str  # such as "Conv2d 1 -> 8, 5 x 5"
    shape: tuple[int, ...]  # of the output, without the batch dimension
    parameters: int


def describe_network(name: str, classes: int, *, side: int = 28) -> tuple[Layer, ...]:
    """Return the layers of a network, in the order in which they run."""
    network = build_network(name, classes, side=side).eval()
    layers: list[Layer] = []

    def recorder(layer_name: str) -> Callable[..., None]:
        def record(module: nn.Module, _: object, output: object) -> None:
            shape = tuple(output.shape[1:]) if isinstance(output, torch.Tensor) else ()
            layers.append(Layer(layer_name, _kind(module), shape, count_parameters(module)))

        return record

    # Shapes are known only when the network runs. Only layers without layers inside are listed, so
    # that no parameter counts twice.
    for layer_name, module in network.named_modules():
        if not list(module.children()):
            module.register_forward_hook(recorder(layer_name))
    with torch.inference_mode():
        network(_example(name, side))
    return tuple(layers)


def _example(name: str, side: int) -> Any:
    if name not in STROKE_NETWORKS:
        return torch.zeros(1, 1, side, side)
    line = DrawingBatch.from_strokes([[(range(32), range(32))]], words=["line"])
    return pack_strokes(line)


def _kind(module: nn.Module) -> str:
    kind = type(module).__name__
    match module:
        case nn.Conv2d():
            size = " x ".join(map(str, module.kernel_size))
            return f"{kind} {module.in_channels} -> {module.out_channels}, {size}"
        case nn.Linear():
            return f"{kind} {module.in_features} -> {module.out_features}"
        case nn.MaxPool2d():
            return f"{kind} {module.kernel_size} x {module.kernel_size}"
        case nn.Dropout():
            return f"{kind} {module.p:g}"
    return kind
