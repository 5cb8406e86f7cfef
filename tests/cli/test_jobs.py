"""The commands that train and run recipes, from the shell's side."""

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


def test_run_and_its_dry_run(cli, tmp_path):
    recipe = tmp_path / "small.toml"
    recipe.write_text('[sample]\ndrawings = 54\n[prepare]\nsources = ["{out}/sample"]\n')
    out = tmp_path / "out"
    plan = json.loads(cli("run", recipe, "--out", out, "--dry-run").out)
    assert plan["sample"]["drawings"] == 54
    assert not out.exists()
    ran = cli("run", recipe, "--out", out)
    assert ran.code == 0
    assert "54 drawings of 27 categories" in ran.out
    steps = json.loads(cli("run", recipe, "--out", out, "--json").out)["steps"]
    assert set(steps) == {"sample", "prepare"}


def test_a_recipe_with_a_mistake_starts_nothing(cli, tmp_path):
    recipe = tmp_path / "bad.toml"
    recipe.write_text("[sample]\ndrawing = 54\n")
    ran = cli("run", recipe, "--out", tmp_path / "out")
    assert ran.code == 2
    assert "did you mean drawings" in ran.err
    assert not (tmp_path / "out").exists()
