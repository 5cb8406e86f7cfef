"""The layers of the named networks as data, and the arithmetic of their shapes and parameters."""

from dataclasses import dataclass
from typing import Literal

from quickdraw_kit.errors import UsageError

__all__ = ["LAYOUTS", "Card", "Layer", "cards"]

Kind = Literal["input", "convolution", "max-pooling", "flatten", "dense", "softmax"]


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer: its kind, and the numbers that define it."""

    kind: Kind
    outputs: int = 0
    side: int = 0
    same: bool = False
    relu: bool = False
    index: int = -1


LAYOUTS: dict[str, tuple[Layer, ...]] = {
    "mnist-cnn": (
        Layer("input"),
        Layer("convolution", 8, 5, relu=True, index=0),
        Layer("max-pooling", side=2),
        Layer("convolution", 16, 5, relu=True, index=3),
        Layer("max-pooling", side=2),
        Layer("flatten"),
        Layer("dense", 128, relu=True, index=7),
        Layer("dense", 10, index=10),
        Layer("softmax"),
    ),
    "quickdraw-cnn": (
        Layer("input"),
        Layer("convolution", 32, 5, same=True, relu=True, index=0),
        Layer("max-pooling", side=2),
        Layer("convolution", 32, 3, same=True, relu=True, index=3),
        Layer("max-pooling", side=2),
        Layer("convolution", 64, 3, same=True, relu=True, index=6),
        Layer("max-pooling", side=2),
        Layer("flatten"),
        Layer("dense", 512, relu=True, index=10),
        Layer("dense", 345, index=12),
        Layer("softmax"),
    ),
}
"""By the names of the trainer's networks."""

_DOES = {
    "input": "one grey image: one channel of pixels from 0, paper, to 1, ink",
    "convolution": "lays each kernel on every place of its input and answers how well it fits",
    "max-pooling": "keeps the largest answer of each square, so that its exact place matters less",
    "flatten": "lays all numbers in one row",
    "dense": "weighs all inputs for each output",
    "softmax": "makes probabilities of the outputs",
}


@dataclass(frozen=True, slots=True)
class Card:
    """What there is to know about a layer."""

    layer: Layer
    does: str
    shape: tuple[int, ...]
    shape_arithmetic: str
    parameters: int
    parameter_arithmetic: str


def cards(name: str, *, classes: int | None = None, side: int = 28) -> tuple[Card, ...]:
    """Work out the cards of a network."""
    if name not in LAYOUTS:
        raise UsageError(f"no network {name!r} here, expected {' or '.join(LAYOUTS)}")
    layers = list(LAYOUTS[name])
    if classes is not None:
        last = layers[-2]
        layers[-2] = Layer(last.kind, classes, index=last.index)
    shape: tuple[int, ...] = (1, side, side)
    made = []
    for layer in layers:
        card = _card(layer, shape)
        made.append(card)
        shape = card.shape
    return tuple(made)


def _card(layer: Layer, before: tuple[int, ...]) -> Card:
    shape, shape_text, parameters, text = before, "as before", 0, "learns nothing"
    match layer.kind:
        case "input":
            shape_text = " x ".join(map(str, before))
        case "convolution":
            channels, height, width = before
            lost = 0 if layer.same else layer.side - 1
            shape = (layer.outputs, height - lost, width - lost)
            shape_text = (
                f"{layer.outputs} kernels; zeros around keep {height} x {width}"
                if layer.same
                else f"{layer.outputs} kernels; {height} - {layer.side} + 1 = {shape[1]}"
            )
            parameters = layer.outputs * (channels * layer.side**2 + 1)
            text = (
                f"{layer.outputs} kernels x ({channels} x {layer.side} x {layer.side} weights "
                f"+ 1 bias) = {parameters:,}"
            )
        case "max-pooling":
            channels, height, width = before
            shape = (channels, height // layer.side, width // layer.side)
            shape_text = f"{height} // {layer.side} = {shape[1]}"
        case "flatten":
            channels, height, width = before
            shape = (channels * height * width,)
            shape_text = f"{channels} x {height} x {width} = {shape[0]:,}"
        case "dense":
            shape = (layer.outputs,)
            shape_text = f"{layer.outputs} outputs"
            parameters = layer.outputs * (before[0] + 1)
            text = f"{layer.outputs} outputs x ({before[0]:,} weights + 1 bias) = {parameters:,}"
    does = _DOES[layer.kind] + ("; what is negative becomes 0 (ReLU)" if layer.relu else "")
    return Card(layer, does, shape, shape_text, parameters, text)
