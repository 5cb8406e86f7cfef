"""`train` learns, reports metrics, and gives the same weights again."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from quickdraw_kit.errors import UsageError
from quickdraw_kit.learn.data.dataset import ArrayDataset
from quickdraw_kit.learn.evaluate import evaluate
from quickdraw_kit.learn.models.model import Model, load_model
from quickdraw_kit.learn.train import TrainConfig, train

QUICK = TrainConfig(network="tiny-cnn", epochs=2, batch_size=32, threads=1)


def weights(result):
    return {name: value.numpy() for name, value in result.model.network.state_dict().items()}


def same(one, other) -> bool:
    ours, theirs = weights(one), weights(other)
    return all(np.array_equal(ours[name], theirs[name]) for name in ours)


def test_learns_to_classify_new_drawings(trained, splits):
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


def test_every_step_is_reported(splits):
    part, seen = splits["train"], []
    small = ArrayDataset(part.images[:70], part.labels[:70], part.label_names)
    train(QUICK, {"train": small}, on_step=lambda *step: seen.append(step))
    assert seen == [(epoch, done, 3) for epoch in (1, 2) for done in (1, 2, 3)]


def test_writes_the_model_and_its_metrics(trained, splits):
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
    torch.rand(3)  # the caller's random state does not matter
    assert same(first, train(QUICK, splits))
    assert not same(first, train(replace(QUICK, seed=1), splits))


def test_random_state_and_threads_are_restored(splits):
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
        def batches(self, batch_size, **options):
            orders.append((options["shuffle"], options["seed"]))
            return super().batches(batch_size, **options)

    orders: list[tuple[bool, int]] = []
    part = splits["train"]
    train(QUICK, {"train": Recorder(part.images, part.labels, part.label_names)})
    assert [shuffle for shuffle, _ in orders] == [True, True]
    assert len({seed for _, seed in orders}) == 2


def test_smoothing_and_decay_are_used(splits):
    plain = train(QUICK, splits)
    for change in ({"label_smoothing": 0.2}, {"weight_decay": 5.0}, {"learning_rate": 1e-4}):
        assert not same(plain, train(replace(QUICK, **change), splits))


@pytest.mark.parametrize(
    "change",
    [
        {"ema_decay": 0.9},
        {"max_grad_norm": 0.1},
        {"translate": 0.1},
        {"rotate": 5.0},
        {"scale": 0.1},
        {"shear": 5.0},
        {"horizontal_flip": True},
        {"schedule": "cosine"},
        {"warmup_fraction": 0.1},
        {"precision": "float32"},
    ],
)
def test_settings_are_used(change, splits, plain):
    # where the CPU does not support bfloat16, auto is float32
    if "precision" in change and plain.model.metadata["precision"] == "float32":
        change = {"precision": "bfloat16"}
    assert not same(plain, train(replace(QUICK, **change), splits))


@pytest.fixture(scope="module")
def plain(splits):
    return train(QUICK, splits)


def test_dropout_is_used(splits):
    config = replace(QUICK, network="mnist-cnn", epochs=1)
    assert not same(train(config, splits), train(replace(config, dropout=0.0), splits))


def test_the_averaged_weights_lag_behind(splits):
    one_step = TrainConfig(
        network="tiny-cnn",
        epochs=1,
        batch_size=10_000,
        schedule="constant",
        warmup_fraction=0.0,
        threads=1,
    )
    last = train(one_step, splits)
    # in the first step, the average moves by 0.9, whatever `ema_decay` is
    slow = train(replace(one_step, ema_decay=0.999), splits)
    torch.manual_seed(0)
    start = Model.new("tiny-cnn", last.model.label_names).network.state_dict()
    for name, value in slow.model.network.named_parameters():
        moved = start[name] + 0.9 * (last.model.network.state_dict()[name] - start[name])
        torch.testing.assert_close(value.detach(), moved, rtol=1e-4, atol=1e-6)


def test_class_balance_compensates_for_rare_labels():
    # all images are equal: the network can only learn how frequent the labels are
    blank = np.zeros((1, 28, 28), np.uint8)
    data = ArrayDataset(blank.repeat(300, axis=0), np.arange(300) % 10 // 9, ("often", "rare"))
    config = TrainConfig(
        network="tiny-cnn", epochs=15, batch_size=30, threads=1, learning_rate=5e-2
    )

    def probability_of_rare(class_balance):
        result = train(replace(config, class_balance=class_balance), {"train": data})
        return result.model.probabilities(blank)[0, 1]

    assert probability_of_rare(0.0) == pytest.approx(0.1, abs=0.05)
    assert probability_of_rare(1.0) == pytest.approx(0.5, abs=0.1)


def test_stops_early_and_restores_the_best_weights(splits, tmp_path):
    # at this rate, and without a schedule that falls, the loss goes up and down
    config = TrainConfig(
        out=tmp_path,
        network="tiny-cnn",
        epochs=30,
        batch_size=16,
        learning_rate=0.1,
        schedule="constant",
        warmup_fraction=0.0,
        early_stopping_patience=2,
        threads=1,
    )
    result = train(config, splits)

    losses = [row.validation_loss for row in result.history]
    best = losses.index(min(losses))
    assert len(losses) == best + 3 < 30
    measured = evaluate(result.model, splits["validation"])
    assert measured.loss == pytest.approx(losses[best], rel=1e-4)
    assert load_model(tmp_path / "model.safetensors").metadata["metrics"]["epoch"] == best + 1
    with pytest.raises(UsageError, match="no validation split"):
        train(config, {"train": splits["train"]})


def test_the_model_records_how_it_was_trained(trained, splits):
    config, result, _ = trained
    metadata = load_model(config.out / "model.safetensors").metadata
    assert metadata == json.loads(json.dumps(dict(result.model.metadata)))
    assert metadata["config"]["epochs"] == 6
    assert metadata["metrics"]["validation_accuracy"] == result.history[-1].validation_accuracy
    assert metadata["parameters"] == sum(v.numel() for v in result.model.network.parameters())
    assert len(metadata["data_sha256"]) == 64
    again = train(replace(config, out=None), splits)
    assert again.model.metadata == result.model.metadata  # nothing that differs between equal runs


def test_tensorboard(splits, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    result = train(replace(QUICK, out=tmp_path, tensorboard=True), splits)
    values = []
    for path in (tmp_path / "tensorboard").iterdir():
        events = EventAccumulator(str(path)).Reload()
        values += [(event.step, event.value) for event in events.Scalars("train/loss")]
    assert sorted(values) == [
        (row.epoch, pytest.approx(row.train_loss, rel=1e-6)) for row in result.history
    ]


def test_tensorboard_is_an_extra(splits, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"quickdraw-kit\[tensorboard\]"):
        train(replace(QUICK, tensorboard=True), splits)


def test_reads_the_shards_that_prepare_wrote(tmp_path):
    from quickdraw_kit.shards.prepare.pipeline import prepare
    from quickdraw_kit.synthetic.generator import write_sample

    paths = write_sample(tmp_path / "drawings", drawings=300, categories=["sun", "ladder"])
    prepare(paths, tmp_path / "shards", workers=1)
    result = train(
        TrainConfig(
            data=tmp_path / "shards", network="tiny-cnn", epochs=3, batch_size=16, threads=1
        )
    )
    assert result.model.label_names == ("ladder", "sun")
    assert result.history[-1].validation_accuracy > 0.9


def test_invalid_data_and_devices(splits):
    with pytest.raises(UsageError, match="no data to train on"):
        train(QUICK)
    with pytest.raises(UsageError, match="there is no network 'big'"):
        train(replace(QUICK, network="big"), splits)
    with pytest.raises(UsageError, match="device 'abacus' is not available"):
        train(replace(QUICK, device="abacus"), splits)
    part = splits["train"]
    empty = ArrayDataset(part.images[:0], part.labels[:0], part.label_names)
    with pytest.raises(UsageError, match="training split is empty"):
        train(QUICK, {"train": empty})
