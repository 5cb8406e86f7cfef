"""An input of any format becomes the bitmap that training would have made of it."""

import gzip
import io

import numpy as np
import pytest
from PIL import Image

from quickdraw_kit.errors import DataError, UsageError
from quickdraw_kit.formats.format import WriteOptions
from quickdraw_kit.formats.ndjson.files import write_ndjson
from quickdraw_kit.formats.pictures import read_traced
from quickdraw_kit.formats.registry import FORMATS
from quickdraw_kit.formats.svg import write_svg
from quickdraw_kit.learn.infer.inputs import ensure_simplified, read_input
from quickdraw_kit.learn.infer.preprocess import Preprocessing
from quickdraw_kit.raster.render import rasterize
from quickdraw_kit.raster.style import RasterStyle
from quickdraw_kit.strokes.batch import DrawingBatch
from quickdraw_kit.strokes.simplify import simplify
from quickdraw_kit.synthetic.generator import generate_drawings

STYLE = Preprocessing(RasterStyle())
SIMPLIFIED = generate_drawings(("house", "star"), 3, seed=3, raw=False)
RAW = generate_drawings(("house", "star"), 3, seed=3, raw=True)


def images_of(source) -> np.ndarray:
    return np.concatenate([batch.images for batch in read_input(source, STYLE)])


def names_of(source) -> list[str]:
    return [name for batch in read_input(source, STYLE) for name in batch.sources]


@pytest.mark.parametrize("batch", [SIMPLIFIED, RAW], ids=["simplified", "raw"])
def test_ndjson_is_simplified_and_rendered_as_for_training(batch, tmp_path):
    path = tmp_path / "drawings.ndjson"
    write_ndjson(batch, path)
    expected = rasterize(simplify(batch) if batch.is_float else batch)
    assert np.array_equal(images_of(path), expected)
    assert np.array_equal(images_of(path.read_bytes()), expected)
    assert np.array_equal(images_of(batch), expected)
    assert names_of(path) == [f"drawings.ndjson:{i}" for i in range(1, len(batch) + 1)]


def test_compressed_ndjson(tmp_path):
    write_ndjson(SIMPLIFIED, tmp_path / "plain.ndjson")
    compressed = tmp_path / "compressed"
    compressed.write_bytes(gzip.compress((tmp_path / "plain.ndjson").read_bytes()))
    assert np.array_equal(images_of(compressed), rasterize(SIMPLIFIED))


@pytest.mark.parametrize(
    "format",
    [f for f in FORMATS.values() if f.can_read and f.can_write and f.has_strokes],
    ids=lambda format: format.name,
)
def test_every_format_that_holds_strokes_is_read(format, tmp_path):
    path = tmp_path / f"house{format.suffixes[0]}"
    first = SIMPLIFIED[:1] if format.is_picture else SIMPLIFIED
    format.write(iter([first]), path, WriteOptions())
    images, exact = images_of(path).astype(int), rasterize(first)
    assert len(images) == len(exact)
    share = 0.12 if format.read is read_traced else 0.05
    assert np.abs(images - exact).sum() < share * exact.sum()


def test_strokes_of_any_scale_are_fitted_to_the_frame():
    small = DrawingBatch.from_strokes([[([10, 60], [10, 35])]], words=[""])
    large = DrawingBatch.from_strokes([[([0, 1000], [0, 500])]], words=[""], dtype=np.int16)
    assert np.array_equal(images_of(small), images_of(large))


def test_simplified_drawings_are_unchanged_and_order_is_kept():
    small = DrawingBatch.from_strokes([[([10, 60], [10, 35])]], words=["small"])
    mixed = ensure_simplified(DrawingBatch.concat([SIMPLIFIED[:1], small, SIMPLIFIED[1:]]))
    assert mixed.words_of_drawings()[1] == "small"
    assert mixed.take([0, *range(2, len(mixed))]).x.tolist() == SIMPLIFIED.x.tolist()


def test_a_drawing_without_points():
    empty = DrawingBatch.from_strokes([[]], words=[""])
    with pytest.raises(DataError, match="no points"):
        ensure_simplified(empty)


@pytest.mark.parametrize("shape", [(-1, 784), (-1, 28, 28)])
def test_bitmaps_of_the_models_size_are_unchanged(shape, tmp_path):
    bitmaps = rasterize(SIMPLIFIED)
    path = tmp_path / "bitmaps.npy"
    np.save(path, bitmaps.reshape(shape))
    assert np.array_equal(images_of(path), bitmaps)
    assert np.array_equal(images_of(path.read_bytes()), bitmaps)
    assert np.array_equal(images_of(bitmaps.reshape(shape)), bitmaps)


