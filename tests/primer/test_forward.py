"""The forward pass of the primer gives the probabilities of PyTorch."""

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from quickdraw_kit.errors import DataError, UsageError
from quickdraw_kit.formats.idx import read_idx
from quickdraw_kit.learn.data.dataset import ArrayDataset
from quickdraw_kit.learn.models.model import Model, save_model
from quickdraw_kit.learn.train import TrainConfig, train
from quickdraw_kit.primer.forward import forward, read_weights
from quickdraw_kit.raster.render import rasterize
from quickdraw_kit.synthetic.generator import generate_drawings


@pytest.fixture(scope="module")
def drawings():
    batch = generate_drawings(["circle", "star", "line"], 20, raw=False)
    names = ("circle", "line", "star")
    labels = np.array([names.index(word) for word in batch.words_of_drawings()], np.int64)
    return ArrayDataset(rasterize(batch), labels, names)


@pytest.mark.parametrize("network", ["mnist-cnn", "quickdraw-cnn"])
def test_a_trained_network_gives_the_same_probabilities(network, drawings, tmp_path):
    config = TrainConfig(network=network, epochs=2, batch_size=16, out=tmp_path, threads=1)
    model = train(config, {"train": drawings}).model
    weights = read_weights(tmp_path)
    for image, expected in zip(drawings.images, model.probabilities(drawings.images), strict=True):
        np.testing.assert_allclose(forward(weights, image)[-1].output, expected, atol=1e-5)


def test_real_digits_give_the_same_probabilities(real_data, tmp_path):
    torch.manual_seed(0)
    model = Model.new("mnist-cnn", tuple("0123456789"))
    save_model(model, tmp_path / "model.safetensors")
    weights = read_weights(tmp_path)
    images = np.array(read_idx(real_data / "mnist" / "t10k-images-idx3-ubyte.gz")[:50])
    for image, expected in zip(images, model.probabilities(images), strict=True):
        np.testing.assert_allclose(forward(weights, image)[-1].output, expected, atol=1e-5)


def test_every_layer_has_its_output(drawings, tmp_path):
    save_model(Model.new("mnist-cnn", ("a", "b")), tmp_path / "model.safetensors")
    activations = forward(read_weights(tmp_path), drawings.images[0])
    assert [activation.output.shape for activation in activations] == [
        (1, 28, 28), (8, 24, 24), (8, 12, 12), (16, 8, 8), (16, 4, 4), (256,), (128,), (2,), (2,),
    ]  # fmt: skip
    rectified = [activation for activation in activations if activation.layer.relu]
    assert all((activation.output >= 0).all() for activation in rectified)


def test_other_networks_and_other_files_are_refused(tmp_path):
    save_model(Model.new("tiny-cnn", ("a", "b")), tmp_path / "model.safetensors")
    with pytest.raises(UsageError, match="the primer supports mnist-cnn and quickdraw-cnn"):
        read_weights(tmp_path)
    (tmp_path / "bad.safetensors").write_bytes(b"nothing")
    with pytest.raises(DataError, match="not a model of quickdraw_kit"):
        read_weights(tmp_path / "bad.safetensors")


@pytest.mark.parametrize(
    "metadata", ["[" * 100_000, '{"architecture":[],"label_names":[],"side":1}']
)
def test_invalid_metadata(metadata, tmp_path):
    path = tmp_path / "model.safetensors"
    save_file({"0.bias": np.zeros(1)}, path, metadata={"quickdraw_kit": metadata})
    with pytest.raises(DataError, match="not a model of quickdraw_kit"):
        read_weights(path)


def test_an_image_of_another_size(tmp_path):
    save_model(Model.new("mnist-cnn", ("a", "b")), tmp_path / "model.safetensors")
    with pytest.raises(UsageError, match=r"expected uint8 \(28, 28\)"):
        forward(read_weights(tmp_path), np.zeros((32, 32), np.uint8))
