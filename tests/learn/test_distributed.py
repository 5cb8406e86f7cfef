"""Two processes train as one would: the same rows, the same steps, equal weights in both."""

import json
import socket
import subprocess
import sys
import time
from dataclasses import asdict, replace
from hashlib import md5
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from quickdraw_kit.errors import UsageError
from quickdraw_kit.learn.data.splits import open_splits
from quickdraw_kit.learn.distributed import join_process_group
from quickdraw_kit.learn.models.model import load_model
from quickdraw_kit.learn.train import TrainConfig
from tests.learn import torchrun_case
from tests.warm import TRAIN


@pytest.fixture(scope="module")
def shards(once):
    return once("distributed", make_shards)


def make_shards(folder: Path) -> Path:
    from quickdraw_kit.shards.prepare.pipeline import prepare
    from quickdraw_kit.synthetic.generator import write_sample

    paths = write_sample(folder / "drawings", drawings=333, categories=["sun", "ladder", "fish"])
    prepare(paths, folder / "shards", workers=1)
    return folder / "shards"


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@pytest.fixture
def run(warm):
    """Return a function that trains in forks, with the environment that torchrun gives them."""
    warm.load(*TRAIN)

    def start(config: TrainConfig, folder: Path, processes: int = 1, *, kill_at: int = 0) -> None:
        address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
        group = [
            warm.start(
                "-m", "tests.learn.torchrun_case", json.dumps(asdict(config)), folder, kill_at,
                environment={
                    "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(processes),
                    **address,
                } if processes > 1 else {},
            )
            for rank in range(processes)
        ]  # fmt: skip

        # as torchrun, which ends all processes when one has failed
        deadline, failed = time.monotonic() + 200, 0
        while not failed and any(process.poll() is None for process in group):
            assert time.monotonic() < deadline
            time.sleep(0.005)
            failed = next(filter(None, [process.poll() for process in group]), 0)
        for process in group:
            process.kill_all()
        if failed:
            errors = "".join(process.stderr for process in group)
            raise subprocess.CalledProcessError(failed, "train", stderr=errors)

    return start


def torchrun(config: TrainConfig, folder: Path, processes: int) -> None:
    start = ["-m", "torch.distributed.run", "--nproc-per-node", str(processes)]
    start += ["--master-addr", "127.0.0.1", "--master-port", str(free_port())]
    arguments = [torchrun_case.__file__, json.dumps(asdict(config)), str(folder), "0"]
    command = [sys.executable, *start, *arguments]
    subprocess.run(command, check=True, timeout=200, capture_output=True)


def results(folder: Path, rank: int | str):
    weights = safetensors.torch.load((folder / f"{rank}.safetensors").read_bytes())
    return weights, json.loads((folder / f"{rank}.json").read_text())


@pytest.fixture
def config(shards):
    return TrainConfig(
        data=str(shards),
        network="mnist-cnn",
        epochs=2,
        batch_size=37,  # the last batch is smaller, and one process has fewer rows of it
        dropout=0.0,
        precision="float32",
        threads=1,
        ema_decay=0.9,
    )


def test_two_processes_train_as_one_does(config, run, tmp_path):
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
def test_torchrun_starts_such_processes(config, run, tmp_path):
    forks = tmp_path / "forks"
    forks.mkdir()
    torchrun(config, tmp_path, 2)
    run(config, forks, 2)
    (first, losses), (expected, expected_losses) = results(tmp_path, 0), results(forks, 0)
    assert losses == results(tmp_path, 1)[1] == expected_losses
    assert all(torch.equal(first[name], value) for name, value in expected.items())


