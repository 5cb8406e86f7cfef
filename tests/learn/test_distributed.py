"""Two processes train what one would: the same rows, the same steps, equal weights in both."""

import json
import socket
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from quickdraw_kit.errors import UsageError
from quickdraw_kit.learn.distributed import Team, join_team
from quickdraw_kit.learn.model import load_model
from quickdraw_kit.learn.train import TrainConfig

CASE = Path(__file__).with_name("torchrun_case.py")


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    from quickdraw_kit.shards.prepare import prepare
    from quickdraw_kit.strokes.generate import write_sample

    folder = tmp_path_factory.mktemp("distributed")
    paths = write_sample(folder / "drawings", drawings=333, categories=["sun", "ladder", "fish"])
    prepare(paths, folder / "shards", workers=1)
    return folder / "shards"


def run(config: TrainConfig, folder: Path, processes: int = 1, *, kill_at: int = 0) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    start = [sys.executable]
    if processes > 1:
        start += ["-m", "torch.distributed.run", "--nproc-per-node", str(processes)]
        start += ["--master-addr", "127.0.0.1", "--master-port", str(port)]
    arguments = [str(CASE), json.dumps(asdict(config)), str(folder), str(kill_at)]
    subprocess.run([*start, *arguments], check=True, timeout=200, capture_output=True)


def results(folder: Path, rank: int | str):
    weights = safetensors.torch.load((folder / f"{rank}.safetensors").read_bytes())
    return weights, json.loads((folder / f"{rank}.json").read_text())


@pytest.mark.slow
def test_two_processes_do_what_one_does(shards, tmp_path):
    config = TrainConfig(
        data=str(shards),
        network="mnist-cnn",
        epochs=2,
        batch_size=37,  # the last batch has another number of rows, and one process fewer of them
        dropout=0.0,
        precision="float32",
        threads=1,
        ema=0.9,
    )
    run(config, tmp_path, 2)
    run(config, tmp_path)
    (first, losses), (second, others) = results(tmp_path, 0), results(tmp_path, 1)
    alone, expected = results(tmp_path, "alone")
    assert losses == others
    for name, value in alone.items():
        assert torch.equal(first[name], second[name]), name
        torch.testing.assert_close(first[name], value, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(losses, expected, rtol=1e-3)


@pytest.mark.slow
def test_with_everything_that_differs_between_processes(shards, tmp_path):
    config = TrainConfig(
        data=str(shards),
        out=str(tmp_path / "model"),
        network="tiny-cnn",  # batch normalisation sees other rows in each
        epochs=2,
        batch_size=32,
        shift=0.1,
        rotate=10.0,
        flip=True,
        threads=1,
        tensorboard=False,
    )
    run(config, tmp_path, 2)
    (first, losses), (second, others) = results(tmp_path, 0), results(tmp_path, 1)
    assert losses == others
    assert all(torch.equal(first[name], second[name]) for name in first)
    saved = load_model(tmp_path / "model/model.safetensors").network.state_dict()
    assert all(torch.equal(first[name], saved[name]) for name in first)
    assert not (tmp_path / "model/checkpoint.safetensors").exists()
    run(replace(config, out=None), tmp_path)
    assert not torch.equal(first["0.weight"], results(tmp_path, "alone")[0]["0.weight"])


@pytest.mark.slow
def test_two_processes_that_were_killed_go_on(shards, tmp_path):
    config = TrainConfig(
        data=str(shards),
        out=str(tmp_path / "model"),
        network="tiny-cnn",
        epochs=3,
        batch_size=32,
        shift=0.1,
        ema=0.9,
        threads=1,
        checkpoint_steps=3,
    )
    with pytest.raises(subprocess.CalledProcessError):
        run(config, tmp_path, 2, kill_at=13)  # within the second epoch
    assert not (tmp_path / "0.json").exists()
    run(config, tmp_path, 2)
    (first, losses), (second, others) = results(tmp_path, 0), results(tmp_path, 1)
    whole = tmp_path / "whole"
    whole.mkdir()
    run(replace(config, out=None), whole, 2)
    expected, never_killed = results(whole, 0)
    assert losses == others == never_killed
    for name, value in expected.items():
        assert torch.equal(first[name], value), name
        assert torch.equal(second[name], value), name


@pytest.mark.parametrize(("rows", "size"), [(10, 2), (7, 3), (1, 4)])
def test_every_row_has_one_process(rows, size):
    parts = [list(range(rows))[Team(rank, size).rows] for rank in range(size)]
    assert sorted(row for part in parts for row in part) == list(range(rows))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_a_device_that_cannot_talk_is_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError, match="works in one process only"), join_team("mps"):
        pass
