"""A network with the names of its labels, and the one file that holds both.

The file is in the safetensors format: tensors and a text, nothing that could run. Architecture and
label names are in the text, so that a model cannot be separated from its labels.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from quickdraw_kit.errors import DataError, UsageError
from quickdraw_kit.learn.data.dataset import Images
from quickdraw_kit.learn.data.sequences import pack_strokes
from quickdraw_kit.learn.models.networks import STROKE_NETWORKS, build_network
from quickdraw_kit.storage.files import atomic_write, parse_json
from quickdraw_kit.strokes.batch import DrawingBatch

__all__ = ["Model", "dump_model", "load_model", "save_model"]

_KEY = "quickdraw_kit"


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A network that knows what its outputs are called.

    Parameters
    ----------
    network : torch.nn.Module
        Maps float (n, 1, side, side), ink 1 and paper 0, or strokes that `pack_strokes` packed, to
        logits (n, classes).
    architecture : str
        Its name in `NETWORKS`.
    label_names : tuple of str
        Names of the outputs.
    side : int
        Side of the images, in pixels.
    about : mapping of str to anything that JSON can hold
        How it came to be, as `train` fills it: ``raster_style``, ``normalisation``, ``metrics``,
        ``config`` and ``data_sha256``, the checksum of the manifest of what it was trained on.

    Examples
    --------
    >>> model = Model.new("tiny-cnn", ("cat", "dog"))
    >>> model.probabilities(np.zeros((3, 28, 28), np.uint8)).shape
    (3, 2)
    """

    network: nn.Module
    architecture: str
    label_names: tuple[str, ...]
    side: int
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def new(
        cls,
        architecture: str,
        label_names: tuple[str, ...],
        *,
        side: int = 28,
        metadata: Mapping[str, Any] | None = None,
        dropout: float | None = None,
    ) -> "Model":
        """Build a model with random weights.

        Parameters
        ----------
        architecture : str
            One of `NETWORKS`.
        label_names : tuple of str
            At least two, no two alike.
        side : int
            Side of the images, in pixels.
        about : mapping, optional
            How it came to be.
        dropout : float, optional
            In training, in networks that have it; by default as the network says.

        Raises
        ------
        UsageError
            As `build_network`, or if a name stands there twice.
        """
        if len(set(label_names)) < len(label_names):
            raise UsageError("a label name stands there twice: every label needs its own")
        network = build_network(architecture, len(label_names), side=side, dropout=dropout)
        return cls(network, architecture, label_names, side, dict(metadata or {}))

    @property
    def input_type(self) -> str:
        """What the network reads: ``images`` or ``strokes``."""
        return "strokes" if self.architecture in STROKE_NETWORKS else "images"

    def inputs(self, batch: Images | DrawingBatch) -> Any:
        """Turn a batch into what the network takes, on the device where its weights are.

        Parameters
        ----------
        batch : ndarray of uint8, shape (n, side, side), or DrawingBatch
            What the network reads. Images are copied, for they may be a view of a memory map;
            they travel as bytes and become numbers from 0 to 1 on the device.

        Returns
        -------
        torch.Tensor of float32, shape (n, 1, side, side), or PackedStrokes
            Images, or strokes as `pack_strokes` makes them.

        Raises
        ------
        DataError
            If the network reads the other kind, or the images have another size.
        """
        device = next(self.network.parameters()).device
        if isinstance(batch, DrawingBatch):
            if self.input_type == "images":
                raise DataError(f"{self.architecture} reads images, not strokes: rasterize them")
            return pack_strokes(batch, device)
        if self.input_type == "strokes":
            raise DataError(f"{self.architecture} reads strokes, not images: give a DrawingBatch")
        if batch.dtype != np.uint8 or batch.shape[1:] != (self.side, self.side):
            raise DataError(
                f"images are {batch.dtype} {batch.shape}, expected uint8 "
                f"(n, {self.side}, {self.side}), as the model was trained on"
            )
        images = torch.from_numpy(np.array(batch)).to(device, non_blocking=True)
        return images.unsqueeze(1).float().div_(255.0)

    def logits(self, batch: Images | DrawingBatch) -> torch.Tensor:
        """Run the network on a batch, on the device where its weights are.

        Parameters
        ----------
        batch : ndarray of uint8, shape (n, side, side), or DrawingBatch
            What the network reads.

        Returns
        -------
        torch.Tensor of float32, shape (n, classes)

        Raises
        ------
        DataError
            As `inputs`.
        """
        logits: torch.Tensor = self.network(self.inputs(batch))
        return logits

    def probabilities(
        self, batch: Images | DrawingBatch, *, batch_size: int = 512
    ) -> npt.NDArray[np.float32]:
        """Say how likely each label is for each image or drawing.

        Parameters
        ----------
        batch : ndarray of uint8, shape (n, side, side), or DrawingBatch
            What the network reads; of images, ink is bright and paper is 0.
        batch_size : int
            Rows that are on the device at once.

        Returns
        -------
        ndarray of float32, shape (n, classes)
            Rows sum to 1.

        Raises
        ------
        DataError
            As `inputs`.
        """
        self.network.eval()
        parts = [np.zeros((0, len(self.label_names)), np.float32)]
        with torch.inference_mode():
            for start in range(0, len(batch), batch_size):
                logits = self.logits(batch[start : start + batch_size])
                parts.append(torch.softmax(logits, dim=1).cpu().numpy())
        return np.concatenate(parts)


