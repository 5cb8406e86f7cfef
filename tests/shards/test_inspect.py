"""`inspect`: counts of any source, of files in stores too, and quality flags with examples."""

import fsspec
import numpy as np
import pytest

from quickdraw_kit.acquire.results import DownloadError
from quickdraw_kit.errors import UsageError
from quickdraw_kit.formats.ndjson.files import write_ndjson
from quickdraw_kit.shards.inspect import Distribution, inspect, inspect_quality
from quickdraw_kit.strokes.batch import DrawingBatch
from quickdraw_kit.synthetic.generator import write_sample
from tests.conftest import official_line


@pytest.fixture
def folder(tmp_path):
    write_sample(tmp_path / "sample", drawings=90, categories=["star", "line"])
    return tmp_path / "sample"


@pytest.fixture
def url(folder):
    store = fsspec.filesystem("memory")
    if store.exists("/inspect"):
        store.rm("/inspect", recursive=True)
    for path in folder.iterdir():
        store.pipe(f"/inspect/{path.name}", path.read_bytes())
    return "memory://inspect"


def test_distribution():
    assert Distribution.of({1: 3, 9: 1}).quantiles[50] == 1
    assert Distribution.of({1: 3, 9: 1}).mean == 3
    assert Distribution.of({}) == Distribution(0.0, {})


def test_counts_and_examples(folder):
    inspection = inspect([folder], examples=3)
    assert inspection.categories == {"line": 45, "star": 45}
    assert inspection.example_words == ["line"] * 3 + ["star"] * 3
    assert inspection.examples.shape == (6, 28, 28)
    assert sum(inspection.countries.values()) == inspection.recognized_known == 90
    assert inspection.strokes.quantiles[100] >= 1


def test_files_in_a_store(folder, url):
    local, remote = inspect([folder], examples=2), inspect([f"{url}/*.ndjson"], examples=2)
    assert np.array_equal(local.examples, remote.examples)
    for name in ("bytes", "categories", "countries", "strokes", "points", "formats"):
        assert getattr(local, name) == getattr(remote, name)


def test_quality_of_files_in_a_store(folder, url):
    batch = DrawingBatch.from_strokes([[([9], [9])]] * 2, words=["line"] * 2, key_id=[1, 2])
    write_ndjson(batch, folder / "dots.ndjson")
    content = (folder / "dots.ndjson").read_bytes()
    fsspec.filesystem("memory").pipe("/inspect/dots.ndjson", content)
    local, remote = inspect_quality([folder]), inspect_quality([url])
    assert local[0]["dot"] == 2
    assert local[0]["duplicate"] >= 1
    assert remote[0] == local[0]
    assert np.array_equal(remote[1], local[1])
    assert remote[2] == local[2]


def test_a_file_that_disappears(url, monkeypatch):
    def list_then_delete(location, **options):
        from quickdraw_kit.acquire.remote_sources import resolve_url

        files = resolve_url(location, **options)
        fsspec.filesystem("memory").rm("/inspect", recursive=True)
        return files

    monkeypatch.setattr("quickdraw_kit.shards.inspect.resolve_url", list_then_delete)
    with pytest.raises(DownloadError):
        inspect([url])


def test_rejects_are_counted_by_reason(tmp_path):
    lines = [official_line(0), b"broken\n", *(b'{"word": %d}\n' % i for i in range(3))]
    (tmp_path / "cat.ndjson").write_bytes(b"".join(lines))
    inspection = inspect([tmp_path / "cat.ndjson"])
    assert inspection.drawings == 1
    assert sum(inspection.rejects.values()) == 4


def test_no_drawings(tmp_path):
    (tmp_path / "cat.ndjson").write_bytes(b"broken\n")
    counts, images, flags = inspect_quality([tmp_path / "cat.ndjson"])
    assert set(counts.values()) == {0}
    assert images.shape == (0, 28, 28)
    assert flags == []


def test_missing_sources():
    with pytest.raises(UsageError, match="does not exist"):
        inspect(["nowhere/cat.ndjson"])
