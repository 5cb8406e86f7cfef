"""`export_model`: a trained model as files that others can run, each with its labels inside.

``model.safetensors`` and ``config.json`` are for this library; ONNX and torch.export are for
programs that have neither it nor its architectures. Those take the bitmaps as they are, uint8 from
0 for paper to 255 for ink, so that nobody has to know the normalisation.
"""

import copy
import io
import json
import logging
import os
import warnings
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from quickdraw_kit.errors import DataError, IntegrityError, UsageError
from quickdraw_kit.files import atomic_write, parse_json, sha256_of
from quickdraw_kit.learn.model import Model, load_model, save_model
from quickdraw_kit.learn.networks import count_parameters

__all__ = ["FORMS", "config_of_model", "export_model", "open_model"]

FORMS = {"safetensors": "model.safetensors", "onnx": "model.onnx", "pt2": "model.pt2"}
"""What a model can be exported to, and the names of the files."""

_CONFIG = "config.json"
_OPSET = 18
_ROWS = 7  # bitmaps that ONNX and PyTorch must agree on
_TOLERANCE = 1e-4  # of logits
_KNOWN = ("raster_style", "normalisation", "metrics", "data", "data_sha256", "config")


def export_model(
    model: Model, out: str | os.PathLike[str], *, forms: Iterable[str] = tuple(FORMS)
) -> tuple[Path, ...]:
    """Write a model as a folder that others can use.

    Parameters
    ----------
    model : Model
        What to write.
    out : path-like
        The folder; made if need be.
    forms : iterable of {"safetensors", "onnx", "pt2"}
        Which files to write. ONNX and pt2 (torch.export) take ``images``, uint8 (batch, side,
        side), and give ``logits``, float32 (batch, classes), for any batch. The labels are in all
        of them: in the header, in ``metadata_props`` and in the extra file ``config.json``.

    Returns
    -------
    tuple of Path
        The files, ``config.json`` last.

    Raises
    ------
    UsageError
        If there is no such form, the model reads strokes, which only safetensors can hold, its
        labels do not fit its outputs, or the packages for ONNX are not installed.
    IntegrityError
        If onnxruntime gets other results than PyTorch.
    OSError
        If a file cannot be written.

    Examples
    --------
    >>> folder = getfixture("tmp_path")
    >>> paths = export_model(Model.new("tiny-cnn", ("cat", "dog")), folder, forms=["safetensors"])
    >>> [path.name for path in paths]
    ['model.safetensors', 'config.json']
    >>> open_model(folder).label_names
    ('cat', 'dog')
    """
    chosen = tuple(dict.fromkeys(forms))
    _check(model, chosen)
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    config = config_of_model(model)
    paths = []
    for form in chosen:
        path = folder / FORMS[form]
        if form == "safetensors":
            save_model(model, path)
        else:
            data = _onnx(model, config) if form == "onnx" else _pt2(model, config)
            with atomic_write(path) as file:
                file.write(data)
        paths.append(path)
    config["files"] = {
        path.name: {"bytes": path.stat().st_size, "sha256": sha256_of(path)} for path in paths
    }
    with atomic_write(folder / _CONFIG) as file:
        file.write(_json(config, indent=2))
    return (*paths, folder / _CONFIG)


def config_of_model(model: Model) -> dict[str, Any]:
    """Return what one has to know of a model to use it, as JSON can hold it.

    Parameters
    ----------
    model : Model
        Any.

    Returns
    -------
    dict
        ``architecture``, ``label_names``, ``side``, ``reads`` (images or strokes),
        ``parameters``, and of `Model.about` what is known: ``raster_style``, ``normalisation``,
        ``metrics``, ``data``, ``data_sha256`` and the ``config`` of the training.

    Examples
    --------
    >>> config_of_model(Model.new("tiny-cnn", ("cat", "dog")))["label_names"]
    ['cat', 'dog']
    """
    from quickdraw_kit import __version__

    return {
        "library_version": __version__,
        "architecture": model.architecture,
        "label_names": list(model.label_names),
        "side": model.side,
        "reads": model.reads,
        "parameters": count_parameters(model.network),
        **{name: model.about.get(name) for name in _KNOWN},
    }


def open_model(path: str | os.PathLike[str]) -> Model:
    """Read a model from a folder of `train` or of `export_model`, or from its file.

    Parameters
    ----------
    path : path-like
        The folder with ``model.safetensors``, or that file.

    Returns
    -------
    Model
        On the processor, ready to predict.

    Raises
    ------
    DataError
        If it is a pickle, which can run any code and is never loaded, or no such model.
    IntegrityError
        If ``config.json`` beside it tells of another file.
    OSError
        If it cannot be read.

    Examples
    --------
    >>> path = getfixture("tmp_path") / "model.pt"
    >>> torch.save({"weight": torch.ones(2)}, path)
    >>> open_model(path)
    Traceback (most recent call last):
    ...
    quickdraw_kit.errors.DataError: ...model.pt is a pickle, which can run any code: ...
    """
    path = Path(path)
    file = path / FORMS["safetensors"] if path.is_dir() else path
    if path.is_dir() and not file.exists():
        raise DataError(f"{path} has no {file.name}: give the folder of a model")
    if _is_pickle(file):
        raise DataError(
            f"{file} is a pickle, which can run any code: it is not loaded. "
            "Expected a model.safetensors that quickdraw_kit wrote"
        )
    beside = file.parent / _CONFIG
    if file.name == FORMS["safetensors"] and beside.exists():
        _check_file(file, beside)
    return load_model(file)


def _check(model: Model, forms: tuple[str, ...]) -> None:
    unknown = [form for form in forms if form not in FORMS]
    if unknown or not forms:
        raise UsageError(f"forms {', '.join(unknown)!r}: expected some of {', '.join(FORMS)}")
    if model.reads == "strokes" and forms != ("safetensors",):
        raise UsageError(
            f"{model.architecture} reads strokes, which ONNX and torch.export files cannot take "
            "in this version: export it as safetensors only"
        )
    if model.reads == "images":
        model.network.eval()
        with torch.inference_mode():
            outputs = model.logits(np.zeros((1, model.side, model.side), np.uint8)).shape[1]
        if outputs != len(model.label_names):
            raise UsageError(f"{len(model.label_names)} label names for {outputs} outputs")


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


def _pt2(model: Model, config: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    with _quiet():
        torch.export.save(
            _exported(model), file, extra_files={_CONFIG: _json(config).decode("ascii")}
        )
    return file.getvalue()


def _onnx(model: Model, config: dict[str, Any]) -> bytes:
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


def _check_file(file: Path, config: Path) -> None:
    try:
        told = parse_json(config.read_bytes())["files"][file.name]["sha256"]
    except (ValueError, KeyError, TypeError):
        return  # another program's
    if told != sha256_of(file):
        raise IntegrityError(f"{file} is not the file that {config} tells of: export it again")


def _is_pickle(path: Path) -> bool:
    """Tell pickles, bare and in the archives of torch.save, by their content."""
    with path.open("rb") as file:
        head = file.read(9)
    if head[:1] == b"\x80" and head[8:] != b"{":  # which is where a safetensors file has it
        return True
    if not head.startswith(b"PK"):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith(".pkl") for name in archive.namelist())
    except zipfile.BadZipFile:
        return False


def _json(document: Any, *, indent: int | None = None) -> bytes:
    return json.dumps(document, indent=indent).encode("ascii")


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