def test_bitmaps_that_are_black_on_white_are_inverted():
    bitmaps = rasterize(SIMPLIFIED)
    assert np.array_equal(images_of(255 - bitmaps), bitmaps)


def test_a_picture_of_the_models_size_is_unchanged():
    file = io.BytesIO()
    Image.fromarray(rasterize(SIMPLIFIED)[0]).save(file, "PNG")
    assert np.array_equal(images_of(file.getvalue())[0], rasterize(SIMPLIFIED)[0])


def test_a_large_bitmap_is_traced():
    large = rasterize(SIMPLIFIED, RasterStyle(side=256))
    for traced, exact in zip(images_of(large), rasterize(SIMPLIFIED), strict=True):
        assert np.abs(traced.astype(int) - exact).sum() < 0.4 * exact.sum()


def test_svg(tmp_path):
    path = tmp_path / "drawing.svg"
    write_svg(SIMPLIFIED, path)
    assert names_of(path) == ["drawing.svg"]
    image, exact = images_of(path)[0].astype(int), rasterize(SIMPLIFIED)[0]
    assert np.abs(image - exact).sum() < 0.05 * exact.sum()


@pytest.mark.parametrize("format", ["picture", "ndjson", "npy"])
def test_the_format_of_standard_input_is_detected_by_content(format, tmp_path, monkeypatch):
    path = tmp_path / "input"
    if format == "ndjson":
        write_ndjson(SIMPLIFIED, path)
    elif format == "npy":
        with path.open("wb") as file:
            np.save(file, rasterize(SIMPLIFIED))
    else:
        Image.fromarray(rasterize(SIMPLIFIED)[0]).save(path, "PNG")
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
        (b"II*\x00" + bytes(40), "bytes: .* not a picture: expected PNG, JPEG, WEBP"),
        (b"just a text\n", r"SVG, \.npy, or a file of drawings \(\.ndjson, "),
        (
            DrawingBatch.from_strokes([[([0, 9], [0, 9])], []], words=["", ""]),
            "drawing:2: .*no points",
        ),
    ],
)
def test_invalid_inputs_are_named(source, message):
    with pytest.raises(DataError, match=message):
        images_of(source)


def test_invalid_files_are_named_by_their_file_name(tmp_path, monkeypatch):
    (tmp_path / "text.png").write_text("not a picture")
    with pytest.raises(DataError, match=r"^text\.png has an unsupported format"):
        images_of(tmp_path / "text.png")
    with (tmp_path / "text.png").open("rb") as file:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(file))
        with pytest.raises(DataError, match=r"^stdin has an unsupported format"):
            images_of("-")


def test_paths_that_are_not_files(tmp_path):
    with pytest.raises(UsageError, match="has no pictures and no files of drawings"):
        images_of(tmp_path)
    (tmp_path / "cat").mkdir()
    with pytest.raises(UsageError, match=r"Of its folders name one, or all: '.*\*.\*'"):
        images_of(tmp_path)
    with pytest.raises(UsageError, match=r"nowhere\.png does not exist"):
        images_of(tmp_path / "nowhere.png")


def test_empty_drawings_among_others_can_be_left_out():
    bitmaps = np.concatenate([np.zeros((2, 28, 28), np.uint8), rasterize(SIMPLIFIED)])
    with_empty = DrawingBatch.concat([SIMPLIFIED, DrawingBatch.from_strokes([[]], words=[""])])
    large = np.zeros((2, 64, 64), np.uint8)
    large[1, 30:34, 10:50] = 255
    for source, kept, missing in (
        (
            bitmaps,
            range(3, 3 + len(SIMPLIFIED)),
            ["array: bitmap 1 is empty", "array: bitmap 2 is empty"],
        ),
        (
            with_empty,
            range(1, 1 + len(SIMPLIFIED)),
            [f"drawing:{len(SIMPLIFIED) + 1}: the drawing has no points"],
        ),
        (large, [2], ["array:1: the picture is empty"]),
        (
            np.zeros((3, 784), np.uint8),
            [],
            ["array: bitmap 1", "array: bitmap 2", "array: bitmap 3"],
        ),
    ):
        errors = []
        batches = list(read_input(source, STYLE, errors.append))
        names = [name for batch in batches for name in batch.sources]
        assert [int(name.split(":")[1]) for name in names] == list(kept)
        assert sum(len(batch.images) for batch in batches) == len(kept)
        assert len(errors) == len(missing)
        for error, start in zip(errors, missing, strict=True):
            assert str(error).startswith(start)


def test_pickles_are_not_loaded(tmp_path):
    path = tmp_path / "objects.npy"
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="objects"):
        images_of(path)
