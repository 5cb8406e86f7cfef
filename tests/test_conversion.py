"""`convert`: what comes out is what went in, or it says so."""

import gzip
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from quickdraw_kit.conversion import convert
from quickdraw_kit.errors import DataError, MalformedLineError, UsageError
from quickdraw_kit.formats.binary import read_binary, write_binary
from quickdraw_kit.formats.bitmaps import join_bitmaps, read_bitmaps
from quickdraw_kit.formats.ndjson.files import read_ndjson, write_ndjson
from quickdraw_kit.formats.registry import iter_drawings
from quickdraw_kit.formats.stroke3 import read_stroke3, write_stroke3
from quickdraw_kit.raster.render import rasterize
from quickdraw_kit.raster.style import RasterStyle
from quickdraw_kit.strokes.batch import DrawingBatch
from tests.conftest import official_line
from tests.strokes.strategies import batches

RAW = [([-3.5, 900.25, 4], [0, 7.125, 500], [3, 250, 700]), ([5], [6], [900])]


def read(path):
    parts = list(iter_drawings(path))
    return DrawingBatch.concat(parts) if parts else DrawingBatch.from_strokes([], words=[])


@pytest.fixture
def raw(tmp_path):
    batch = DrawingBatch.from_strokes([RAW, RAW[:1]], words=["cat", "cat"])
    batch = replace(batch, timestamp=np.array(["2017-03-02T23:25:10.5"] * 2, "M8[us]"))
    write_ndjson(batch, tmp_path / "raw.ndjson")
    return tmp_path / "raw.ndjson"


@pytest.fixture
def simple(tmp_path):
    lines = [official_line(number) for number in range(5)]
    (tmp_path / "cat.ndjson").write_bytes(b"".join(lines))
    return tmp_path / "cat.ndjson"


SUFFIXES = [".ndjson", ".ndjson.gz", ".ndjson.zst", ".bin", ".bin.gz", ".parquet", ".arrow"]


@given(batches(whole_seconds=True), st.permutations(SUFFIXES))
def test_drawings_pass_through_every_form_unchanged(tmp_path_factory, batch, order):
    folder = tmp_path_factory.mktemp("convert")
    write_ndjson(batch, folder / "start.ndjson")
    path = folder / "start.ndjson"
    for number, suffix in enumerate([*order, ".ndjson"]):
        target = folder / str(number) / f"cat{suffix}"
        target.parent.mkdir()
        done = convert(path, target)
        assert (done.drawings, done.rejects, done.lost) == (len(batch), 0, ())
        assert read(target).equals(batch)
        path = target
    assert path.read_bytes() == (folder / "start.ndjson").read_bytes()


@given(batches(words=("cat", "hot dog")))
def test_a_table_holds_all_that_a_line_holds(tmp_path_factory, batch):
    folder = tmp_path_factory.mktemp("convert")
    write_ndjson(batch, folder / "a.ndjson")
    for suffix in (".parquet", ".arrow"):
        convert(folder / "a.ndjson", folder / f"a{suffix}")
        convert(folder / f"a{suffix}", folder / "b.ndjson")
        assert (folder / "b.ndjson").read_bytes() == (folder / "a.ndjson").read_bytes()


@given(batches(words=("cat", "hot dog")))
def test_pen_movements_keep_strokes_words_and_identity(tmp_path_factory, batch):
    folder = tmp_path_factory.mktemp("convert")
    write_ndjson(batch, folder / "a.ndjson")
    done = convert(folder / "a.ndjson", folder / "a.npz", allow_loss=True)
    assert done.drawings == len(batch)
    back = read_stroke3(folder / "a.npz")
    assert back.x.tolist() == batch.x.tolist()
    assert back.y.tolist() == batch.y.tolist()
    assert back.key_id.tolist() == batch.key_id.tolist()
    assert back.words_of_drawings() == batch.words_of_drawings()


def test_real_drawings_pass_through(real_data, tmp_path):
    for kind in ("simplified", "raw"):
        source = real_data / "quickdraw" / kind / "cat.ndjson"
        convert(source, tmp_path / "cat.parquet")
        convert(tmp_path / "cat.parquet", tmp_path / "cat.ndjson.zst")
        assert read(tmp_path / "cat.ndjson.zst").equals(read_ndjson(source))