def test_with_everything_that_differs_between_processes(shards, run, tmp_path):
    config = TrainConfig(
        data=str(shards),
        out=str(tmp_path / "model"),
        network="tiny-cnn",  # batch normalization sees other rows in each process
        epochs=2,
        batch_size=32,
        translate=0.1,
        rotate=10.0,
        horizontal_flip=True,
        threads=1,
        tensorboard=False,
    )
    run(config, tmp_path, 2)

    # both processes have the weights of the model, and one process alone would have others
    (first, losses), (second, others) = results(tmp_path, 0), results(tmp_path, 1)
    assert losses == others
    assert all(torch.equal(first[name], second[name]) for name in first)
    saved = load_model(tmp_path / "model/model.safetensors").network.state_dict()
    assert all(torch.equal(first[name], saved[name]) for name in first)
    assert not (tmp_path / "model/checkpoint.safetensors").exists()
    run(replace(config, out=None), tmp_path)
    assert not torch.equal(first["0.weight"], results(tmp_path, "alone")[0]["0.weight"])

    # finished: both return it, neither makes a step, and both refuse another run
    steps = seen(tmp_path)
    run(config, tmp_path, 2)
    assert (results(tmp_path, 0)[1], results(tmp_path, 1)[1], seen(tmp_path)) == (
        losses, losses, steps,
    )  # fmt: skip
    with pytest.raises(subprocess.CalledProcessError) as error:
        run(replace(config, seed=1), tmp_path, 2)
    assert error.value.stderr.count("is another model: seed was 0 and is 1") >= 1


def test_two_processes_that_were_killed_resume(shards, run, tmp_path):
    config = TrainConfig(
        data=str(shards),
        out=str(tmp_path / "model"),
        network="tiny-cnn",
        epochs=3,
        batch_size=32,
        translate=0.1,
        ema_decay=0.9,
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
    expected, expected_losses = results(whole, 0)
    assert losses == others == expected_losses
    for name, value in expected.items():
        assert torch.equal(first[name], value), name
        assert torch.equal(second[name], value), name


def seen(folder: Path) -> dict[int, list[str]]:
    """Return the rows that all processes saw in each step."""
    steps: dict[int, list[str]] = {}
    for path in folder.glob("*.seen"):
        for line in path.read_text().splitlines():
            step, rows = json.loads(line)
            steps[step] = sorted(steps.get(step, []) + rows)
    return steps


def test_a_run_resumes_with_any_number_of_processes(shards, run, tmp_path):
    """One process is killed in the second epoch, two in the third; three finish."""
    config = TrainConfig(
        data=str(shards),
        out=str(tmp_path / "model"),
        network="mnist-cnn",
        epochs=4,
        batch_size=32,
        dropout=0.0,
        precision="float32",
        threads=1,
        checkpoint_steps=3,
    )

    # without an interruption
    whole = tmp_path / "whole"
    whole.mkdir()
    run(replace(config, out=None), whole)
    expected = seen(whole)
    train = open_splits(config)["train"]
    per_epoch = -(-len(train) // 32)

    seen_by = {}
    for processes, stop in ((1, per_epoch + 4), (2, 2 * per_epoch + 5), (3, 0)):
        folder = tmp_path / str(processes)
        folder.mkdir()
        if stop:
            with pytest.raises(subprocess.CalledProcessError):
                run(config, folder, processes, kill_at=stop)
        else:
            run(config, folder, processes)
        seen_by[processes] = seen(folder)

    assert min(seen_by[2]) == (per_epoch + 4) // 3 * 3  # from a checkpoint, not from the start
    assert min(seen_by[3]) == (2 * per_epoch + 5) // 3 * 3
    for steps in seen_by.values():
        assert all(steps[step] == expected[step] for step in steps)
    assert set().union(*seen_by.values()) == set(expected)

    # each drawing once per epoch
    for epoch in range(4):
        rows = [row for step in range(per_epoch) for row in expected[epoch * per_epoch + step]]
        assert len(rows) == len(train)
        assert sorted(rows) == sorted(md5(image.tobytes()).hexdigest() for image, _ in train)

    alone, _ = results(whole, "alone")
    for name, value in results(tmp_path / "3", 0)[0].items():
        torch.testing.assert_close(value, alone[name], rtol=1e-3, atol=1e-4)


def test_one_process_is_a_group_of_its_own():
    with join_process_group("cpu") as (group, device):
        assert (group.rank, group.world_size, group.is_rank_zero, device) == (0, 1, True, "cpu")


def test_a_device_without_collectives_is_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with (
        pytest.raises(UsageError, match="does not support more than one process"),
        join_process_group("mps"),
    ):
        pass
