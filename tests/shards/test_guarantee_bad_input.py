"""Guarantee: bad input never stops a run and never disappears; the reason is always recorded."""

import json

import pytest

from quickdraw_kit.errors import DataError
from quickdraw_kit.formats.ndjson.files import read_ndjson
from quickdraw_kit.shards.filters import Filters
from quickdraw_kit.shards.histogram import read_histogram
from quickdraw_kit.shards.prepare.pipeline import prepare
from quickdraw_kit.shards.read.dataset import open_shards
from quickdraw_kit.shards.verify import verify
from tests.conftest import official_line

GOOD = [official_line(key) for key in range(20)]


def altered(old: bytes, new: bytes) -> bytes:
    line = official_line(77, drawing=[[[1, 2], [3, 4]]])
    assert old in line
    return line.replace(old, new)


BAD = {
    "cut off": (official_line(77)[:-20] + b"\n", "JSON"),
    "unequal rows": (altered(b"[3,4]", b"[3,4,5]"), "2 x and 3 y"),
    "unequal times": (altered(b"[[1,2],[3,4]]", b"[[1,2],[3,4],[0]]"), "2 x, 2 y and 1 t"),
    "no points": (altered(b"[[1,2],[3,4]]", b"[[],[]]"), "no points"),
    "no strokes": (altered(b"[[[1,2],[3,4]]]", b"[]"), "at least one stroke"),
    "not a number": (altered(b"[1,2]", b"[1,NaN]"), "NaN"),
    "a string for a number": (altered(b"[1,2]", b'[1,"2"]'), 'x "2" in stroke 1'),
    "outside the frame": (altered(b"[1,2]", b"[1,300]"), "300"),
    "below the frame": (altered(b"[1,2]", b"[1,-2]"), "-2"),
    "bad UTF-8": (altered(b'"cat"', b'"c\xe9t"'), "UTF-8"),
    "unknown word": (altered(b'"cat"', b'"catt"'), "'catt' is not one of the 345"),
    "no drawing": (altered(b'"drawing"', b'"picture"'), "key 'drawing' is missing"),
    "a list": (b"[1,2,3]\n", "object"),
    "a null byte": (b"\x00\x00\n", "JSON"),
    "duplicate": (official_line(3), "key_id 3 was there before"),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_a_bad_line_is_counted_with_its_reason_and_the_rest_is_written(
    write_lines, tmp_path, name, place
):
    line, reason = BAD[name]
    at = {"first": 0, "middle": 10, "last": 20}[place]
    if name == "duplicate" and place == "first":
        at = 5
    write_lines("in/cat.ndjson", [*GOOD[:at], line, *GOOD[at:]])
    manifest = prepare([tmp_path / "in"], tmp_path / "out", max_reject_rate=0.1)
    assert (manifest.counts.read, manifest.counts.written) == (21, 20)
    assert sum(manifest.counts.rejected.values()) == 1
    (reject,) = (
        json.loads(text) for text in (tmp_path / "out" / "rejects.ndjson").read_bytes().splitlines()
    )
    assert reason in reject["reason"]
    assert reject["line"] == at + 1
    assert reject["offset"] == sum(map(len, GOOD[:at]))
    assert reject["text"].encode("utf-8", "surrogateescape") == line.rstrip(b"\n")
    assert sorted(open_shards(tmp_path / "out").to_pandas()["key_id"]) == list(range(20))
    assert verify(tmp_path / "out").ok


def test_drawings_with_nothing_but_strokes(write_lines, tmp_path):
    """Key_ids are made from the content; a word is needed, and may come from the file's name."""
    bare = [b'{"drawing":[[[0,%d],[0,255]]]}\n' % x for x in range(20)]
    write_lines("in/cat.ndjson", [*bare, bare[3]])
    write_lines("in/mine.ndjson", bare)
    filters = Filters(countries=("US",), recognized_only=True)
    manifest = prepare([tmp_path / "in"], tmp_path / "out", max_reject_rate=1)
    assert manifest.counts.rejected == {"duplicate": 1, "unknown word": 20}
    rejects = tmp_path / "out" / "rejects.ndjson"
    reasons = [json.loads(line)["reason"] for line in rejects.read_text().splitlines()]
    assert sum("has no word" in reason for reason in reasons) == 20
    frame = open_shards(tmp_path / "out").to_pandas()
    assert sorted(frame["key_id"]) == sorted(
        read_ndjson(tmp_path / "in" / "cat.ndjson").key_id[:20]
    )
    assert frame["recognized"].isna().all()
    assert {row.recognized for row in read_histogram(tmp_path / "out")} == {"unknown"}
    with pytest.raises(DataError, match="no drawing is left of 21: 21 recognized unknown"):
        prepare([tmp_path / "in/cat.ndjson"], tmp_path / "few", filters=filters)
    assert verify(tmp_path / "out").ok


def test_a_cut_off_last_line_is_counted(write_lines, tmp_path):
    write_lines("in/cat.ndjson", [*GOOD, official_line(99)[:-30]])
    manifest = prepare([tmp_path / "in"], tmp_path / "out", max_reject_rate=0.1)
    assert manifest.counts.rejected == {"malformed": 1}


def test_a_last_line_without_its_newline_is_a_line(write_lines, tmp_path):
    write_lines("in/cat.ndjson", [*GOOD, official_line(99).rstrip(b"\n")])
    assert prepare([tmp_path / "in"], tmp_path / "out").counts.written == 21


@pytest.mark.slow
def test_a_line_of_200_megabytes_is_rejected_and_kept(tmp_path, write_lines):
    path = write_lines("in/cat.ndjson", GOOD[:10])
    head = official_line(99)[:-10]
    piece = b",".join([b"255"] * 250_000) + b","
    with path.open("ab") as file:
        file.write(head)
        for _ in range(200):
            file.write(piece)
        file.write(b"\n")
        file.writelines(GOOD[10:])
    manifest = prepare([tmp_path / "in"], tmp_path / "out", max_reject_rate=0.1)
    assert (manifest.counts.read, manifest.counts.written) == (21, 20)
    rejects = (tmp_path / "out" / "rejects.ndjson").read_bytes()
    assert rejects.count(piece) == 200, "the line itself is kept"
    assert b'"line": 11' in rejects[:500]


def test_a_folder_without_files_is_an_error(tmp_path):
    (tmp_path / "in").mkdir()
    with pytest.raises(DataError, match=r"does not contain files of a supported format \(\.ndjson"):
        prepare([tmp_path / "in"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_source_that_changes_while_it_is_read_fails_the_run(tmp_path, write_lines, monkeypatch):
    path = write_lines("in/cat.ndjson", GOOD)
    from quickdraw_kit.acquire.sources import Source

    def read_and_change(*arguments, **options):
        path.write_bytes(b"".join(GOOD[:5]))
        return original(*arguments, **options)

    original = Source.read_record_batches
    monkeypatch.setattr(Source, "read_record_batches", read_and_change)
    with pytest.raises(DataError, match="changed while it was read"):
        prepare([tmp_path / "in"], tmp_path / "out")
    assert not (tmp_path / "out" / "manifest.json").exists()
