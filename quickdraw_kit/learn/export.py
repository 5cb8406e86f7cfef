"""`export_model`: a trained model as files that others can run, each with its labels inside.

``model.safetensors`` and ``config.json`` are for this library; ONNX and torch.export are for
programs that have neither it nor its architectures. Those take the bitmaps as they are, uint8 from
0 for paper to 255 for ink, so that nobody has to know the normalisation.
"""

import json
import os
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from quickdraw_kit.errors import DataError, IntegrityError, UsageError
from quickdraw_kit.learn.exporters import CONFIG, export_onnx, export_pt2
from quickdraw_kit.learn.models.model import Model, dump_model, load_model, save_model
from quickdraw_kit.learn.models.networks import count_parameters
from quickdraw_kit.storage.files import atomic_write, parse_json
from quickdraw_kit.storage.hashing import sha256_file

__all__ = ["FORMATS", "export_model", "model_config", "open_model"]

FORMATS = {"safetensors": "model.safetensors", "onnx": "model.onnx", "pt2": "model.pt2"}
"""What a model can be exported to, and the names of the files."""

_KNOWN = ("raster_style", "normalization", "metrics", "data", "data_sha256", "config")


def export_model(
    model: Model,
    out: str | os.PathLike[str],
    *,
    formats: Iterable[str] | None = None,
    overwrite: bool = False,
) -> tuple[Path, ...]:
    """Write a model as a folder that others can use.

    Parameters
    ----------
    model : Model
        What to write.
    out : path-like
        The folder; made if need be.
    forms : iterable of {"safetensors", "onnx", "pt2"}, optional
        Which files to write; by default all, and of a model that reads strokes safetensors only.
        ONNX and pt2 (torch.export) take ``images``, uint8 (batch, side, side), and give ``logits``,
        float32 (batch, classes), for any batch. The labels are in all of them: in the header, in
        ``metadata_props`` and in the extra file ``config.json``.
    overwrite : bool
        Replace another model that is in the folder.

    Returns
    -------
    tuple of Path
        The files, ``config.json`` last.

    Raises
    ------
    UsageError
        If there is no such form, the model reads strokes, which only safetensors can hold, its
        labels do not fit its outputs, the packages for ONNX are not installed, or the folder holds
        another model.
    IntegrityError
        If onnxruntime gets other results than PyTorch.
    OSError
        If a file cannot be written.

    Examples
    --------
    >>> folder = getfixture("tmp_path")
    >>> paths = export_model(Model.new("tiny-cnn", ("cat", "dog")), folder, formats=["safetensors"])
    >>> [path.name for path in paths]
    ['model.safetensors', 'config.json']
    >>> open_model(folder).label_names
    ('cat', 'dog')
    """
    if formats is None:
        formats = FORMATS if model.input_type == "images" else ("safetensors",)
    chosen = tuple(dict.fromkeys(formats))
    _check(model, chosen)
    folder, config = Path(out), model_config(model)
    if not overwrite:
        _check_folder(folder, model, config)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for format in chosen:
        path = folder / FORMATS[format]
        if format == "safetensors":
            save_model(model, path)
        else:
            data = export_onnx(model, config) if format == "onnx" else export_pt2(model, config)
            with atomic_write(path) as file:
                file.write(data)
        paths.append(path)
    config["files"] = {
        path.name: {"bytes": path.stat().st_size, "sha256": sha256_file(path)} for path in paths
    }
    with atomic_write(folder / CONFIG) as file:
        file.write(json.dumps(config, indent=2).encode("ascii"))
    return (*paths, folder / CONFIG)


def model_config(model: Model) -> dict[str, Any]:
    """Return what one has to know of a model to use it, as JSON can hold it."""
    from quickdraw_kit import __version__

    return {
        "library_version": __version__,
        "architecture": model.architecture,
        "label_names": list(model.label_names),
        "side": model.side,
        "input_type": model.input_type,
        "parameters": count_parameters(model.network),
        **{name: model.metadata.get(name) for name in _KNOWN},
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
    UsageError
        If there is no such folder or file.
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
    if not path.exists():
        raise UsageError(
            f"{path} does not exist: give the folder of a model, or its {FORMATS['safetensors']}"
        )
    file = path / FORMATS["safetensors"] if path.is_dir() else path
    if path.is_dir() and not file.exists():
        raise DataError(f"{path} has no {file.name}: give the folder of a model")
    if _is_pickle(file):
        raise DataError(
            f"{file} is a pickle, which can run any code: it is not loaded. "
            "Expected a model.safetensors that quickdraw_kit wrote"
        )
    beside = file.parent / CONFIG
    if file.name == FORMATS["safetensors"] and beside.exists():
        _check_file(file, beside)
    return load_model(file)


def _check(model: Model, formats: tuple[str, ...]) -> None:
    unknown = [format for format in formats if format not in FORMATS]
    if unknown or not formats:
        raise UsageError(f"forms {', '.join(unknown)!r}: expected some of {', '.join(FORMATS)}")
    if model.input_type == "strokes" and formats != ("safetensors",):
        raise UsageError(
            f"{model.architecture} reads strokes, which ONNX and torch.export files cannot take "
            "in this version: export it as safetensors only"
        )
    if model.input_type == "images":
        model.network.eval()
        with torch.inference_mode():
            outputs = model.logits(np.zeros((1, model.side, model.side), np.uint8)).shape[1]
        if outputs != len(model.label_names):
            raise UsageError(f"{len(model.label_names)} label names for {outputs} outputs")


def _check_folder(folder: Path, model: Model, config: dict[str, Any]) -> None:
    """Refuse a folder with the files of another model."""
    file, beside = folder / FORMATS["safetensors"], folder / CONFIG
    other = None
    if file.exists() and file.read_bytes() != dump_model(model):
        other = file
    elif beside.exists():
        told, ours = _told(beside), json.loads(json.dumps(config))
        if any(told.get(name) != ours[name] for name in ours if name != "library_version"):
            other = beside
    if other is not None:
        raise UsageError(
            f"{other} is of another model. Pass overwrite (--overwrite) to replace it, or name "
            "another folder."
        )


def _check_file(file: Path, config: Path) -> None:
    try:
        told = parse_json(config.read_bytes())["files"][file.name]["sha256"]
    except (ValueError, KeyError, TypeError):
        return  # another program's
    if told != sha256_file(file):
        raise IntegrityError(f"{file} is not the file that {config} tells of: export it again")


def _told(config: Path) -> dict[str, Any]:
    try:
        told = parse_json(config.read_bytes())
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


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
