"""The command that asks a model, from the shell's side."""

import json

import numpy as np
import pytest
from PIL import Image

from quickdraw_kit.formats.ndjson.files import write_ndjson
from quickdraw_kit.learn.models.model import Model, save_model
from quickdraw_kit.raster.render import rasterize
from quickdraw_kit.raster.style import RasterStyle
from quickdraw_kit.synthetic.generator import generate_drawings


@pytest.fixture
def folder(tmp_path):
    batch = generate_drawings(("house", "star"), 1, seed=1, raw=False)
    (tmp_path / "model").mkdir()
    save_model(Model.new("tiny-cnn", ("house", "star")), tmp_path / "model" / "model.safetensors")
    write_ndjson(batch, tmp_path / "two.ndjson")
    Image.fromarray(255 - rasterize(batch, RasterStyle(side=200))[0]).save(tmp_path / "drawn.png")
    Image.fromarray(np.full((99, 99), 255, np.uint8)).save(tmp_path / "white.png")
    return tmp_path


def test_a_table_and_a_figure(cli, folder):
    figure = folder / "seen.png"
    ran = cli(
        "predict", folder / "model", folder / "drawn.png", folder / "two.ndjson",
        "--top", 1, "--figure", figure,
    )  # fmt: skip
    assert ran.code == 0
    assert [line.split()[0] for line in ran.out.splitlines()] == [
        "drawn.png", "two.ndjson:1", "two.ndjson:2",
    ]  # fmt: skip
    assert "%" in ran.out
    assert figure.read_bytes()[1:4] == b"PNG"


def test_json(cli, folder):
    ran = cli("predict", folder / "model", folder / "drawn.png", "--json")
    (answer,) = json.loads(ran.out)
    assert answer["source"] == "drawn.png"
    assert sum(row["probability"] for row in answer["predictions"]) == pytest.approx(1, abs=1e-4)


def test_a_bad_input_does_not_hide_the_others(cli, folder):
    (folder / "text.png").write_text("no picture")
    names = [folder / name for name in ("white.png", "text.png", "drawn.png")]
    ran = cli("predict", folder / "model", *names)
    assert ran.code == 1
    assert ran.out.startswith("drawn.png")
    assert "white.png: the picture is empty" in ran.err
    assert "text.png has an unsupported format: expected a PNG" in ran.err
    ran = cli("predict", folder / "model", *names, "--json")
    assert ran.code == 1
    assert [("error" in row) for row in json.loads(ran.out)] == [False, True, True]


def test_an_empty_bitmap_does_not_hide_the_others(cli, folder):
    bitmaps = rasterize(generate_drawings(("house", "star"), 1, seed=1, raw=False))
    np.save(folder / "bitmaps.npy", np.concatenate([bitmaps[:1], 0 * bitmaps[:1], bitmaps[1:]]))
    ran = cli("predict", folder / "model", folder / "bitmaps.npy")
    assert (ran.code, ran.err) == (
        1, "quickdraw-kit: bitmaps.npy: bitmap 2 is empty: all its pixels are equal\n",
    )  # fmt: skip
    assert [line.split()[0] for line in ran.out.splitlines()] == ["bitmaps.npy:1", "bitmaps.npy:3"]


def test_no_model(cli, folder):
    assert cli("predict", folder / "drawn.png", folder / "drawn.png").code == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nomodel", "drawn.png"), "nomodel does not exist: give the folder of a model"),
        (("model", "nofile.png"), "nofile.png does not exist: give a file"),
        (("model", "drawn.png", "empty"), "empty has no pictures and no files of drawings"),
        (
            ("nomodel", "drawn.png", "--figure", "f.pdf"),
            "f.pdf: expected a name that ends in .png or .svg",
        ),
    ],
)
def test_mistakes_are_reported_before_the_model_is_loaded(
    cli, folder, monkeypatch, arguments, message
):
    monkeypatch.chdir(folder)
    (folder / "empty").mkdir()
    ran = cli("predict", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err


def test_folders_and_globs_stand_for_their_files(cli, folder):
    drawn = folder / "drawn"
    drawn.mkdir()
    for name in ("b.png", "a.png"):
        (drawn / name).write_bytes((folder / "drawn.png").read_bytes())
    for name in (".DS_Store", "._a.png", "Thumbs.db", "readme.txt"):
        (drawn / name).write_bytes(b"\0\1")
    for path in (drawn, drawn / "*.png", drawn / "?.png"):
        ran = cli("predict", folder / "model", path)
        assert ran.code == 0
        assert [line.split()[0] for line in ran.out.splitlines()] == ["a.png", "b.png"]
    # one bad file does not hide the others
    (drawn / "page.png").write_bytes(b"<!DOCTYPE html><html></html>")
    ran = cli("predict", folder / "model", drawn)
    assert (ran.code, len(ran.out.splitlines())) == (1, 2)
    assert "page.png is a web page" in ran.err
    (drawn / "empty").mkdir()
    for path, message in ((drawn / "empty", "has no pictures"), (drawn / "x", "does not exist")):
        ran = cli("predict", folder / "model", path)
        assert ran.code == 2
        assert message in ran.err
