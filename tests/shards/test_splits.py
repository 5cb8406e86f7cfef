"""Splits by position and by a list: the same for any chunks and any number of workers."""

import gzip
import itertools
import json

import hypothesis.strategies as st
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given

from quickdraw_kit.acquire.sources import resolve_sources
from quickdraw_kit.errors import DataError, UsageError
from quickdraw_kit.formats.binary import write_binary
from quickdraw_kit.formats.ndjson.files import read_ndjson
from quickdraw_kit.shards.keyed_hashes import SPLITS
from quickdraw_kit.shards.manifest import load_manifest
from quickdraw_kit.shards.options import PrepareOptions, SplitRule
from quickdraw_kit.shards.prepare.pipeline import prepare
from quickdraw_kit.shards.splits import line_starts, read_split_ids
from quickdraw_kit.shards.verify import verify
from tests.conftest import examples, official_line

BY_POSITION = PrepareOptions(split_rule=SplitRule("sketch-rnn", sizes=(70, 5, 5)))


def members(folder):
    """The key_ids of each split."""
    ids = {name: set() for name in SPLITS}
    for shard in load_manifest(folder).shards:
        table = pq.read_table(folder / shard.files[-1].name)
        ids[shard.split] |= set(table["key_id"].to_pylist())
    return ids


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_the_default_sizes_are_those_of_sketch_rnn():
    assert SplitRule("sketch-rnn").sizes == (70_000, 2_500, 2_500)


@pytest.mark.parametrize("suffix", [".ndjson", ".ndjson.gz", ".bin"])
def test_positions_are_those_in_the_file_of_the_category(tmp_path, write_lines, suffix):
    lines = [official_line(i, "cat", recognized=i % 3 > 0) for i in range(100)]
    lines[10] = b"{}\n"  # counts as a line
    path = write_lines(f"cat{'.ndjson' if suffix == '.bin' else suffix}", lines)
    if suffix == ".ndjson.gz":
        path.write_bytes(gzip.compress(path.read_bytes()))
    if suffix == ".bin":
        lines[10] = official_line(10, "cat")
        path.write_bytes(b"".join(lines))
        write_binary(read_ndjson(path), tmp_path / "cat.bin")
        path = tmp_path / "cat.bin"
    manifest = prepare(
        [path], tmp_path / "out", options=BY_POSITION, workers=1, max_reject_rate=0.1
    )
    bad = {10} - ({10} if suffix == ".bin" else set())
    assert members(tmp_path / "out") == {
        "train": set(range(70)) - bad,
        "validation": set(range(70, 75)),
        "test": set(range(75, 80)),
    }
    assert manifest.counts.filtered == {"split": 20}
    assert manifest.options.split_rule.by == "sketch-rnn"
    assert load_manifest(tmp_path / "out") == manifest
    assert verify(tmp_path / "out").ok


def test_filters_do_not_change_the_split(tmp_path, write_lines):
    from quickdraw_kit.shards.filters import Filters

    path = write_lines("cat.ndjson", [official_line(i, recognized=i % 3 > 0) for i in range(100)])
    prepare([path], tmp_path / "all", options=BY_POSITION, workers=1)
    everything = members(tmp_path / "all")
    for number, filters in enumerate((Filters(recognized_only=True), Filters(max_per_category=30))):
        out = tmp_path / str(number)
        manifest = prepare([path], out, filters=filters, options=BY_POSITION, workers=1)
        assert all(ids <= everything[name] for name, ids in members(out).items())
        assert filters.max_per_category in (None, manifest.counts.written)


def test_a_file_of_several_categories_cannot_be_split_by_position(tmp_path, write_lines):
    path = write_lines("pets.ndjson", [official_line(i, ["cat", "dog"][i % 2]) for i in range(9)])
    with pytest.raises(UsageError, match="has several categories"):
        prepare([path], tmp_path / "out", options=BY_POSITION, workers=1)


line_lengths = st.lists(st.integers(1, 30), min_size=90, max_size=110)
last_line_end = st.sampled_from([b"\n", b""])


def write_cat(folder, lengths, end):
    drawings = [[[list(range(n)), list(range(n))]] for n in lengths]
    lines = [official_line(i, drawing=drawing) for i, drawing in enumerate(drawings)]
    (folder / "cat.ndjson").write_bytes(b"".join(lines).removesuffix(b"\n") + end)
    return lines


