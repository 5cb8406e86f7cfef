"""All drawings of a file as pictures: names, pixels, and what is never overwritten."""

import numpy as np
import pytest
from PIL import Image

from quickdraw_kit.conversion import convert
from quickdraw_kit.errors import UsageError
from quickdraw_kit.formats.ndjson.files import read_ndjson, write_ndjson
from quickdraw_kit.formats.picture_export import FolderOptions, class_folder
from quickdraw_kit.formats.picture_style import PictureStyle
from quickdraw_kit.raster.render import rasterize
from quickdraw_kit.shards.filters import Filters
from quickdraw_kit.strokes.batch import DrawingBatch
from quickdraw_kit.synthetic.generator import generate_drawings

DRAWINGS = generate_drawings(["house", "star"], 150, raw=False)
OFFICIAL = PictureStyle(side=28, line_diameter=16, padding=16, ink="white", paper="black")


@pytest.fixture
def source(tmp_path):
    write_ndjson(DRAWINGS, tmp_path / "drawings.ndjson")
    return tmp_path / "drawings.ndjson"


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image)


def test_pictures_in_the_official_style_are_the_official_bitmaps(source, tmp_path):
    assert convert(source, f"{tmp_path}/out/", style=OFFICIAL).drawings == len(DRAWINGS)
    for drawing, image in zip(DRAWINGS, rasterize(DRAWINGS), strict=True):
        path = tmp_path / "out" / drawing.word / f"{drawing.key_id}.png"
        np.testing.assert_array_equal(pixels(path), image)


def test_pictures_are_named_by_number_in_each_class(source, tmp_path):
    options = FolderOptions(format="svg", names="number")
    convert(source, tmp_path / "out", folder=options)
    names = [path.name for path in sorted((tmp_path / "out" / "star").iterdir())]
    assert names == [f"{number:06d}.svg" for number in range(1, len(names) + 1)]


def test_a_picture_that_exists_stays_unless_it_may_be_replaced(source, tmp_path):
    path = tmp_path / "out" / "star" / f"{next(d.key_id for d in DRAWINGS if d.word == 'star')}.png"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"mine")
    with pytest.raises(UsageError, match="exists: name another folder"):
        convert(source, tmp_path / "out")
    assert path.read_bytes() == b"mine"
    convert(source, tmp_path / "out", folder=FolderOptions(overwrite=True))
    assert pixels(path).shape == (256, 256)
    assert not list(tmp_path.rglob("*.partial"))


def test_the_limit_keeps_the_same_drawings_in_any_order(source, tmp_path):
    filters = Filters(max_per_category=7)
    assert convert(source, tmp_path / "a.ndjson", filters=filters).filtered == {
        "limit": len(DRAWINGS) - 14
    }
    write_ndjson(DRAWINGS[::-1], source)
    convert(source, tmp_path / "b.ndjson", filters=filters)
    kept = [set(read_ndjson(tmp_path / f"{name}.ndjson").key_id.tolist()) for name in "ab"]
    assert kept[0] == kept[1]
    assert len(kept[0]) == 14


def test_a_drawing_that_occurs_twice_is_written_twice(tmp_path):
    batch = DrawingBatch.from_strokes([[([0, 9], [0, 9])]] * 2, words=["line"] * 2, key_id=[5, 5])
    write_ndjson(batch, tmp_path / "line.ndjson")
    convert(tmp_path / "line.ndjson", f"{tmp_path}/out/")
    assert {path.name for path in (tmp_path / "out/line").iterdir()} == {"5.png", "5-2.png"}


@pytest.mark.parametrize(
    ("paper", "mode", "colors"),
    [
        ("yellow", "RGB", ([0, 0, 128], [255, 255, 0])),
        ("transparent", "RGBA", ([0, 0, 128, 255], [0, 0, 128, 0])),
    ],
)
def test_colors_are_those_of_the_style(source, tmp_path, paper, mode, colors):
    convert(source, tmp_path / "a.png", style=PictureStyle(ink="navy", paper=paper))
    with Image.open(tmp_path / "a.png") as image:
        shown = np.asarray(image.convert(mode))
    shades = np.unique(shown.reshape(-1, len(mode)), axis=0).tolist()
    assert all(color in shades for color in colors)


def test_a_bitmap_is_shown(source, tmp_path):
    convert(source, tmp_path / "a.npy")
    convert(tmp_path / "a.npy", tmp_path / "a.png", index=3)
    large = 255 - rasterize(DRAWINGS)[3].repeat(9, axis=0).repeat(9, axis=1)
    np.testing.assert_array_equal(pixels(tmp_path / "a.png"), large)
    convert(tmp_path / "a.npy", tmp_path / "sheet.png", columns=20)
    assert pixels(tmp_path / "sheet.png").min() == 0


@pytest.mark.parametrize(
    ("word", "name"),
    [("T-shirt/top", "T-shirt_top"), ("..", "unknown"), (None, "unknown"), ("CON", "CON_")],
)
def test_folders_are_named_safely(word, name):
    assert class_folder(word) == name


@pytest.mark.parametrize(
    ("target", "options"),
    [
        ("a.svg", {"style": PictureStyle(padding=3)}),
        ("a.png", {"style": PictureStyle(millimeters=100)}),
        ("a.npy", {"style": PictureStyle(ink="red")}),
        ("a.png", {"folder": FolderOptions(names="number")}),
        ("a.bin", {"columns": 3}),
    ],
)
def test_what_does_nothing_is_refused(source, tmp_path, target, options):
    with pytest.raises(UsageError):
        convert(source, tmp_path / target, **options)
    assert not (tmp_path / target).exists()


def test_side_is_that_of_the_picture(source, tmp_path):
    convert(source, tmp_path / "a.png", style=PictureStyle(side=224))
    assert pixels(tmp_path / "a.png").shape == (224, 224)
    convert(source, tmp_path / "a.webp", style=PictureStyle(side=64))
    with Image.open(tmp_path / "a.webp") as image:
        assert image.size == (64, 64)
        assert image.n_frames > 5


def test_a_picture_becomes_strokes(source, tmp_path):
    convert(source, tmp_path / "star.png")
    assert convert(tmp_path / "star.png", tmp_path / "star.ndjson").drawings == 1
    [drawing] = read_ndjson(tmp_path / "star.ndjson")
    assert drawing.word == "star"
    assert drawing.strokes


def test_svg_for_plotters_and_animations(source, tmp_path):
    convert(source, tmp_path / "a.svg", style=PictureStyle(millimeters=80))
    text = (tmp_path / "a.svg").read_text()
    assert 'width="80mm"' in text
    assert "transform" not in text
    assert text.count("<path") == len(DRAWINGS[0].strokes)
    convert(source, tmp_path / "b.svg", style=PictureStyle(animate=True))
    assert (tmp_path / "b.svg").read_text().count("<animate") == len(DRAWINGS[0].strokes)
