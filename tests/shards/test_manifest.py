"""The manifest: what could lead out of the folder, or is no number, is refused."""

import dataclasses

import pytest

from quickdraw_kit.errors import DataError, IntegrityError, UsageError
from quickdraw_kit.shards.manifest import load_manifest, parse_manifest
from quickdraw_kit.shards.prepare.pipeline import prepare
from quickdraw_kit.synthetic.generator import write_sample


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    folder = tmp_path_factory.mktemp("manifest")
    write_sample(folder / "sample", drawings=60)
    return prepare([folder / "sample"], folder / "out", workers=1)


def forged(manifest, **changes) -> bytes:
    """The text of a manifest whose digest fits, with another first file or another shard."""
    shard = manifest.shards[0]
    of_shard = {name: changes.pop(name) for name in ("rows",) if name in changes}
    file = dataclasses.replace(shard.files[0], **changes)
    shard = dataclasses.replace(shard, files=(file, *shard.files[1:]), **of_shard)
    return dataclasses.replace(manifest, shards=(shard, *manifest.shards[1:])).dumps().encode()


def test_a_folder_that_is_not_there_is_told_from_one_that_is_not_finished(tmp_path):
    with pytest.raises(UsageError, match="nowhere does not exist: expected the folder"):
        load_manifest(tmp_path / "nowhere")
    with pytest.raises(DataError, match="is not a finished data set"):
        load_manifest(tmp_path)


def test_it_is_read_as_it_was_written(manifest):
    assert parse_manifest(forged(manifest)) == manifest


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "a/b", "/a", "../a", "a\\b", "..\\a", "c:a", "a.npy:b", "a\0", "manifest.json"],
)
def test_a_name_that_leads_out_of_the_folder(manifest, name):
    with pytest.raises(IntegrityError, match="is not the name of a file in the folder"):
        parse_manifest(forged(manifest, name=name))


@pytest.mark.parametrize("sha256", ["", "../victim/passwd", "A" * 64, "a" * 63, "a" * 64 + "\n"])
def test_a_checksum_that_is_none(manifest, sha256):
    with pytest.raises(IntegrityError, match="is not the sha256 of a file, expected 64 digits"):
        parse_manifest(forged(manifest, sha256=sha256))


@pytest.mark.parametrize("name", ["bytes", "rows"])
@pytest.mark.parametrize("value", [-1, True, 2.0, "3", None])
def test_a_number_that_is_none(manifest, name, value):
    with pytest.raises(IntegrityError, match=f"{name} is {value!r}, expected a whole number"):
        parse_manifest(forged(manifest, **{name: value}))


def test_a_name_or_a_checksum_that_is_no_text(manifest):
    for changes in ({"name": 5}, {"sha256": None}):
        with pytest.raises(IntegrityError, match=r"manifest\.json is damaged"):
            parse_manifest(forged(manifest, **changes))


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b"[" * 100_000, b'{"sha256": 1e999'])
def test_a_text_that_is_no_manifest(text):
    with pytest.raises(IntegrityError, match="it is not a manifest"):
        parse_manifest(text)
