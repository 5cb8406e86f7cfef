"""Pictures are formats that are read: as the strokes that tracing finds."""

import numpy as np
import pytest
from PIL import Image

from quickdraw_kit.conversion import convert
from quickdraw_kit.formats.ndjson.files import read_ndjson
from quickdraw_kit.formats.registry import detect_format


@pytest.mark.parametrize(
    "name", ["cat.png", "cat.jpg", "cat.webp", "cat.bmp", "cat.gif", "cat.tif"]
)
def test_a_picture_becomes_strokes(tmp_path, name):
    picture = np.full((100, 120), 255, np.uint8)
    picture[48:52, 10:110] = 0
    Image.fromarray(picture).save(tmp_path / name)
    convert(tmp_path / name, tmp_path / "out.ndjson", simplify=True, allow_loss=True)
    drawing = read_ndjson(tmp_path / "out.ndjson")[0]
    assert drawing.word == "cat"
    assert len(drawing.strokes) == 1
    format = detect_format(tmp_path / name)
    (tmp_path / name).rename(tmp_path / "unnamed")
    assert detect_format(tmp_path / "unnamed") == format
