import gzip
import io
import sys

import pytest
import zstandard

from quickdraw_kit.errors import UsageError
from quickdraw_kit.formats.binary import write_binary
from quickdraw_kit.formats.registry import detect_format, iter_drawings
from quickdraw_kit.strokes.batch import DrawingBatch
from tests.conftest import official_line

HEADER = b"countrycode,drawing,key_id,recognized,timestamp,word"


@pytest.mark.parametrize(
    ("name", "content", "format"),
    [
        ("cat.ndjson", b"", "ndjson"),
        ("cat.jsonl", b"", "ndjson"),
        ("cat.bin", b"", "binary"),
        ("cat.bin.gz", gzip.compress(b""), "binary"),
        ("cat.ndjson.zst", zstandard.compress(b""), "ndjson"),
        ("cat.npz", b"", "stroke3"),
        ("cat.csv", b"", "csv"),
        ("cat.parquet", b"", "parquet"),
        ("cat.arrow", b"", "arrow"),
        ("cat", official_line(1), "ndjson"),
        ("cat", b"\xef\xbb\xbf\r\n " + official_line(1), "ndjson"),
        ("cat.txt", gzip.compress(official_line(1)), "ndjson"),
        ("cat", HEADER, "csv"),
        ("cat", b"word,drawing\r\n", "csv"),
        ("cat", b"PK\x03\x04", "stroke3"),
        ("cat", b"PAR1", "parquet"),
        ("cat", b"ARROW1", "arrow"),
    ],
)
def test_the_name_tells_or_else_the_content(tmp_path, name, content, format):
    (tmp_path / name).write_bytes(content)
    assert detect_format(tmp_path / name) == format


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("cat", b"", "does not have a supported format"),
        ("cat.npy", b"\x93NUMPY\x01\x00", "holds bitmaps"),
        ("cat", b"word,timestamp\n", "does not have a supported format"),
        ("cat.npz", gzip.compress(b"PK\x03\x04"), "decompress it, stroke3"),
    ],
)
def test_what_holds_no_strokes_is_said(tmp_path, name, content, reason):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=reason):
        detect_format(tmp_path / name)


def test_a_word_is_for_forms_that_have_none(tmp_path):
    write_binary(DrawingBatch.from_strokes([[([1], [2])]], words=["x"]), tmp_path / "x.bin")
    (batch,) = iter_drawings(tmp_path / "x.bin", word="cat")
    assert batch.words == ("cat",)


def test_standard_input_is_ndjson(monkeypatch):
    class Input:
        buffer = io.BytesIO(official_line(1) + b"bad\n" + official_line(2))

    monkeypatch.setattr(sys, "stdin", Input())
    found = []
    (batch,) = iter_drawings("-", on_reject=found.append)
    assert batch.key_id.tolist() == [1, 2]
    assert [reject.line for reject in found] == [2]