@given(chunk_bytes=st.integers(150, 40_000), lengths=line_lengths, end=last_line_end)
@examples(12, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_split_does_not_depend_on_chunks(tmp_path_factory, chunk_bytes, lengths, end):
    folder = tmp_path_factory.mktemp("chunks")
    write_cat(folder, lengths, end)
    source, options = [folder / "cat.ndjson"], BY_POSITION
    prepare(source, folder / "a", options=options, workers=1)
    prepare(source, folder / "b", options=options, workers=1, chunk_bytes=chunk_bytes)
    assert contents(folder / "a") == contents(folder / "b")
    assert members(folder / "a")["test"] == set(range(75, 80))


@given(block_bytes=st.integers(100, 50_000), lengths=line_lengths, end=last_line_end)
@examples(30)
def test_line_starts_do_not_depend_on_blocks(tmp_path_factory, block_bytes, lengths, end):
    folder = tmp_path_factory.mktemp("blocks")
    lines = write_cat(folder, lengths, end)
    (source,) = resolve_sources([folder / "cat.ndjson"])
    starts = [0, *itertools.accumulate(map(len, lines))]
    wanted = (70, 75, len(lines) + 1)
    expected = (starts[70], starts[75], np.iinfo(np.int64).max)
    assert line_starts(source, wanted, block_bytes=block_bytes) == expected


@pytest.mark.parametrize(
    ("format", "unlisted"),
    [
        ("csv", "filter"),
        ("json", "train"),
        pytest.param("csv", "train", marks=pytest.mark.slow),
        pytest.param("json", "filter", marks=pytest.mark.slow),
    ],
)
def test_a_list_gives_the_same_split_with_any_number_of_workers(
    tmp_path, write_lines, format, unlisted
):
    path = write_lines("cat.ndjson", [official_line(i) for i in range(100)])
    ids = tmp_path / f"ids.{format}"
    if format == "csv":
        rows = ["50,test", "7,valid", *(f"{i},train" for i in range(20, 40)), "12345,train"]
        ids.write_text("\n".join(["key_id,split", *rows]))
    else:
        ids.write_text(json.dumps({"test": ["50"], "valid": [7], "train": list(range(20, 40))}))
    options = PrepareOptions(split_rule=SplitRule(unlisted=unlisted))
    for workers in (1, 2):
        out = tmp_path / f"out{workers}"
        manifest = prepare(
            [path], out, options=options, split_ids=ids, workers=workers, chunk_bytes=3_000
        )
        rest = set() if unlisted == "filter" else set(range(100)) - {50, 7}
        assert members(out) == {
            "train": set(range(20, 40)) | rest,
            "validation": {7},
            "test": {50},
        }
    assert contents(tmp_path / "out1") == contents(tmp_path / "out2")
    assert manifest.options.split_rule == SplitRule("ids", unlisted, read_split_ids(ids).sha256)
    assert manifest.counts.filtered == ({"split": 78} if unlisted == "filter" else {})
    assert verify(out).ok


def test_another_list_is_another_data_set(tmp_path, write_lines):
    path = write_lines("cat.ndjson", [official_line(i) for i in range(10)])
    for number, name in enumerate(("train", "test")):
        (tmp_path / f"{number}.json").write_text(json.dumps({name: list(range(10))}))
    prepare([path], tmp_path / "out", split_ids=tmp_path / "0.json")
    with pytest.raises(UsageError, match="holds another data set"):
        prepare([path], tmp_path / "out", split_ids=tmp_path / "1.json")


@given(st.dictionaries(st.integers(0, 2**64 - 1), st.sampled_from(SPLITS), min_size=1))
@examples(30)
def test_csv_and_json_lists_are_equivalent(tmp_path_factory, wanted):
    folder = tmp_path_factory.mktemp("ids")
    rows = [f"{split},{key_id},x" for key_id, split in wanted.items()]
    (folder / "ids.csv").write_text("\n".join(["split,key_id,note", *rows, rows[0]]) + "\n")
    lists = {name: [str(k) for k, split in wanted.items() if split == name] for name in SPLITS}
    (folder / "ids.json").write_text(json.dumps(lists))
    for name in ("ids.csv", "ids.json"):
        ids = read_split_ids(folder / name)
        splits = dict(zip(ids.key_id.tolist(), (SPLITS[s] for s in ids.split), strict=True))
        assert splits == wanted
        assert (ids.key_id[1:] > ids.key_id[:-1]).all()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "id,split\n1,train\n", "key_id"),
        ("a.csv", "key_id,split\n1,train\nx,test\n", "x"),
        ("a.csv", "key_id,split\n-1,train\n", "-1"),
        ("a.csv", "key_id,split\n1,trian\n", "unknown split 'trian'"),
        ("a.csv", "key_id,split\n1,train\n1,test\n", "key_id 1 is in train and in test"),
        ("a.csv", "", "Empty"),
        ("a.json", "{", "not JSON"),
        ("a.json", "[" * 100_000, "not JSON: brackets are nested too deeply"),
        ("a.json", f'{{"test": ["{"9" * 5000}"]}}', "is not a key_id"),
        ("a.json", "[1]", "expected a list for each split"),
        ("a.json", '{"train": [1.5]}', "1.5 in train is not a key_id"),
        ("a.json", '{"train": [true]}', "True in train is not a key_id"),
        ("a.json", '{"test": ["18446744073709551616"]}', "is not a key_id"),
    ],
)
def test_invalid_lists(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=message):
        read_split_ids(tmp_path / name)


def test_lists_in_other_formats_and_rules_without_a_list(tmp_path, write_lines):
    path = write_lines("cat.ndjson", [official_line(1)])
    for ids in (tmp_path / "a.txt", tmp_path / "a.csv"):
        with pytest.raises(UsageError, match=r"a\.(txt|csv)"):
            read_split_ids(ids)
    with pytest.raises(UsageError, match=r"split_ids \(.*\) is not given"):
        prepare([path], tmp_path / "out", options=PrepareOptions(split_rule=SplitRule("ids")))
    for wrong in ({"by": "chance"}, {"unlisted": "drop"}, {"sizes": (1, 2)}, {"sizes": (1, 2, -1)}):
        with pytest.raises(UsageError, match="expected"):
            SplitRule(**wrong)


def test_the_rule_is_in_the_manifest(tmp_path, write_lines):
    path = write_lines("cat.ndjson", [official_line(i) for i in range(30)])
    prepare([path], tmp_path / "out")
    document = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert document["options"]["split_rule"]["by"] == "hash"
    assert load_manifest(tmp_path / "out").options.split_rule == SplitRule()
    assert sum(map(len, itertools.chain(members(tmp_path / "out").values()))) == 30
