"""`prepare` into an object store: the bytes of a folder, the manifest last, and nothing kept."""

import pytest

from quickdraw_kit.acquire.download import DownloadOptions
from quickdraw_kit.errors import QuickdrawError, UsageError
from quickdraw_kit.shards.dataset import open_shards
from quickdraw_kit.shards.layout import Layout
from quickdraw_kit.shards.manifest import load_manifest
from quickdraw_kit.shards.prepare import prepare
from quickdraw_kit.shards.store import ObjectStore
from quickdraw_kit.strokes.generate import write_sample

LAYOUT = Layout(shard_rows=20)


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sending")
    write_sample(folder / "sample", drawings=135)
    prepare([folder / "sample"], folder / "shards", layout=LAYOUT, workers=1)
    return folder


def content(url: str, folder) -> dict[str, bytes]:
    """What the store holds of the files of a data set."""
    store = ObjectStore(url)
    names = [path.name for path in folder.iterdir()]
    return {name: store.read(name) for name in names}


def files(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_bytes_are_those_of_a_folder_and_nothing_is_kept_here(s3, sample, tmp_path):
    url = f"{s3}/whole"
    prepare([sample / "sample"], url, layout=LAYOUT, home=tmp_path, workers=1)
    assert content(url, sample / "shards") == files(sample / "shards")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    with pytest.raises(UsageError, match="holds a data set already"):
        prepare([sample / "sample"], url, layout=LAYOUT, home=tmp_path, workers=1)


def test_a_store_that_fails_midway_has_no_manifest_and_the_run_goes_on(
    s3, sample, tmp_path, monkeypatch
):
    url = f"{s3}/midway"
    put, sent = ObjectStore.put, []

    def fails_at_the_ninth(self, path, name):
        sent.append(name)
        if len(sent) == 9:
            raise QuickdrawError("the store is gone")
        put(self, path, name)

    monkeypatch.setattr(ObjectStore, "put", fails_at_the_ninth)
    with pytest.raises(QuickdrawError, match="the store is gone"):
        prepare([sample / "sample"], url, layout=LAYOUT, home=tmp_path, workers=1)
    assert ObjectStore(url).size("manifest.json") is None
    before = len(sent)
    prepare([sample / "sample"], url, layout=LAYOUT, home=tmp_path, workers=1)
    assert content(url, sample / "shards") == files(sample / "shards")
    everything = len(list(load_manifest(sample / "shards").all_files()))
    assert len(sent) - before < everything  # what had arrived was not sent again


def test_overwrite_leaves_no_file_of_the_old_data_set(s3, sample, tmp_path):
    url = f"{s3}/twice"
    many = Layout(shard_rows=5)
    prepare([sample / "sample"], url, layout=many, home=tmp_path, workers=1)
    old = [file.name for file in open_shards(url, cache=tmp_path).manifest.all_files()]
    prepare([sample / "sample"], url, layout=LAYOUT, home=tmp_path, workers=1, overwrite=True)
    store = ObjectStore(url)
    new = files(sample / "shards")
    assert content(url, sample / "shards") == new
    assert not [name for name in old if name not in new and store.size(name) is not None]


def test_memory_is_a_store_too(sample, tmp_path):
    prepare([sample / "sample"], "memory://sending/x", layout=LAYOUT, home=tmp_path, workers=1)
    assert len(open_shards("memory://sending/x", cache=tmp_path)) == 135


def test_from_a_store_into_a_store(s3, tmp_path):
    words = ("circle", "line", "star")
    write_sample(tmp_path / "sample", drawings=90, categories=words)
    mirror = ObjectStore(f"{s3}/dataset")
    for word in words:
        mirror.put(tmp_path / "sample" / f"{word}.ndjson", f"full/simplified/{word}.ndjson")
    prepare([tmp_path / "sample"], tmp_path / "shards", layout=LAYOUT, workers=1)
    home = tmp_path / "home"
    options = DownloadOptions(mirror=f"{s3}/dataset", keep=False)
    prepare(words, f"{s3}/both", layout=LAYOUT, home=home, download=options, workers=2)
    assert content(f"{s3}/both", tmp_path / "shards") == files(tmp_path / "shards")
    assert not list(home.rglob("*.ndjson"))
