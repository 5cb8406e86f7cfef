"""A run in a folder is returned, resumed or refused, but never replaced without `overwrite`."""

from dataclasses import asdict, replace

import numpy as np
import pytest

from quickdraw_kit.errors import DataError, UsageError
from quickdraw_kit.learn import train as module
from quickdraw_kit.learn.data.dataset import ArrayDataset
from quickdraw_kit.learn.models.model import Model, save_model
from quickdraw_kit.learn.train import TrainConfig, train


def fail(*_):
    raise AssertionError("the run is finished: nothing has to be trained")


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def small(splits):
    """A tenth of the drawings."""
    part = splits["train"]
    return {
        name: ArrayDataset(part.images[rows], part.labels[rows], part.label_names)
        for name, rows in (("train", slice(0, None, 10)), ("validation", slice(1, None, 10)))
    }


@pytest.fixture
def config(tmp_path):
    return TrainConfig(out=tmp_path, network="tiny-cnn", epochs=2, batch_size=32, threads=1)


@pytest.mark.parametrize(
    "change",
    [{}, {"early_stopping_patience": 1, "epochs": 9, "learning_rate": 0.1}, {"epochs": 1}],
)
def test_a_finished_run_is_returned_as_it_is(config, small, change):
    config = replace(config, **change)
    first = train(config, small)
    before = contents(config.out)
    again = train(config, small, on_epoch=fail)
    assert (first.was_finished, again.was_finished) == (False, True)
    assert again.history == first.history
    assert again.resumed_from_step == len(again.history) * -(-len(small["train"]) // 32)
    images = small["validation"].images
    assert (again.model.probabilities(images) == first.model.probabilities(images)).all()
    assert contents(config.out) == before


def test_overwrite_keeps_the_same_run_and_resume_false_starts_over(config, small):
    train(config, small)
    before = contents(config.out)["model.safetensors"]
    assert train(config, small, on_epoch=fail, overwrite=True).was_finished
    again = train(config, small, resume=False)
    assert not again.was_finished
    assert contents(config.out)["model.safetensors"] == before
    with pytest.raises(UsageError, match="no unfinished run"):
        train(config, small, resume=True)


def test_another_run_is_refused_and_nothing_is_changed(config, small):
    train(config, small)
    before = contents(config.out)
    part = small["train"]
    darker = ArrayDataset(part.images // 2, part.labels, part.label_names)
    for other, data, difference in (
        (replace(config, seed=1), small, "seed was 0 and is 1"),
        (config, {**small, "train": darker}, "data_sha256 was"),
    ):
        for resume in (None, False):
            with pytest.raises(UsageError, match=f"is another model: {difference}.*--overwrite"):
                train(other, data, resume=resume)
    assert contents(config.out) == before
    result = train(replace(config, seed=1), small, overwrite=True)
    assert result.model.metadata["config"]["seed"] == 1


def test_other_models_are_refused(config, small):
    save_model(Model.new("tiny-cnn", ("cat", "dog")), config.out / "model.safetensors")
    with pytest.raises(UsageError, match="it does not record how it was trained"):
        train(config, small)
    (config.out / "model.safetensors").write_bytes(b"weights")
    with pytest.raises(DataError, match=r"is not a safetensors file.*--overwrite"):
        train(config, small)
    assert not train(config, small, overwrite=True).was_finished


def test_a_first_model_with_the_history_of_another_run_is_not_finished(config, small):
    """Killed after the first model was written, and before the history was."""
    train(replace(config, seed=1), small)
    old = (config.out / "metrics.jsonl").read_bytes()

    def die(metrics):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(config, small, overwrite=True, on_epoch=die)
    (config.out / "metrics.jsonl").write_bytes(old)
    (config.out / "checkpoint.safetensors").unlink()
    result = train(config, small)
    assert (result.was_finished, result.resumed_from_step) == (False, 0)
    (config.out / "metrics.jsonl").write_bytes(b"{}\n")
    with pytest.raises(DataError, match="is not the history of a training run"):
        train(config, small)


def test_a_run_without_a_folder_cannot_be_resumed(config, small):
    with pytest.raises(UsageError, match="pass out"):
        train(replace(config, out=None), small, resume=True)


def test_a_finished_run_with_a_loss_of_nan_is_returned(config, small, monkeypatch):
    measure = module.evaluate

    def diverged(model, dataset):
        result = measure(model, dataset)
        return replace(result, losses=np.full_like(result.losses, np.nan))

    monkeypatch.setattr(module, "evaluate", diverged)
    train(config, small)
    again = train(config, small)
    assert again.was_finished
    assert np.isnan(asdict(again.history[-1])["validation_loss"])