def test_raw_drawings_stay_raw_where_they_can(raw, tmp_path):
    for name in ("b.ndjson.gz", "b.parquet", "b.arrow"):
        convert(raw, tmp_path / name)
        assert read(tmp_path / name).equals(read_ndjson(raw))


@pytest.mark.parametrize("name", ["cat.bin", "cat.npz"])
def test_raw_drawings_need_to_be_simplified_for_whole_coordinates(raw, tmp_path, name):
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UsageError, match=r"raw\.ndjson has real-valued .* \(simplify=True"):
        convert(raw, tmp_path / name, allow_loss=True)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("name", ["cat.bin", "out.ndjson"])
def test_movements_that_leave_the_frame_need_to_be_simplified(tmp_path, name):
    moves = DrawingBatch.from_strokes([[([0, -19], [0, 300])]], words=["cat"], dtype="int16")
    write_stroke3(moves, tmp_path / "cat.npz")
    with pytest.raises(UsageError, match=r"cat\.npz has coordinates from -19 to 300.*simplify="):
        convert(tmp_path / "cat.npz", tmp_path / name)
    convert(tmp_path / "cat.npz", tmp_path / "same.npz")
    assert read(tmp_path / "same.npz").equals(read(tmp_path / "cat.npz"))


def test_raw_drawings_are_simplified_on_demand(raw, tmp_path):
    simplified = pytest.importorskip("quickdraw_kit.strokes.simplify")
    expected = simplified.simplify(read_ndjson(raw), 2.0)
    convert(raw, tmp_path / "simple.ndjson", simplify=True)
    assert read(tmp_path / "simple.ndjson").equals(expected)
    done = convert(raw, tmp_path / "cat.bin", simplify=True, allow_loss=True)
    assert done.lost == ("the fractions of a second of the timestamps",)
    assert read(tmp_path / "cat.bin").x.tolist() == expected.x.tolist()
    coarse = simplified.simplify(read_ndjson(raw), 50.0)
    convert(raw, tmp_path / "coarse.ndjson", simplify=True, epsilon=50.0)
    assert read(tmp_path / "coarse.ndjson").equals(coarse)


@pytest.mark.parametrize(
    ("changed", "name", "lost"),
    [
        ({}, "dog.bin", ["the words (the file's name would give 'dog')"]),
        (
            {"timestamp": np.array(["2017-03-02T23:25:10.000001"], "M8[us]")},
            "cat.bin",
            ["the fractions of a second of the timestamps"],
        ),
        ({"timestamp": np.array(["2017-03-02"], "M8[us]")}, "cat.npz", ["the timestamps"]),
        ({"countrycode": np.array(["DE"], "S2")}, "cat.npz", ["the countries"]),
        (
            {
                "recognized": np.array([True]),
                "recognized_known": None,
                "countrycode": np.array(["DE"], "S2"),
            },
            "cat.npz",
            ["the countries", "whether the drawings were recognized"],
        ),
    ],
)
def test_nothing_is_lost_in_silence(tmp_path, changed, name, lost):
    one = DrawingBatch.from_strokes([[([0, 9], [0, 9])]], words=["cat"])
    write_ndjson(replace(one, **changed), tmp_path / "a.ndjson")
    with pytest.raises(UsageError) as error:
        convert(tmp_path / "a.ndjson", tmp_path / name)
    assert f"would lose {', '.join(lost)}." in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == ["a.ndjson"]
    assert list(convert(tmp_path / "a.ndjson", tmp_path / name, allow_loss=True).lost) == lost
    assert len(read(tmp_path / name)) == 1


def test_times_of_points_are_not_lost_in_silence(tmp_path):
    timed = DrawingBatch.from_strokes([[([0, 9], [0, 9], [0, 9])]], words=["cat"], dtype="int16")
    import pyarrow.parquet as pq

    pq.write_table(timed.to_arrow(), tmp_path / "cat.parquet")
    with pytest.raises(UsageError, match="would lose the times of the points"):
        convert(tmp_path / "cat.parquet", tmp_path / "cat.bin")


def test_a_loss_far_into_the_file_leaves_no_target(tmp_path):
    lines = [official_line(number).replace(b".07453", b"") for number in range(70_000)]
    (tmp_path / "cat.ndjson").write_bytes(b"".join([*lines, official_line(1)]))
    with pytest.raises(UsageError, match="fractions of a second"):
        convert(tmp_path / "cat.ndjson", tmp_path / "cat.bin")
    assert [path.name for path in tmp_path.iterdir()] == ["cat.ndjson"]


