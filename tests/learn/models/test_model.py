"""A model keeps its labels, is the same after a round trip to the bit, and is never a pickle."""

import json
import os
import struct
from pickle import dumps, loads

import numpy as np
import pytest
import torch

from quickdraw_kit.errors import DataError, UsageError
from quickdraw_kit.learn.models.model import Model, load_model, save_model
from quickdraw_kit.learn.models.networks import NETWORKS
from quickdraw_kit.synthetic.generator import generate_drawings

NAMES = ("The Eiffel Tower", "café", "cat")


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (5, 28, 28)).astype(np.uint8)


@pytest.mark.parametrize("architecture", NETWORKS)
def test_round_trip(tmp_path, images, architecture):
    model = Model.new(architecture, NAMES)
    if model.input_type == "strokes":
        images = generate_drawings(["star"], 5, raw=False)
    save_model(model, tmp_path / "model.safetensors")
    loaded = load_model(tmp_path / "model.safetensors")
    assert (loaded.architecture, loaded.label_names, loaded.side) == (architecture, NAMES, 28)
    assert not loaded.network.training
    np.testing.assert_array_equal(loaded.probabilities(images), model.probabilities(images))


def test_same_model_same_bytes(tmp_path):
    model = Model.new("tiny-cnn", NAMES)
    for name in ("a", "b"):
        save_model(model, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_probabilities_do_not_depend_on_the_batch(images):
    model = Model.new("tiny-cnn", NAMES)
    whole = model.probabilities(images)
    np.testing.assert_allclose(whole.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(model.probabilities(images, batch_size=2), whole, rtol=1e-4)
    assert model.probabilities(images[:0]).shape == (0, 3)


def test_read_only_images_are_accepted(images):
    images.flags.writeable = False  # as in a memory map
    assert Model.new("tiny-cnn", NAMES).probabilities(images).shape == (5, 3)


@pytest.mark.parametrize("shape", [(2, 32, 32), (28, 28), (2, 28, 28, 1)])
def test_images_of_another_size_are_refused(shape):
    with pytest.raises(DataError, match=r"expected uint8 \(n, 28, 28\)"):
        Model.new("tiny-cnn", NAMES).logits(np.zeros(shape, np.uint8))


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("save", [torch.save, lambda value, path: path.write_bytes(dumps(value))])
def test_pickles_are_refused_and_not_run(tmp_path, save):
    path, sprung = tmp_path / "model.pt", tmp_path / "sprung"
    save(Trap(sprung), path)
    with pytest.raises(DataError, match="not a safetensors file"):
        load_model(path)
    assert not sprung.exists()
    torch.load(path, weights_only=False) if save is torch.save else loads(path.read_bytes())
    assert sprung.exists(), "the pickle was not a trap"


def header_of(path):
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def with_header(path, header, body):
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


def metadata(**changes):
    def change(header):
        fields = json.loads(header["__metadata__"]["quickdraw_kit"])
        header["__metadata__"]["quickdraw_kit"] = json.dumps(fields | changes)

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda header: header.pop("__metadata__"), "has no label names"),
        (lambda header: header["__metadata__"].update(quickdraw_kit="{"), "is not a valid model"),
        (lambda header: header["__metadata__"].update(quickdraw_kit="{}"), "'label_names'"),
        (metadata(label_names=["a", "b", "c", "d"]), "size mismatch"),
        (metadata(label_names="abc"), "not a list of strings"),
        (metadata(label_names=[1, 2, 3]), "not a list of strings"),
        (metadata(label_names=["cat", "dog", "cat"]), "label name 'cat' is repeated"),
        (metadata(side=1 << 20), "size mismatch"),
        (metadata(side="28"), "is not a valid model"),
        (metadata(metadata=[1]), "metadata is not an object"),
        (metadata(architecture="transformer"), "there is no network 'transformer'"),
    ],
)
def test_invalid_headers_are_refused(tmp_path, change, message):
    path = tmp_path / "model.safetensors"
    save_model(Model.new("tiny-cnn", NAMES), path)
    header, body = header_of(path)
    change(header)
    with_header(path, header, body)
    with pytest.raises(DataError, match=message):
        load_model(path)


def test_repeated_label_names_are_refused():
    with pytest.raises(UsageError, match="expected different names"):
        Model.new("tiny-cnn", ("cat", "dog", "cat"))


def test_weights_of_another_dtype_are_refused(tmp_path):
    model = Model.new("tiny-cnn", NAMES)
    model.network.double()
    save_model(model, tmp_path / "model.safetensors")
    with pytest.raises(DataError, match=r"0\.weight is torch\.float64, expected torch\.float32"):
        load_model(tmp_path / "model.safetensors")


def test_truncated_and_missing_files(tmp_path):
    path = tmp_path / "model.safetensors"
    save_model(Model.new("tiny-cnn", NAMES), path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match="not a safetensors file"):
        load_model(path)
    with pytest.raises(FileNotFoundError, match=r"nothing\.safetensors"):
        load_model(tmp_path / "nothing.safetensors")


def test_metadata_is_saved_with_the_model(tmp_path):
    metadata = {
        "raster_style": {"side": 28},
        "metrics": {"validation_loss": 0.25},
        "data_sha256": "ab",
    }
    model = Model.new("tiny-cnn", ("cat", "dog"), metadata=metadata)
    save_model(model, tmp_path / "model.safetensors")
    assert load_model(tmp_path / "model.safetensors").metadata == metadata


def test_each_network_has_one_input_type(images):
    drawings = generate_drawings(["star"], 2, raw=False)
    with pytest.raises(DataError, match="reads images, not strokes"):
        Model.new("tiny-cnn", NAMES).logits(drawings)
    with pytest.raises(DataError, match="reads strokes, not images"):
        Model.new("stroke-cnn", NAMES).logits(images)
