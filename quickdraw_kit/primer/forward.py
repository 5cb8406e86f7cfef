"""The forward pass of a trained network, in numpy alone, with the output of every layer."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import DataError, UsageError
from quickdraw_kit.primer.layers import ARCHITECTURES, Layer
from quickdraw_kit.primer.operations import (
    Array,
    conv2d,
    dense,
    flatten,
    max_pool2d,
    relu,
    softmax,
)
from quickdraw_kit.storage.files import parse_json


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """The weights of a trained network."""

    architecture: str
    label_names: tuple[str, ...]
    side: int  # of its images, in pixels
    tensors: dict[str, npt.NDArray[np.float32]]  # by names such as "0.weight"


@dataclass(frozen=True, slots=True, eq=False)
class Activation:
    """A layer and its output: feature maps (channels, height, width), or a row of numbers."""

    layer: Layer
    output: Array


def forward(weights: Weights, image: npt.NDArray[np.uint8]) -> list[Activation]:
    """Run one image through a network, from its pixels to the probabilities of the labels."""
    if image.shape != (weights.side, weights.side) or image.dtype != np.uint8:
        raise UsageError(
            f"the image is {image.dtype} {image.shape}, expected uint8 "
            f"({weights.side}, {weights.side})"
        )
    # as in training: one channel of numbers from 0 to 1
    x: Array = (image.astype(np.float32) / np.float32(255))[None]
    activations = []
    for layer in ARCHITECTURES[weights.architecture]:
        x = _apply(layer, x, weights)
        activations.append(Activation(layer, x))
    return activations


def _apply(layer: Layer, x: Array, weights: Weights) -> Array:
    match layer.type:
        case "convolution":
            x = conv2d(x, *_parameters(layer, weights), padding=layer.padding)
        case "max-pooling":
            x = max_pool2d(x, layer.size)
        case "flatten":
            x = flatten(x)
        case "dense":
            x = dense(x, *_parameters(layer, weights))
        case "softmax":
            x = softmax(x)
    return relu(x) if layer.relu else x


def _parameters(layer: Layer, weights: Weights) -> tuple[Array, Array]:
    return weights.tensors[f"{layer.index}.weight"], weights.tensors[f"{layer.index}.bias"]


def read_weights(path: str | os.PathLike[str]) -> Weights:
    """Read the ``model.safetensors`` of a training run, or of its folder, without PyTorch."""
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if path.is_dir():
        path = path / "model.safetensors"
    with path.open("rb"):  # an OSError with the name of the file; safetensors raises one without
        pass
    try:
        with safe_open(path, framework="np") as file:
            metadata = parse_json((file.metadata() or {})["quickdraw_kit"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        architecture, side = metadata["architecture"], metadata["side"]
        label_names = tuple(metadata["label_names"])
        is_known = architecture in ARCHITECTURES  # here, for an unhashable name is a TypeError
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} is not a model of quickdraw_kit: {error}") from error

    if not is_known:
        supported = " and ".join(ARCHITECTURES)
        raise UsageError(f"{path} is a {architecture}: the primer supports {supported}")
    # a missing tensor is found here, not in the middle of a pass
    expected = [
        f"{layer.index}.{tensor}"
        for layer in ARCHITECTURES[architecture]
        if layer.index is not None
        for tensor in ("weight", "bias")
    ]
    if missing := [name for name in expected if name not in tensors]:
        raise DataError(f"{path} has no {', '.join(missing)}: it is not a complete {architecture}")
    return Weights(architecture, label_names, side, tensors)
