"""Whether a training run is resumed, is finished already, or starts; and when it is refused.

A run is known by its fingerprint: the settings and the data that its weights depend on. What is in
its folder decides:

- a checkpoint with the same fingerprint is resumed;
- a model with the same fingerprint, and a complete history, is finished;
- a finished model with the same fingerprint, but for fewer epochs, is continued;
- a checkpoint or a model with another fingerprint is never replaced without `overwrite`.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from quickdraw_kit.errors import DataError, UsageError
from quickdraw_kit.learn.checkpoint import load_checkpoint
from quickdraw_kit.learn.config import TrainConfig
from quickdraw_kit.learn.history import EpochMetrics, is_complete, read_history, selected_epoch
from quickdraw_kit.learn.models.model import Model, load_model

CHECKPOINT_NAME, MODEL_NAME = "checkpoint.safetensors", "model.safetensors"

_ADVICE = "Pass overwrite (--overwrite) to replace it, or choose another folder."
_MAX_VALUE_LENGTH = 16  # characters in a message: enough of a checksum to recognize it


@dataclass(frozen=True, slots=True, eq=False)
class FinishedRun:
    """A run with the same fingerprint that has ended."""

    model: Model
    history: tuple[EpochMetrics, ...]


@dataclass(frozen=True, slots=True, eq=False)
class ShorterRun:
    """A run that has ended, with the same fingerprint but for fewer epochs."""

    model: Model
    history: tuple[EpochMetrics, ...]


@dataclass(frozen=True, slots=True, eq=False)
class UnfinishedRun:
    """A run with the same fingerprint that was interrupted, as `load_checkpoint` returns it."""

    tensors: Mapping[str, Mapping[str, torch.Tensor]]
    state: Mapping[str, Any]


def find_previous_run(
    out: str | os.PathLike[str],
    config: TrainConfig,
    fingerprint: Mapping[str, Any],
    *,
    resume: bool | None = None,
    overwrite: bool = False,
) -> FinishedRun | ShorterRun | UnfinishedRun | None:
    """Return what a run left in its folder; None to start from the first step.

    `UsageError` and `DataError` say why a run is refused; nothing in the folder is changed.
    """
    folder = Path(out)
    try:
        # A checkpoint goes before a model: each epoch writes both, and only the end of a run
        # removes the checkpoint.
        if (folder / CHECKPOINT_NAME).exists():
            return _check_checkpoint(folder, fingerprint, resume, overwrite)
        if resume:
            raise UsageError(f"there is no unfinished run in {folder}: expected {CHECKPOINT_NAME}")
        if (folder / MODEL_NAME).exists():
            return _check_model(folder, config, fingerprint, resume, overwrite)
    except DataError as error:
        if resume:
            raise
        if not overwrite:
            raise DataError(f"{error}. {_ADVICE}") from error
    return None


def _check_checkpoint(
    folder: Path, fingerprint: Mapping[str, Any], resume: bool | None, overwrite: bool
) -> UnfinishedRun | None:
    path = folder / CHECKPOINT_NAME
    tensors, state = load_checkpoint(path)
    differences = _differences(state["fingerprint"], fingerprint)
    if not differences:
        return None if resume is False else UnfinishedRun(tensors, state)

    if resume:
        raise UsageError(f"{path} belongs to another run: {differences}")
    if not overwrite:
        raise UsageError(
            f"{folder} contains another run, which is unfinished: {differences}. Start that run "
            f"again to finish it. {_ADVICE}"
        )
    return None


def _check_model(
    folder: Path,
    config: TrainConfig,
    fingerprint: Mapping[str, Any],
    resume: bool | None,
    overwrite: bool,
) -> FinishedRun | ShorterRun | None:
    model = load_model(folder / MODEL_NAME)
    epochs = _trained_epochs(model, config)
    differences = _model_differences(model, {**fingerprint, "epochs": epochs})
    if differences:
        if not overwrite:
            raise UsageError(f"{folder / MODEL_NAME} is another model: {differences}. {_ADVICE}")
        return None
    if resume is False:
        return None

    # A run that started over may have been killed after it wrote its first model and before it
    # wrote its history: then the history is that of the run before, and its metrics differ.
    history = read_history(folder)
    if not is_complete(history, epochs, config.early_stopping_patience):
        return None
    selected = history[selected_epoch(history, config.early_stopping_patience)]
    metrics = json.dumps(selected.without_seconds())  # as text, NaN equals NaN
    if metrics != json.dumps(model.metadata.get("metrics")):
        return None
    if is_complete(history, config.epochs, config.early_stopping_patience):
        return FinishedRun(model, tuple(history))
    return ShorterRun(model, tuple(history))


def _trained_epochs(model: Model, config: TrainConfig) -> int:
    """Return the number of epochs of a model if it can be continued, or else that of the config."""
    recorded = model.metadata.get("config")
    epochs = recorded.get("epochs") if isinstance(recorded, Mapping) else None
    if isinstance(epochs, int) and 0 < epochs < config.epochs:
        return epochs
    return config.epochs


def _model_differences(model: Model, fingerprint: Mapping[str, Any]) -> str:
    """Compare a model with a fingerprint; a model does not record the device."""
    config = model.metadata.get("config")
    if not isinstance(config, Mapping):
        return "it does not record how it was trained"
    names = ("precision", "data_sha256", "init_from_sha256")
    recorded = {name: model.metadata.get(name) for name in names}
    expected = {name: value for name, value in fingerprint.items() if name != "device"}
    return _differences({**config, **recorded}, expected)


def _differences(previous: Mapping[str, Any], current: Mapping[str, Any]) -> str:
    """Return what differs, for a message; empty if nothing does."""
    return ", ".join(
        f"{name} was {_format(previous.get(name))} and is {_format(current[name])}"
        for name in sorted(current)
        if previous.get(name) != current[name]
    )


def _format(value: Any) -> str:
    if value is None:
        return "unset"
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)[:_MAX_VALUE_LENGTH]
