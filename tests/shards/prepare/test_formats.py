"""Sources of every format become shards."""

import json
import os

import numpy as np
import pyarrow.parquet as pq
import pytest

from quickdraw_kit.acquire.sources import resolve_sources
from quickdraw_kit.errors import DataError
from quickdraw_kit.formats import bitmaps
from quickdraw_kit.formats.bitmaps import read_bitmaps
from quickdraw_kit.formats.stroke3 import read_stroke3, write_stroke3
from quickdraw_kit.raster.render import rasterize
from quickdraw_kit.shards.manifest import load_manifest
from quickdraw_kit.shards.options import PrepareOptions, SplitRule
from quickdraw_kit.shards.prepare.pipeline import prepare
from quickdraw_kit.shards.verify import verify
from quickdraw_kit.strokes.batch import DrawingBatch
from quickdraw_kit.strokes.normalize import normalize
from tests.conftest import official_line

BY_POSITION = PrepareOptions(split_rule=SplitRule("sketch-rnn", sizes=(70, 5, 5)))


def csv_row(line: bytes) -> str:
    """The row with the values of an official line."""
    document = json.loads(line)
    values = [document[name] for name in ("countrycode", "drawing", "key_id", "recognized")]
    drawing = json.dumps(values[1]).replace('"', '""')
    return f'{values[0]},"{drawing}",{values[2]},{values[3]},2017-01-01 10:00:00.1,cat\n'


def members(folder):
    key_ids = {}
    for shard in load_manifest(folder).shards:
        table = pq.read_table(folder / shard.files[-1].name)
        key_ids.setdefault(shard.split, set()).update(table["key_id"].to_pylist())
    return key_ids


@pytest.fixture
def table(tmp_path):
    rows = [csv_row(official_line(i)) for i in range(100)]
    rows[7] = "cut off,\n"
    rows[9] = rows[8]
    path = tmp_path / "cat.csv"
    path.write_text("countrycode,drawing,key_id,recognized,timestamp,word\n" + "".join(rows))
    return path


def test_csv_gives_the_bitmaps_of_the_same_lines(table, tmp_path, write_lines):
    lines = [official_line(i) for i in range(100) if i not in (7, 9)]
    prepare([write_lines("lines/cat.ndjson", lines)], tmp_path / "a", workers=1)
    manifest = prepare([table], tmp_path / "b", workers=1, max_reject_rate=0.1)
    assert manifest.counts.rejected == {"duplicate": 1, "malformed": 1}
    assert verify(tmp_path / "b").ok
    for one, other in zip(
        load_manifest(tmp_path / "a").shards, load_manifest(tmp_path / "b").shards, strict=True
    ):
        assert one.files[0].sha256 == other.files[0].sha256  # the images
    rejects = [
        json.loads(line) for line in (tmp_path / "b" / "rejects.ndjson").read_bytes().splitlines()
    ]
    assert [(line["line"], line["kind"]) for line in rejects] == [
        (9, "malformed"),
        (11, "duplicate"),
    ]
    assert rejects[0]["text"] == "cut off,"
    assert "byte" in rejects[1]["reason"]


def test_positions_in_a_csv_exclude_the_header(table, tmp_path):
    prepare([table], tmp_path / "out", options=BY_POSITION, workers=1, max_reject_rate=0.1)
    splits = members(tmp_path / "out")
    assert splits["train"] == set(range(70)) - {7, 9}
    assert splits["validation"] == set(range(70, 75))
    assert splits["test"] == set(range(75, 80))


@pytest.fixture
def archive(tmp_path):
    walks = np.random.default_rng(1).integers(-300, 300, (60, 2, 8)).astype(np.int16)
    batch = DrawingBatch.from_strokes(
        [[walk] for walk in walks], words=["cat"] * 60, dtype=np.int16
    )
    names = ["train"] * 40 + ["valid"] * 15 + ["test"] * 5
    write_stroke3(batch, tmp_path / "cat.npz", splits=names)
    return tmp_path / "cat.npz"


def test_archives_keep_their_own_splits(archive, tmp_path):
    manifest = prepare([archive], tmp_path / "out", options=BY_POSITION, workers=1)
    assert manifest.rows == {"train": 40, "validation": 15, "test": 5}
    assert manifest.categories == ("cat",)
    assert members(tmp_path / "out")["test"] == set(read_stroke3(archive, split="test").key_id)


def test_drawings_of_any_scale_are_normalized(archive, tmp_path):
    prepare([archive], tmp_path / "out", workers=1)
    batch = normalize(read_stroke3(archive))
    wanted = dict(zip(batch.key_id.tolist(), rasterize(batch), strict=True))
    seen = 0
    for shard in load_manifest(tmp_path / "out").shards:
        images, _, metadata = (tmp_path / "out" / file.name for file in shard.files)
        for image, key_id in zip(np.load(images), pq.read_table(metadata)["key_id"], strict=True):
            assert np.array_equal(image, wanted[key_id.as_py()])
            seen += 1
    assert seen == 60


@pytest.mark.parametrize("damage", ["cut", "no zip", "other members"])
def test_damaged_archives_are_named(archive, tmp_path, damage):
    data = archive.read_bytes()
    match damage:
        case "cut":
            archive.write_bytes(data[: len(data) // 2])
        case "no zip":
            archive.write_bytes(b"x" * 1000)
        case _:
            np.savez(archive, something=np.zeros(3))
    with pytest.raises(DataError, match=r"cat\.npz"):
        prepare([archive], tmp_path / "out", workers=1)


def test_bitmaps_cut_off_during_reading(tmp_path, monkeypatch):
    """Through a memory map this would kill the process."""
    path = tmp_path / "cat.npy"
    np.save(path, np.ones((50_000, 784), np.uint8))
    source = resolve_sources([path])[0]

    def cut_off(path):
        images = read_bitmaps(path)
        os.truncate(path, 4096 * 100)
        return images

    monkeypatch.setattr(bitmaps, "read_bitmaps", cut_off)
    with pytest.raises(DataError, match="expected rows 0 to 50000, found only 522 of them"):
        list(source.read_record_batches())
