"""Checkpoints keep tensors, groups and state; damaged files are refused."""

import pytest
import torch

from quickdraw_kit.errors import DataError
from quickdraw_kit.learn.checkpoint import (
    load_checkpoint,
    optimizer_tensors,
    restore_optimizer,
    save_checkpoint,
)


def test_round_trip(tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    weight = torch.arange(2.0)
    tensors = {"network": {"weight": weight, "tied": weight}, "best_weights": {}}
    save_checkpoint(path, tensors, {"step": 7})
    loaded, state = load_checkpoint(path)
    assert state == {"step": 7}
    assert loaded["best_weights"] == {}
    assert torch.equal(loaded["network"]["weight"], weight)
    assert torch.equal(loaded["network"]["tied"], weight)


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff" * 100])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(content)
    with pytest.raises(DataError, match="remove it to start over"):
        load_checkpoint(path)


def test_the_state_of_an_optimizer_is_restored():
    weight = torch.nn.Parameter(torch.ones(2, 3, 1, 1).to(memory_format=torch.channels_last))
    optimizer = torch.optim.AdamW([weight])
    weight.grad = torch.ones_like(weight)
    optimizer.step()
    tensors = optimizer_tensors(optimizer)
    assert sorted(tensors) == ["0.exp_avg", "0.exp_avg_sq", "0.step"]

    other = torch.optim.AdamW([weight])
    restore_optimizer(other, {name: value.contiguous() for name, value in tensors.items()})
    restored = optimizer_tensors(other)
    for name, value in tensors.items():
        assert torch.equal(restored[name], value), name
        assert restored[name].stride() == value.stride(), name
