"""A trained network, run by the operations of this room alone: no torch, every step to be seen."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import DataError, UsageError
from quickdraw_kit.primer.layers import LAYOUTS, Layer
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

__all__ = ["Step", "Weights", "forward", "read_weights"]


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """The weights of a network of the trainer."""

    architecture: str
    label_names: tuple[str, ...]
    side: int
    tensors: dict[str, npt.NDArray[np.float32]]


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """What a layer made of its input."""

    layer: Layer
    output: Array


def read_weights(path: str | os.PathLike[str]) -> Weights:
    """Read a ``model.safetensors`` of the trainer without torch."""
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if path.is_dir():
        path = path / "model.safetensors"
    with path.open("rb"):
        pass
    try:
        with safe_open(path, framework="np") as file:
            metadata = parse_json((file.metadata() or {})["quickdraw_kit"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        name, labels, side = (
            metadata["architecture"],
            tuple(metadata["label_names"]),
            metadata["side"],
        )
        known = name in LAYOUTS
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} is no model of quickdraw_kit: {error}") from error
    if not known:
        raise UsageError(f"{path} is a {name}; the primer explains {' and '.join(LAYOUTS)}")
    wanted = [f"{layer.index}.{part}" for layer in LAYOUTS[name] if layer.index >= 0
              for part in ("weight", "bias")]  # fmt: skip
    if missing := [each for each in wanted if each not in tensors]:
        raise DataError(f"{path} has no {', '.join(missing)}: it is no whole {name}")
    return Weights(name, labels, side, tensors)


def forward(weights: Weights, image: npt.NDArray[np.uint8]) -> list[Step]:
    """Run one image through a network."""
    if image.shape != (weights.side, weights.side) or image.dtype != np.uint8:
        raise UsageError(
            f"the image is {image.dtype} {image.shape}, expected uint8 "
            f"({weights.side}, {weights.side})"
        )
    x: Array = (image.astype(np.float32) / np.float32(255))[None]
    steps = []
    for layer in LAYOUTS[weights.architecture]:
        x = _step(layer, x, weights)
        steps.append(Step(layer, x))
    return steps


def _step(layer: Layer, x: Array, weights: Weights) -> Array:
    match layer.kind:
        case "convolution":
            padding = "same" if layer.same else "valid"
            x = conv2d(x, *_of(layer, weights), padding=padding)  # type: ignore[arg-type]
        case "max-pooling":
            x = max_pool2d(x, layer.side)
        case "flatten":
            x = flatten(x)
        case "dense":
            x = dense(x, *_of(layer, weights))
        case "softmax":
            x = softmax(x)
    return relu(x) if layer.relu else x


def _of(layer: Layer, weights: Weights) -> tuple[Array, Array]:
    return weights.tensors[f"{layer.index}.weight"], weights.tensors[f"{layer.index}.bias"]