@pytest.mark.parametrize("name", ["cat.ndjson", "a.csv"])
def test_bad_lines_are_errors_or_counted(tmp_path, name):
    if name.endswith("csv"):
        document = json.loads(official_line(1))
        row = f'US,"{document["drawing"]}",1,True,2017-03-02 23:25:10,cat\n'
        text = f"countrycode,drawing,key_id,recognized,timestamp,word\n{row}bad\n{row}"
    else:
        text = (official_line(1) + b"bad\n" + official_line(2)).decode()
    (tmp_path / name).write_text(text)
    with pytest.raises(MalformedLineError, match=name):
        convert(tmp_path / name, tmp_path / "out.ndjson")
    assert not (tmp_path / "out.ndjson").exists()
    rejects = []
    done = convert(tmp_path / name, tmp_path / "out.ndjson", on_reject=rejects.append)
    assert (done.drawings, done.rejects, len(rejects)) == (2, 1, 1)


@pytest.mark.parametrize("name", ["out.ndjson", "cat.bin", "cat.npz", "cat.arrow", "cat.npy"])
def test_a_source_of_bad_lines_only_makes_no_target(write_lines, tmp_path, name):
    source = write_lines("a.ndjson", [b"bad\n", b"worse\n"])
    with pytest.raises(DataError, match=r"a\.ndjson has no valid drawing, only 2 invalid lines"):
        convert(source, tmp_path / name, on_reject=lambda reject: None)
    assert [path.name for path in tmp_path.iterdir()] == ["a.ndjson"]


def test_what_is_not_known_does_not_become_no(simple, tmp_path):
    convert(simple, tmp_path / "cat.npz", allow_loss=True)
    for name in ("out.ndjson", "out.parquet", "out.arrow"):
        done = convert(tmp_path / "cat.npz", tmp_path / name)
        assert done.notes == ()
        batch = read(tmp_path / name)
        assert (batch.recognition == 2).all()
        assert not batch.recognized.any()
        assert (batch.countrycode == b"").all()
    line = json.loads((tmp_path / "out.ndjson").read_bytes().splitlines()[0])
    assert set(line) == {"word", "key_id", "drawing"}
    done = convert(tmp_path / "cat.npz", tmp_path / "cat.bin")
    assert done.notes == ("recognized is false for all drawings, because it is not known",)


@pytest.mark.parametrize("name", ["cat.bin", "cat.npz"])
def test_made_key_ids_are_said(tmp_path, name):
    bare = b'{"word":"cat","drawing":[[[0,1],[2,255]]]}\n'
    (tmp_path / "cat.ndjson").write_bytes(official_line(7) + bare)
    done = convert(tmp_path / "cat.ndjson", tmp_path / name, allow_loss=True)
    assert done.notes[-1] == (
        "the key_id of 1 drawing is made from the strokes, because it is not known"
    )
    assert read(tmp_path / name).key_id.tolist() == read(tmp_path / "cat.ndjson").key_id.tolist()


def test_nothing_of_raw_drawings_is_rounded(raw, tmp_path):
    for name in ("b.parquet", "b.arrow", "b.ndjson"):
        done = convert(raw, tmp_path / name)
        assert done.notes == ()
        assert read(tmp_path / name).equals(read(raw))
    assert (tmp_path / "b.ndjson").read_bytes() == raw.read_bytes()


def test_bitmaps_are_those_of_the_renderer(simple, tmp_path):
    done = convert(simple, tmp_path / "cat.npy")
    assert (done.target_format, done.drawings, done.lost) == ("bitmaps", 5, ())
    mapped = read_bitmaps(tmp_path / "cat.npy")
    assert join_bitmaps(mapped, simple).equals(read_ndjson(simple))
    assert np.load(tmp_path / "cat.npy", allow_pickle=False).shape == (5, 784)
    style = RasterStyle(side=40, line_diameter=10)
    convert(simple, tmp_path / "large.npy", style=style)
    expected = rasterize(read_ndjson(simple), style).reshape(5, 1600)
    np.testing.assert_array_equal(read_bitmaps(tmp_path / "large.npy"), expected)


