"""Every command reads every format, as a file and as a folder, or says why it cannot."""

import gzip
import zipfile

import numpy as np
import pytest

from quickdraw_kit.conversion import convert
from quickdraw_kit.errors import UsageError
from quickdraw_kit.formats.ndjson.files import write_ndjson
from quickdraw_kit.learn.config import TrainConfig
from quickdraw_kit.learn.data.splits import open_splits
from quickdraw_kit.learn.infer.inputs import read_input
from quickdraw_kit.learn.infer.preprocess import Preprocessing
from quickdraw_kit.raster.render import rasterize
from quickdraw_kit.raster.style import RasterStyle
from quickdraw_kit.serve.collections import open_collection
from quickdraw_kit.shards.inspect import inspect
from quickdraw_kit.shards.prepare.pipeline import prepare
from quickdraw_kit.synthetic.generator import generate_drawings
from tests.formats.test_idx import idx

NUMBER = 40
DRAWINGS = generate_drawings(["star"], NUMBER, raw=False)
HEADER = "countrycode,drawing,key_id,recognized,timestamp,word"
LABELS = (np.arange(NUMBER) % 10).astype(np.uint8)


def converted(path):
    write_ndjson(DRAWINGS, path.with_name("given"))
    convert(path.with_name("given"), path, allow_loss=True)
    path.with_name("given").unlink()


def kaggle_csv(path):
    rows = [
        f'US,"{[stroke.T.tolist() for stroke in drawing.strokes]}",{drawing.key_id},True,'
        "2017-03-02 23:25:10,star"
        for drawing in DRAWINGS
    ]
    path.write_text("\n".join([HEADER, *rows, ""]))


def packed(path):
    write_ndjson(DRAWINGS, path.with_name("star"))
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.write(path.with_name("star"), "star.ndjson")
    else:
        import bz2
        import lzma

        pack = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}[path.suffix]
        path.write_bytes(pack(path.with_name("star").read_bytes()))
    path.with_name("star").unlink()


def images():
    return rasterize(DRAWINGS)


def idx_pair(path):
    path.write_bytes(idx(images()))
    path.with_name("labels-idx1-ubyte").write_bytes(idx(LABELS))


def pair(path):
    np.save(path, images())
    np.save(path.with_name("y.npy"), LABELS)


def pixel_csv(path):
    rows = np.concatenate([LABELS[:, None], images().reshape(NUMBER, 784)], axis=1)
    np.savetxt(path, rows, fmt="%d", delimiter=",")


STROKES = {
    "star.ndjson": converted,
    "star.ndjson.gz": packed,
    "star.ndjson.bz2": packed,
    "star.ndjson.xz": packed,
    "star.ndjson.zip": packed,
    "star.bin": converted,
    "star.npz": converted,
    "star.csv": kaggle_csv,
    "star.parquet": converted,
    "star.arrow": converted,
}
BITMAPS = {
    "star.npy": converted,
    "full%2Fnumpy_bitmap%2Fstar.bin": lambda path: images().tofile(path),
    "images-idx3-ubyte": idx_pair,
    "images.npz": lambda path: np.savez(path, x=images(), y=LABELS),
    "X.npy": pair,
    "digits.csv": pixel_csv,
}


@pytest.fixture(scope="module", params=[*STROKES, *BITMAPS])
def data(request, tmp_path_factory):
    """A file of a format, in a folder with the files that systems leave behind."""
    folder = tmp_path_factory.mktemp("data") / "data"
    folder.mkdir()
    (STROKES | BITMAPS)[request.param](folder / request.param)
    for name in (".DS_Store", f"._{request.param}", "Thumbs.db"):
        (folder / name).write_bytes(b"\0\5\x16\7")
    (folder / "__MACOSX").mkdir()
    (folder / "__MACOSX" / f"._{request.param}").write_bytes(b"\0\5\x16\7")
    return folder / request.param


@pytest.fixture(params=["file", "folder", "glob"])
def path(request, data):
    """The file, the folder around it, and a glob."""
    suffix = data.name[data.name.index(".") :] if "." in data.name else data.name
    paths = {"file": data, "folder": data.parent, "glob": data.parent / f"*{suffix}"}
    if data.name == "X.npy" and request.param == "glob":
        return data.parent / "[Xy].npy"
    return paths[request.param]


def test_inspect(path):
    inspection = inspect(str(path))
    assert inspection.drawings == NUMBER
    assert set(inspection.categories) in ({"star"}, set("0123456789"))


def test_train(path):
    splits = open_splits(TrainConfig(data=path))
    assert sum(map(len, splits.values())) == NUMBER
    assert set(splits["train"].label_names) in ({"star"}, set("0123456789"))


def test_predict(path):
    batches = list(read_input(path, Preprocessing(RasterStyle())))
    np.testing.assert_array_equal(np.concatenate([b.images for b in batches]), images())


def test_prepare(data, tmp_path):
    manifest = prepare(str(data), tmp_path / "out", workers=1)
    assert manifest.counts.written == NUMBER


def test_serve(data):
    collection = open_collection(data.parent)
    np.testing.assert_array_equal(collection.images(np.arange(NUMBER)), images())
    assert collection.describe(0)["word"] in ("star", "0")


def test_convert(data, tmp_path):
    target = tmp_path / "star.ndjson"
    if data.name in BITMAPS:
        with pytest.raises(UsageError, match="from which no strokes can be read: prepare, train"):
            convert(data, target)
    else:
        assert convert(data, target, allow_loss=True).drawings == NUMBER
