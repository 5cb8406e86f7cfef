"""`report`, on the command line."""

import pytest

from quickdraw_kit.learn.models.model import Model, save_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model and bitmaps."""
    import numpy as np

    folder = tmp_path_factory.mktemp("report")
    (folder / "model").mkdir()
    save_model(Model.new("tiny-cnn", ("cat", "dog")), folder / "model" / "model.safetensors")
    (folder / "data").mkdir()
    for name in ("cat", "dog"):
        bitmaps = np.random.default_rng(0).integers(0, 256, (60, 784), np.uint8)
        np.save(folder / "data" / f"{name}.npy", bitmaps)
    return folder


def test_a_page_is_written(cli, folder, tmp_path):
    ran = cli(
        "report",
        folder / "model",
        folder / "data",
        "--out",
        tmp_path / "page.html",
        "--title",
        "<T>",
    )
    assert (ran.code, ran.out) == (0, f"wrote {tmp_path / 'page.html'}\n")
    assert "<h1>&lt;T&gt;</h1>" in (tmp_path / "page.html").read_text("utf-8")


def test_a_network_is_drawn_by_name_or_from_a_file(cli, folder, tmp_path):
    ran = cli("report", "--model", "mnist-cnn", "--out", tmp_path / "network.svg")
    assert (ran.code, "37,610 parameters" in ran.out) == (0, True)
    assert "<svg" in (tmp_path / "network.svg").read_text("utf-8")
    ran = cli("report", "--model", "quickdraw-cnn", "--out", tmp_path / "network.dot")
    assert "500,985 parameters" in ran.out
    ran = cli("report", "--model", folder / "model", "--out", tmp_path / "own.png")
    assert (ran.code, "tiny-cnn" in ran.out) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name a model and its data"),
        (("model",), "name a model and its data"),
        (("--model", "no-such-net"), "expected a file or one of mnist-cnn"),
        (("model", "data", "--model", "mnist-cnn"), "--model draws a network"),
        (("model", "data", "--classes", 5), "--classes needs --model"),
        (("nowhere", "data"), "nowhere does not exist: give the folder of a model"),
    ],
)
def test_wrong_usage(cli, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    ran = cli("report", *arguments)
    assert ran.code == 2
    assert message in " ".join(ran.err.split())
    assert not list(tmp_path.iterdir())