def save_model(model: Model, path: str | os.PathLike[str]) -> None:
    """Write a model, labels included, whole or not at all.

    Parameters
    ----------
    model : Model
        What to write.
    path : path-like
        Such as ``model.safetensors``.

    Raises
    ------
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> path = getfixture("tmp_path") / "model.safetensors"
    >>> save_model(Model.new("tiny-cnn", ("cat", "dog")), path)
    >>> load_model(path).label_names
    ('cat', 'dog')
    """
    with atomic_write(path) as file:
        file.write(dump_model(model))


def dump_model(model: Model) -> bytes:
    """Return what `save_model` writes: equal bytes for equal models."""
    text = json.dumps(
        {
            "architecture": model.architecture,
            "label_names": model.label_names,
            "side": model.side,
            "about": dict(model.metadata),
        }
    )
    tensors = {name: value.contiguous() for name, value in model.network.state_dict().items()}
    return safetensors.torch.save(tensors, metadata={_KEY: text})


def load_model(path: str | os.PathLike[str]) -> Model:
    """Read a model that `save_model` wrote.

    Parameters
    ----------
    path : path-like
        The file. Pickled models (``.pt``, ``.pth``) are refused: they can run any code.

    Returns
    -------
    Model
        On the processor, ready to predict.

    Raises
    ------
    DataError
        If the file is not such a model, or its weights do not fit its architecture.
    OSError
        If it cannot be read.
    """
    path = Path(path)
    expected = "expected a model.safetensors that quickdraw_kit wrote"
    with path.open("rb"):  # an OSError with the name, where safetensors would give none
        pass
    try:
        with safe_open(path, framework="pt") as file:
            metadata = (file.metadata() or {}).get(_KEY)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise DataError(f"{path} is not a safetensors file ({error}): {expected}") from error
    if metadata is None:
        raise DataError(f"{path} has no label names: {expected}")
    try:
        fields = parse_json(metadata)
        names = fields["label_names"]
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise TypeError("label_names are not a list of texts")
        told = fields.get("about", {})
        if not isinstance(told, dict):
            raise TypeError("about is not a table")
        with torch.device("meta"):  # shapes are compared before anything is allocated
            model = Model.new(
                fields["architecture"],
                tuple(names),
                side=fields["side"],
                metadata=told,
            )
        for name, value in model.network.state_dict().items():
            if name in tensors and tensors[name].dtype != value.dtype:
                raise ValueError(f"{name} is {tensors[name].dtype}, expected {value.dtype}")
        model.network.load_state_dict(tensors, assign=True)
    except (KeyError, TypeError, ValueError, RuntimeError, UsageError) as error:
        raise DataError(f"{path} does not fit together ({error}): {expected}") from error
    model.network.eval()
    return model