def test_bitmaps_of_many_batches_have_the_header_of_all(tmp_path):
    lines = b"".join(map(official_line, range(70_000)))
    (tmp_path / "cat.ndjson").write_bytes(lines)
    convert(tmp_path / "cat.ndjson", tmp_path / "cat.npy", style=RasterStyle(side=4))
    mapped = read_bitmaps(tmp_path / "cat.npy")
    assert mapped.shape == (70_000, 16)
    last = read_ndjson(official_line(69_999))
    np.testing.assert_array_equal(mapped[-1], rasterize(last, RasterStyle(side=4)).ravel())


def test_bitmaps_of_drawings_in_another_scale_are_fitted(raw, tmp_path):
    moves = DrawingBatch.from_strokes([[([-300, 700], [0, 500])]], words=["cat"], dtype="int16")
    write_stroke3(moves, tmp_path / "cat.npz")
    convert(tmp_path / "cat.npz", tmp_path / "cat.npy")
    fitted = DrawingBatch.from_strokes([[([0, 255], [0, 127.5])]], words=["cat"], dtype="float64")
    expected = rasterize(fitted).reshape(1, 784)
    np.testing.assert_array_equal(read_bitmaps(tmp_path / "cat.npy"), expected)
    convert(raw, tmp_path / "raw.npy")
    assert read_bitmaps(tmp_path / "raw.npy").any(axis=1).all()


@pytest.mark.parametrize("suffix", [".svg", ".png", ".gif"])
def test_a_picture_is_of_the_drawing_asked_for(simple, tmp_path, suffix):
    batch = read_ndjson(simple)
    write_ndjson(batch[3:4], tmp_path / "one.ndjson")
    done = convert(simple, tmp_path / f"a{suffix}", index=3)
    convert(tmp_path / "one.ndjson", tmp_path / f"b{suffix}")
    convert(simple, tmp_path / f"c{suffix}", index=4)
    pictures = [(tmp_path / f"{name}{suffix}").read_bytes() for name in "abc"]
    assert pictures[0] == pictures[1] != pictures[2]
    assert (done.drawings, done.notes) == (1, ("number 3 of 5, counted from 0",))
    if suffix != ".svg":
        with Image.open(tmp_path / f"a{suffix}") as image:
            assert image.size == (256, 256)
    for index, reason in ((5, "no drawing 5: it has 5"), (-1, "index is -1, expected")):
        with pytest.raises(UsageError, match=reason):
            convert(simple, tmp_path / f"d{suffix}", index=index)
    assert not (tmp_path / f"d{suffix}").exists()


def test_a_picture_of_a_drawing_in_a_later_batch(tmp_path):
    lines = [official_line(number) for number in range(66_000)]
    (tmp_path / "cat.ndjson").write_bytes(b"".join(lines))
    (tmp_path / "one.ndjson").write_bytes(lines[65_999])
    convert(tmp_path / "cat.ndjson", tmp_path / "a.svg", index=65_999)
    convert(tmp_path / "one.ndjson", tmp_path / "b.svg")
    assert (tmp_path / "a.svg").read_text() == (tmp_path / "b.svg").read_text()


@pytest.mark.parametrize("suffix", [".ndjson", ".npz", ".parquet", ".arrow"])
def test_a_format_is_recognized_by_content_where_the_name_does_not_say_it(simple, tmp_path, suffix):
    convert(simple, tmp_path / f"b{suffix}", allow_loss=True)
    (tmp_path / f"b{suffix}").rename(tmp_path / "unnamed")
    convert(tmp_path / "unnamed", tmp_path / "c.ndjson")
    assert read(tmp_path / "c.ndjson").x.tolist() == read(simple).x.tolist()


def test_a_table_of_kaggle_is_recognized_by_its_header(tmp_path):
    row = 'US,"[[[1, 2], [3, 4]]]",7,True,2017-03-02 23:25:10,cat\r\n'
    text = f"countrycode,drawing,key_id,recognized,timestamp,word\r\n{row}"
    (tmp_path / "train").write_bytes(gzip.compress(text.encode()))
    done = convert(tmp_path / "train", tmp_path / "cat.bin")
    assert (done.source_format, done.drawings) == ("csv", 1)
    assert read_binary(tmp_path / "cat.bin").key_id.tolist() == [7]


