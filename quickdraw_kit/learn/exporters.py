"""A model of images as a program that runs without this library: ONNX and torch.export."""

import copy
import io
import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

from quickdraw_kit.errors import IntegrityError, UsageError
from quickdraw_kit.learn.models.model import Model

__all__ = ["CONFIG", "export_onnx", "export_pt2"]

CONFIG = "config.json"
"""Name of the file that tells of a model, also of the extra file within a program."""

_OPSET = 18
_ROWS = 7  # bitmaps that ONNX and PyTorch must agree on
_TOLERANCE = 1e-4  # of logits


def export_onnx(model: Model, config: dict[str, Any]) -> bytes:
    """Return a model as ONNX, held to PyTorch by onnxruntime."""
    try:
        import onnxruntime
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UsageError(
            f"{error.name} is not here: run: pip install 'quickdraw-kit[onnx]'"
        ) from error
    with _quiet():
        program = torch.onnx.export(
            _exported(model),
            dynamo=True,
            opset_version=_OPSET,
            input_names=["images"],
            output_names=["logits"],
            verbose=False,
        )
    assert program is not None  # noqa: S101
    proto = program.model_proto
    for part in (*proto.graph.node, *proto.graph.value_info, *proto.graph.input):
        del part.metadata_props[:]  # notes of the exporter about its own work
    for part in (*proto.graph.output, *proto.graph.initializer, proto.graph):
        del part.metadata_props[:]
    del proto.metadata_props[:]
    for name, value in (("label_names", config["label_names"]), ("config", config)):
        proto.metadata_props.add(key=name, value=_json(value).decode("ascii"))
    proto.producer_name, proto.producer_version = "quickdraw_kit", config["library_version"]
    data: bytes = proto.SerializeToString()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    _check_onnx(model, session)
    return data


def export_pt2(model: Model, config: dict[str, Any]) -> bytes:
    """Return a model as torch.export writes it."""
    file = io.BytesIO()
    with _quiet():
        torch.export.save(
            _exported(model), file, extra_files={CONFIG: _json(config).decode("ascii")}
        )
    return file.getvalue()


class _Bitmaps(nn.Module):
    """The network, from bytes on: what is in the files that leave."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.network(images.unsqueeze(1).float() / 255.0)
        return logits


def _exported(model: Model) -> torch.export.ExportedProgram:
    network = copy.deepcopy(model.network).cpu().float().eval()
    example = torch.zeros(2, model.side, model.side, dtype=torch.uint8)
    with _quiet():
        program = torch.export.export(
            _Bitmaps(network), (example,), dynamic_shapes={"images": {0: torch.export.Dim("batch")}}
        )
    for node in program.graph.nodes:  # where on this machine the code lies is nobody's business
        node.meta.pop("stack_trace", None)
    return program


def _check_onnx(model: Model, session: Any) -> None:
    """Hold onnxruntime to PyTorch, for batches of one and of several."""
    rng = np.random.default_rng(0)
    model.network.eval()
    for rows in (1, _ROWS):
        images = rng.integers(0, 256, (rows, model.side, model.side), np.uint8)
        with torch.inference_mode():
            expected = model.logits(images).float().cpu().numpy()
        (found,) = session.run(["logits"], {"images": images})
        far = float(np.abs(found - expected).max())
        if found.shape != expected.shape or not far <= _TOLERANCE * max(1, np.abs(expected).max()):
            raise IntegrityError(
                f"onnxruntime and PyTorch differ by {far:g} in the logits of {rows} bitmaps: the "
                "ONNX file is not written; export without it"
            )


def _json(document: Any) -> bytes:
    return json.dumps(document).encode("ascii")


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what PyTorch warns itself of, about its own code, from the user."""
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
