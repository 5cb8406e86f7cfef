"""A training run between two steps, in one file that is there whole or not at all.

Tensors and a JSON text in the safetensors format: nothing in it can run. The schedule and the
random numbers of a step are functions of the seed and the step's number (see `schedule` and
`train`), so the number is all the state they have.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open

from quickdraw_kit.errors import DataError
from quickdraw_kit.storage.files import atomic_write, parse_json

__all__ = ["load_checkpoint", "optimizer_tensors", "restore_optimizer", "save_checkpoint"]

_KEY, _FORMAT = "quickdraw_kit_checkpoint", 1


def save_checkpoint(
    path: str | os.PathLike[str],
    tensors: Mapping[str, Mapping[str, torch.Tensor]],
    state: Mapping[str, Any],
) -> None:
    """Write a checkpoint."""
    flat = {
        f"{group}/{name}": value.detach().cpu().contiguous()
        for group, named in tensors.items()
        for name, value in named.items()
    }
    # two names may share their memory, which the format refuses
    flat = {name: value.clone() for name, value in flat.items()}
    text = json.dumps({"format": _FORMAT, "groups": list(tensors), "state": dict(state)})
    with atomic_write(path) as file:
        file.write(safetensors.torch.save(flat, metadata={_KEY: text}))


def load_checkpoint(
    path: str | os.PathLike[str],
) -> tuple[dict[str, dict[str, torch.Tensor]], dict[str, Any]]:
    """Read a checkpoint."""
    path = Path(path)
    expected = "expected a checkpoint of this version of quickdraw_kit; remove it to start over"
    with path.open("rb"):  # an OSError with the name, where safetensors would give none
        pass
    try:
        with safe_open(path, framework="pt") as file:
            told = parse_json((file.metadata() or {})[_KEY])
            flat = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if told["format"] != _FORMAT:
            raise ValueError(f"format {told['format']}")
        tensors: dict[str, dict[str, torch.Tensor]] = {group: {} for group in told["groups"]}
        for full, value in flat.items():
            group, _, name = full.partition("/")
            tensors[group][name] = value
        return tensors, dict(told["state"])
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} cannot be continued from ({error}): {expected}") from error


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """Name the tensors of an optimizer's state."""
    state = optimizer.state_dict()["state"]
    return {f"{number}.{name}": value for number, s in state.items() for name, value in s.items()}


def restore_optimizer(
    optimizer: torch.optim.Optimizer, tensors: Mapping[str, torch.Tensor]
) -> None:
    """Give an optimizer the state that `optimizer_tensors` took from one of the same parameters."""
    parameters = [weights for group in optimizer.param_groups for weights in group["params"]]
    state: dict[int, dict[str, torch.Tensor]] = {}
    for full, value in tensors.items():
        number, _, name = full.partition(".")
        weights = parameters[int(number)]
        if value.shape == weights.shape:  # in the memory format of the weights
            value = torch.empty_like(weights, requires_grad=False).copy_(value)
        state.setdefault(int(number), {})[name] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
