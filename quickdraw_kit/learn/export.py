"""`export_model`: a trained model as files for other programs, each with its labels inside.

``model.safetensors`` and ``config.json`` are for this library; ONNX and torch.export files are for
programs that have neither it nor its architectures. By default they take bitmaps as they are, uint8
from 0 for paper to 255 for ink, so that nobody has to know the normalization.
"""

import json
import os
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from quickdraw_kit.errors import DataError, IntegrityError, UsageError
from quickdraw_kit.learn.exporters import CONFIG_NAME, EXPORTERS
from quickdraw_kit.learn.models.model import Model, dump_model, load_model
from quickdraw_kit.learn.models.networks import count_parameters
from quickdraw_kit.storage.files import atomic_write, parse_json
from quickdraw_kit.storage.hashing import sha256_file

_SAFETENSORS = EXPORTERS["safetensors"].file_name
"""The formats of an export, and the names of the files."""

_METADATA = (
    "raster_style",
    "preprocessing",
    "normalization",
    "metrics",
    "data",
    "data_sha256",
    "config",
)


def export_model(
    model: Model,
    out: str | os.PathLike[str],
    *,
    formats: Iterable[str] | None = None,
    input_dtype: Literal["uint8", "float32"] = "uint8",
    overwrite: bool = False,
) -> tuple[Path, ...]:
    """Write a model as a folder that other programs can use.

    Parameters
    ----------
    model : Model
        The model to export.
    out : path-like
        The folder; created if it does not exist.
    formats : iterable of {"safetensors", "onnx", "pt2"}, optional
        The files to write; by default all, and safetensors alone for a model that takes strokes.
        ONNX and pt2 (torch.export) take ``images`` and return ``logits``, float32 (batch, classes),
        for a batch of any size. All formats hold the label names: in the header, in
        ``metadata_props`` and in the extra file ``config.json``.
    input_dtype : {"uint8", "float32"}
        Of ``images`` in ONNX and pt2: uint8 bitmaps (batch, side, side) as they are in shards, or
        float32 (batch, 1, side, side) from 0 for paper to 1 for ink.
    overwrite : bool
        Replace another model that is in the folder.

    Returns
    -------
    tuple of Path
        The files, ``config.json`` last.

    Raises
    ------
    UsageError
        If a format is unknown, the model takes strokes and the format is not safetensors, the
        labels do not match the outputs of the network, the packages for ONNX are not installed, or
        the folder has another model.
    IntegrityError
        If the results of onnxruntime differ from those of PyTorch; the file is not written.
    OSError
        If a file cannot be written.

    See Also
    --------
    open_model : Read the folder again.

    Examples
    --------
    >>> from quickdraw_kit import Model, export_model, open_model
    >>> model = Model.new("tiny-cnn", ("cat", "dog"))
    >>> paths = export_model(model, "export", formats=["safetensors"])
    >>> [path.name for path in paths]
    ['model.safetensors', 'config.json']
    >>> open_model("export").label_names
    ('cat', 'dog')
    """
    if formats is None:
        formats = EXPORTERS if model.input_type == "images" else ("safetensors",)
    chosen = tuple(dict.fromkeys(formats))

    # before the folder is created: a refused export leaves nothing behind
    _check_exportable(model, chosen)
    if input_dtype not in ("uint8", "float32"):
        raise UsageError(f"input_dtype is {input_dtype!r}, expected uint8 or float32")
    if input_dtype != "uint8" and not set(chosen) & {"onnx", "pt2"}:
        raise UsageError(f"input_dtype does nothing for {', '.join(chosen)}: it is of onnx and pt2")
    folder, config = Path(out), {**model_config(model), "input_dtype": input_dtype}
    if not overwrite:
        _check_folder(folder, model, config)

    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for format in chosen:
        data = EXPORTERS[format].export(model, config)
        paths.append(folder / EXPORTERS[format].file_name)
        with atomic_write(paths[-1]) as file:
            file.write(data)

    # last: its checksums are of files that are complete
    config["files"] = {
        path.name: {"bytes": path.stat().st_size, "sha256": sha256_file(path)} for path in paths
    }
    with atomic_write(folder / CONFIG_NAME) as file:
        file.write(json.dumps(config, indent=2).encode("ascii"))
    return (*paths, folder / CONFIG_NAME)


def model_config(model: Model) -> dict[str, Any]:
    """Return what a program must know of a model to use it, as JSON can hold it."""
    from quickdraw_kit import __version__

    return {
        "library_version": __version__,
        "architecture": model.architecture,
        "label_names": list(model.label_names),
        "side": model.side,
        "input_type": model.input_type,
        "parameters": count_parameters(model.network),
        **{name: model.metadata.get(name) for name in _METADATA},
    }


