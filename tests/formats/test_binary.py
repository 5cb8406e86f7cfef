import gzip
import json
import re
import struct
from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from quickdraw_kit.errors import DataError
from quickdraw_kit.formats import binary
from quickdraw_kit.formats.binary import iter_binary, pack_binary, read_binary, write_binary
from quickdraw_kit.strokes.batch import DrawingBatch
from tests.strokes.strategies import batches

ROUND = {"whole_seconds": True, "empties": True}


def drawing(key_id=7, country=b"US", recognized=1, seconds=1488497110, strokes=(((1, 2), (3, 4)),)):
    """The bytes of a drawing, packed by struct."""
    packed = struct.pack("<Q2sbIH", key_id, country, recognized, seconds, len(strokes))
    for x, y in strokes:
        packed += struct.pack(f"<H{len(x)}B{len(y)}B", len(x), *x, *y)
    return packed


@pytest.fixture
def write(tmp_path):
    def write(data, name="cat.bin"):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return write


@given(batches(**ROUND))
def test_round_trip(tmp_path_factory, batch):
    path = tmp_path_factory.mktemp("binary") / "cat.bin"
    write_binary(batch, path)
    assert read_binary(path).equals(batch)


@given(batches(dtype=np.int16, **ROUND))
def test_any_integer_dtype_is_written(batch):
    narrow = replace(batch, x=batch.x.astype(np.uint8), y=batch.y.astype(np.uint8))
    assert bytes(pack_binary(batch)) == bytes(pack_binary(narrow))


@given(batches(**ROUND), st.integers(1, 200))
def test_batches_of_any_chunk_size_have_the_same_drawings(tmp_path_factory, batch, chunk_bytes):
    path = tmp_path_factory.mktemp("binary") / "cat.bin"
    write_binary(batch, path)
    parts = list(iter_binary(path, chunk_bytes=chunk_bytes))
    assert all(len(part) for part in parts)
    assert sum(map(len, parts)) == len(batch)
    if parts:
        assert DrawingBatch.concat(parts).equals(batch)


@given(batches(**ROUND), st.data())
def test_every_cut_inside_a_drawing_is_found(tmp_path_factory, batch, data):
    packed = bytes(pack_binary(batch))
    cut = data.draw(st.integers(0, len(packed)))
    path = tmp_path_factory.mktemp("binary") / "cat.bin"
    path.write_bytes(packed[:cut])
    ends = [len(pack_binary(batch[:number])) for number in range(len(batch) + 1)]
    if cut in ends:
        assert len(read_binary(path)) == ends.index(cut)
        return
    with pytest.raises(DataError) as error:
        read_binary(path)
    number = sum(end <= cut for end in ends) - 1
    assert f"drawing {number} (byte {ends[number]}): the file ends {cut - ends[number]}" in str(
        error.value
    )


def test_the_fields_are_where_the_description_has_them(write):
    strokes = (((0, 255, 9), (1, 2, 3)), ((8,), (7,)))
    path = write(drawing(2**64 - 1, b"DE", 0, 2**32 - 1, strokes), "full_binary_hot dog.bin")
    (one,) = (read_binary(path)[i] for i in range(1))
    assert one.key_id == 2**64 - 1
    assert (one.word, one.countrycode, one.recognized) == ("hot dog", "DE", False)
    assert one.timestamp == np.datetime64("2106-02-07T06:28:15", "us")
    assert [stroke.T.tolist() for stroke in one.strokes] == [[[0, 255, 9], [1, 2, 3]], [[8], [7]]]


def test_unknown_country_and_time_stay_unknown(write):
    one = read_binary(write(drawing(country=b"\0\0", seconds=0)))[0]
    assert one.countrycode == ""
    assert np.isnat(one.timestamp)


@pytest.mark.parametrize("length", [1, 15, 16, 17, 100, 65535])
def test_strokes_of_any_length(write, length):
    rng = np.random.default_rng(length)
    strokes = [rng.integers(0, 256, (2, n)).tolist() for n in (length, 3, length)]
    batch = read_binary(write(drawing(strokes=strokes) * 2))
    for one in (batch[0], batch[1]):
        assert [stroke.T.tolist() for stroke in one.strokes] == strokes


def test_compressed_files_and_explicit_word(write):
    packed = drawing() * 3
    plain = read_binary(write(packed))
    for name, data in (
        ("cat.bin.gz", gzip.compress(packed)),
        ("cat.bin.zst", zstandard.compress(packed)),
    ):
        assert read_binary(write(data, name)).equals(plain)
    assert read_binary(write(packed), word="dog").words == ("dog",)


def test_an_empty_file_holds_no_drawings(write):
    assert len(read_binary(write(b""))) == 0


