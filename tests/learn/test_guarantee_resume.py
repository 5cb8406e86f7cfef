"""A run that was killed at any point ends with the weights of one that was not, to the bit."""

import json
import signal
from dataclasses import asdict, replace

import numpy as np
import pytest

from quickdraw_kit.errors import DataError, UsageError
from quickdraw_kit.learn.data.dataset import ArrayDataset
from quickdraw_kit.learn.models.model import load_model
from quickdraw_kit.learn.train import TrainConfig, train
from tests.conftest import posix
from tests.warm import TRAIN

# everything that has a state, or draws random numbers
FULL = TrainConfig(
    network="mnist-cnn",
    epochs=4,
    batch_size=32,
    ema_decay=0.9,
    label_smoothing=0.1,
    max_grad_norm=1.0,
    class_balance=0.5,
    translate=0.1,
    rotate=10.0,
    scale=0.1,
    shear=5.0,
    horizontal_flip=True,
    dropout=0.5,
    early_stopping_patience=4,
    threads=1,
    checkpoint_steps=3,
)
CONFIGS = {
    "everything": FULL,
    "plain": TrainConfig(network="tiny-cnn", epochs=3, batch_size=32, threads=1),
    "float32": replace(FULL, network="quickdraw-resnet", epochs=2, precision="float32"),
}


@pytest.fixture(scope="module")
def splits(splits):
    """Few drawings: an epoch has 4 steps, and the batch of the last one is smaller."""
    return {
        name: ArrayDataset(part.images[::3], part.labels[::3], part.label_names)
        for name, part in splits.items()
    }


class KilledError(Exception):
    pass


class Fragile(ArrayDataset):
    """Fails after `remaining_batches[0]` batches."""

    def batches(self, batch_size, **options):
        for batch in super().batches(batch_size, **options):
            remaining_batches[0] -= 1
            if remaining_batches[0] < 0:
                raise KilledError
            yield batch


remaining_batches = [0]


def weights(model):
    return {name: value.numpy() for name, value in model.network.state_dict().items()}


def metrics_of(result):
    return [row.without_seconds() for row in result.history]


def assert_same(one, other):
    ours, theirs = weights(one.model), weights(other.model)
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)
    assert metrics_of(one) == metrics_of(other)


@pytest.fixture(scope="module")
def whole(splits):
    return {name: train(config, splits) for name, config in CONFIGS.items()}


@pytest.mark.parametrize("name", CONFIGS)
def test_killed_again_and_again(name, splits, whole, tmp_path):
    config = replace(CONFIGS[name], out=tmp_path)
    part = splits["train"]
    fragile = {**splits, "train": Fragile(part.images, part.labels, part.label_names)}

    attempts = 0
    while True:
        attempts += 1
        remaining_batches[0] = 6  # more than the batches of an epoch
        try:
            result = train(config, fragile, resume=None if attempts == 1 else True)
            break
        except KilledError:
            assert (tmp_path / "checkpoint.safetensors").exists()

    assert attempts > 1
    assert result.resumed_from_step > 0
    assert_same(result, whole[name])
    assert not (tmp_path / "checkpoint.safetensors").exists()

    saved = load_model(tmp_path / "model.safetensors")
    assert all((weights(saved)[k] == v).all() for k, v in weights(whole[name].model).items())
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [row.epoch for row in result.history]


# with options, and an epoch and a step at which the process is killed
TRAIN_UNTIL = """
import json, os, signal, sys
from quickdraw_kit.learn.train import TrainConfig, train

options, *end = map(json.loads, sys.argv[1:])

def die(*at):
    if list(at[:2]) == end:
        os.kill(os.getpid(), signal.SIGKILL)

train(TrainConfig(**options), on_step=die)
"""


