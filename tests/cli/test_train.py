"""`train` on the command line."""

import json

import numpy as np
import pytest

from quickdraw_kit.learn.config import TrainConfig
from quickdraw_kit.learn.models.networks import NETWORKS
from tests.conftest import Ran


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    from quickdraw_kit.shards.prepare.pipeline import prepare
    from quickdraw_kit.synthetic.generator import write_sample

    folder = tmp_path_factory.mktemp("jobs")
    write_sample(folder / "sample", drawings=120, categories=["circle", "star", "line"])
    prepare([folder / "sample"], folder / "shards", workers=1)
    return folder / "shards"


def test_train_and_evaluate(cli, shards, tmp_path):
    options = ("--network", "tiny-cnn", "--epochs", 2, "--threads", 1)
    ran = cli("train", shards, "--out", tmp_path / "model", *options)
    assert ran.code == 0
    assert "epoch   2 of 2" in ran.out
    document = json.loads(cli("evaluate", tmp_path / "model", shards, "--json").out)
    measured = document["splits"]["test"]
    assert 0 <= measured["top1"] <= measured["top3"] <= 1
    assert "top-1" in cli("evaluate", tmp_path / "model", shards, "--split", "train").out


def test_train_takes_official_bitmaps_and_every_option(cli, tmp_path):
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        np.save(tmp_path / f"{name}.npy", rng.integers(0, 256, (60, 784), np.uint8))
    text = (
        "--network mnist-tiny --epochs 2 --batch-size 16 --schedule cosine --learning-rate 0.01 "
        "--warmup-fraction 0.1 --weight-decay 0.1 --label-smoothing 0.1 --max-grad-norm 1 "
        "--ema-decay 0.9 --dropout 0.1 --class-balance 1 --early-stopping-patience 3 "
        "--val-fraction 0.2 --test-fraction 0.2 --seed 3 --translate 0.1 --rotate 5 --scale 0.1 "
        "--shear 5 --horizontal-flip --device cpu --precision float32 --threads 1 "
        "--checkpoint-steps 2 --json"
    )
    ran = cli("train", "--data", tmp_path, "--out", tmp_path / "model", *text.split())
    assert ran.code == 0
    result = json.loads(ran.out)
    assert [row["epoch"] for row in result["history"]] == [1, 2]
    config = result["metadata"]["config"]
    assert (
        config
        == TrainConfig(
            network="mnist-tiny",
            epochs=2,
            batch_size=16,
            schedule="cosine",
            learning_rate=0.01,
            warmup_fraction=0.1,
            weight_decay=0.1,
            label_smoothing=0.1,
            max_grad_norm=1.0,
            ema_decay=0.9,
            dropout=0.1,
            class_balance=1.0,
            early_stopping_patience=3,
            val_fraction=0.2,
            test_fraction=0.2,
            seed=3,
            translate=0.1,
            rotate=5.0,
            scale=0.1,
            shear=5.0,
            horizontal_flip=True,
            device="cpu",
            precision="float32",
            threads=1,
        ).fingerprint()
    )


def test_the_same_command_continues_a_killed_run(cli, shards, tmp_path, monkeypatch):
    from quickdraw_kit.learn import train as module

    command = ("train", shards, "-o", tmp_path, "--network", "tiny-cnn", "--threads", 1)
    measure, calls = module.evaluate, []

    def fail(model, dataset):
        calls.append(model)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return measure(model, dataset)

    monkeypatch.setattr(module, "evaluate", fail)
    assert cli(*command, "--epochs", 4).code == 130
    ran = cli(*command, "--epochs", 4, "--resume")
    assert ran.code == 0
    assert "epoch   3 of 4" in ran.out
    assert "epoch   2 of 4" not in ran.out
    assert "continued after step" in ran.out
    assert "no unfinished run" in cli(*command, "--epochs", 4, "--resume").err


def test_a_finished_model_is_kept(cli, shards, tmp_path):
    command = ("train", shards, "-o", tmp_path, "--network", "tiny-cnn", "--threads", 1)
    assert cli(*command, "--epochs", 1).code == 0
    before = (tmp_path / "model.safetensors").read_bytes()
    ran = cli(*command, "--epochs", 1)
    assert (ran.code, "epoch" in ran.out) == (0, False)
    assert f"{tmp_path / 'model.safetensors'} is already trained" in ran.out
    assert len(json.loads(cli(*command, "--epochs", 1, "--json").out)["history"]) == 1
    ran = cli(*command, "--epochs", 1, "--seed", 5)
    assert ran.code == 2
    assert "seed was 0 and is 5" in ran.err
    assert (tmp_path / "model.safetensors").read_bytes() == before
    assert "epoch   2 of 2" in cli(*command, "--epochs", 2, "--overwrite").out


def test_only_rank_0_reports(cli, shards, tmp_path, monkeypatch):
    command = ("train", shards, "-o", tmp_path, "--network", "tiny-cnn", "--threads", 1)
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert cli(*command, "--epochs", 1) == Ran(0, "", "")


def test_list_of_networks(cli):
    ran = cli("train", "--list-models")
    assert "mnist-cnn: 37,610 parameters for 10 labels, input images" in ran.out
    assert "quickdraw-cnn: 500,985 parameters for 345 labels" in ran.out
    assert "Conv2d 32 -> 64, 3 x 3" in ran.out
    listed = json.loads(cli("train", "--list-models", "--classes", 12, "--json").out)
    assert set(listed) == set(NETWORKS)
    for network in listed.values():
        assert network["labels"] == 12
        assert sum(layer["parameters"] for layer in network["layers"]) == network["parameters"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--out", "m"), "name the data once"),
        (("d", "--data", "d", "--out", "m"), "name the data once"),
        (("d",), "name a folder for the model"),
        (("nowhere", "--out", "m"), "nowhere is not a folder"),
        (("d", "--out", "m", "--epochs", "0"), "--epochs is 0, expected at least 1"),
    ],
)
def test_wrong_usage(cli, arguments, message):
    ran = cli("train", *arguments)
    assert ran.code == 2
    assert message in ran.err


def test_an_unknown_network(cli, shards, tmp_path):
    ran = cli("train", shards, "--out", tmp_path / "m", "--network", "mnist-cn")
    assert ran.code == 2
    assert "mnist-cnn" in ran.err
