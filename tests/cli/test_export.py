"""`export`, on the command line."""

import json

import pytest

from quickdraw_kit.learn.models.model import Model, save_model


@pytest.fixture
def model(tmp_path):
    (tmp_path / "model").mkdir()
    save_model(Model.new("tiny-cnn", ("cat", "dog")), tmp_path / "model" / "model.safetensors")
    return tmp_path / "model"


@pytest.mark.slow
def test_files_are_written_beside_the_model(cli, model):
    ran = cli("export", model)
    assert (ran.code, ran.err) == (0, "")
    names = ["model.safetensors", "model.onnx", "model.pt2", "config.json"]
    assert sorted(path.name for path in (model / "export").iterdir()) == sorted(names)
    assert [line.split()[1].rpartition("/")[2] for line in ran.out.splitlines()] == names


def test_chosen_formats(cli, model, tmp_path):
    out = tmp_path / "out"
    ran = cli("export", model, "--out", out, "--formats", "safetensors", "--json")
    assert [row["path"] for row in json.loads(ran.out)] == [
        str(out / "model.safetensors"),
        str(out / "config.json"),
    ]
    ran = cli("export", model, "--out", out, "--formats", "pickle")
    assert ran.code == 2
    assert "expected some of safetensors, onnx, pt2" in ran.err


def test_another_model_in_the_folder_is_replaced_only_on_request(cli, model, tmp_path):
    save_model(Model.new("stroke-cnn", ("a", "b")), tmp_path / "other.safetensors")
    command = ("export", tmp_path / "other.safetensors", "--out", model)
    ran = cli(*command)
    assert (ran.code, "is of another model" in ran.err) == (2, True)
    assert cli(*command, "--overwrite").code == 0
    assert sorted(path.name for path in model.iterdir()) == ["config.json", "model.safetensors"]


def test_a_missing_model(cli, tmp_path):
    ran = cli("export", tmp_path / "nowhere")
    assert (ran.code, "nowhere does not exist: give the folder of a model" in ran.err) == (2, True)
