"""Quality flags in shards: the same bytes for any workers, and counts that reconcile."""

import json
from dataclasses import replace

import numpy as np
import pytest

from quickdraw_kit.errors import UsageError
from quickdraw_kit.formats.ndjson.files import write_ndjson
from quickdraw_kit.shards.filters import Filters
from quickdraw_kit.shards.inspect import inspect_quality
from quickdraw_kit.shards.options import PrepareOptions
from quickdraw_kit.shards.prepare.pipeline import prepare
from quickdraw_kit.shards.quality import QUALITY_FLAGS
from quickdraw_kit.shards.read.dataset import open_shards
from quickdraw_kit.shards.verify import verify
from quickdraw_kit.strokes.batch import DrawingBatch
from quickdraw_kit.synthetic.generator import generate_drawings

OPTIONS = PrepareOptions(rows_per_shard=40, quality=True)


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Two files with dots in them, and copies across both."""
    folder = tmp_path_factory.mktemp("quality")
    once = generate_drawings(["line", "star"], 40, raw=False)
    dots = DrawingBatch.from_strokes([[([5], [5])]] * 3, words=["line"] * 3)
    copies = once.take(np.arange(0, 80, 8))
    other = once.take(np.arange(50, 80))
    for name, parts, start in (
        ("a", [once[:50], dots], 1000),
        ("b", [other, copies], 5000),
    ):
        batch = DrawingBatch.concat(parts)
        ids = np.arange(start, start + len(batch), dtype=np.uint64)
        write_ndjson(replace(batch, key_id=ids, key_id_known=None), folder / f"{name}.ndjson")
    return [folder / "a.ndjson", folder / "b.ndjson"]


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("format", ["npy", pytest.param("parquet", marks=pytest.mark.slow)])
def test_the_bytes_are_the_same_for_any_workers_and_order(sources, tmp_path, format):
    options = replace(OPTIONS, format=format)
    for name, order, workers in (("one", sources, 1), ("two", sources[::-1], 2)):
        prepare(order, tmp_path / name, options=options, workers=workers)
    assert files(tmp_path / "one") == files(tmp_path / "two")
    assert verify(tmp_path / "one").ok


def test_flags_are_in_the_metadata_and_in_the_counts(sources, tmp_path):
    manifest = prepare(sources, tmp_path / "out", options=OPTIONS, workers=1)
    frame = open_shards(tmp_path / "out").to_pandas()
    masks = frame["quality"].to_numpy(dtype=np.uint8)
    for name, bit in QUALITY_FLAGS.items():
        assert manifest.counts.flags[name] == np.count_nonzero(masks & bit)
    assert manifest.counts.flags["dot"] == 3
    assert manifest.counts.flags["duplicate"] >= 10  # the copies, and two of three dots
    duplicates = frame[masks & QUALITY_FLAGS["duplicate"] != 0]["key_id"].tolist()
    assert 1000 not in duplicates


def test_flags_alone_exclude_nothing(sources, tmp_path):
    flagged = prepare(sources, tmp_path / "flagged", options=OPTIONS, workers=1)
    plain = prepare(sources, tmp_path / "plain", options=replace(OPTIONS, quality=False), workers=1)
    assert flagged.counts.written == plain.counts.written == plain.counts.read
    for name, content in files(tmp_path / "plain").items():
        if name.endswith((".images.npy", ".labels.npy")):
            assert content == files(tmp_path / "flagged")[name]


def test_what_is_excluded_is_counted_and_the_originals_stay(sources, tmp_path):
    everything = prepare(sources, tmp_path / "all", options=OPTIONS, workers=1)
    filters = Filters(exclude_flags=("duplicate", "dot"))
    manifest = prepare(sources, tmp_path / "some", filters=filters, workers=1)
    assert manifest.options.quality
    assert manifest.counts.reconciles
    assert manifest.counts.flags["duplicate"] == manifest.counts.flags["dot"] == 0
    frame = open_shards(tmp_path / "all").to_pandas()
    masks = frame["quality"].to_numpy(dtype=np.uint8)
    bits = QUALITY_FLAGS["duplicate"] | QUALITY_FLAGS["dot"]
    kept = set(frame[masks & bits == 0]["key_id"].tolist())
    assert set(open_shards(tmp_path / "some").to_pandas()["key_id"].tolist()) == kept
    assert everything.counts.written - manifest.counts.written == sum(
        number for name, number in manifest.counts.filtered.items() if name.startswith("flag ")
    )


@pytest.mark.parametrize("workers", [1, 2])
def test_excluded_duplicates_do_not_count_for_max_per_category(sources, tmp_path, workers):
    filters = Filters(exclude_flags=("duplicate", "near-duplicate"), max_per_category=20)
    manifest = prepare(sources, tmp_path, filters=filters, workers=workers)
    frame = open_shards(tmp_path).to_pandas()
    assert frame["word"].value_counts().to_dict() == {"line": 20, "star": 20}
    assert manifest.counts.reconciles


def test_a_resumed_run_ends_with_the_same_bytes(sources, tmp_path):
    prepare(sources, tmp_path / "whole", options=OPTIONS, workers=1)

    class StopError(Exception):
        pass

    def stop(progress):
        if progress.stage == "merge" and progress.done:
            raise StopError

    with pytest.raises(StopError):
        prepare(sources, tmp_path / "cut", options=OPTIONS, workers=1, progress=stop)
    prepare(sources, tmp_path / "cut", options=OPTIONS, workers=1)
    assert files(tmp_path / "cut") == files(tmp_path / "whole")


def test_inspection_finds_what_prepare_flags(sources, tmp_path):
    manifest = prepare(sources, tmp_path / "out", options=OPTIONS, workers=1)
    counts, images, flags = inspect_quality(sources, examples=5)
    assert counts == manifest.counts.flags
    assert len(images) == len(flags) == sum(min(number, 5) for number in counts.values())


def test_the_command_reports_flags_and_writes_a_sheet(sources, tmp_path, cli):
    flags = json.loads(cli("inspect", *sources, "--quality", "--json").out)["flags"]
    assert flags["dot"] == 3
    assert cli("inspect", *sources, "--quality", "--sheet", tmp_path / "sheet.png").code == 0
    assert (tmp_path / "sheet.png").exists()
    ran = cli("prepare", *sources, "--out", tmp_path / "out", "--exclude-flag", "dot,duplicate")
    assert "3 flag dot" in ran.out
    ran = cli("prepare", *sources, "--out", tmp_path / "x", "--exclude-flag", "dott")
    assert (ran.code, "did you mean dot" in ran.err) == (2, True)


def test_an_unknown_flag_is_an_error():
    with pytest.raises(UsageError, match="did you mean scribble"):
        Filters(exclude_flags=("scribbles",))
