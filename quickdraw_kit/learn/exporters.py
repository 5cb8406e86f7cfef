"""Exporters: a model as the bytes of a file, in safetensors, ONNX and torch.export.

ONNX and torch.export files run without this library. Both are exported from the same program, which
starts at uint8 bitmaps or, for runtimes that take float32 only, at float32 images.
"""

import copy
import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from quickdraw_kit.errors import IntegrityError, optional_packages
from quickdraw_kit.learn.models.model import Model, dump_model

CONFIG_NAME = "config.json"
"""Name of the file that describes a model, also of the extra file within a pt2 file."""

_OPSET = 18
_CHECKED_ROWS = (1, 7)  # batch sizes to compare; not that of the example: any must work
_TOLERANCE = 1e-4  # of logits


def export_safetensors(model: Model, config: dict[str, Any]) -> bytes:
    """Return a model as `save_model` writes it; its metadata are those of the model itself."""
    return dump_model(model)


def export_onnx(model: Model, config: dict[str, Any]) -> bytes:
    """Return a model of images as ONNX, after comparing onnxruntime with PyTorch."""
    with optional_packages():
        import onnxruntime
        import onnxscript  # noqa: F401
    with _quiet():
        program = torch.onnx.export(
            _export(model, config["input_dtype"]),
            dynamo=True,
            opset_version=_OPSET,
            input_names=["images"],
            output_names=["logits"],
            verbose=False,
        )
    assert program is not None  # noqa: S101

    # the exporter leaves notes on every node, with paths of this machine: equal models must give
    # equal files
    proto = program.model_proto
    graph = proto.graph
    values = (*graph.input, *graph.output, *graph.value_info, *graph.initializer)
    for annotated in (proto, graph, *graph.node, *values):
        del annotated.metadata_props[:]
    for key, value in (("label_names", config["label_names"]), ("config", config)):
        proto.metadata_props.add(key=key, value=json.dumps(value))
    proto.producer_name, proto.producer_version = "quickdraw_kit", config["library_version"]

    # what is written is what was checked: the session loads the same bytes
    data: bytes = proto.SerializeToString()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    _check_onnx(model, session, config["input_dtype"])
    return data


def export_pt2(model: Model, config: dict[str, Any]) -> bytes:
    """Return a model of images as torch.export writes it, with ``config.json`` as extra file."""
    file = io.BytesIO()
    with _quiet():
        program = _export(model, config["input_dtype"])
        torch.export.save(program, file, extra_files={CONFIG_NAME: json.dumps(config)})
    return file.getvalue()


class Exporter(NamedTuple):
    """A format for models: the name of its file, and the function that makes the bytes."""

    file_name: str
    export: Callable[[Model, dict[str, Any]], bytes]


EXPORTERS = {
    "safetensors": Exporter("model.safetensors", export_safetensors),
    "onnx": Exporter("model.onnx", export_onnx),
    "pt2": Exporter("model.pt2", export_pt2),
}


class _Bitmaps(nn.Module):
    """A network that takes uint8 bitmaps, shape (n, side, side)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        # the same arithmetic as `Model.inputs`, now part of the file
        logits: torch.Tensor = self.network(images.unsqueeze(1).float() / 255.0)
        return logits


class _Images(nn.Module):
    """A network that takes float32 images from 0 to 1, shape (n, 1, side, side)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.network(images)
        return logits


def _export(model: Model, input_dtype: str) -> torch.export.ExportedProgram:
    """Trace a copy of the network, on the CPU in float32; the model itself is not changed."""
    network = copy.deepcopy(model.network).cpu().float().eval()

    # two rows: torch.export takes a size of 1 for a constant
    example = torch.zeros(2, model.side, model.side, dtype=torch.uint8)
    module: nn.Module = _Bitmaps(network)
    if input_dtype == "float32":
        example, module = example[:, None].float(), _Images(network)
    with _quiet():
        program = torch.export.export(
            module, (example,), dynamic_shapes={"images": {0: torch.export.Dim("batch")}}
        )
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # it has the paths of this machine
    return program


def _check_onnx(model: Model, session: Any, input_dtype: str) -> None:
    """Raise `IntegrityError` unless onnxruntime and PyTorch agree, for one bitmap and several."""
    rng = np.random.default_rng(0)
    model.network.eval()
    for rows in _CHECKED_ROWS:
        images = rng.integers(0, 256, (rows, model.side, model.side), np.uint8)
        with torch.inference_mode():
            expected = model.logits(images).float().cpu().numpy()
        inputs = images if input_dtype == "uint8" else images[:, None].astype(np.float32) / 255
        (logits,) = session.run(["logits"], {"images": inputs})
        difference = float(np.abs(logits - expected).max())
        tolerance = _TOLERANCE * max(1, np.abs(expected).max())
        if logits.shape != expected.shape or not difference <= tolerance:  # not for NaN either
            raise IntegrityError(
                f"onnxruntime and PyTorch differ by {difference:g} in the logits of {rows} "
                "bitmaps: the ONNX file is not written; export without it"
            )


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide the warnings of PyTorch about its own code."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        logger.setLevel(level)