def open_model(path: str | os.PathLike[str]) -> Model:
    """Read a model from a folder of `train` or `export_model`, or from its file.

    Parameters
    ----------
    path : path-like
        The folder with ``model.safetensors``, or that file.

    Returns
    -------
    Model
        On the CPU, ready to predict.

    Raises
    ------
    UsageError
        If there is no such folder or file.
    DataError
        If it is not a model of this library. Pickles are never loaded: they can run any code.
    IntegrityError
        If its checksum is not the one in the ``config.json`` beside it.
    OSError
        If it cannot be read.

    Examples
    --------
    >>> from quickdraw_kit import Model, export_model, open_model
    >>> model = Model.new("tiny-cnn", ("cat", "dog"))
    >>> _ = export_model(model, "exported", formats=["safetensors"])
    >>> open_model("exported").label_names
    ('cat', 'dog')
    """
    path = Path(path)
    if not path.exists():
        raise UsageError(
            f"{path} does not exist: give the folder of a model, or its {_SAFETENSORS}"
        )
    file = path / _SAFETENSORS if path.is_dir() else path
    if path.is_dir() and not file.exists():
        raise DataError(f"{path} has no {file.name}: give the folder of a model")

    # before anything parses the file: users try their .pt files here, whatever the name
    if _is_pickle(file):
        raise DataError(
            f"{file} is a pickle, which can run any code: it is not loaded. "
            "Expected a model.safetensors that quickdraw_kit wrote"
        )
    config = file.parent / CONFIG_NAME
    if file.name == _SAFETENSORS and config.exists():
        _check_checksum(file, config)
    return load_model(file)


def _check_exportable(model: Model, formats: tuple[str, ...]) -> None:
    unknown = [format for format in formats if format not in EXPORTERS]
    if unknown or not formats:
        raise UsageError(f"formats {', '.join(unknown)!r}: expected some of {', '.join(EXPORTERS)}")
    if model.input_type == "strokes":
        if formats != ("safetensors",):
            raise UsageError(
                f"{model.architecture} takes strokes, which ONNX and torch.export files do not "
                "support: export it as safetensors only"
            )
        return

    # a wrong label name would only be noticed by the user of the exported file
    model.network.eval()  # a pass in training mode would change the batch normalization
    with torch.inference_mode():
        outputs = model.logits(np.zeros((1, model.side, model.side), np.uint8)).shape[1]
    if outputs != len(model.label_names):
        raise UsageError(f"{len(model.label_names)} label names for {outputs} outputs")


def _check_folder(folder: Path, model: Model, config: dict[str, Any]) -> None:
    """Raise `UsageError` if a folder has the files of another model."""
    # equal models give equal bytes; without a weights file, the descriptions are compared
    file, config_file = folder / _SAFETENSORS, folder / CONFIG_NAME
    other = None
    if file.exists() and file.read_bytes() != dump_model(model):
        other = file
    elif config_file.exists():
        saved = _read_config(config_file)
        expected = json.loads(json.dumps(config))  # tuples are lists, as they are when read
        if any(saved.get(key) != expected[key] for key in expected if key != "library_version"):
            other = config_file
    if other is not None:
        raise UsageError(
            f"{other} is of another model. Pass overwrite (--overwrite) to replace it, or give "
            "another folder."
        )


def _check_checksum(file: Path, config: Path) -> None:
    try:
        expected = _read_config(config)["files"][file.name]["sha256"]
    except (KeyError, TypeError):
        return  # the config.json of another program
    if expected != sha256_file(file):
        raise IntegrityError(
            f"the checksum of {file} is not the one in {config}: export the model again"
        )


def _read_config(path: Path) -> dict[str, Any]:
    """Return the content of a ``config.json``; empty if it is not a JSON object."""
    try:
        config = parse_json(path.read_bytes())
    except ValueError:
        return {}
    return config if isinstance(config, dict) else {}


def _is_pickle(path: Path) -> bool:
    """Return whether a file is a pickle, bare or in an archive of torch.save."""
    with path.open("rb") as file:
        head = file.read(9)

    # a safetensors file can start with 0x80 too, the length of its header; "{" is at byte 8
    if head[:1] == b"\x80" and head[8:] != b"{":
        return True
    if not head.startswith(b"PK"):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith(".pkl") for name in archive.namelist())
    except zipfile.BadZipFile:
        return False
