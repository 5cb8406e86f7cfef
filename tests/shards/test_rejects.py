"""Rejected lines are copied from their sources, whatever they contain and however long they are."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickdraw_kit.acquire.sources import resolve_sources
from quickdraw_kit.shards.rejects import RejectEntry, write_rejects, write_source_rejects


@given(
    lines=st.lists(st.binary(max_size=30).map(lambda b: b.replace(b"\n", b"")), min_size=1),
    data=st.data(),
)
def test_any_bytes_can_be_restored(tmp_path_factory, lines, data):
    path = tmp_path_factory.mktemp("rejects") / "cat.ndjson"
    lines = [b"{}", *lines]  # not the first bytes of a compressed file
    path.write_bytes(b"\n".join(lines) + b"\n")
    (source,) = resolve_sources([path])
    chosen = data.draw(st.sets(st.integers(0, len(lines) - 1)))
    offsets = {number: sum(len(line) + 1 for line in lines[:number]) for number in chosen}
    rejects = [RejectEntry(offset, "malformed", "why") for offset in offsets.values()]
    out = io.BytesIO()
    write_source_rejects(out, source, rejects)
    entries = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [entry["line"] - 1 for entry in entries] == sorted(chosen)
    for entry in entries:
        line = lines[entry["line"] - 1]
        assert entry["offset"] == offsets[entry["line"] - 1]
        assert entry["text"].encode("utf-8", "surrogateescape") == line.removesuffix(b"\r")


def test_a_line_that_is_longer_than_a_block(tmp_path):
    text = "é" * (5 << 20)
    (tmp_path / "cat.ndjson").write_text(f"{{}}\n{text}", "utf-8")
    (source,) = resolve_sources([tmp_path / "cat.ndjson"])
    entry = write_rejects(tmp_path, [source], {0: [RejectEntry(3, "malformed", "too long")]})
    content = (tmp_path / "rejects.ndjson").read_bytes()
    assert entry.bytes == len(content)
    assert json.loads(content)["text"] == text


@pytest.mark.parametrize("rejects", [{}, {0: []}])
def test_no_rejects(tmp_path, rejects):
    (tmp_path / "cat.ndjson").write_text("{}\n")
    sources = resolve_sources([tmp_path / "cat.ndjson"])
    assert write_rejects(tmp_path, sources, rejects).bytes == 0


def test_saved_rejects_are_copied(tmp_path):
    (tmp_path / "cat.ndjson").write_text("{}\n")
    (tmp_path / "saved").write_text("saved\n")
    sources = resolve_sources([tmp_path / "cat.ndjson"])
    write_rejects(tmp_path, sources, {}, {0: tmp_path / "saved"})
    assert (tmp_path / "rejects.ndjson").read_text() == "saved\n"
