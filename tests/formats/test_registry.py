"""The registry: every format is found everywhere, also one that this test adds."""

import gzip
import io
import pickle
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import zstandard

from quickdraw_kit.acquire.sources import resolve_sources
from quickdraw_kit.conversion import convert
from quickdraw_kit.errors import DataError, UsageError
from quickdraw_kit.formats.binary import write_binary
from quickdraw_kit.formats.ndjson.files import read_ndjson
from quickdraw_kit.formats.registry import (
    FORMATS,
    detect_format,
    iter_drawings,
    list_suffixes,
    register_format,
)
from quickdraw_kit.learn.config import TrainConfig
from quickdraw_kit.learn.data.splits import open_splits
from quickdraw_kit.learn.infer.inputs import read_input
from quickdraw_kit.learn.infer.preprocess import Preprocessing
from quickdraw_kit.raster.render import rasterize
from quickdraw_kit.raster.style import RasterStyle
from quickdraw_kit.serve.collections import open_collection
from quickdraw_kit.shards.inspect import inspect
from quickdraw_kit.shards.prepare.pipeline import prepare
from quickdraw_kit.strokes.batch import DrawingBatch
from tests.conftest import official_line
from tests.formats.toy import TOY

HEADER = b"countrycode,drawing,key_id,recognized,timestamp,word"


@pytest.mark.parametrize(
    ("name", "content", "format"),
    [
        ("cat.ndjson", b"", "ndjson"),
        ("cat.jsonl", b"", "ndjson"),
        ("cat.bin", b"", "binary"),
        ("cat.bin.gz", gzip.compress(b"", mtime=0), "binary"),
        ("cat.ndjson.zst", zstandard.compress(b""), "ndjson"),
        ("cat.npz", b"", "stroke3"),
        ("cat.csv", b"", "csv"),
        ("cat.parquet", b"", "parquet"),
        ("cat.arrow", b"", "arrow"),
        ("cat", official_line(1), "ndjson"),
        ("cat", b"\xef\xbb\xbf\r\n " + official_line(1), "ndjson"),
        ("cat.txt", gzip.compress(official_line(1), mtime=0), "ndjson"),
        ("cat", HEADER, "csv"),
        ("cat", b"word,drawing\r\n", "csv"),
        ("cat", b"PK\x03\x04", "stroke3"),
        ("cat", b"PAR1", "parquet"),
        ("cat", b"ARROW1", "arrow"),
    ],
)
def test_name_and_content(tmp_path, name, content, format):
    (tmp_path / name).write_bytes(content)
    assert detect_format(tmp_path / name) == format


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("cat", b"", "does not have a supported format"),
        ("cat.npy", b"\x93NUMPY\x01\x00", "holds bitmaps"),
        ("cat", b"word,timestamp\n", "does not have a supported format"),
        ("cat.npz", gzip.compress(b"PK\x03\x04", mtime=0), "decompress it, stroke3"),
    ],
)
def test_files_without_strokes(tmp_path, name, content, reason):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=reason):
        detect_format(tmp_path / name)


def test_word_of_formats_without_words(tmp_path):
    write_binary(DrawingBatch.from_strokes([[([1], [2])]], words=["x"]), tmp_path / "x.bin")
    (batch,) = iter_drawings(tmp_path / "x.bin", word="cat")
    assert batch.words == ("cat",)


def test_standard_input_is_ndjson(monkeypatch):
    class Input:
        buffer = io.BytesIO(official_line(1) + b"bad\n" + official_line(2))

    monkeypatch.setattr(sys, "stdin", Input())
    rejects = []
    (batch,) = iter_drawings("-", on_reject=rejects.append)
    assert batch.key_id.tolist() == [1, 2]
    assert [reject.line for reject in rejects] == [2]


