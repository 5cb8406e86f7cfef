"""`export`, from the shell's side."""

import json

import pytest

from quickdraw_kit.learn.model import Model, save_model


@pytest.fixture
def model(tmp_path):
    (tmp_path / "model").mkdir()
    save_model(Model.new("tiny-cnn", ("cat", "dog")), tmp_path / "model" / "model.safetensors")
    return tmp_path / "model"


def test_files_are_written_beside_the_model(cli, model):
    ran = cli("export", model)
    assert (ran.code, ran.err) == (0, "")
    names = ["model.safetensors", "model.onnx", "model.pt2", "config.json"]
    assert sorted(path.name for path in (model / "export").iterdir()) == sorted(names)
    assert [line.split()[1].rpartition("/")[2] for line in ran.out.splitlines()] == names


def test_chosen_forms_go_where_they_are_sent(cli, model, tmp_path):
    out = tmp_path / "out"
    ran = cli("export", model, "--out", out, "--forms", "safetensors", "--json")
    assert [row["path"] for row in json.loads(ran.out)] == [
        str(out / "model.safetensors"),
        str(out / "config.json"),
    ]
    ran = cli("export", model, "--out", out, "--forms", "pickle")
    assert ran.code == 2
    assert "expected some of safetensors, onnx, pt2" in ran.err
