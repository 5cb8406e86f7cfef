"""`train` learns, says how it went, and does the same again."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from quickdraw_kit.errors import UsageError
from quickdraw_kit.learn.dataset import ArrayDataset
from quickdraw_kit.learn.evaluate import evaluate
from quickdraw_kit.learn.model import load_model
from quickdraw_kit.learn.train import TrainConfig, train

QUICK = TrainConfig(epochs=2, batch_size=32, threads=1)


def weights(result):
    return {name: value.numpy() for name, value in result.model.network.state_dict().items()}


def same(one, other) -> bool:
    ours, theirs = weights(one), weights(other)
    return all(np.array_equal(ours[name], theirs[name]) for name in ours)


@pytest.fixture(scope="module")
def trained(splits, tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "new"
    config = TrainConfig(out=out, epochs=6, batch_size=16, learning_rate=1e-2, threads=1)
    seen = []
    return config, train(config, splits, on_epoch=seen.append), seen


def test_learns_drawings_it_has_not_seen(trained, splits):
    _, result, _ = trained
    assert evaluate(result.model, splits["test"]).top1 > 0.9
    assert result.history[-1].train_loss < result.history[0].train_loss / 2


def test_metrics_are_those_of_the_model(trained, splits):
    _, result, seen = trained
    assert tuple(seen) == result.history
    assert [metrics.epoch for metrics in seen] == [1, 2, 3, 4, 5, 6]
    last = evaluate(result.model, splits["validation"])
    assert result.history[-1].validation_loss == pytest.approx(last.loss)
    assert result.history[-1].validation_accuracy == last.top1
    rates = [metrics.learning_rate for metrics in seen]
    assert max(rates) == rates[1] > 5e-3
    assert rates[-1] < 1e-5


def test_leaves_the_model_and_its_metrics(trained, splits):
    config, result, seen = trained
    assert sorted(path.name for path in config.out.iterdir()) == [
        "metrics.jsonl",
        "model.safetensors",
    ]
    rows = [json.loads(line) for line in (config.out / "metrics.jsonl").read_text().splitlines()]
    assert [row["validation_accuracy"] for row in rows] == [m.validation_accuracy for m in seen]
    model = load_model(config.out / "model.safetensors")
    assert model.label_names == splits["train"].label_names
    images = splits["test"].images
    assert (model.probabilities(images) == result.model.probabilities(images)).all()


def test_same_seed_same_weights(splits):
    first = train(QUICK, splits)
    torch.rand(3)  # the caller's random numbers play no part
    assert same(first, train(QUICK, splits))
    assert not same(first, train(replace(QUICK, seed=1), splits))


def test_the_caller_gets_random_state_and_threads_back(splits):
    torch.manual_seed(7)
    expected = torch.rand(1)
    threads = torch.get_num_threads()
    torch.manual_seed(7)
    train(replace(QUICK, epochs=1), splits)
    assert torch.rand(1) == expected
    assert torch.get_num_threads() == threads


def test_validation_does_not_change_the_weights(splits):
    alone = train(QUICK, {"train": splits["train"]})
    assert alone.history[-1].validation_loss is None
    assert alone.history[-1].validation_accuracy is None
    assert same(alone, train(QUICK, splits))


def test_each_epoch_has_its_own_order(splits):
    class Recorder(ArrayDataset):
        def batches(self, batch_size, *, shuffle=False, seed=0):
            orders.append((shuffle, seed))
            return super().batches(batch_size, shuffle=shuffle, seed=seed)

    orders: list[tuple[bool, int]] = []
    part = splits["train"]
    train(QUICK, {"train": Recorder(part.images, part.labels, part.label_names)})
    assert [shuffle for shuffle, _ in orders] == [True, True]
    assert len({seed for _, seed in orders}) == 2


def test_smoothing_and_decay_are_used(splits):
    plain = train(QUICK, splits)
    for change in ({"label_smoothing": 0.2}, {"weight_decay": 5.0}, {"learning_rate": 1e-4}):
        assert not same(plain, train(replace(QUICK, **change), splits))


def test_reads_the_shards_that_prepare_wrote(tmp_path):
    from quickdraw_kit.shards.prepare import prepare
    from quickdraw_kit.strokes.generate import write_sample

    paths = write_sample(tmp_path / "drawings", drawings=300, categories=["sun", "ladder"])
    prepare(paths, tmp_path / "shards", workers=1)
    result = train(TrainConfig(data=tmp_path / "shards", epochs=3, batch_size=16, threads=1))
    assert result.model.label_names == ("ladder", "sun")
    assert result.history[-1].validation_accuracy > 0.9


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"epochs": 0}, "epochs is 0, expected at least 1"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"learning_rate": 0}, "learning_rate is 0"),
        ({"weight_decay": -1}, "weight_decay is -1"),
        ({"weight_decay": float("inf")}, "weight_decay is inf"),
        ({"weight_decay": float("nan")}, "weight_decay is nan"),
        ({"label_smoothing": 1}, "label_smoothing is 1"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 1 << 64}, r"expected 0 to 2\*\*64 - 1"),
        ({"threads": 0}, "threads is 0"),
    ],
)
def test_wrong_settings_are_refused(fields, message):
    with pytest.raises(UsageError, match=message):
        TrainConfig(**fields)


def test_what_cannot_be_trained_is_refused(splits):
    with pytest.raises(UsageError, match="no data to train on"):
        train(QUICK)
    with pytest.raises(UsageError, match="no network 'big'"):
        train(replace(QUICK, network="big"), splits)
    with pytest.raises(UsageError, match="device 'abacus' is not there"):
        train(replace(QUICK, device="abacus"), splits)
    part = splits["train"]
    empty = ArrayDataset(part.images[:0], part.labels[:0], part.label_names)
    with pytest.raises(UsageError, match="training split is empty"):
        train(QUICK, {"train": empty})
