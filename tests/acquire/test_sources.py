"""Specs are resolved to a list of files, the same for any order."""

import gzip
import itertools

import pytest

from quickdraw_kit.acquire.download import download
from quickdraw_kit.acquire.sources import resolve_sources
from quickdraw_kit.errors import DataError, UsageError
from quickdraw_kit.shards.prepare.pipeline import prepare
from quickdraw_kit.synthetic.generator import write_sample


@pytest.fixture
def folder(tmp_path):
    for name in ("cat.ndjson", "dog.ndjson.gz", "ant.bin"):
        data = gzip.compress(b"{}") if name.endswith(".gz") else b"{}"
        (tmp_path / name).write_bytes(data)
    (tmp_path / "notes.txt").write_bytes(b"Buy milk")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "cat.ndjson").write_bytes(b"{}")
    return tmp_path


def test_a_folder_gives_its_readable_files_and_not_its_subfolders(folder):
    sources = resolve_sources([folder])
    assert [(s.name, s.format.name, s.compression) for s in sources] == [
        ("ant.bin", "binary", None),
        ("cat.ndjson", "ndjson", None),
        ("dog.ndjson.gz", "ndjson", "gzip"),
    ]


def test_the_list_is_the_same_for_any_order(folder):
    specs = [folder, folder / "cat.ndjson", str(folder / "*.bin"), folder / "deep"]
    expected = resolve_sources(specs)
    for order in itertools.permutations(specs):
        assert resolve_sources(order) == expected


def test_files_of_one_name_are_named_with_their_folder(folder):
    names = {source.name for source in resolve_sources([folder, folder / "deep"])}
    assert f"{folder.name}/cat.ndjson" in names
    assert "deep/cat.ndjson" in names


def test_a_link_to_a_file_of_the_list_counts_once(folder):
    (folder / "same.ndjson").symlink_to(folder / "cat.ndjson")
    assert len(resolve_sources([folder])) == 3


def test_a_category_is_its_downloaded_file(folder):
    data_home = folder / "home"
    (data_home / "simplified").mkdir(parents=True)
    (data_home / "simplified" / "hot air balloon.ndjson").write_bytes(b"{}")
    assert resolve_sources(["Hot_air_balloon"], data_home=data_home)[0].word == "hot air balloon"


def test_a_downloaded_category_is_found_without_naming_the_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("QUICKDRAW_KIT_HOME", str(tmp_path / "home"))
    write_sample(tmp_path / "mirror" / "simplified", drawings=60, categories=["line"])
    download(["line"], mirror=str(tmp_path / "mirror"))
    (source,) = resolve_sources(["line"])
    assert source.path == (tmp_path / "home" / "simplified" / "line.ndjson").resolve()
    assert prepare(["line"], tmp_path / "shards", workers=1).categories == ("line",)


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        ("catt", UsageError, "did you mean cat"),
        ("dog", UsageError, "not downloaded.*quickdraw-kit download"),
        ("nowhere/cat.ndjson", UsageError, "does not exist"),
        ("s3://bucket/cat.ndjson", UsageError, "only prepare reads from URLs"),
        ("s3://bucket/*.ndjson", UsageError, "only prepare reads from URLs"),
        ("notes.txt", DataError, "does not have a supported format"),
        ("*.csv", UsageError, "no readable file matches"),
        ("wheel/", UsageError, "wheel/ does not exist"),
        (r"nowhere\cat", UsageError, "does not exist"),
        ("shards", UsageError, "shards is a finished data set"),
        ("empty", DataError, "does not contain files of a supported .*it has the folders inner"),
    ],
)
def test_specs_that_cannot_be_resolved(folder, monkeypatch, spec, error, message):
    (folder / "empty" / "inner").mkdir(parents=True)
    (folder / "shards").mkdir()
    for name in ("manifest.json", "histogram.csv", "train-00000-of-00001.images.npy"):
        (folder / "shards" / name).touch()
    monkeypatch.chdir(folder)
    with pytest.raises(error, match=message):
        resolve_sources([spec], data_home=folder / "home")


def test_no_specs():
    with pytest.raises(UsageError, match="no source is named"):
        resolve_sources([])


def test_a_change_of_a_source_is_an_error(folder):
    source = resolve_sources([folder / "cat.ndjson"])[0]
    source.check_unchanged()
    source.path.write_bytes(b"{}{}")
    with pytest.raises(DataError, match="2 bytes when the run began, 4 now"):
        source.check_unchanged()
    source.path.unlink()
    with pytest.raises(DataError, match="is gone"):
        source.check_unchanged()


def test_one_spec_needs_no_list(folder):
    assert resolve_sources(folder) == resolve_sources(str(folder)) == resolve_sources([folder])


def test_a_folder_in_folders_is_found_if_it_is_the_only_one(tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    (raw / "cat.ndjson").write_bytes(b"{}")
    for spec in (tmp_path, tmp_path / "MNIST", raw):
        assert [source.name for source in resolve_sources(spec)] == ["cat.ndjson"]
    other = tmp_path / "FashionMNIST" / "raw"
    other.mkdir(parents=True)
    (other / "dog.ndjson").write_bytes(b"{}")
    with pytest.raises(DataError, match="it has the folders FashionMNIST, MNIST: name one"):
        resolve_sources(tmp_path)


def test_a_variant_without_a_category_is_refused(folder):
    with pytest.raises(UsageError, match=r"variant \(--variant\) raw chooses the files of cat"):
        resolve_sources(folder, variant="raw")