@posix
def test_kill_dash_nine(tmp_path, warm):
    from quickdraw_kit.shards.prepare.pipeline import prepare
    from quickdraw_kit.synthetic.generator import write_sample

    paths = write_sample(tmp_path / "drawings", drawings=150, categories=["sun", "ladder", "fish"])
    prepare(paths, tmp_path / "shards", workers=1)
    config = replace(FULL, data=str(tmp_path / "shards"), out=str(tmp_path / "killed"))

    # killed within the second epoch, between two checkpoints; then not at all
    warm.load(*TRAIN)
    command = ("-c", TRAIN_UNTIL, json.dumps(asdict(config)))
    assert warm.run(*command, 2, 2).returncode == -signal.SIGKILL
    assert (tmp_path / "killed/checkpoint.safetensors").exists()
    assert warm.run(*command, 0, 0).returncode == 0

    again = load_model(tmp_path / "killed/model.safetensors")
    expected = train(replace(config, out=None))
    for name, value in weights(again).items():
        np.testing.assert_array_equal(value, weights(expected.model)[name], err_msg=name)
    lines = (tmp_path / "killed/metrics.jsonl").read_text().splitlines()
    losses = [json.loads(line)["train_loss"] for line in lines]
    assert losses == [row.train_loss for row in expected.history]


def stop_after(epoch):
    def stop(metrics):
        if metrics.epoch == epoch:
            raise KilledError

    return stop


@pytest.fixture
def unfinished(splits, tmp_path):
    config = replace(CONFIGS["plain"], out=tmp_path)
    with pytest.raises(KilledError):
        train(config, splits, on_epoch=stop_after(2))
    return config


def test_only_the_remaining_steps_are_made(unfinished, splits, whole):
    seen = []
    result = train(unfinished, splits, on_epoch=seen.append)
    assert [row.epoch for row in seen] == [3]
    assert result.resumed_from_step == 2 * -(-len(splits["train"]) // 32)
    assert_same(result, whole["plain"])


def test_resume_false_starts_over(unfinished, splits, whole):
    result = train(unfinished, splits, resume=False)
    assert result.resumed_from_step == 0
    assert_same(result, whole["plain"])


@pytest.mark.parametrize("change", [{"seed": 1}, {"learning_rate": 1e-3}, {"epochs": 4}])
def test_another_run_is_refused(unfinished, splits, change):
    other = replace(unfinished, **change)
    name = next(iter(change))
    with pytest.raises(UsageError, match=f"belongs to another run: {name} was"):
        train(other, splits, resume=True)
    for resume in (None, False):
        with pytest.raises(
            UsageError, match=f"contains another run, which is unfinished: {name} was"
        ):
            train(other, splits, resume=resume)
    finished = train(unfinished, splits)
    assert finished.resumed_from_step > 0  # the checkpoint was kept

    # more epochs continue a finished run; other settings start over
    steps = len(finished.history) * -(-len(splits["train"]) // unfinished.batch_size)
    again = train(other, splits, overwrite=True)
    assert again.resumed_from_step == (steps if name == "epochs" else 0)


def test_overwrite_resumes_the_same_run(unfinished, splits, whole):
    result = train(unfinished, splits, overwrite=True)
    assert result.resumed_from_step > 0
    assert_same(result, whole["plain"])


def test_other_data_is_another_run(unfinished, splits):
    part = splits["train"]
    smaller = ArrayDataset(part.images[:-1], part.labels[:-1], part.label_names)
    with pytest.raises(UsageError, match="data_sha256 was"):
        train(unfinished, {**splits, "train": smaller}, resume=True)


def test_nothing_to_resume(splits, tmp_path):
    with pytest.raises(UsageError, match="no unfinished run"):
        train(replace(CONFIGS["plain"], out=tmp_path), splits, resume=True)


def test_a_damaged_checkpoint_is_refused(unfinished, splits):
    path = unfinished.out / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match="remove it to start over"):
        train(unfinished, splits)
    assert train(unfinished, splits, overwrite=True).resumed_from_step == 0
