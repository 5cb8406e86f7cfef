"""The commands of the primer, on the command line."""

import json

import numpy as np
import pytest
from PIL import Image

from quickdraw_kit.learn.models.model import Model, save_model


@pytest.fixture
def model(tmp_path):
    save_model(Model.new("mnist-cnn", tuple("0123456789")), tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


def test_figures_of_gray_and_color_images(cli, tmp_path):
    for mode in ("L", "RGB", "RGBA", "P"):
        Image.new(mode, (40, 30)).save(tmp_path / f"{mode}.png")
        out = tmp_path / f"{mode}-kernels.svg"
        assert cli("primer", "kernels", tmp_path / f"{mode}.png", "--out", out).code == 0
        assert out.exists()


def test_layers_as_json(cli):
    cards = json.loads(cli("primer", "layers", "quickdraw-cnn", "--json").out)
    assert sum(card["parameters"] for card in cards) == 500_985


@pytest.mark.parametrize("image", ["star", "picture.png", "bitmaps.npy"])
def test_forward_of_a_category_a_picture_and_a_bitmap(cli, model, tmp_path, image):
    Image.new("L", (90, 90), 255).save(tmp_path / "picture.png")
    np.save(tmp_path / "bitmaps.npy", np.full((3, 784), 9, np.uint8))
    image = tmp_path / image if "." in image else image
    options = ("--row", 2, "--out", tmp_path / "forward.png", "--json")
    result = json.loads(cli("primer", "forward", model, image, *options).out)
    assert sum(result["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert (tmp_path / "forward.png").exists()
    assert cli("primer", "features", model, image, "--out", tmp_path / "features.png").code == 0


def test_neither_a_file_nor_a_category(cli, model):
    ran = cli("primer", "forward", model, "no such thing")
    assert ran.code == 2
    assert "star" in ran.err
    assert cli("primer", "layers", "resnet").code == 2
