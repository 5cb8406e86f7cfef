"""Exported files give the results of the model, and hold its labels."""

import json
import pickle
import sys

import numpy as np
import pytest
import torch

from quickdraw_kit.errors import DataError, IntegrityError, UsageError
from quickdraw_kit.learn import export
from quickdraw_kit.learn.export import export_model, model_config, open_model
from quickdraw_kit.learn.exporters import EXPORTERS
from quickdraw_kit.learn.models.model import Model, save_model
from quickdraw_kit.storage.hashing import sha256_file

NAMES = ("cat", "hot air balloon", "naïve 熊")


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    metadata = {
        "raster_style": {"side": 28, "line_diameter": 16.0, "padding": 16.0},
        "normalization": {"mean": 0.0, "scale": 255.0},
        "metrics": {"validation_accuracy": 0.5},
        "data": "three drawings",
        "data_sha256": "ab" * 32,
        "config": {"epochs": 2},
    }
    return Model.new("tiny-cnn", NAMES, metadata=metadata)


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    out = tmp_path_factory.mktemp("export") / "new" / "folders"
    paths = export_model(model, out)
    assert [path.name for path in paths] == [
        *(each.file_name for each in EXPORTERS.values()),
        "config.json",
    ]
    assert {path.name for path in out.iterdir()} == {path.name for path in paths}
    return out


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(1).integers(0, 256, (9, 28, 28), np.uint8)


@pytest.fixture(scope="module")
def logits(model, images):
    model.network.eval()
    with torch.inference_mode():
        return model.logits(images).numpy()


def onnx_session(path):
    import onnxruntime

    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def test_config_has_what_a_program_must_know(model, folder):
    config = json.loads((folder / "config.json").read_text("utf-8"))
    assert config["architecture"] == "tiny-cnn"
    assert config["label_names"] == list(NAMES)
    assert (config["side"], config["input_type"], config["parameters"]) == (28, "images", 6_811)
    for name in ("raster_style", "normalization", "metrics", "data_sha256"):
        assert config[name] == model.metadata[name]
    for name in (each.file_name for each in EXPORTERS.values()):
        assert config["files"][name]["sha256"] == sha256_file(folder / name)


@pytest.mark.parametrize("rows", [1, 2, 9])
def test_onnx_gives_the_logits_of_the_model(folder, images, logits, rows):
    (exported,) = onnx_session(folder / "model.onnx").run(None, {"images": images[:rows]})
    np.testing.assert_allclose(exported, logits[:rows], atol=1e-5)


def test_onnx_takes_bytes_and_any_batch(folder):
    session = onnx_session(folder / "model.onnx")
    (input_,), (output,) = session.get_inputs(), session.get_outputs()
    assert (input_.name, input_.type, input_.shape[1:]) == ("images", "tensor(uint8)", [28, 28])
    assert isinstance(input_.shape[0], str)
    assert (output.name, output.shape[1]) == ("logits", 3)


@pytest.mark.parametrize("rows", [1, 9])
def test_torch_export_gives_the_logits_of_the_model(folder, images, logits, rows):
    program = torch.export.load(folder / "model.pt2")
    with torch.inference_mode():
        exported = program.module()(torch.from_numpy(images[:rows])).numpy()
    np.testing.assert_allclose(exported, logits[:rows], atol=1e-6)


def test_safetensors_gives_the_probabilities_of_the_model(model, folder, images):
    loaded = open_model(folder)
    assert loaded.metadata == model.metadata
    assert np.array_equal(loaded.probabilities(images), model.probabilities(images))


