"""What a network is made of, layer by layer, for tables and drawings of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from quickdraw_kit.learn.data.sequences import pack_strokes
from quickdraw_kit.learn.models.networks import STROKE_NETWORKS, build_network, count_parameters
from quickdraw_kit.strokes.batch import DrawingBatch

__all__ = ["Layer", "describe_network"]


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer of a network, as a table shows it."""

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int


def describe_network(name: str, classes: int, *, side: int = 28) -> tuple[Layer, ...]:
    """List the layers of a network, in the order in which they run."""
    network = build_network(name, classes, side=side).eval()
    layers: list[Layer] = []

    def note(name: str) -> Callable[..., None]:
        def see(module: nn.Module, _: object, result: object) -> None:
            shape = tuple(result.shape[1:]) if isinstance(result, torch.Tensor) else ()
            layers.append(Layer(name, _kind(module), shape, count_parameters(module)))

        return see

    handles = [
        module.register_forward_hook(note(where))
        for where, module in network.named_modules()
        if not list(module.children())
    ]
    with torch.inference_mode():
        network(_example(name, side))
    for handle in handles:
        handle.remove()
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
