"""A model: a network with its label names and metadata, in one file.

The file is in the safetensors format: tensors and a JSON text, so loading one cannot run code.
Architecture and label names are in the text, so a model cannot be separated from its labels.
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

_KEY = "quickdraw_kit"


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A network with its label names and metadata.

    Parameters
    ----------
    network : torch.nn.Module
        Maps images, float32 (n, 1, side, side) with ink 1 and paper 0, or packed strokes, to
        logits (n, classes).
    architecture : str
        Name of the network in `NETWORKS`.
    label_names : tuple of str
        Names of the outputs.
    side : int
        Side of the images, in pixels.
    metadata : mapping of str to anything that JSON can hold
        How the model was trained. `train` records ``raster_style``, ``preprocessing``,
        ``normalization``, ``metrics``, ``config`` and ``data_sha256``, the checksum of the data.

    Examples
    --------
    >>> import numpy as np
    >>> from quickdraw_kit import Model
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
            At least two, all different.
        side : int
            Side of the images, in pixels.
        metadata : mapping, optional
            How the model was trained.
        dropout : float, optional
            Dropout rate in training, in networks that have dropout layers; by default that of the
            network.

        Returns
        -------
        Model

        Raises
        ------
        UsageError
            As `build_network`, or if a label name is repeated.

        Examples
        --------
        >>> from quickdraw_kit import Model
        >>> Model.new("mnist-cnn", tuple("0123456789")).input_type
        'images'
        """
        if len(set(label_names)) < len(label_names):
            repeated = next(name for name in label_names if label_names.count(name) > 1)
            raise UsageError(f"label name {repeated!r} is repeated, expected different names")
        network = build_network(architecture, len(label_names), side=side, dropout=dropout)
        return cls(network, architecture, label_names, side, dict(metadata or {}))

    @property
    def input_type(self) -> str:
        """What the network reads: ``images`` or ``strokes``."""
        return "strokes" if self.architecture in STROKE_NETWORKS else "images"

    def inputs(self, batch: Images | DrawingBatch) -> Any:
        """Convert a batch to the inputs of the network, on the device of its weights.

        Parameters
        ----------
        batch : ndarray of uint8, shape (n, side, side), or DrawingBatch
            Images or drawings, as `input_type` says.

        Returns
        -------
        torch.Tensor of float32, shape (n, 1, side, side), or PackedStrokes
            Images with values from 0 to 1, or the points of the drawings.

        Raises
        ------
        DataError
            If the batch has the other input type, or the images have another size.

        Examples
        --------
        >>> import numpy as np
        >>> from quickdraw_kit import Model
        >>> model = Model.new("tiny-cnn", ("cat", "dog"))
        >>> model.inputs(np.full((3, 28, 28), 255, np.uint8)).max().item()
        1.0
        """
        device = next(self.network.parameters()).device
        if isinstance(batch, DrawingBatch):
            if self.input_type == "images":
                raise DataError(f"{self.architecture} reads images, not strokes: rasterize them")
            return pack_strokes(batch, device)
        if self.input_type == "strokes":
            raise DataError(f"{self.architecture} reads strokes, not images: pass a DrawingBatch")
        if batch.dtype != np.uint8 or batch.shape[1:] != (self.side, self.side):
            raise DataError(
                f"images are {batch.dtype} {batch.shape}, expected uint8 "
                f"(n, {self.side}, {self.side}), as the model was trained on"
            )
        # copied, because the images may be a view of a read-only memory map; converted on the
        # device, because bytes travel four times as fast as float32
        images = torch.from_numpy(np.array(batch)).to(device, non_blocking=True)
        return images.unsqueeze(1).float().div_(255.0)

    def logits(self, batch: Images | DrawingBatch) -> torch.Tensor:
        """Run the network on a batch, on the device of its weights, with gradients.

        Parameters
        ----------
        batch : ndarray of uint8, shape (n, side, side), or DrawingBatch
            Images or drawings, as `input_type` says.

        Returns
        -------
        torch.Tensor of float32, shape (n, classes)

        Raises
        ------
        DataError
            As `inputs`.

        Examples
        --------
        >>> import numpy as np
        >>> from quickdraw_kit import Model
        >>> model = Model.new("tiny-cnn", ("cat", "dog"))
        >>> model.logits(np.zeros((3, 28, 28), np.uint8)).shape
        torch.Size([3, 2])
        """
        logits: torch.Tensor = self.network(self.inputs(batch))
        return logits

    def probabilities(
        self, batch: Images | DrawingBatch, *, batch_size: int = 512
    ) -> npt.NDArray[np.float32]:
        """Compute the probability of each label for each image or drawing.

        Parameters
        ----------
        batch : ndarray of uint8, shape (n, side, side), or DrawingBatch
            Images, with bright ink on paper of 0, or drawings, as `input_type` says.
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

        Examples
        --------
        >>> import numpy as np
        >>> from quickdraw_kit import Model
        >>> model = Model.new("tiny-cnn", ("cat", "dog"))
        >>> model.probabilities(np.zeros((3, 28, 28), np.uint8)).sum(axis=1).round(3).tolist()
        [1.0, 1.0, 1.0]
        """
        self.network.eval()
        results = [np.zeros((0, len(self.label_names)), np.float32)]  # for a batch without rows
        with torch.inference_mode():
            for start in range(0, len(batch), batch_size):
                logits = self.logits(batch[start : start + batch_size])
                results.append(torch.softmax(logits, dim=1).cpu().numpy())
        return np.concatenate(results)


def save_model(model: Model, path: str | os.PathLike[str]) -> None:
    """Write a model, with its label names, atomically."""
    with atomic_write(path) as file:
        file.write(dump_model(model))


def dump_model(model: Model) -> bytes:
    """Return the bytes that `save_model` writes; they are equal for equal models."""
    text = json.dumps(
        {
            "architecture": model.architecture,
            "label_names": model.label_names,
            "side": model.side,
            "metadata": dict(model.metadata),
        }
    )
    tensors = {name: value.contiguous() for name, value in model.network.state_dict().items()}
    return safetensors.torch.save(tensors, metadata={_KEY: text})


def load_model(path: str | os.PathLike[str]) -> Model:
    """Read a model that `save_model` wrote."""
    path = Path(path)
    expected = "expected a model.safetensors that quickdraw_kit wrote"
    with path.open("rb"):  # an OSError that names the file, which safetensors' does not
        pass
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(_KEY)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise DataError(f"{path} is not a safetensors file ({error}): {expected}") from error
    if text is None:
        raise DataError(f"{path} has no label names: {expected}")

    try:
        model = _from_header(parse_json(text))
        for name, value in model.network.state_dict().items():
            if name in tensors and tensors[name].dtype != value.dtype:
                raise ValueError(f"{name} is {tensors[name].dtype}, expected {value.dtype}")
        model.network.load_state_dict(tensors, assign=True)
    except (KeyError, TypeError, ValueError, RuntimeError, UsageError) as error:
        raise DataError(f"{path} is not a valid model ({error}): {expected}") from error
    model.network.eval()
    return model


def _from_header(header: Any) -> Model:
    """Build the model that a header describes, on the meta device: without any memory."""
    names, metadata = header["label_names"], header.get("metadata", {})
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise TypeError("label_names is not a list of strings")
    if not isinstance(metadata, dict):
        raise TypeError("metadata is not an object")

    # A header can ask for a network of any size. On the meta device, shapes are compared with those
    # in the file before anything is allocated.
    with torch.device("meta"):
        return Model.new(
            header["architecture"], tuple(names), side=header["side"], metadata=metadata
        )
