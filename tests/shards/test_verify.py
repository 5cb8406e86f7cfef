"""Guarantee: every changed byte and every missing file of a data set is reported by name."""

import contextlib
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickdraw_kit.errors import DataError
from quickdraw_kit.shards.manifest import load_manifest
from quickdraw_kit.shards.options import PrepareOptions
from quickdraw_kit.shards.prepare.pipeline import prepare
from quickdraw_kit.shards.verify import verify
from quickdraw_kit.storage.store import RetryingStore
from tests.conftest import examples, official_line


@pytest.fixture(scope="module", params=["npy", "parquet"])
def data_set(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("verify")
    source = folder / "cat.ndjson"
    source.write_bytes(b"".join(map(official_line, range(200))) + b"broken\n")
    options = PrepareOptions(format=request.param, rows_per_shard=64)
    prepare([source], folder / "out", options=options, max_reject_rate=0.1)
    return folder / "out"


def test_an_intact_data_set(data_set):
    result = verify(data_set)
    assert result.ok
    assert result.drawings == 200
    assert result.files == len([path for path in data_set.iterdir() if path.is_file()])


@examples(60)
@given(data=st.data())
def test_any_flipped_bit_is_reported_with_its_file(data_set, data):
    files = sorted(path for path in data_set.iterdir() if path.is_file())
    path = data.draw(st.sampled_from(files))
    original = path.read_bytes()
    index = data.draw(st.integers(0, len(original) - 1))
    bit = data.draw(st.integers(0, 7))
    changed = bytearray(original)
    changed[index] ^= 1 << bit
    path.write_bytes(changed)
    try:
        try:
            problems = verify(data_set).problems
        except DataError as error:
            problems = (str(error),)
        assert problems
        assert any(path.name in problem for problem in problems)
    finally:
        path.write_bytes(original)


def test_every_byte_of_the_manifest_is_checked(data_set):
    path = data_set / "manifest.json"
    original = path.read_bytes()
    try:
        for index in range(0, len(original), 7):
            changed = bytearray(original)
            changed[index] ^= 1
            path.write_bytes(changed)
            with contextlib.suppress(DataError):
                assert not verify(data_set).ok
    finally:
        path.write_bytes(original)


@pytest.mark.parametrize("damage", ["remove", "truncate", "extend"])
def test_missing_truncated_and_longer_files(data_set, damage):
    for file in load_manifest(data_set).all_files():
        path = data_set / file.name
        original = path.read_bytes()
        if damage == "remove":
            path.unlink()
        else:
            path.write_bytes(original[:-1] if damage == "truncate" else original + b"\0")
        problems = verify(data_set).problems
        path.write_bytes(original)
        assert len(problems) == 1
        assert file.name in problems[0]


def test_a_shard_that_is_not_in_the_manifest(data_set):
    extra = data_set / "train-00099-of-00100.images.npy"
    np.save(extra, np.zeros(3))
    try:
        assert [extra.name in problem for problem in verify(data_set).problems] == [True]
    finally:
        extra.unlink()


@pytest.mark.parametrize("name", ["../escape.npy", "/etc/passwd", "a/b.npy", ".."])
def test_a_manifest_cannot_name_files_outside_its_folder(tmp_path, data_set, name):
    document = json.loads((data_set / "manifest.json").read_bytes())
    document["files"][0]["name"] = name
    (tmp_path / "manifest.json").write_text(json.dumps(document))
    result = verify(tmp_path)
    assert not result.ok
    assert "is not the name of a file in the folder" in result.problems[0]


@pytest.mark.parametrize("damage", ["none", "flipped", "missing", "added", "manifest"])
def test_in_a_store(s3, data_set, damage):
    store = RetryingStore(f"{s3}/verify-{data_set.parent.name}-{damage}")
    for path in data_set.iterdir():
        store.put(path.name, path)
    name = load_manifest(data_set).shards[0].files[0].name
    match damage:
        case "flipped":
            content = bytearray(store.get(name))
            content[-1] ^= 1
            store.put(name, bytes(content))
        case "missing":
            store.delete(name)
        case "added":
            name = f"train-00007-of-00009{Path(name).suffix}"
            store.put(name.replace(".npy", ".images.npy"), b"")
            name = name.partition(".")[0]
        case "manifest":
            name = "manifest.json"
            store.put(name, store.get(name)[:-1])
    result = verify(store.url)
    if damage == "none":
        assert result == verify(data_set)
        assert result.ok
    else:
        assert len(result.problems) == 1
        assert name in result.problems[0]