def test_a_folder_is_quickdraw_414k(tmp_path):
    place = tmp_path / "coordinate_files" / "val" / "cat"
    place.mkdir(parents=True)
    np.save(place / "cat_0.npy", np.array([[3, 4, 1, 0], [5, 6, 0, 1]] + [[-1] * 4] * 98))
    done = convert(tmp_path, tmp_path / "cat.ndjson")
    assert (done.source_format, done.drawings) == ("quickdraw414k", 1)
    assert b'"drawing":[[[3,5],[4,6]]]' in (tmp_path / "cat.ndjson").read_bytes()


def test_a_word_can_be_given(simple, tmp_path):
    write_binary(replace(read_ndjson(simple), words=("cat",)), tmp_path / "x.bin")
    convert(tmp_path / "x.bin", tmp_path / "y.ndjson", word="dog")
    assert read_ndjson(tmp_path / "y.ndjson").words == ("dog",)


@pytest.mark.parametrize(
    ("source", "target", "reason"),
    [
        ("cat.ndjson", "cat.txt", "does not have the suffix of a format that can be written"),
        ("cat.ndjson", "cat", "does not have the suffix of a format that can be written"),
        ("cat.ndjson", "cat.csv", "does not have the suffix of a format that can be written"),
        ("cat.ndjson", "cat.npz.gz", r"remove \.gz"),
        ("cat.ndjson", "cat.svg.zst", r"remove \.zst"),
        ("cat.ndjson", "cat.ndjson", "both source and target"),
        ("bitmaps.npy", "cat.ndjson", "no strokes can be read"),
        ("noise", "cat.ndjson", "does not have a supported format"),
        ("empty", "cat.ndjson", "does not have a supported format"),
        ("packed.parquet", "cat.ndjson", "is compressed: decompress it"),
    ],
)
def test_what_cannot_be_converted_is_a_wrong_usage(simple, tmp_path, source, target, reason):
    np.save(tmp_path / "bitmaps.npy", np.zeros((1, 784), np.uint8))
    (tmp_path / "noise").write_bytes(b"\x00\x01noise")
    (tmp_path / "empty").touch()
    (tmp_path / "packed.parquet").write_bytes(gzip.compress(b"PAR1"))
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UsageError, match=reason):
        convert(tmp_path / source, tmp_path / target)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("suffix", [".bin", ".npz", ".parquet", ".arrow", ".ndjson.gz"])
def test_a_source_that_is_cut_off_is_an_error_and_leaves_nothing(simple, tmp_path, suffix):
    whole = tmp_path / f"cat{suffix}"
    convert(simple, whole, allow_loss=True)
    whole.write_bytes(whole.read_bytes()[:-9])
    with pytest.raises(DataError, match="cat"):
        convert(whole, tmp_path / "out.ndjson", allow_loss=True)
    assert not (tmp_path / "out.ndjson").exists()


def test_a_source_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing\.ndjson"):
        convert(tmp_path / "nothing.ndjson", tmp_path / "cat.bin")


@pytest.mark.parametrize("suffix", [".ndjson", ".bin", ".npz", ".parquet", ".arrow", ".npy"])
def test_a_source_without_drawings_makes_a_target_without(tmp_path, suffix):
    (tmp_path / "none.ndjson").touch()
    assert convert(tmp_path / "none.ndjson", tmp_path / f"cat{suffix}").drawings == 0
    if suffix == ".npy":
        assert read_bitmaps(tmp_path / "cat.npy").shape == (0, 784)
    else:
        assert len(read(tmp_path / f"cat{suffix}")) == 0


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"index": 1}, "chooses the drawing of a picture"),
        ({"style": RasterStyle(side=64)}, "strokes are written"),
        ({"epsilon": 1.0}, "which is not set"),
    ],
)
def test_options_that_do_nothing_for_the_target_are_refused(raw, options, reason):
    with pytest.raises(UsageError, match=reason):
        convert(raw, raw.with_name("target.ndjson"), **options)
    assert not raw.with_name("target.ndjson").exists()


@pytest.mark.parametrize("suffix", [".gz", ".zst", ".bz2", ".xz"])
def test_compressed_targets_are_read_again(raw, suffix):
    target = raw.with_name(f"target.ndjson{suffix}")
    convert(raw, target)
    assert read(target).equals(read(raw))
    with pytest.raises(UsageError, match=r"ndjson is not written as \.zip"):
        convert(raw, raw.with_name("target.ndjson.zip"))
