"""`evaluate` on the command line."""

import csv
import json

import pytest

from quickdraw_kit.learn.models.model import Model, save_model


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    from quickdraw_kit.shards.prepare.pipeline import prepare
    from quickdraw_kit.synthetic.generator import write_sample

    folder = tmp_path_factory.mktemp("evaluate")
    write_sample(folder / "sample", drawings=150, categories=["circle", "star", "line"])
    prepare([folder / "sample"], folder / "shards", workers=1)
    return folder / "shards"


@pytest.fixture(scope="module")
def model(tmp_path_factory, shards):
    from quickdraw_kit.shards.read.dataset import open_shards

    folder = tmp_path_factory.mktemp("model")
    save_model(Model.new("tiny-cnn", open_shards(shards).label_names), folder / "model.safetensors")
    return folder


def test_all_splits_are_printed_together(cli, model, shards):
    ran = cli("evaluate", model, shards)
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert lines[0].split() == ["train", "validation", "test"]
    drawings = next(line for line in lines if line.startswith("drawings")).split()[1:]
    assert sum(map(int, drawings)) == 150
    for metric in ("loss", "top-1", "top-3", "top-5", "MAP@3", "macro F1", "calibration error"):
        assert any(line.startswith(metric) for line in lines)
    for title in ("Confused most often in test", "Weakest labels", "By country", "By recognized"):
        assert title in ran.out


def test_json_and_csv_agree(cli, model, shards, tmp_path):
    out = tmp_path / "labels.csv"
    document = json.loads(cli("evaluate", model, shards, "--json", "--out", out).out)
    assert list(document["splits"]) == ["train", "validation", "test"]
    rows = list(csv.DictReader(out.read_text("utf-8").splitlines()))
    for split, result in document["splits"].items():
        mine = [row for row in rows if row["split"] == split]
        assert [row["label"] for row in mine] == [each["label"] for each in result["per_class"]]
        assert [float(row["f1"]) for row in mine] == [each["f1"] for each in result["per_class"]]
        assert sum(int(row["support"]) for row in mine) == result["drawings"]
        assert sum(g["drawings"] for g in result["groups"]["countrycode"]) == result["drawings"]
        assert 0 <= result["top1"] <= result["map3"] <= result["top3"] <= result["top5"] <= 1


def test_prepared_bitmaps(cli, tmp_path):
    import numpy as np

    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        np.save(tmp_path / f"{name}.npy", rng.integers(0, 256, (60, 784), np.uint8))
    assert cli("prepare", tmp_path, "--out", tmp_path / "shards", "--workers", 1).code == 0
    save_model(Model.new("tiny-cnn", ("cat", "dog")), tmp_path / "model.safetensors")
    ran = cli("evaluate", tmp_path, tmp_path / "shards")
    assert (ran.code, ran.err) == (0, "")
    assert "By country" not in ran.out
    assert "By recognized" not in ran.out


def test_one_split(cli, model, shards):
    document = json.loads(cli("evaluate", model, shards, "--split", "test", "--json").out)
    assert list(document["splits"]) == ["test"]
    ran = cli("evaluate", model, shards, "--split", "tset")
    assert ran.code == 2
    assert "has train, validation, test" in ran.err


def test_data_that_the_model_was_not_trained_on(cli, shards, tmp_path):
    from quickdraw_kit.shards.read.dataset import open_shards

    metadata = {"data_sha256": "0" * 64, "raster_style": {"side": 28}}
    names = open_shards(shards).label_names
    save_model(Model.new("tiny-cnn", names, metadata=metadata), tmp_path / "model.safetensors")
    ran = cli("evaluate", tmp_path, shards, "--split", "test")
    assert ran.code == 0
    assert "not the data that the model was trained on" in ran.err
    assert "trained on bitmaps of style {'side': 28}" in ran.err


def test_a_pickle_is_refused(cli, shards, tmp_path):
    import torch

    torch.save({"weight": torch.ones(2)}, tmp_path / "model.pt")
    for command in (("evaluate", tmp_path / "model.pt", shards), ("export", tmp_path / "model.pt")):
        ran = cli(*command)
        assert ran.code == 1
        assert "is a pickle, which can run any code" in ran.err


def test_a_missing_model(cli, shards):
    ran = cli("evaluate", "bm", shards)
    assert (ran.code, "bm does not exist: give the folder of a model" in ran.err) == (2, True)
