"""The layers of the named networks as data, and the arithmetic of their shapes and parameters."""

from dataclasses import dataclass
from typing import Literal

from quickdraw_kit.errors import UsageError

__all__ = ["LAYOUTS", "Card", "Layer", "cards"]

Kind = Literal["input", "convolution", "max-pooling", "flatten", "dense", "softmax"]


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer: its kind, and the numbers that define it.

    Parameters
    ----------
    kind : {"input", "convolution", "max-pooling", "flatten", "dense", "softmax"}
        What it does.
    outputs : int
        Kernels of a convolution, or outputs of a dense layer.
    side : int
        Of the kernels, or of the squares of a pooling.
    same : bool
        Whether a convolution lays zeros around.
    relu : bool
        Whether negative outputs become 0.
    index : int
        Where its weights stand in the network of the trainer.

    Examples
    --------
    >>> Layer("max-pooling", side=2).outputs
    0
    """

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
    """What there is to know about a layer.

    Parameters
    ----------
    layer : Layer
        Which.
    does : str
        What it does, in a sentence.
    shape : tuple of int
        Of its output: (channels, height, width), or (numbers,).
    shape_arithmetic : str
        How the shape follows from that before.
    parameters : int
        Numbers that it learns.
    parameter_arithmetic : str
        How they are counted.

    Examples
    --------
    >>> cards("mnist-cnn")[1].parameter_arithmetic
    '8 kernels x (1 x 5 x 5 weights + 1 bias) = 208'
    """

    layer: Layer
    does: str
    shape: tuple[int, ...]
    shape_arithmetic: str
    parameters: int
    parameter_arithmetic: str


def cards(name: str, *, classes: int | None = None, side: int = 28) -> tuple[Card, ...]:
    """Work out the cards of a network.

    Parameters
    ----------
    name : str
        One of `LAYOUTS`.
    classes : int, optional
        Labels; by default those of the layout.
    side : int
        Pixels of a side of the images.

    Returns
    -------
    tuple of Card
        From the input to the probabilities.

    Raises
    ------
    UsageError
        If there is no such network.

    Examples
    --------
    >>> [card.parameters for card in cards("mnist-cnn") if card.parameters]
    [208, 3216, 32896, 1290]
    >>> sum(card.parameters for card in cards("quickdraw-cnn"))
    500985
    """
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
