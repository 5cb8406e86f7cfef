"""What an earlier run has left in a folder: a finished model, a run to go on with, or another's.

A run is known by what its weights depend on: the settings and the data. Nobody's work is replaced
by that of another run unless it is asked for.
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
from quickdraw_kit.learn.history import EpochMetrics, chosen_epoch, is_over, read_history
from quickdraw_kit.learn.models.model import Model, load_model

__all__ = ["CHECKPOINT", "MODEL", "Finished", "Unfinished", "find_earlier"]

CHECKPOINT, MODEL = "checkpoint.safetensors", "model.safetensors"
"""Names of the files of a run in its folder."""

_LONGEST = 16  # characters of a value in a message: a checksum is known by fewer
_ADVICE = "Pass overwrite (--overwrite) to replace it, or name another folder."


@dataclass(frozen=True, slots=True, eq=False)
class Finished:
    """The same run, which has ended."""

    model: Model
    history: tuple[EpochMetrics, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Unfinished:
    """The same run, which was interrupted."""

    tensors: Mapping[str, Mapping[str, torch.Tensor]]
    state: Mapping[str, Any]


def find_earlier(
    out: str | os.PathLike[str],
    config: TrainConfig,
    identity: Mapping[str, Any],
    *,
    resume: bool | None = None,
    overwrite: bool = False,
) -> Finished | Unfinished | None:
    """Look for what an earlier run has left."""
    folder = Path(out)
    try:
        if (folder / CHECKPOINT).exists():
            return _unfinished(folder, identity, resume, overwrite)
        if resume:
            raise UsageError(f"there is no unfinished run in {folder}: {CHECKPOINT}")
        if (folder / MODEL).exists():
            return _finished(folder, config, identity, resume, overwrite)
    except DataError as error:
        if resume:
            raise
        if not overwrite:
            raise DataError(f"{error}. {_ADVICE}") from error
    return None


def _unfinished(
    folder: Path, identity: Mapping[str, Any], resume: bool | None, overwrite: bool
) -> Unfinished | None:
    tensors, state = load_checkpoint(folder / CHECKPOINT)
    changes = _changes(state["identity"], identity)
    if not changes:
        return None if resume is False else Unfinished(tensors, state)
    if resume:
        raise UsageError(f"{folder / CHECKPOINT} is of another run: {changes}")
    if not overwrite:
        raise UsageError(
            f"{folder} holds another run, which is unfinished: {changes}. Run that one again to "
            f"finish it. {_ADVICE}"
        )
    return None


def _finished(
    folder: Path,
    config: TrainConfig,
    identity: Mapping[str, Any],
    resume: bool | None,
    overwrite: bool,
) -> Finished | None:
    model = load_model(folder / MODEL)
    told = model.metadata.get("config")
    if isinstance(told, Mapping):
        theirs = {
            **told,
            **{name: model.metadata.get(name) for name in ("precision", "data_sha256")},
        }
        # on which device it came to be is not told in a model
        changes = _changes(theirs, {k: v for k, v in identity.items() if k != "device"})
    else:
        changes = "it does not say how it was trained"
    if changes:
        if not overwrite:
            raise UsageError(f"{folder / MODEL} is another model: {changes}. {_ADVICE}")
        return None
    if resume is False:
        return None
    history = read_history(folder)
    if not is_over(history, config.epochs, config.early_stopping_patience):
        return None
    # a run that began anew may have been killed after its first model, with the history still old
    row = history[chosen_epoch(history, config.early_stopping_patience)].measures()
    if json.dumps(row) != json.dumps(model.metadata.get("metrics")):
        return None
    return Finished(model, tuple(history))


def _changes(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name} was {_said(theirs.get(name))} and is {_said(ours[name])}"
        for name in sorted(ours)
        if theirs.get(name) != ours[name]
    )


def _said(value: Any) -> str:
    if value is None:
        return "unset"
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)[:_LONGEST]
