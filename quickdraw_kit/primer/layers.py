"""Networks as lists of layers, and the arithmetic of their shapes and parameters.

A layer is data: its type and a few numbers. All that `summarize` prints follows from them, and
`quickdraw_kit.primer.forward` needs no more than them and the weights.
"""

from dataclasses import dataclass, replace
from typing import Literal

from quickdraw_kit.errors import UsageError
from quickdraw_kit.primer.operations import Padding

LayerType = Literal["input", "convolution", "max-pooling", "flatten", "dense", "softmax"]


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer: its type, and the numbers that define it."""

    type: LayerType
    outputs: int = 0  # kernels of a convolution, or outputs of a dense layer
    size: int = 0  # side of the kernels, or of the squares of max-pooling
    padding: Padding = "valid"  # of a convolution
    relu: bool = False  # whether a ReLU follows
    index: int | None = None  # of its weights in a trained model: "<index>.weight" and ".bias"


ARCHITECTURES: dict[str, tuple[Layer, ...]] = {
    "mnist-cnn": (
        Layer("input"),
        Layer("convolution", 8, 5, relu=True, index=0),
        Layer("max-pooling", size=2),
        Layer("convolution", 16, 5, relu=True, index=3),
        Layer("max-pooling", size=2),
        Layer("flatten"),
        Layer("dense", 128, relu=True, index=7),
        Layer("dense", 10, index=10),
        Layer("softmax"),
    ),
    "quickdraw-cnn": (
        Layer("input"),
        Layer("convolution", 32, 5, padding="same", relu=True, index=0),
        Layer("max-pooling", size=2),
        Layer("convolution", 32, 3, padding="same", relu=True, index=3),
        Layer("max-pooling", size=2),
        Layer("convolution", 64, 3, padding="same", relu=True, index=6),
        Layer("max-pooling", size=2),
        Layer("flatten"),
        Layer("dense", 512, relu=True, index=10),
        Layer("dense", 345, index=12),
        Layer("softmax"),
    ),
}
"""The networks that the primer explains, by the names that `train` has for them."""

_DESCRIPTIONS: dict[LayerType, str] = {
    "input": "a grayscale image: one channel of pixels from 0, paper, to 1, ink",
    "convolution": "slides each kernel over its input and computes how well it matches everywhere",
    "max-pooling": "keeps the largest number of each square, so that exact positions matter less",
    "flatten": "puts all numbers in one row",
    "dense": "computes a weighted sum of all inputs for each output",
    "softmax": "turns the outputs into probabilities",
}


@dataclass(frozen=True, slots=True)
class LayerSummary:
    """A layer in a network: what it does, its output and its parameters, with the arithmetic."""

    layer: Layer
    description: str
    shape: tuple[int, ...]  # of its output: (channels, height, width), or (numbers,)
    shape_arithmetic: str
    parameters: int
    parameter_arithmetic: str


def summarize(name: str, *, classes: int | None = None, side: int = 28) -> tuple[LayerSummary, ...]:
    """Summarize the layers of a network, for its own number of classes or another one.

    >>> [layer.parameters for layer in summarize("mnist-cnn") if layer.parameters]
    [208, 3216, 32896, 1290]
    >>> summarize("mnist-cnn")[1].parameter_arithmetic
    '8 kernels x (1 x 5 x 5 weights + 1 bias) = 208'
    """
    if name not in ARCHITECTURES:
        raise UsageError(f"no network {name!r}, expected {' or '.join(ARCHITECTURES)}")
    layers = list(ARCHITECTURES[name])
    if classes is not None:
        layers[-2] = replace(layers[-2], outputs=classes)  # the last one before the softmax

    # the output of each layer is the input of the next
    shape: tuple[int, ...] = (1, side, side)
    summaries = []
    for layer in layers:
        summary = _summarize_layer(layer, shape)
        summaries.append(summary)
        shape = summary.shape
    return tuple(summaries)


def _summarize_layer(layer: Layer, before: tuple[int, ...]) -> LayerSummary:
    """Derive the shape and the parameters of a layer from the shape of its input."""
    shape, shape_text = before, "unchanged"
    parameters, text = 0, "nothing to learn"
    match layer.type:
        case "input":
            shape_text = " x ".join(map(str, before))

        case "convolution":
            # without padding, the kernel has no position that reaches over the border
            channels, height, width = before
            border = 0 if layer.padding == "same" else layer.size - 1
            shape = (layer.outputs, height - border, width - border)
            shape_text = (
                f"{layer.outputs} kernels; zeros around keep {height} x {width}"
                if layer.padding == "same"
                else f"{layer.outputs} kernels; {height} - {layer.size} + 1 = {shape[1]}"
            )

            # a kernel has weights for every channel of the input
            parameters = layer.outputs * (channels * layer.size**2 + 1)
            text = (
                f"{layer.outputs} kernels x ({channels} x {layer.size} x {layer.size} weights "
                f"+ 1 bias) = {parameters:,}"
            )

        case "max-pooling":
            channels, height, width = before
            shape = (channels, height // layer.size, width // layer.size)
            shape_text = f"{height} // {layer.size} = {shape[1]}"

        case "flatten":
            channels, height, width = before
            shape = (channels * height * width,)
            shape_text = f"{channels} x {height} x {width} = {shape[0]:,}"

        case "dense":
            shape = (layer.outputs,)
            shape_text = f"{layer.outputs} outputs"
            parameters = layer.outputs * (before[0] + 1)
            text = f"{layer.outputs} outputs x ({before[0]:,} weights + 1 bias) = {parameters:,}"

    description = _DESCRIPTIONS[layer.type]
    if layer.relu:
        description += "; negative numbers become 0 (ReLU)"
    return LayerSummary(layer, description, shape, shape_text, parameters, text)
