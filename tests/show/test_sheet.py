"""Contact sheets: each drawing in the row of its category, readable, with the same bytes."""

import numpy as np
import pytest
from PIL import Image

from quickdraw_kit.errors import UsageError
from quickdraw_kit.show.sheet import contact_sheet
from quickdraw_kit.synthetic.generator import generate_drawings


def solid(levels):
    """Bitmaps of one gray level each, which can be distinguished on the sheet."""
    return np.repeat(np.array(levels, np.uint8), 28 * 28).reshape(-1, 28, 28)


def read_pixels(path):
    with Image.open(path) as image:
        return np.asarray(image).astype(int)


def read_levels(path):
    """Gray levels of the drawings on a sheet, row by row: runs of one level, at least 40 wide."""
    sheet = read_pixels(path)
    rows = []
    for line in sheet[::4]:
        edges = np.flatnonzero(np.diff(line)) + 1
        runs = [run for run in np.split(line, edges) if len(run) >= 40 and run[0] < 236]
        levels = [255 - int(run[0]) for run in runs]
        if levels and (not rows or rows[-1] != levels):
            rows.append(levels)
    return rows


def test_each_category_has_a_row(tmp_path):
    path = tmp_path / "sheet.png"
    images = solid([50, 60, 70, 80, 90, 100])
    contact_sheet(images, [2, 0, 2, 0, 2, 2], ["a", "nothing", "c"], path, columns=3)
    assert read_levels(path) == [[60, 80], [50, 70, 90]]


def test_names_are_written(tmp_path):
    for name in ("cat", "hot air balloon"):
        contact_sheet(solid([99]), [0], [name], tmp_path / f"{name}.png")
    short, long = (read_pixels(tmp_path / f"{name}.png") for name in ("cat", "hot air balloon"))
    assert long.shape[1] > short.shape[1] + 50
    assert short[:, 10:-80].min() < 60, "the name is dark"


def test_sheet_of_many_categories_is_about_square(tmp_path):
    path = tmp_path / "sheet.png"
    contact_sheet(solid([99] * 345), range(345), [f"label {n}" for n in range(345)], path)
    height, width = read_pixels(path).shape
    assert 0.4 < width / height < 2.5


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "simplified"])
def test_strokes_are_drawn(tmp_path, raw):
    batch = generate_drawings(["circle", "square"], 3, raw=raw)
    contact_sheet(batch, batch.word_code, batch.words, tmp_path / "sheet.png")
    sheet = read_pixels(tmp_path / "sheet.png")
    assert sheet.min() == 0
    assert (sheet > 200).mean() > 0.8


def test_same_drawings_same_bytes(tmp_path):
    batch = generate_drawings(["sun"], 4)
    for name in ("a.png", "b.png"):
        contact_sheet(batch, batch.word_code, batch.words, tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_large_bitmaps_are_not_enlarged(tmp_path):
    contact_sheet(np.zeros((1, 128, 128), np.uint8), [0], ["cat"], tmp_path / "sheet.png")
    assert len(read_pixels(tmp_path / "sheet.png")) < 200


@pytest.mark.parametrize(
    ("number", "labels", "columns", "message"),
    [
        (0, [], 10, "0 drawings in 10 columns: there is nothing to show"),
        (1, [0], 0, "1 drawings in 0 columns"),
        (2, [0], 10, "2 images and 1 labels"),
        (1, [1], 10, "labels run from 1 to 1, expected 0 to 0"),
        (1, [-1], 10, "labels run from -1"),
    ],
)
def test_wrong_usage(tmp_path, number, labels, columns, message):
    with pytest.raises(UsageError, match=message):
        contact_sheet(solid([9] * number), labels, ["cat"], tmp_path / "s.png", columns=columns)
    assert list(tmp_path.iterdir()) == []
