"""The commands that train and measure a model, from the shell's side."""

import json

import pytest


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    from quickdraw_kit.shards.prepare import prepare
    from quickdraw_kit.strokes.generate import write_sample

    folder = tmp_path_factory.mktemp("jobs")
    write_sample(folder / "sample", drawings=120, categories=["circle", "star", "line"])
    prepare([folder / "sample"], folder / "shards", workers=1)
    return folder / "shards"


def test_train_and_evaluate(cli, shards, tmp_path):
    options = ("--network", "tiny-cnn", "--epochs", 2, "--threads", 1)
    ran = cli("train", shards, "--out", tmp_path / "model", *options)
    assert ran.code == 0
    assert "epoch   2 of 2" in ran.out
    measured = json.loads(cli("evaluate", tmp_path / "model", shards, "--json").out)
    assert measured["split"] == "test"
    assert 0 <= measured["top1"] <= measured["top3"] <= 1
    assert "top-1" in cli("evaluate", tmp_path / "model", shards, "--split", "train").out


def test_a_network_that_does_not_exist(cli, shards, tmp_path):
    ran = cli("train", shards, "--out", tmp_path / "m", "--network", "mnist-cn")
    assert ran.code == 2
    assert "mnist-cnn" in ran.err
