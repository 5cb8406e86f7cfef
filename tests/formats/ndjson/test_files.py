"""Reading and writing ndjson through the public functions."""

import functools
import gzip
import io
import itertools
import json
import sys
import tracemalloc

import ndjson
import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from quickdraw_kit.errors import DataError, MalformedLineError, UsageError
from quickdraw_kit.formats.ndjson.files import (
    detect_variant,
    iter_ndjson,
    read_ndjson,
    scan_range,
    scan_stream,
    write_ndjson,
)
from quickdraw_kit.formats.ndjson.scanner import Reject
from quickdraw_kit.strokes.batch import DrawingBatch
from tests.strokes.strategies import batches

SIMPLIFIED = (
    b'{"word":"cat","countrycode":"DE","timestamp":"2017-03-02 23:25:10.07453 UTC",'
    b'"recognized":true,"key_id":"5201136883597312","drawing":[[[1,30],[2,3]],[[4],[255]]]}'
)
RAW = SIMPLIFIED.replace(b"[[1,30],[2,3]],[[4],[255]]", b"[[1,-30.5],[2,3],[0,16]]")
BROKEN = b'{"word":"cat"}'


def numbered(count: int, line: bytes = SIMPLIFIED) -> list[bytes]:
    return [line.replace(b"5201136883597312", b"%d" % i) for i in range(count)]


# -- types of sources


@pytest.fixture(params=["path", "str", "bytes", "file", "gzip", "zstd", "stdin"])
def source(request, tmp_path, monkeypatch):
    content = SIMPLIFIED + b"\n" + SIMPLIFIED
    path = tmp_path / "cat.ndjson"
    path.write_bytes(content)
    match request.param:
        case "str":
            return str(path)
        case "bytes":
            return content
        case "file":
            return io.BytesIO(content)
        case "gzip":
            path.write_bytes(gzip.compress(content))
        case "zstd":
            path.write_bytes(zstandard.compress(content))
        case "stdin":
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
            return "-"
    return path


def test_every_type_of_source_opens(source):
    batch = read_ndjson(source)
    assert len(batch) == 2
    assert batch[1].word == "cat"
    assert batch[1].countrycode == "DE"
    assert batch[1].timestamp == np.datetime64("2017-03-02T23:25:10.074530")
    assert batch[1].recognized
    assert batch[1].key_id == 5201136883597312
    assert [stroke.tolist() for stroke in batch[1].strokes] == [[[1, 2], [30, 3]], [[4, 255]]]


def test_standard_input_and_open_files_stay_open(monkeypatch):
    stdin = io.TextIOWrapper(io.BytesIO(SIMPLIFIED))
    monkeypatch.setattr(sys, "stdin", stdin)
    read_ndjson("-")
    assert not stdin.buffer.closed
    file = io.BytesIO(SIMPLIFIED)
    read_ndjson(file)
    assert not file.closed


def test_a_text_file_is_an_error():
    with pytest.raises(UsageError, match="mode 'rb'"):
        read_ndjson(io.StringIO(""))


