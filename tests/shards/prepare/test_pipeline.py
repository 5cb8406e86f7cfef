"""`prepare`: what goes in comes out, split and shuffled, and the totals reconcile."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from quickdraw_kit.errors import DataError, QuickdrawError, UsageError
from quickdraw_kit.formats.ndjson.files import read_ndjson
from quickdraw_kit.raster.render import rasterize
from quickdraw_kit.raster.style import RasterStyle
from quickdraw_kit.shards.filters import Filters
from quickdraw_kit.shards.keyed_hashes import order_hash
from quickdraw_kit.shards.options import PrepareOptions
from quickdraw_kit.shards.prepare.pipeline import prepare
from quickdraw_kit.shards.read.dataset import open_shards
from quickdraw_kit.shards.verify import verify
from tests.conftest import official_line


@pytest.fixture
def three_files(write_lines):
    """300 drawings of three categories, a tenth of them not recognized, in three files."""
    for start, word in ((0, "cat"), (1000, "dog"), (2000, "ant")):
        lines = [
            official_line(start + i, word, recognized=i % 10 != 0, country="US" if i % 2 else "BR")
            for i in range(100)
        ]
        path = write_lines(f"in/{word}.ndjson", lines)
    return path.parent


def rejects_of(out):
    return [json.loads(line) for line in (out / "rejects.ndjson").read_bytes().splitlines()]


def test_every_drawing_is_in_one_shard_with_its_own_pixels_and_label(three_files, tmp_path):
    manifest = prepare([three_files], tmp_path / "out", options=PrepareOptions(rows_per_shard=64))
    dataset = open_shards(tmp_path / "out")
    frame = dataset.to_pandas()
    assert manifest.categories == dataset.label_names == ("ant", "cat", "dog")
    assert sorted(frame["key_id"]) == sorted([*range(100), *range(1000, 1100), *range(2000, 2100)])
    for word in manifest.categories:
        batch = read_ndjson(three_files / f"{word}.ndjson")
        by_key = dict(zip(batch.key_id.tolist(), rasterize(batch), strict=True))
        for row in np.flatnonzero(frame["word"] == word):
            image, label = dataset[int(row)]
            assert dataset.label_names[label] == word
            assert np.array_equal(image, by_key[frame["key_id"][row]])


def test_shards_are_in_the_order_of_a_hash(three_files, tmp_path):
    manifest = prepare(
        [three_files], tmp_path / "out", options=PrepareOptions(rows_per_shard=64, salt="s")
    )
    assert len([shard for shard in manifest.shards if shard.split == "train"]) > 2
    frame = open_shards(tmp_path / "out", split="train").to_pandas()
    order = order_hash(frame["key_id"].to_numpy(np.uint64), "s")
    assert (np.diff(order.astype(object)) > 0).all()


def test_totals_reconcile_over_filters_and_rejects(three_files, tmp_path, write_lines):
    bad = write_lines(
        "in/bad.ndjson", [b"{\n", official_line(5000, "my own"), official_line(3, "cat"), b"\n"]
    )
    filters = Filters(categories=("cat", "ant"), recognized_only=True, max_per_category=20)
    manifest = prepare([bad.parent], tmp_path / "out", filters=filters, max_reject_rate=1)
    counts = manifest.counts
    assert counts.read == 303
    assert counts.rejected == {"malformed": 1, "unknown word": 1, "duplicate": 1} or (
        counts.rejected == {"malformed": 1, "unknown word": 1}
    ), "the copy of drawing 3 is rejected, or over max_per_category as drawing 3 is"
    assert counts.filtered["category"] == 100
    assert counts.filtered["unrecognized"] == 20
    assert counts.written == 40
    assert counts.reconciles
    assert len(rejects_of(tmp_path / "out")) == sum(counts.rejected.values())
    assert verify(tmp_path / "out").ok


def test_max_per_category_keeps_the_same_drawings_for_any_chunks(three_files, tmp_path):
    filters = Filters(max_per_category=7)
    one_chunk_each = prepare([three_files], tmp_path / "a", filters=filters)
    many_chunks = prepare([three_files], tmp_path / "b", filters=filters, chunk_bytes=1000)
    assert one_chunk_each == many_chunks
    frame = open_shards(tmp_path / "a").to_pandas()
    assert frame["word"].value_counts().to_dict() == {"cat": 7, "dog": 7, "ant": 7}


def test_max_per_category_keeps_the_order_shuffled(three_files, tmp_path, write_lines):
    write_lines("in/many.ndjson", [official_line(10_000 + i, "zebra") for i in range(3000)])
    prepare([three_files], tmp_path / "out", filters=Filters(max_per_category=50))
    labels = open_shards(tmp_path / "out", split="train").labels
    zebras = np.flatnonzero(labels == labels.max()) / len(labels)
    assert 0.35 < zebras.mean() < 0.65, "a category with many drawings is at one end"


def test_duplicates_are_rejected_and_the_first_stays(tmp_path, write_lines):
    lines = [official_line(key) for key in range(50)]
    write_lines("in/a.ndjson", lines)
    write_lines("in/b.ndjson", [official_line(7, "dog"), official_line(900, "dog")])
    manifest = prepare([tmp_path / "in"], tmp_path / "out", max_reject_rate=0.1)
    assert manifest.counts.rejected == {"duplicate": 1}
    (reject,) = rejects_of(tmp_path / "out")
    assert (reject["source"], reject["line"], reject["offset"]) == ("b.ndjson", 1, 0)
    assert "key_id 7 was there before: a.ndjson, byte" in reject["reason"]
    assert reject["text"].encode() + b"\n" == official_line(7, "dog")


def test_a_reject_holds_the_line_byte_by_byte(tmp_path, write_lines):
    broken = b'{"word":"caf\xe9", \x00 "d' + b"x" * 100
    write_lines(
        "in/a.ndjson", [official_line(1), b"\n", broken + b"\r\n", official_line(2), b'{"word":']
    )
    manifest = prepare([tmp_path / "in"], tmp_path / "out", max_reject_rate=1)
    first, last = rejects_of(tmp_path / "out")
    assert first["text"].encode("utf-8", "surrogateescape") == broken
    assert first["line"] == 3
    assert (last["line"], last["text"]) == (5, '{"word":')
    assert manifest.counts.rejected == {"malformed": 2}
    assert manifest.counts.read == 4


def test_too_many_rejects_fail_the_run_and_a_larger_share_finishes_it(tmp_path, write_lines):
    write_lines("in/a.ndjson", [official_line(key) for key in range(97)] + [b"{}\n"] * 3)
    with pytest.raises(DataError, match=r"3 of 100 .*3.00%.*a.ndjson, byte .*rejects.ndjson"):
        prepare([tmp_path / "in"], tmp_path / "out")
    assert len(rejects_of(tmp_path / "out")) == 3
    with pytest.raises(DataError, match="not a finished data set"):
        open_shards(tmp_path / "out")
    assert prepare([tmp_path / "in"], tmp_path / "out", max_reject_rate=0.03).counts.written == 97


def test_a_file_without_a_drawing_is_an_error(tmp_path, write_lines):
    write_lines("in/a.ndjson", [b"\n\n"])
    with pytest.raises(DataError, match=r"hold no drawings: a.ndjson"):
        prepare([tmp_path / "in"], tmp_path / "out")


def test_filters_that_leave_nothing_are_an_error(three_files, tmp_path):
    with pytest.raises(DataError, match=r"no drawing is left of 300: .*country"):
        prepare([three_files], tmp_path / "out", filters=Filters(countries=("DE",)))


def test_requested_categories_are_labels_even_without_a_drawing(three_files, tmp_path):
    filters = Filters(categories=("cat", "zebra"))
    assert prepare([three_files], tmp_path / "o", filters=filters).categories == (
        "cat",
        "zebra",
    )


def test_unofficial_words_come_after_the_official_ones(tmp_path, write_lines):
    write_lines("in/a.ndjson", [official_line(1, "zebra"), official_line(2, "my own")])
    manifest = prepare(
        [tmp_path / "in"], tmp_path / "o", filters=Filters(allow_unknown_labels=True)
    )
    assert manifest.categories == ("zebra", "my own")


def test_a_folder_that_is_not_empty_is_not_touched(three_files, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("all of it")
    with pytest.raises(UsageError, match=r"not empty: it holds thesis.tex"):
        prepare([three_files], tmp_path / "out", overwrite=True)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["thesis.tex"]


def test_the_same_call_again_changes_nothing_and_another_one_is_refused(three_files, tmp_path):
    first = prepare([three_files], tmp_path / "out")
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    assert prepare([three_files], tmp_path / "out") == first
    assert times == {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    with pytest.raises(UsageError, match="another data set"):
        prepare([three_files], tmp_path / "out", filters=Filters(max_per_category=5))
    again = prepare(
        [three_files], tmp_path / "out", filters=Filters(max_per_category=5), overwrite=True
    )
    assert again.counts.written == 15
    assert verify(tmp_path / "out").ok


def test_a_source_that_changed_makes_another_data_set(three_files, tmp_path):
    prepare([three_files], tmp_path / "out")
    path = three_files / "cat.ndjson"
    path.write_bytes(path.read_bytes().replace(b'"BR"', b'"DE"'))
    with pytest.raises(UsageError, match="another data set"):
        prepare([three_files], tmp_path / "out")


def test_a_second_run_into_the_folder_is_refused(three_files, tmp_path):
    seen = []

    def second(_) -> None:
        with pytest.raises(QuickdrawError, match="another run is writing"):
            prepare([three_files], tmp_path / "out")
        seen.append(True)

    prepare([three_files], tmp_path / "out", progress=second)
    assert seen
    assert verify(tmp_path / "out").ok


def test_a_disk_that_is_too_small_is_an_error_before_the_work(three_files, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000})())
    with pytest.raises(QuickdrawError, match=r"1\.0 kB free, and about \d+ drawings take"):
        prepare([three_files], tmp_path / "out")
    assert not list((tmp_path / "out").glob("*.npy"))


def test_an_executor_of_the_caller_is_used(three_files, tmp_path):
    with ThreadPoolExecutor(3) as executor:
        threaded = prepare([three_files], tmp_path / "a", executor=executor)
    assert threaded == prepare([three_files], tmp_path / "b", workers=1)


def test_another_side_another_pen_and_kept_strokes(three_files, tmp_path):
    style = RasterStyle(side=64, line_diameter=8, padding=4)
    prepare([three_files], tmp_path / "out", options=PrepareOptions(style=style, keep_strokes=True))
    dataset = open_shards(tmp_path / "out", split="test")
    frame = dataset.to_pandas()
    assert dataset[0][0].shape == (64, 64)
    word, key = frame["word"][0], frame["key_id"][0]
    batch = read_ndjson(three_files / f"{word}.ndjson")
    (drawing,) = batch.filter(batch.key_id == key)
    assert [list(x) for x in frame["x"][0]] == [stroke[:, 0].tolist() for stroke in drawing.strokes]
    assert np.array_equal(dataset[0][0], rasterize(batch.filter(batch.key_id == key), style)[0])


def test_official_bitmaps_and_strokes_go_into_one_data_set(three_files, tmp_path):
    rows = np.random.default_rng(0).integers(0, 256, (50, 784), dtype=np.uint8)
    np.save(three_files / "full_numpy_bitmap_zebra.npy", rows)
    manifest = prepare([three_files], tmp_path / "out")
    dataset = open_shards(tmp_path / "out")
    zebra = manifest.categories.index("zebra")
    pictures = [image for image, label in (dataset[i] for i in range(350)) if label == zebra]
    expected = {row.tobytes() for row in rows}
    assert {image.tobytes() for image in pictures} == expected
    unknown = dataset.to_pandas().query("word == 'zebra'")
    assert unknown["recognized"].isna().all()
    assert unknown["timestamp"].isna().all()


def test_bitmaps_cannot_be_rendered_again(tmp_path):
    np.save(tmp_path / "cat.npy", np.zeros((3, 784), np.uint8))
    for style in (RasterStyle(side=64), RasterStyle(padding=0)):
        with pytest.raises(UsageError, match="bitmaps"):
            prepare([tmp_path / "cat.npy"], tmp_path / "out", options=PrepareOptions(style=style))
        with pytest.raises(UsageError, match="strokes"):
            prepare(
                [tmp_path / "cat.npy"], tmp_path / "out2", options=PrepareOptions(keep_strokes=True)
            )


def test_mnist_keeps_its_own_test_set(real_data, tmp_path):
    manifest = prepare([real_data / "mnist"], tmp_path / "out")
    assert manifest.categories == tuple("0123456789")
    assert manifest.rows["test"] == 10_000
    assert manifest.rows["train"] + manifest.rows["validation"] == 60_000
    test = open_shards(tmp_path / "out", split="test")
    assert np.bincount(test.labels).tolist() == [
        980,
        1135,
        1032,
        1010,
        982,
        892,
        958,
        1028,
        974,
        1009,
    ]


@pytest.mark.parametrize("max_reject_rate", [-0.1, 1.1])
def test_a_reject_rate_outside_0_to_1_is_an_error(three_files, tmp_path, max_reject_rate):
    with pytest.raises(UsageError, match="max_reject_rate"):
        prepare([three_files], tmp_path / "out", max_reject_rate=max_reject_rate)


def test_a_chunk_size_below_1_is_an_error(three_files, tmp_path):
    with pytest.raises(UsageError, match="chunk_bytes is 0"):
        prepare([three_files], tmp_path / "out", chunk_bytes=0)


def test_strokes_of_raw_and_simplified_drawings_are_not_kept_in_one_table(tmp_path, write_lines):
    raw = [[[1.5, 2.0], [3.0, 4.0], [0, 16]]]
    write_lines("in/a.ndjson", [official_line(key) for key in range(50)])
    write_lines("in/b.ndjson", [official_line(key, drawing=raw) for key in range(50, 100)])
    options = PrepareOptions(keep_strokes=True)
    with pytest.raises(UsageError, match="both raw and simplified drawings"):
        prepare([tmp_path / "in"], tmp_path / "out", options=options)
    assert prepare([tmp_path / "in"], tmp_path / "pixels").counts.written == 100


def test_words_in_other_spellings_are_their_category(tmp_path, write_lines):
    words = ["flying_saucer", "Flying Saucer", "flying-saucer", "flying saucer"]
    write_lines("in/all.ndjson", [(number, word) for number, word in enumerate(words)])
    manifest = prepare(tmp_path / "in", tmp_path / "out", workers=1)
    assert (manifest.categories, manifest.counts.written) == (("flying saucer",), 4)


def test_unknown_names_are_refused_alike_in_every_format(tmp_path, write_lines):
    np.save(tmp_path / "robot.npy", np.eye(28, dtype=np.uint8).reshape(1, 784))
    lines = write_lines("in/all.ndjson", [(1, "robot")])
    allowed = Filters(allow_unknown_labels=True)
    for number, path in enumerate((tmp_path / "robot.npy", lines)):
        out = tmp_path / f"out-{number}"
        with pytest.raises(DataError, match=r"'robot' is not one of .*--allow-unknown-labels"):
            prepare(path, out, workers=1)
        manifest = prepare(path, out, workers=1, filters=allowed, overwrite=True)
        assert manifest.categories == ("robot",)
