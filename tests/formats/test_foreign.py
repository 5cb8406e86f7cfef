"""What other programs wrote is named, with the next step, whatever the file is called."""

import gzip
import pickle
import tarfile
import zipfile

import pytest

from quickdraw_kit.conversion import convert
from quickdraw_kit.errors import DataError
from quickdraw_kit.formats.idx import read_idx
from quickdraw_kit.learn.config import TrainConfig
from quickdraw_kit.learn.data.splits import open_splits
from quickdraw_kit.learn.infer.inputs import read_input
from quickdraw_kit.learn.infer.preprocess import Preprocessing
from quickdraw_kit.raster.style import RasterStyle
from quickdraw_kit.shards.inspect import inspect
from tests.conftest import official_line

PAGE = b"<!DOCTYPE html>\n<html><body>Sign in to download</body></html>"
CONTENTS = {
    "web page": PAGE,
    "error message of a server": b'<?xml version="1.0"?>\n<Error><Code>NoSuchKey</Code></Error>',
    "InkML": b'<?xml version="1.0"?>\n<ink xmlns="http://www.w3.org/2003/InkML"/>',
    "Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
    "HDF5": b"\x89HDF\r\n\x1a\n" + bytes(90),
    "Python pickle": pickle.dumps({"drawings": [1]}),
}
READERS = {
    "inspect": lambda path: inspect([path]),
    "train": lambda path: open_splits(TrainConfig(data=path)),
    "predict": lambda path: list(read_input(path, Preprocessing(RasterStyle()))),
    "convert": lambda path: convert(path, path.with_name("target.ndjson")),
}


@pytest.mark.parametrize("command", READERS)
@pytest.mark.parametrize("what", CONTENTS)
@pytest.mark.parametrize("name", ["cat.ndjson", "cat.npy", "cat.bin.gz"])
def test_files_of_other_programs_are_named(tmp_path, command, what, name):
    content = CONTENTS[what]
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    with pytest.raises(DataError, match=rf"{name}.* is .*{what}|{name} is .*{what}"):
        READERS[command](path)


def test_a_page_saved_as_a_file_of_mnist_or_as_a_picture(tmp_path):
    for name in ("train-images-idx3-ubyte.gz", "cat.png"):
        (tmp_path / name).write_bytes(PAGE)
    with pytest.raises(DataError, match="is a web page"):
        read_idx(tmp_path / "train-images-idx3-ubyte.gz")
    with pytest.raises(DataError, match="is a web page"):
        list(read_input(tmp_path / "cat.png", Preprocessing(RasterStyle())))


@pytest.mark.parametrize("command", READERS)
def test_archives_of_several_files_say_how_to_unpack_them(tmp_path, command):
    for name in ("cat.ndjson", "dog.ndjson"):
        (tmp_path / name).write_bytes(official_line(1))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("cat.ndjson", "dog.ndjson"):
            archive.write(tmp_path / name, name)
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "cat.ndjson", "cat.ndjson")
    with pytest.raises(DataError, match=r"a\.zip is a zip archive of 2 files: unpack it \('unzip"):
        READERS[command](tmp_path / "a.zip")
    with pytest.raises(DataError, match=r"a\.tar\.gz is a tar archive: unpack it \('tar xf"):
        READERS[command](tmp_path / "a.tar.gz")
