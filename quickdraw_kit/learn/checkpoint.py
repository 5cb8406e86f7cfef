"""Checkpoints: the state of a training run between two steps, in one file, written atomically.

Tensors and a JSON text in the safetensors format, so loading one cannot run code. The learning rate
and the random numbers of a step are functions of the seed and the number of the step (see
`quickdraw_kit.learn.schedule` and `quickdraw_kit.learn.state`), so the number is all that is saved
of them.
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

_KEY, _FORMAT = "quickdraw_kit_checkpoint", 1


def save_checkpoint(
    path: str | os.PathLike[str],
    tensors: Mapping[str, Mapping[str, torch.Tensor]],
    state: Mapping[str, Any],
) -> None:
    """Write groups of named tensors, and a state that JSON can hold."""
    flat = {
        # a copy each: two names may share memory, which safetensors does not accept
        f"{group}/{name}": value.detach().cpu().contiguous().clone()
        for group, named in tensors.items()
        for name, value in named.items()
    }
    # the groups are listed because an empty one has no tensor that could name it
    text = json.dumps({"format": _FORMAT, "groups": list(tensors), "state": dict(state)})
    with atomic_write(path) as file:
        file.write(safetensors.torch.save(flat, metadata={_KEY: text}))


def load_checkpoint(
    path: str | os.PathLike[str],
) -> tuple[dict[str, dict[str, torch.Tensor]], dict[str, Any]]:
    """Read the tensors and the state of a checkpoint; a damaged file is a `DataError`."""
    path = Path(path)
    with path.open("rb"):  # an OSError that names the file, which safetensors' does not
        pass
    try:
        with safe_open(path, framework="pt") as file:
            header = parse_json((file.metadata() or {})[_KEY])
            flat = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if header["format"] != _FORMAT:
            raise ValueError(f"its format is {header['format']}, not {_FORMAT}")

        tensors: dict[str, dict[str, torch.Tensor]] = {group: {} for group in header["groups"]}
        for full_name, value in flat.items():
            group, _, name = full_name.partition("/")
            tensors[group][name] = value
        return tensors, dict(header["state"])
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{path} is not a checkpoint of this version of quickdraw_kit ({error}): "
            "remove it to start over"
        ) from error


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """Return the tensors of an optimizer's state, such as ``0.exp_avg``."""
    state = optimizer.state_dict()["state"]
    return {
        f"{index}.{name}": value for index, named in state.items() for name, value in named.items()
    }


def restore_optimizer(
    optimizer: torch.optim.Optimizer, tensors: Mapping[str, torch.Tensor]
) -> None:
    """Load what `optimizer_tensors` returned for an optimizer of the same parameters."""
    parameters = [weights for group in optimizer.param_groups for weights in group["params"]]
    state: dict[int, dict[str, torch.Tensor]] = {}
    for full_name, value in tensors.items():
        index, _, name = full_name.partition(".")
        weights = parameters[int(index)]
        # A file has no memory format. With another one than the weights', AdamW would take other
        # kernels and round differently: the run would not end with the same bits.
        if value.shape == weights.shape:
            value = torch.empty_like(weights, requires_grad=False).copy_(value)
        state.setdefault(int(index), {})[name] = value

    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