def test_runtimes_that_take_float32_get_images_of_one_channel(model, images, logits, tmp_path):
    export_model(model, tmp_path / "float", formats=["onnx", "pt2"], input_dtype="float32")
    inputs = images[:, None].astype(np.float32) / 255
    session = onnx_session(tmp_path / "float/model.onnx")
    assert session.get_inputs()[0].type == "tensor(float)"
    assert session.get_inputs()[0].shape[1:] == [1, 28, 28]
    (actual,) = session.run(["logits"], {"images": inputs})
    program = torch.export.load(tmp_path / "float/model.pt2").module()
    with torch.inference_mode():
        exported = program(torch.from_numpy(inputs)).numpy()
    for result in (actual, exported):
        assert np.allclose(result, logits, atol=1e-4)
    with pytest.raises(UsageError, match="is of another model"):  # of another input
        export_model(model, tmp_path / "float", formats=["onnx"])
    with pytest.raises(UsageError, match="does nothing for safetensors"):
        export_model(model, tmp_path / "other", formats=["safetensors"], input_dtype="float32")
    with pytest.raises(UsageError, match="'int8', expected uint8 or float32"):
        export_model(model, tmp_path / "other", input_dtype="int8")
    assert not (tmp_path / "other").exists()


def test_labels_are_in_every_file(folder):
    assert open_model(folder / "model.safetensors").label_names == NAMES
    metadata = onnx_session(folder / "model.onnx").get_modelmeta().custom_metadata_map
    assert tuple(json.loads(metadata["label_names"])) == NAMES
    extra = {"config.json": ""}
    torch.export.load(folder / "model.pt2", extra_files=extra)
    assert tuple(json.loads(extra["config.json"])["label_names"]) == NAMES


@pytest.fixture(scope="module")
def alone(model, tmp_path_factory):
    """A folder for each format, with one export of it."""
    out = tmp_path_factory.mktemp("alone")
    for format in EXPORTERS:
        export_model(model, out / format, formats=[format])
    return out


@pytest.mark.parametrize("format", EXPORTERS)
def test_labels_are_in_a_file_that_is_exported_alone(alone, format):
    assert {path.name for path in (alone / format).iterdir()} == {
        EXPORTERS[format].file_name,
        "config.json",
    }
    data = (alone / format / EXPORTERS[format].file_name).read_bytes()
    for name in NAMES:
        once = json.dumps(name)[1:-1]
        twice = json.dumps(once)[1:-1]  # the header of safetensors is JSON within JSON
        assert once.encode() in data or twice.encode() in data


@pytest.mark.parametrize("format", EXPORTERS)
def test_a_model_with_missing_labels_is_not_exported(model, tmp_path, format):
    for names in ((), NAMES[:2]):
        unlabeled = Model(model.network, model.architecture, names, model.side)
        with pytest.raises(UsageError, match=f"{len(names)} label names for 3 outputs"):
            export_model(unlabeled, tmp_path / "out", formats=[format])
    assert not (tmp_path / "out").exists()


def test_files_hold_no_paths_of_this_machine(folder):
    source_folder = export.__file__.rpartition("quickdraw_kit")[0].encode()
    for path in folder.iterdir():
        assert source_folder not in path.read_bytes(), path


def test_equal_models_give_equal_files(folder, alone):
    for format in ("onnx", "safetensors"):
        name = EXPORTERS[format].file_name
        assert (alone / format / name).read_bytes() == (folder / name).read_bytes()


def test_exporting_does_not_change_the_model(model):
    assert next(model.network.parameters()).dtype == torch.float32
    assert model_config(model)["label_names"] == list(NAMES)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mnist-cnn", "mnist-tiny", "quickdraw-cnn", "quickdraw-resnet"])
def test_every_network_of_images_can_be_exported(name, tmp_path):
    torch.manual_seed(0)
    export_model(Model.new(name, NAMES), tmp_path)  # which compares onnxruntime with PyTorch
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 28, 28), np.uint8))
    model = open_model(tmp_path)
    with torch.inference_mode():
        exported = torch.export.load(tmp_path / "model.pt2").module()(images)
        assert torch.allclose(exported, model.logits(images.numpy()), atol=1e-5)


def test_a_file_that_differs_is_not_written(model, tmp_path, monkeypatch):
    class WrongSession:
        def run(self, names, inputs):
            return [np.full((len(inputs["images"]), 3), 7, np.float32)]

    import onnxruntime

    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda *_, **__: WrongSession())
    with pytest.raises(IntegrityError, match="onnxruntime and PyTorch differ"):
        export_model(model, tmp_path, formats=["onnx"])
    assert list(tmp_path.iterdir()) == []