@pytest.mark.parametrize("name", ["cat.bin.gz", "cat.bin.zst"])
def test_cut_off_compressed_file_raises(write, name):
    compress = gzip.compress if name.endswith("gz") else zstandard.compress
    packed = b"".join(drawing(key_id) for key_id in range(500))
    with pytest.raises(DataError, match=re.escape(name)):
        read_binary(write(compress(packed)[:-20], name))


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        (drawing(recognized=2), "recognized is 2, expected two letters and 0 or 1"),
        (drawing(recognized=-1), "recognized is 255"),
        (drawing(country=b"\xff\x01"), r"country is b'\\xff\\x01'"),
        (drawing()[:17] + struct.pack("<H", 65535) + b"ab", "stroke 1 of 1 it takes 131089"),
        (drawing()[:15] + b"\xff\xff" + drawing()[17:], "stroke 2 of 65535 it takes 25"),
        (drawing()[:10], "ends 10 bytes into it, but up to its header it takes 17"),
    ],
)
def test_damage_is_reported_with_its_position(write, second, reason):
    with pytest.raises(DataError, match=rf"cat\.bin, drawing 1 \(byte 23\): .*{reason}"):
        read_binary(write(drawing() + second))


def test_iterator_yields_drawings_before_the_damage(write):
    reader = iter_binary(write(drawing() * 5 + b"cut"), chunk_bytes=50)
    assert [len(next(reader)) for _ in range(2)] == [2, 2]
    assert len(next(reader)) == 1
    with pytest.raises(DataError, match=r"drawing 5 \(byte 115\)"):
        next(reader)


def test_an_endless_drawing_does_not_exhaust_memory(write, monkeypatch):
    monkeypatch.setattr(binary, "MAX_DRAWING_BYTES", 1000)
    endless = drawing(strokes=[])[:-2] + b"\xff\xff" + b"\0\1" * 5000
    with pytest.raises(
        DataError, match=r"drawing 1 \(byte 23\): the drawing would take more than 1000 bytes"
    ):
        list(iter_binary(write(drawing() + endless), chunk_bytes=100))
    with pytest.raises(DataError, match="drawing 0 takes 2019 bytes"):
        pack_binary(
            DrawingBatch.from_strokes([[(list(range(200)) * 5, [0] * 1000)]], words=["cat"])
        )


def batch_of(**columns):
    one = DrawingBatch.from_strokes([[([0, 9], [0, 9])]], words=["cat"])
    return replace(one, **columns)


@pytest.mark.parametrize(
    ("batch", "reason"),
    [
        (batch_of(x=np.zeros(2), y=np.zeros(2)), "simplify"),
        (
            batch_of(x=np.array([0, 256], np.int16), y=np.zeros(2, np.int16)),
            "x runs from 0 to 256",
        ),
        (
            batch_of(x=np.zeros(2, np.int16), y=np.array([0, -1], np.int16)),
            "y runs from -1 to 0",
        ),
        (
            batch_of(timestamp=np.array(["2106-02-08"], "M8[us]")),
            "drawing 0 has the timestamp 2106",
        ),
        (
            batch_of(timestamp=np.array(["1969-12-31T23:59:59.5"], "M8[us]")),
            "drawing 0 has the timestamp 1969",
        ),
        (
            DrawingBatch.from_strokes([[([0] * 65536, [0] * 65536)]], words=["cat"]),
            "stroke 0 has 65536 points",
        ),
        (
            DrawingBatch.from_strokes([[([0], [0])] * 65536], words=["cat"]),
            "drawing 0 has 65536 strokes",
        ),
    ],
)
def test_values_out_of_range_are_not_written(tmp_path, batch, reason):
    path = tmp_path / "cat.bin"
    with pytest.raises(DataError, match=reason):
        write_binary(batch, path)
    assert list(tmp_path.iterdir()) == []


def test_fractions_of_a_second_are_truncated(write):
    batch = batch_of(timestamp=np.array(["2017-03-02T23:25:10.999999"], "M8[us]"))
    back = read_binary(write(bytes(pack_binary(batch))))
    assert back.timestamp[0] == np.datetime64("2017-03-02T23:25:10", "us")


def test_real_drawings_round_trip(real_data, write):
    source = real_data / "quickdraw" / "simplified" / "bowtie.ndjson"
    documents = [json.loads(line) for line in source.read_text().splitlines()]
    packed = b""
    for one in documents:
        moment = datetime.fromisoformat(one["timestamp"].replace(" UTC", "+00:00"))
        packed += drawing(
            int(one["key_id"]),
            one["countrycode"].encode(),
            one["recognized"],
            int(moment.timestamp()),
            one["drawing"],
        )
    batch = read_binary(write(packed, "bowtie.bin"))
    assert bytes(pack_binary(batch)) == packed
    assert len(batch) == len(documents)
    for one, document in zip((batch[i] for i in range(len(batch))), documents, strict=True):
        assert [stroke.T.tolist() for stroke in one.strokes] == document["drawing"]
        assert str(one.key_id) == document["key_id"]


def test_columns_grow_over_many_chunks(write):
    """The first chunk has empty drawings, so that it predicts far too few points."""
    rng = np.random.default_rng(0)
    packed = drawing(1, strokes=[]) * 100
    for key_id in range(200):
        strokes = [rng.integers(0, 256, (2, rng.integers(0, 60))).tolist() for _ in range(9)]
        packed += drawing(key_id, strokes=strokes)
    plain = read_binary(write(packed), chunk_bytes=1000)
    assert len(plain) == 300
    assert bytes(pack_binary(plain)) == packed
    assert read_binary(write(gzip.compress(packed), "cat.bin.gz"), chunk_bytes=1000).equals(plain)