@pytest.fixture
def toy(tmp_path):
    """A file of the added format, in a folder of its own."""
    register_format(TOY)
    path = tmp_path / "toys" / "cat.toy"
    path.parent.mkdir()
    rows = [f"{key_id} 0 255 {key_id} 99" for key_id in range(1, 60)]
    path.write_text("\n".join(["TOY", *rows]) + "\n")
    yield path
    del FORMATS["toy"]


def test_an_added_format_is_detected_and_read(toy):
    assert detect_format(toy) == "toy"
    unnamed = toy.with_name("unnamed")
    unnamed.write_bytes(toy.read_bytes())
    assert detect_format(unnamed) == "toy"
    (batch,) = iter_drawings(toy)
    assert batch.key_id.tolist() == list(range(1, 60))
    assert [len(batch) for batch in iter_drawings(toy, batch_size=25)] == [25, 25, 9]


@pytest.mark.parametrize("workers", [1, 2])
def test_an_added_format_is_a_source(toy, tmp_path, workers):
    (source,) = resolve_sources([toy.parent])
    assert (source.name, source.format.name) == ("cat.toy", "toy")
    inspection = inspect([toy])
    assert (inspection.drawings, inspection.formats) == (59, ["toy"])
    manifest = prepare([toy], tmp_path / "out", workers=workers)
    assert (manifest.counts.written, manifest.sources[0].format) == (59, "toy")


def test_an_added_format_is_converted(toy, tmp_path):
    result = convert(toy, tmp_path / "cat.ndjson")
    assert (result.source_format, result.drawings) == ("toy", 59)
    lines = read_ndjson(tmp_path / "cat.ndjson")
    assert lines.words == ("cat",)
    with pytest.raises(UsageError, match=r"would lose the words \(the file's name .* 'dog'"):
        convert(tmp_path / "cat.ndjson", tmp_path / "dog.toy")
    result = convert(tmp_path / "cat.ndjson", tmp_path / "again.toy", allow_loss=True)
    assert result.target_format == "toy"
    assert (tmp_path / "again.toy").read_bytes() == toy.read_bytes()


def test_an_added_format_is_predicted_trained_on_and_browsed(toy):
    (batch,) = iter_drawings(toy)
    inputs = list(read_input(toy, Preprocessing(RasterStyle())))
    assert [name for part in inputs for name in part.sources][:2] == ["cat.toy:1", "cat.toy:2"]
    splits = open_splits(TrainConfig(data=toy.parent))
    assert sum(map(len, splits.values())) == 59
    collection = open_collection(toy.parent)
    np.testing.assert_array_equal(collection.images(np.array([0])), rasterize(batch[:1]))


def test_messages_list_an_added_format(toy, tmp_path):
    (tmp_path / "noise").write_bytes(b"\0\1noise")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"\.toy"):
        detect_format(tmp_path / "noise")
    with pytest.raises(DataError, match=r"\.toy"):
        resolve_sources([tmp_path / "noise"])
    with pytest.raises(UsageError, match=r"\.toy"):
        convert(toy, tmp_path / "cat.unknown")
    with pytest.raises(DataError, match=r"\.toy"):
        read_input(tmp_path / "noise", Preprocessing(RasterStyle()))
    with pytest.raises(UsageError, match=r"\.toy"):
        open_splits(TrainConfig(data=tmp_path / "empty"))
    assert list_suffixes(lambda format: format.name == "toy") == ".toy"


def test_names_and_suffixes_are_unique(toy):
    for taken in (TOY, replace(TOY, name="other"), replace(TOY, suffixes=(".new",))):
        with pytest.raises(UsageError, match="has the name or a suffix of another"):
            register_format(taken)


@pytest.mark.parametrize("format", FORMATS.values(), ids=lambda format: format.name)
def test_formats_travel_to_workers(format):
    assert pickle.loads(pickle.dumps(format)) == format


def test_the_registry_is_light():
    code = "import sys, quickdraw_kit.formats.registry; print('\\n'.join(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in run.stdout.split()}
    assert not loaded & {"pyarrow", "pandas", "numba", "torch", "PIL", "svgelements"}