def test_networks_of_strokes_are_exported_as_safetensors(tmp_path):
    model = Model.new("stroke-cnn", NAMES)
    with pytest.raises(UsageError, match="takes strokes"):
        export_model(model, tmp_path, formats=["onnx"])
    paths = export_model(model, tmp_path)
    assert [path.name for path in paths] == ["model.safetensors", "config.json"]
    assert json.loads((tmp_path / "config.json").read_bytes())["input_type"] == "strokes"
    assert open_model(tmp_path).label_names == NAMES


@pytest.mark.parametrize("kept", ["model.safetensors", "config.json"])
def test_another_model_is_not_replaced(model, tmp_path, kept):
    export_model(model, tmp_path, formats=["safetensors"])
    export_model(model, tmp_path, formats=["safetensors"])  # an earlier export of the same model
    for path in tmp_path.iterdir():
        if path.name != kept:
            path.unlink()
    before = (tmp_path / kept).read_bytes()
    other = Model.new("tiny-cnn", ("other", "labels"))
    with pytest.raises(UsageError, match=rf"{kept} is of another model.*--overwrite"):
        export_model(other, tmp_path, formats=["safetensors"])
    assert (tmp_path / kept).read_bytes() == before
    export_model(other, tmp_path, formats=["safetensors"], overwrite=True)
    assert open_model(tmp_path).label_names == ("other", "labels")


@pytest.mark.parametrize("formats", [[], ["onnx", "pickle"]])
def test_unknown_formats(model, tmp_path, formats):
    with pytest.raises(UsageError, match="expected some of safetensors, onnx, pt2"):
        export_model(model, tmp_path, formats=formats)


class Trap:
    def __reduce__(self):
        return (sys.exit, ("the pickle was run",))


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_are_refused_by_their_content(tmp_path, protocol):
    path = tmp_path / "model.safetensors"
    path.write_bytes(pickle.dumps(Trap(), protocol))
    for argument in (path, tmp_path):
        with pytest.raises(DataError, match="is a pickle, which can run any code"):
            open_model(argument)


def test_archives_of_torch_are_refused(tmp_path):
    torch.save({"weight": Trap()}, tmp_path / "model.pth")
    with pytest.raises(DataError, match="is a pickle"):
        open_model(tmp_path / "model.pth")


def test_a_header_of_any_length_is_not_taken_for_a_pickle(model, tmp_path):
    """The length of the header comes first; some begin as a pickle would."""
    path, first_bytes = tmp_path / "model.safetensors", set()
    for number in range(40):
        save_model(Model(model.network, "tiny-cnn", (*NAMES[:2], "x" * (number * 8)), 28), path)
        first_bytes.add(path.read_bytes()[0])
        open_model(path)
    assert 0x80 in first_bytes


def test_a_config_of_another_file_is_an_error(model, tmp_path):
    export_model(model, tmp_path, formats=["safetensors"])
    save_model(Model.new("tiny-cnn", NAMES), tmp_path / "model.safetensors")
    with pytest.raises(IntegrityError, match=r"checksum of .* is not the one in .*config\.json"):
        open_model(tmp_path)


def test_folders_and_files_that_are_not_models(tmp_path):
    with pytest.raises(DataError, match=r"has no model\.safetensors"):
        open_model(tmp_path)
    with pytest.raises(UsageError, match="nowhere does not exist: give the folder of a model"):
        open_model(tmp_path / "nowhere")
    (tmp_path / "model.safetensors").write_bytes(b"PK not an archive")
    with pytest.raises(DataError, match="not a safetensors file"):
        open_model(tmp_path)


def test_without_the_packages_for_onnx(model, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    message = r'(?s)onnxruntime is needed for ONNX.*Run: pip install "quickdraw-kit\[onnx\]"'
    with pytest.raises(UsageError, match=message):
        export_model(model, tmp_path, formats=["onnx"])
