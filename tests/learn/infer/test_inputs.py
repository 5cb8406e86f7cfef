"""Every form a drawing comes in ends as the bitmap that training would have made of it."""

import gzip
import io

import numpy as np
import pytest
from PIL import Image

from quickdraw_kit.errors import DataError, UsageError
from quickdraw_kit.formats.ndjson.files import write_ndjson
from quickdraw_kit.formats.svg_writer import write_svg
from quickdraw_kit.learn.infer.input_batches import ensure_simplified
from quickdraw_kit.learn.infer.inputs import read_input
from quickdraw_kit.raster.render import rasterize
from quickdraw_kit.raster.style import RasterStyle
from quickdraw_kit.strokes.batch import DrawingBatch
from quickdraw_kit.strokes.simplify import simplify
from quickdraw_kit.synthetic.generator import generate_drawings

STYLE = RasterStyle()
DRAWN = generate_drawings(("house", "star"), 3, seed=3, raw=False)
RAW = generate_drawings(("house", "star"), 3, seed=3, raw=True)


def images_of(source) -> np.ndarray:
    return np.concatenate([part.images for part in read_input(source, STYLE)])


def names_of(source) -> list[str]:
    return [name for part in read_input(source, STYLE) for name in part.sources]


@pytest.mark.parametrize("batch", [DRAWN, RAW], ids=["simplified", "raw"])
def test_ndjson_goes_the_way_of_training(batch, tmp_path):
    path = tmp_path / "drawings.ndjson"
    write_ndjson(batch, path)
    expected = rasterize(simplify(batch) if batch.is_float else batch)
    assert np.array_equal(images_of(path), expected)
    assert np.array_equal(images_of(path.read_bytes()), expected)
    assert np.array_equal(images_of(batch), expected)
    assert names_of(path) == [f"drawings.ndjson:{i}" for i in range(1, len(batch) + 1)]


def test_packed_ndjson(tmp_path):
    write_ndjson(DRAWN, tmp_path / "plain.ndjson")
    packed = tmp_path / "packed"
    packed.write_bytes(gzip.compress((tmp_path / "plain.ndjson").read_bytes()))
    assert np.array_equal(images_of(packed), rasterize(DRAWN))


def test_strokes_of_any_scale_are_brought_to_the_frame():
    small = DrawingBatch.from_strokes([[([10, 60], [10, 35])]], words=[""])
    large = DrawingBatch.from_strokes([[([0, 1000], [0, 500])]], words=[""], dtype=np.int16)
    assert np.array_equal(images_of(small), images_of(large))


def test_what_is_simplified_already_stays_and_order_is_kept():
    small = DrawingBatch.from_strokes([[([10, 60], [10, 35])]], words=["small"])
    mixed = ensure_simplified(DrawingBatch.concat([DRAWN[:1], small, DRAWN[1:]]))
    assert mixed.words_of_drawings()[1] == "small"
    assert mixed.take([0, *range(2, len(mixed))]).x.tolist() == DRAWN.x.tolist()


def test_a_drawing_without_a_point():
    hollow = DrawingBatch.from_strokes([[]], words=[""])
    with pytest.raises(DataError, match="no point"):
        ensure_simplified(hollow)


@pytest.mark.parametrize("shape", [(-1, 784), (-1, 28, 28)])
def test_bitmaps_of_the_official_form_pass_unchanged(shape, tmp_path):
    bitmaps = rasterize(DRAWN)
    path = tmp_path / "bitmaps.npy"
    np.save(path, bitmaps.reshape(shape))
    assert np.array_equal(images_of(path), bitmaps)
    assert np.array_equal(images_of(path.read_bytes()), bitmaps)
    assert np.array_equal(images_of(bitmaps.reshape(shape)), bitmaps)


def test_bitmaps_black_on_white_are_turned():
    bitmaps = rasterize(DRAWN)
    assert np.array_equal(images_of(255 - bitmaps), bitmaps)


def test_a_picture_of_the_models_size_passes_unchanged():
    file = io.BytesIO()
    Image.fromarray(rasterize(DRAWN)[0]).save(file, "PNG")
    assert np.array_equal(images_of(file.getvalue())[0], rasterize(DRAWN)[0])


