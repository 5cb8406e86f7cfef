"""The manifest: names that lead out of the folder, and numbers that are not counts, are errors."""

import dataclasses
import json
import re

import pytest

from quickdraw_kit.errors import DataError, IntegrityError, UsageError
from quickdraw_kit.raster.style import RasterStyle
from quickdraw_kit.shards.manifest import Counts, load_manifest, parse_manifest
from quickdraw_kit.shards.prepare.pipeline import prepare
from quickdraw_kit.synthetic.generator import write_sample


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    folder = tmp_path_factory.mktemp("manifest")
    write_sample(folder / "sample", drawings=60)
    return prepare([folder / "sample"], folder / "out", workers=1)


def forged(manifest, **changes) -> bytes:
    """The text of a manifest with a valid digest, whose first file or shard was changed."""
    shard = manifest.shards[0]
    shard_changes = {name: changes.pop(name) for name in ("rows", "split") if name in changes}
    file = dataclasses.replace(shard.files[0], **changes)
    shard = dataclasses.replace(shard, files=(file, *shard.files[1:]), **shard_changes)
    return dataclasses.replace(manifest, shards=(shard, *manifest.shards[1:])).dumps().encode()


def test_missing_and_unfinished_data_sets_have_different_errors(tmp_path):
    with pytest.raises(UsageError, match="nowhere does not exist: expected the folder"):
        load_manifest(tmp_path / "nowhere")
    with pytest.raises(DataError, match="is not a finished data set"):
        load_manifest(tmp_path)


def test_it_is_read_as_it_was_written(manifest):
    assert parse_manifest(forged(manifest)) == manifest


def test_whole_numbers_may_stand_for_floats(manifest):
    options = dataclasses.replace(manifest.options, style=RasterStyle(28, 16, 16))
    manifest = dataclasses.replace(manifest, options=options)
    assert parse_manifest(manifest.dumps().encode()) == manifest


def test_it_is_read_from_a_store(manifest):
    import fsspec

    with fsspec.open("memory://manifest/manifest.json", "wb") as file:
        file.write(manifest.dumps().encode())
    assert load_manifest("memory://manifest") == manifest
    with pytest.raises(DataError, match=r"memory://nowhere/manifest\.json does not exist"):
        load_manifest("memory://nowhere")


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "a/b", "/a", "../a", "a\\b", "..\\a", "c:a", "a.npy:b", "a\0", "manifest.json"],
)
def test_a_name_that_leads_out_of_the_folder(manifest, name):
    with pytest.raises(IntegrityError, match="is not the name of a file in the folder"):
        parse_manifest(forged(manifest, name=name))


@pytest.mark.parametrize("sha256", ["", "../victim/passwd", "A" * 64, "a" * 63, "a" * 64 + "\n"])
def test_an_invalid_checksum(manifest, sha256):
    with pytest.raises(IntegrityError, match="is not the sha256 of a file, expected 64 digits"):
        parse_manifest(forged(manifest, sha256=sha256))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rows": -1}, r"Expected `int` >= 0 - at `\$\.shards\[0\]\.rows`"),
        ({"bytes": -1}, r"train-00000-of-00001\.images\.npy has -1 bytes, expected at least 0"),
    ],
)
def test_a_negative_count(manifest, changes, message):
    with pytest.raises(IntegrityError, match=rf"manifest\.json is damaged: {message}"):
        parse_manifest(forged(manifest, **changes))


@pytest.mark.parametrize("path", ["files[0].bytes", "rows"])
@pytest.mark.parametrize(
    ("value", "message"),
    [
        (True, "Expected `int`, got `bool`"),
        (2.0, "Expected `int`, got `float`"),
        ("3", "Expected `int`, got `str`"),
        (None, "Expected `int`, got `null`"),
    ],
)
def test_a_number_that_is_not_a_count(manifest, path, value, message):
    expected = rf"manifest\.json is damaged: {message} - at `\$.shards\[0\].{re.escape(path)}`"
    with pytest.raises(IntegrityError, match=expected):
        parse_manifest(forged(manifest, **{path.rpartition(".")[2]: value}))


@pytest.mark.parametrize("changes", [{"name": 5}, {"sha256": None}, {"split": "dev"}])
def test_a_text_that_is_not_what_it_should_be(manifest, changes):
    with pytest.raises(IntegrityError, match=r"manifest\.json is damaged"):
        parse_manifest(forged(manifest, **changes))


def test_an_unknown_field(manifest):
    document = json.loads(manifest.dumps())
    document["shards"][0]["color"] = "red"
    with pytest.raises(IntegrityError, match="fields that are not known"):
        parse_manifest(json.dumps(document).encode())


def test_a_digest_of_other_content(manifest):
    text = manifest.dumps().encode()
    with pytest.raises(IntegrityError, match=r"digest .* does not match its content"):
        parse_manifest(text.replace(b"\n", b" \n", 1))
    counts = Counts(read=60, written=60, filtered={"country": 1})
    other = dataclasses.replace(manifest, counts=counts).dumps().encode()
    digests = [json.loads(part)["sha256"].encode() for part in (text, other)]
    with pytest.raises(IntegrityError, match=r"digest .* does not match its content"):
        parse_manifest(other.replace(digests[1], digests[0]))


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b"[" * 100_000, b'{"sha256": 1e999'])
def test_text_that_is_not_a_manifest(text):
    with pytest.raises(IntegrityError, match="it is not a manifest"):
        parse_manifest(text)


def test_counts_reconcile():
    assert Counts(5, 3, filtered={"country": 1}, rejected={"malformed": 1}).reconciles
    assert not Counts(5, 3, filtered={"country": 1}).reconciles
