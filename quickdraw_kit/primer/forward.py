"""A trained network, run by the operations of this room alone: no torch, every step to be seen."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import DataError, UsageError
from quickdraw_kit.files import parse_json
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

__all__ = ["Step", "Weights", "forward", "read_weights"]


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """The weights of a network of the trainer.

    Parameters
    ----------
    architecture : str
        One of `LAYOUTS`.
    label_names : tuple of str
        Names of the outputs.
    side : int
        Pixels of a side of its images.
    tensors : dict of str to ndarray of float32
        By the trainer's names, such as ``0.weight``.

    Examples
    --------
    >>> Weights("mnist-cnn", ("a", "b"), 28, {}).side
    28
    """

    architecture: str
    label_names: tuple[str, ...]
    side: int
    tensors: dict[str, npt.NDArray[np.float32]]


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """What a layer made of its input.

    Parameters
    ----------
    layer : Layer
        Which.
    output : ndarray of float32
        Feature maps of shape (channels, height, width), or numbers.

    Examples
    --------
    >>> Step(Layer("input"), np.zeros((1, 28, 28), np.float32)).output.shape
    (1, 28, 28)
    """

    layer: Layer
    output: Array


def read_weights(path: str | os.PathLike[str]) -> Weights:
    """Read a ``model.safetensors`` of the trainer without torch.

    Parameters
    ----------
    path : path-like
        The file, or the folder in which it lies.

    Returns
    -------
    Weights

    Raises
    ------
    DataError
        If it is no such file, or not all weights are there.
    UsageError
        If the network is none of `LAYOUTS`.
    OSError
        If it cannot be read.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if path.is_dir():
        path = path / "model.safetensors"
    with path.open("rb"):
        pass
    try:
        with safe_open(path, framework="np") as file:
            about = parse_json((file.metadata() or {})["quickdraw_kit"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        name, labels, side = about["architecture"], tuple(about["label_names"]), about["side"]
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
    """Run one image through a network.

    Parameters
    ----------
    weights : Weights
        The network.
    image : ndarray of uint8, shape (side, side)
        Ink is bright, paper 0.

    Returns
    -------
    list of Step
        From the input to the probabilities of the labels.

    Raises
    ------
    UsageError
        If the image has another size.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> shapes = {"0": (8, 1, 5, 5), "3": (16, 8, 5, 5), "7": (128, 256), "10": (2, 128)}
    >>> tensors = {f"{n}.weight": rng.normal(size=s).astype("f4") for n, s in shapes.items()}
    >>> tensors |= {f"{n}.bias": np.zeros(s[0], np.float32) for n, s in shapes.items()}
    >>> weights = Weights("mnist-cnn", ("a", "b"), 28, tensors)
    >>> steps = forward(weights, np.zeros((28, 28), np.uint8))
    >>> [step.output.shape for step in steps][:4], steps[-1].output
    ([(1, 28, 28), (8, 24, 24), (8, 12, 12), (16, 8, 8)], array([0.5, 0.5], dtype=float32))
    """
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