def test_a_large_bitmap_is_traced():
    large = rasterize(DRAWN, RasterStyle(side=256))
    for traced, exact in zip(images_of(large), rasterize(DRAWN), strict=True):
        assert np.abs(traced.astype(int) - exact).sum() < 0.4 * exact.sum()


def test_svg(tmp_path):
    path = tmp_path / "drawing.svg"
    write_svg(DRAWN, path)
    assert names_of(path) == ["drawing.svg"]
    seen, exact = images_of(path)[0].astype(int), rasterize(DRAWN)[0]
    assert np.abs(seen - exact).sum() < 0.05 * exact.sum()


@pytest.mark.parametrize("kind", ["picture", "ndjson", "npy"])
def test_standard_input_is_told_by_its_content(kind, tmp_path, monkeypatch):
    path = tmp_path / "input"
    if kind == "ndjson":
        write_ndjson(DRAWN, path)
    elif kind == "npy":
        with path.open("wb") as file:
            np.save(file, rasterize(DRAWN))
    else:
        Image.fromarray(rasterize(DRAWN)[0]).save(path, "PNG")
    with path.open("rb") as file:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(file))
        read = images_of("-")
    assert np.array_equal(read, images_of(path))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (b"", "empty"),
        (np.zeros((5, 784), np.uint8), "bitmap 1 is empty"),
        (np.zeros((300, 300, 3), np.uint8), "array: the picture is empty"),
        (np.zeros((5, 784), np.float32), "float32"),
        (b"\x93NUMPY\x01\x00", "bytes"),
        (b"\x89PNG\r\n\x1a\n" + bytes(30), "bytes: .*PNG"),
        (b"<svg/>", "bytes: .*empty"),
        (b"II*\x00" + bytes(40), "bytes is of no form that is read: expected a PNG, JPEG, WebP"),
        (b"just a text\n", r"SVG, \.npy, or ndjson"),
        (DrawingBatch.from_strokes([[([0, 9], [0, 9])], []], words=["", ""]), "drawing:2: .*point"),
    ],
)
def test_what_cannot_be_read_is_named(source, message):
    with pytest.raises(DataError, match=message):
        images_of(source)


def test_what_cannot_be_read_is_named_as_the_file_is(tmp_path, monkeypatch):
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(DataError, match=r"^text\.png is of no form that is read"):
        images_of(tmp_path / "text.png")
    with (tmp_path / "text.png").open("rb") as file:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(file))
        with pytest.raises(DataError, match=r"^stdin is of no form that is read"):
            images_of("-")


def test_paths_where_there_is_no_file(tmp_path):
    with pytest.raises(UsageError, match="is a folder: give the files in it"):
        images_of(tmp_path)
    with pytest.raises(UsageError, match=r"nowhere\.png does not exist"):
        images_of(tmp_path / "nowhere.png")


def test_what_is_empty_among_others_may_be_left_out():
    bitmaps = np.concatenate([np.zeros((2, 28, 28), np.uint8), rasterize(DRAWN)])
    hollow = DrawingBatch.concat([DRAWN, DrawingBatch.from_strokes([[]], words=[""])])
    large = np.zeros((2, 64, 64), np.uint8)
    large[1, 30:34, 10:50] = 255
    for source, kept, missing in (
        (
            bitmaps,
            range(3, 3 + len(DRAWN)),
            ["array: bitmap 1 is empty", "array: bitmap 2 is empty"],
        ),
        (hollow, range(1, 1 + len(DRAWN)), [f"drawing:{len(DRAWN) + 1}: the drawing has no point"]),
        (large, [2], ["array:1: the picture is empty"]),
        (
            np.zeros((3, 784), np.uint8),
            [],
            ["array: bitmap 1", "array: bitmap 2", "array: bitmap 3"],
        ),
    ):
        errors = []
        parts = list(read_input(source, STYLE, errors.append))
        assert [int(name.split(":")[1]) for part in parts for name in part.sources] == list(kept)
        assert sum(len(part.images) for part in parts) == len(kept)
        assert len(errors) == len(missing)
        for error, start in zip(errors, missing, strict=True):
            assert str(error).startswith(start)


def test_pickles_are_not_loaded(tmp_path):
    path = tmp_path / "objects.npy"
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="objects"):
        images_of(path)