def test_a_folder_and_a_missing_file(tmp_path):
    with pytest.raises(DataError, match="is a folder"):
        read_ndjson(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_ndjson(tmp_path / "none.ndjson")


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_truncated_compression_is_an_error_not_a_shorter_file(tmp_path, pack):
    path = tmp_path / "cat.ndjson"
    path.write_bytes(pack(b"\n".join(numbered(2000)))[:-9])
    with pytest.raises(DataError):
        read_ndjson(path)


def test_sources_without_drawings_give_an_empty_batch():
    for content in (b"", b"\n \r\n", b"\xef\xbb\xbf"):
        batch = read_ndjson(content)
        assert len(batch) == 0
        assert not batch.is_float
        assert list(iter_ndjson(content)) == []


# -- raw or simplified


def test_the_first_valid_line_decides_the_variant():
    rejects = []
    mixed = b"\n".join([BROKEN, RAW, SIMPLIFIED, RAW])
    batch = read_ndjson(mixed, on_reject=rejects.append)
    assert batch.is_float
    assert len(batch) == 2
    assert [reject.line for reject in rejects] == [1, 3]
    assert "the drawing is simplified" in rejects[1].reason
    assert detect_variant(mixed) == "raw"
    assert detect_variant(b"\n".join([b"", BROKEN, SIMPLIFIED, RAW])) == "simplified"
    assert detect_variant(BROKEN) == "simplified"


def test_detecting_the_variant_does_not_consume_standard_input():
    with pytest.raises(UsageError, match="not known before it is read"):
        detect_variant("-")


def test_raw_columns():
    batch = read_ndjson(RAW)
    assert batch.x.dtype == np.float64
    assert batch.x.tolist() == [1, -30.5]
    assert batch.t.dtype == np.int32
    assert batch.t.tolist() == [0, 16]


# -- rejects


def test_the_error_of_a_bad_line_has_position_and_reason(tmp_path):
    path = tmp_path / "cat.ndjson"
    path.write_bytes(SIMPLIFIED + b"\n\n" + BROKEN + b"\n")
    with pytest.raises(MalformedLineError, match=r"cat\.ndjson, line 3 \(byte \d+\)") as caught:
        read_ndjson(path)
    assert caught.value.line == 3
    assert caught.value.offset == len(SIMPLIFIED) + 2
    assert "'drawing' is missing" in caught.value.reason


def test_bad_lines_are_reported_and_all_others_are_read():
    lines = numbered(10)
    lines[2] = lines[2][:-7]  # truncated
    lines[5] = lines[5].replace(b"[2,3]", b"[2]")
    lines[7] = b"\xff"
    content = b"\n".join(lines)
    rejects = []
    batch = read_ndjson(content, on_reject=rejects.append)
    assert batch.key_id.tolist() == [0, 1, 3, 4, 6, 8, 9]
    assert [reject.line for reject in rejects] == [3, 6, 8]
    for reject, number in zip(rejects, (2, 5, 7), strict=True):
        assert content[reject.offset : reject.offset + reject.length] == lines[number]
        assert reject.source == "<bytes>"
    assert rejects[1].reason == "stroke 1 has 2 x and 1 y"


def test_the_name_of_the_source(tmp_path):
    path = tmp_path / "cat.ndjson"
    path.write_bytes(BROKEN)
    names = []

    def add_name(reject: Reject) -> None:
        names.append(reject.source)

    read_ndjson(path, on_reject=add_name)
    with path.open("rb") as file:
        read_ndjson(file, on_reject=add_name)
    list(scan_range(path, 0, 9, raw=False, on_reject=add_name, source_name="x"))
    list(scan_stream(io.BytesIO(BROKEN), raw=False, on_reject=add_name))
    assert names == [str(path), str(path), "x", "<stream>"]


# -- any size


class LongLine(io.RawIOBase):
    """A line of `size` bytes that looks like a drawing, then a valid one; generated while read."""

    def __init__(self, size: int) -> None:
        self.left = size
        self.tail = b"\n" + SIMPLIFIED + b"\n"

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        count = min(len(buffer), self.left)
        if count:
            buffer[:count] = (b"1," * (count // 2 + 1))[:count]
            self.left -= count
            return count
        data, self.tail = self.tail[: len(buffer)], self.tail[len(buffer) :]
        buffer[: len(data)] = data
        return len(data)


def test_a_line_of_200_mb_is_rejected_in_bounded_memory():
    rejects = []
    tracemalloc.start()
    try:
        batch = read_ndjson(LongLine(200_000_000), on_reject=rejects.append)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(batch) == 1
    assert (rejects[0].line, rejects[0].offset, rejects[0].length) == (1, 0, 200_000_000)
    assert "200,000,000 bytes" in rejects[0].reason
    assert peak < 150 << 20


def test_memory_does_not_grow_with_the_file():
    def peak_of(count: int) -> int:
        lines = itertools.repeat((SIMPLIFIED + b"\n") * 1000, count)
        file = io.BufferedReader(_Chained(lines))
        tracemalloc.start()
        try:
            assert sum(map(len, iter_ndjson(file, batch_size=5000))) == 1000 * count
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak_of(1)
    small, large = peak_of(100), peak_of(400)  # 17 and 67 MB
    assert large < 1.1 * small


class _Chained(io.RawIOBase):
    def __init__(self, parts) -> None:
        self.parts, self.rest = iter(parts), b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        self.rest = self.rest or next(self.parts, b"")
        data, self.rest = self.rest[: len(buffer)], self.rest[len(buffer) :]
        buffer[: len(data)] = data
        return len(data)


def test_max_line_bytes():
    rejects = []
    content = SIMPLIFIED + b"\n" + SIMPLIFIED.replace(b"cat", b"cats")
    batch = read_ndjson(content, on_reject=rejects.append, max_line_bytes=len(SIMPLIFIED))
    assert len(batch) == 1
    assert rejects[0].length == len(SIMPLIFIED) + 1


def test_lines_longer_than_a_chunk():
    row = b",".join([b"7"] * 6_000_000)
    line = SIMPLIFIED.replace(b"[1,30],[2,3]", b"[" + row + b"],[" + row + b"]")
    batch = read_ndjson(b"\n".join([SIMPLIFIED, line, SIMPLIFIED]), max_line_bytes=32 << 20)
    assert batch.point_counts.tolist() == [3, 6_000_001, 3]


def test_the_shortest_lines_fill_a_chunk():
    line = (
        b'{"word":"a","countrycode":"","timestamp":"","recognized":true,"key_id":"1",'
        b'"drawing":[[[1],[1]]]}\n'
    )
    count = (9 << 20) // len(line)
    assert len(read_ndjson(line * count)) == count


@pytest.mark.parametrize("batch_size", [1, 2, 3, 7, 10, 11])
def test_batches_have_the_requested_size(batch_size):
    content = b"\n".join(numbered(10))
    parts = list(iter_ndjson(content, batch_size=batch_size))
    assert [len(part) for part in parts[:-1]] == [batch_size] * (len(parts) - 1)
    assert DrawingBatch.concat(parts).equals(read_ndjson(content))


def test_batches_span_chunks():
    count = 3 * (8 << 20) // len(SIMPLIFIED)
    content = b"\n".join(numbered(count))
    parts = list(iter_ndjson(content, batch_size=count - 1))
    assert [len(part) for part in parts] == [count - 1, 1]
    assert np.array_equal(DrawingBatch.concat(parts).key_id, np.arange(count))


def test_a_batch_size_below_one():
    with pytest.raises(UsageError, match="batch_size is 0"):
        next(iter_ndjson(b"", batch_size=0))


# -- ranges


@functools.cache
def key_id_of(line) -> int:
    return int(read_ndjson(line).key_id[0])


def lines_of(chunks, content):
    """Return key_id, offset and line number of each drawing, checked against the content."""
    lines = []
    for chunk in chunks:
        assert len(chunk.batch) == len(chunk.offset) == len(chunk.length) == len(chunk.line)
        for i, key_id in enumerate(chunk.batch.key_id.tolist()):
            line = content[chunk.offset[i] : chunk.offset[i] + chunk.length[i]]
            assert key_id_of(line) == key_id
            lines.append((key_id, int(chunk.offset[i]), int(chunk.line[i])))
    return lines


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"", b"\n"])
def test_ranges_that_tile_a_file_give_each_line_once(tmp_path, newline, start, end):
    lines = numbered(6)
    lines[1:1] = [b"", BROKEN]
    lines[4] = lines[4].replace(b'"word"', b' "word"')  # left to the standard parser
    content = start + newline.join(lines) + end
    path = tmp_path / "cat.ndjson"
    path.write_bytes(content)

    whole_rejects = []
    whole = list(scan_range(path, 0, len(content), raw=False, on_reject=whole_rejects.append))
    assert [key for key, _, _ in lines_of(whole, content)] == list(range(6))
    assert [line for _, _, line in lines_of(whole, content)] == [1, 4, 5, 6, 7, 8]
    assert sum(chunk.lines for chunk in whole) == 8
    assert whole_rejects[0].line == 3

    rng = np.random.default_rng(0)
    for _ in range(50):
        cuts = np.sort(rng.integers(0, len(content) + 1, rng.integers(0, 9)))
        drawings, rejects, before = [], [], 0
        for first, last in itertools.pairwise([0, *cuts.tolist(), len(content)]):
            part_rejects = []
            chunks = list(scan_range(path, first, last, raw=False, on_reject=part_rejects.append))
            lines_of_part = lines_of(chunks, content)
            assert all(first <= offset < last for _, offset, _ in lines_of_part)
            drawings += [(key, offset, line + before) for key, offset, line in lines_of_part]
            rejects += [(reject.offset, reject.line + before) for reject in part_rejects]
            before += sum(chunk.lines for chunk in chunks)
        assert drawings == lines_of(whole, content)
        assert rejects == [(reject.offset, reject.line) for reject in whole_rejects]
        assert before == 8


def test_a_small_file_split_at_every_byte(tmp_path):
    content = b"\xef\xbb\xbf" + b"\n".join(numbered(2)) + b"\n\n"
    path = tmp_path / "cat.ndjson"
    path.write_bytes(content)
    for cut in range(len(content) + 1):
        parts = [
            chunk
            for bounds in ((0, cut), (cut, len(content)))
            for chunk in scan_range(path, *bounds, raw=False)
        ]
        assert [key for key, _, _ in lines_of(parts, content)] == [0, 1]
        assert sum(chunk.lines for chunk in parts) == 3


def test_a_stream_gives_the_same_as_a_range(tmp_path):
    content = b"\n".join([SIMPLIFIED, BROKEN, b"", SIMPLIFIED])
    path = tmp_path / "cat.ndjson"
    path.write_bytes(content)
    rejects = [], []
    ranged = list(scan_range(path, 0, len(content), raw=False, on_reject=rejects[0].append))
    streamed = list(scan_stream(io.BytesIO(content), raw=False, on_reject=rejects[1].append))
    assert lines_of(ranged, content) == lines_of(streamed, content)
    assert [r.line for r in rejects[0]] == [r.line for r in rejects[1]] == [2]


@pytest.mark.parametrize("bounds", [(-1, 5), (5, 4)])
def test_invalid_ranges(tmp_path, bounds):
    with pytest.raises(UsageError, match="expected 0 <= start <= stop"):
        list(scan_range(tmp_path / "x", *bounds, raw=False))


# -- writing


def test_the_official_layout(tmp_path):
    path = tmp_path / "cat.ndjson"
    for line in (SIMPLIFIED, RAW):
        write_ndjson(read_ndjson(line), path)
        assert path.read_bytes() == line + b"\n"


def test_real_simplified_files_are_rewritten_to_the_byte(real_data, tmp_path):
    for path in sorted((real_data / "quickdraw" / "simplified").glob("*.ndjson")):
        write_ndjson(read_ndjson(path), tmp_path / "out")
        assert (tmp_path / "out").read_bytes() == path.read_bytes(), path.name


def test_real_raw_files_are_rewritten_to_the_byte(real_data, tmp_path):
    for path in sorted((real_data / "quickdraw" / "raw").glob("*.ndjson")):
        write_ndjson(read_ndjson(path), tmp_path / "out")
        assert (tmp_path / "out").read_bytes() == path.read_bytes(), path.name


@pytest.mark.parametrize("folder", ["simplified", "simplified_derived"])
def test_real_lines_without_metadata_are_rewritten_to_the_byte(real_data, folder, tmp_path):
    lines = 0
    for path in sorted((real_data / "quickdraw" / "more" / folder).glob("*.ndjson")):
        write_ndjson(read_ndjson(path), tmp_path / "out")
        written = (tmp_path / "out").read_bytes().splitlines()
        for ours, theirs in zip(written, path.read_bytes().splitlines(), strict=True):
            lines += 1
            if b'"key_id_from"' not in theirs:  # a key that is not official
                assert ours == theirs, path.name
    assert lines > 20_000


def line_without(*names):
    fields = {name: value for name, value in json.loads(SIMPLIFIED).items() if name not in names}
    return json.dumps(fields, separators=(",", ":")).encode()


OPTIONAL = ["countrycode", "timestamp", "recognized", "key_id"]


@given(st.sets(st.sampled_from(OPTIONAL)), st.booleans())
def test_absent_keys_are_unknown_and_stay_absent(tmp_path_factory, names, as_nulls):
    text = line_without(*names)
    if as_nulls:
        nulls = dict.fromkeys(names)
        text = json.dumps({**json.loads(text), **nulls}).encode()
    batch = read_ndjson(text)
    (drawing,) = batch
    known = {"recognized": drawing.recognized, "countrycode": drawing.countrycode or None}
    known["timestamp"] = None if np.isnat(drawing.timestamp) else 1
    known["key_id"] = 1 if batch.key_id_known is None else None
    assert {name for name, value in known.items() if value is None} == names
    path = tmp_path_factory.getbasetemp() / "absent.ndjson"
    write_ndjson(batch, path)
    assert read_ndjson(path).equals(batch)
    if {"recognized", "key_id"} & names or not names:
        assert path.read_bytes() == line_without(*names) + b"\n"


@pytest.mark.parametrize(("name", "word"), [("cat", "cat"), ("mine", None), ("the%20cat", None)])
def test_a_missing_word_is_that_of_the_file_if_it_is_a_category(tmp_path, name, word):
    path = tmp_path / f"{name}.ndjson"
    path.write_bytes(b"\n".join([line_without("word"), line_without("word", "key_id")]))
    batch = read_ndjson(path)
    assert batch.words_of_drawings() == [word, word]
    assert batch[1].key_id >= 2**63
    assert next(iter_ndjson(path)).equals(batch)
    assert read_ndjson(path.read_bytes()).words_of_drawings() == [None, None]


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_the_suffix_selects_the_compression(tmp_path, suffix):
    batch = read_ndjson(b"\n".join(numbered(3)))
    path = tmp_path / f"cat.ndjson{suffix}"
    write_ndjson(batch, path)
    assert path.read_bytes()[:2] == {"": b'{"', ".gz": b"\x1f\x8b", ".zst": b"\x28\xb5"}[suffix]
    assert read_ndjson(path).equals(batch)
    first = path.read_bytes()
    write_ndjson(batch, path)
    assert path.read_bytes() == first


@given(batches(words=("cat", "Ä", 'a"\\\n\u2028', None), max_drawings=6, unknown=True))
def test_written_drawings_read_back(tmp_path_factory, batch):
    path = tmp_path_factory.getbasetemp() / "round.ndjson"
    write_ndjson(batch, path)
    assert read_ndjson(path).equals(batch)
    with path.open() as file:  # the same with another reader
        documents = list(ndjson.reader(file))
    known = batch.to_arrow()["key_id"].to_pylist()
    assert [document.get("key_id") for document in documents] == [
        None if key_id is None else str(key_id) for key_id in known
    ]
    assert [document.get("word") for document in documents] == batch.words_of_drawings()


@given(
    st.lists(
        st.lists(
            st.tuples(
                st.floats(-3e38, 3e38),
                st.integers(-(2**31), 2**31 - 1).map(float),
                st.integers(-(2**31), 2**31 - 1),
            ),
            min_size=1,
            max_size=5,
        ),
        min_size=1,
        max_size=5,
    )
)
def test_raw_drawings_read_back_to_the_bit(tmp_path_factory, drawings):
    path = tmp_path_factory.getbasetemp() / "raw.ndjson"
    strokes = [[list(zip(*points, strict=True))] for points in drawings]
    batch = DrawingBatch.from_strokes(strokes, words=["cat"] * len(strokes))
    write_ndjson(batch, path)
    assert read_ndjson(path).equals(batch)


@pytest.mark.parametrize(
    ("batch", "reason"),
    [
        (DrawingBatch.from_strokes([[]], words=["cat"]), "no strokes"),
        (DrawingBatch.from_strokes([[([1], [1])]], words=[""]), "no word"),
        (
            DrawingBatch.from_strokes([[([1.5], [1])]], words=["a"], dtype="float64"),
            "x is 1.5, expected whole numbers 0 to 255",
        ),
        (
            DrawingBatch.from_strokes([[([1], [-1])]], words=["a"], dtype="int16"),
            "y is -1, expected whole numbers 0 to 255",
        ),
        (
            DrawingBatch.from_strokes([[([np.nan], [1], [0])]], words=["a"]),
            "x is nan, expected finite",
        ),
    ],
)
def test_drawings_that_could_not_be_read_back_are_not_written(tmp_path, batch, reason):
    with pytest.raises(DataError, match=reason):
        write_ndjson(batch, tmp_path / "cat.ndjson")
    assert list(tmp_path.iterdir()) == []


def test_an_empty_batch_gives_an_empty_file(tmp_path):
    write_ndjson(read_ndjson(b""), tmp_path / "none.ndjson")
    assert (tmp_path / "none.ndjson").read_bytes() == b""
