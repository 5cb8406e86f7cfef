"""Sources of every format become shards."""

import json
import os
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from quickdraw_kit.acquire.sources import resolve_sources
from quickdraw_kit.conversion import convert
from quickdraw_kit.errors import DataError, UsageError
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


def shard_files(folder):
    """The bytes of all files but the manifest, which names the sources."""
    return {
        path.name: path.read_bytes()
        for path in folder.iterdir()
        if path.name not in ("manifest.json", "rejects.ndjson")
    }


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".ndjson.zst", ".bin"])
@pytest.mark.parametrize("format", ["npy", pytest.param("parquet", marks=pytest.mark.slow)])
def test_shards_do_not_depend_on_the_format_of_the_source(tmp_path, write_lines, suffix, format):
    lines = [official_line(i).replace(b".07453", b"") for i in range(300)]
    source = write_lines("in/cat.ndjson", lines)
    convert(source, tmp_path / f"cat{suffix}")
    options = PrepareOptions(format=format, keep_strokes=True, rows_per_shard=100)
    prepare([source], tmp_path / "a", options=options, workers=1)
    manifest = prepare([tmp_path / f"cat{suffix}"], tmp_path / "b", options=options, workers=2)
    assert manifest.counts.written == 300
    assert shard_files(tmp_path / "a") == shard_files(tmp_path / "b")


@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
def test_shards_of_raw_tables_are_those_of_raw_lines(tmp_path, write_lines, suffix):
    drawings = [[[[-3.5, 900.25, i], [0, 7.125, 500], [3, 250, 700]]] for i in range(50)]
    lines = [official_line(i, drawing=drawing) for i, drawing in enumerate(drawings)]
    source = write_lines("in/cat.ndjson", lines)
    convert(source, tmp_path / f"cat{suffix}")
    options = PrepareOptions(keep_strokes=True)
    prepare([source], tmp_path / "a", options=options, workers=1)
    prepare([tmp_path / f"cat{suffix}"], tmp_path / "b", options=options, workers=1)
    assert shard_files(tmp_path / "a") == shard_files(tmp_path / "b")


def test_movements_in_a_table_are_normalized_like_those_in_an_archive(archive, tmp_path):
    convert(archive, tmp_path / "cat.parquet")
    prepare([archive], tmp_path / "a", workers=1)
    prepare([tmp_path / "cat.parquet"], tmp_path / "b", workers=1)
    images = [
        {name: data for name, data in shard_files(tmp_path / out).items() if "images" in name}
        for out in "ab"
    ]
    assert images[0] == images[1]


@pytest.fixture
def folder_414k(tmp_path):
    rows = np.full((100, 4), -1, np.int16)
    rows[:2] = [[3, 4, 1, 0], [5, 60, 0, 1]]
    for split, number in (("train", 6), ("val", 2), ("test", 1)):
        for word in ("cat", "dog"):
            folder = tmp_path / "414k" / "coordinate_files" / split / word
            folder.mkdir(parents=True)
            for index in range(number):
                np.save(folder / f"{word}_{index}.npy", rows)
    return tmp_path / "414k"


def test_quickdraw_414k_is_one_source_with_its_own_splits(folder_414k, tmp_path):
    (source,) = resolve_sources([folder_414k])
    assert (source.name, source.format.name) == ("414k", "quickdraw414k")
    manifest = prepare([folder_414k], tmp_path / "out", options=BY_POSITION, workers=1)
    assert manifest.rows == {"train": 12, "validation": 4, "test": 2}
    assert manifest.categories == ("cat", "dog")
    assert (manifest.sources[0].bytes, manifest.counts.read) == (source.size, 18)
    assert verify(tmp_path / "out").ok


def test_a_change_in_a_folder_is_noticed(folder_414k):
    (source,) = resolve_sources([folder_414k])
    checksum = source.sha256()
    source.check_unchanged()
    (changed,) = folder_414k.glob("*/val/cat/cat_1.npy")
    changed.write_bytes(changed.read_bytes()[:-1])
    with pytest.raises(DataError, match="changed while it was read"):
        source.check_unchanged()
    assert source.sha256() != checksum


def test_rows_are_not_called_bytes(tmp_path):
    batch = DrawingBatch.from_strokes([[([0, 9], [0, 9])]] * 3, words=["cat", "cat", "Katze"])
    batch = replace(batch, key_id=np.array([7, 7, 8], np.uint64), key_id_known=None)
    pq.write_table(batch.to_arrow(), tmp_path / "cat.parquet")
    with pytest.raises(DataError, match=r"cat\.parquet, row 3: word 'Katze' is not"):
        prepare([tmp_path / "cat.parquet"], tmp_path / "out", workers=1)
    prepare([tmp_path / "cat.parquet"], tmp_path / "out", workers=1, max_reject_rate=1)
    lines = (tmp_path / "out" / "rejects.ndjson").read_bytes().splitlines()
    rejects = [json.loads(line) for line in lines]
    assert [(line["row"], line["kind"]) for line in rejects] == [
        (2, "duplicate"),
        (3, "unknown word"),
    ]
    assert rejects[0]["reason"].endswith("cat.parquet, row 0")  # a position, from 0


def test_shards_of_a_finished_data_set_are_not_sources(tmp_path, write_lines):
    source = write_lines("in/cat.ndjson", [official_line(i) for i in range(9)])
    for format in ("parquet", "npy"):
        out = tmp_path / format
        options = PrepareOptions(format=format, keep_strokes=True)
        prepare([source], out, options=options, workers=1)
        shard = next(out.glob("train-*"))
        for spec in (out, shard, out / "train-*"):
            with pytest.raises(UsageError, match="finished data set"):
                prepare([spec], tmp_path / "again", workers=1)
