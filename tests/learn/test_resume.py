"""A run in a folder is returned, resumed or refused, but never replaced without `overwrite`."""

from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from quickdraw_kit.errors import DataError, UsageError
from quickdraw_kit.learn import train as module
from quickdraw_kit.learn.data.dataset import ArrayDataset
from quickdraw_kit.learn.models.model import Model, dump_model, save_model
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


def test_more_epochs_continue_a_finished_run(config, small):
    first = train(config, small)
    longer = replace(config, epochs=5)
    seen = []
    result = train(longer, small, on_epoch=seen.append)
    assert [metrics.epoch for metrics in seen] == [3, 4, 5]
    assert result.history[:2] == first.history
    assert result.resumed_from_step == 2 * -(-len(small["train"]) // 32)
    assert result.model.metadata["continued_after"] == [2]
    assert result.history[-1].learning_rate < 1e-5  # a schedule of its own
    assert train(longer, small, on_epoch=fail).was_finished
    with pytest.raises(UsageError, match="epochs was 5 and is 2"):
        train(config, small)
    assert train(replace(config, epochs=6), small).model.metadata["continued_after"] == [2, 5]


def test_an_interrupted_continuation_ends_with_the_same_weights(config, small, tmp_path):
    whole, cut = (replace(config, out=tmp_path / name) for name in ("whole", "cut"))
    for run in (whole, cut):
        train(run, small)
    expected = train(replace(whole, epochs=5), small)

    def die(metrics):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(replace(cut, epochs=5), small, on_epoch=die)
    result = train(replace(cut, epochs=5), small)
    assert result.resumed_from_step == expected.resumed_from_step // 2 * 3
    assert dump_model(result.model) == dump_model(expected.model)


def test_a_continued_run_keeps_its_best_epoch(config, small):
    """No added epoch of an absurd learning rate is better than those before."""
    patient = replace(config, early_stopping_patience=9, epochs=3)
    first = train(patient, small)
    best = min(row.validation_loss for row in first.history)
    result = train(replace(patient, epochs=4), small)
    selected = result.model.metadata["metrics"]
    assert selected["validation_loss"] == min(row.validation_loss for row in result.history) <= best


def test_training_starts_from_a_model(config, small, tmp_path):
    base = train(config, small).model
    same = replace(config, out=tmp_path / "same", init_from=config.out, epochs=1)
    started = train(replace(same, learning_rate=1e-9), small)
    images = small["validation"].images
    assert np.allclose(started.model.probabilities(images), base.probabilities(images), atol=0.02)
    assert train(replace(same, learning_rate=1e-9), small).was_finished
    with pytest.raises(UsageError, match="init_from_sha256 was"):
        train(replace(same, learning_rate=1e-9, init_from=None), small)


@pytest.mark.parametrize("freeze", [False, True])
def test_own_classes_on_top_of_a_model(config, small, tmp_path, freeze):
    base = train(config, small).model.network.state_dict()
    names = ("a", "b")
    relabeled = {
        split: ArrayDataset(part.images, part.labels % 2, names) for split, part in small.items()
    }
    result = train(
        replace(config, out=tmp_path / "own", init_from=config.out, freeze=freeze, seed=1),
        relabeled,
    )
    assert result.model.label_names == names
    weights = result.model.network.state_dict()
    kept = {name for name in weights if torch.equal(weights[name], base[name])} if freeze else set()
    last = {name for name in weights if weights[name].shape != base[name].shape}
    assert last == {"13.weight", "13.bias"}
    assert kept == (set(weights) - last if freeze else set())


def test_a_model_of_another_network_is_refused(config, small, tmp_path):
    train(config, small)
    other = replace(config, out=tmp_path / "other", init_from=config.out, network="mnist-cnn")
    with pytest.raises(UsageError, match="--network tiny-cnn"):
        train(other, small)
    assert not (tmp_path / "other").exists()
    with pytest.raises(UsageError, match="freeze needs init_from"):
        replace(config, freeze=True)
