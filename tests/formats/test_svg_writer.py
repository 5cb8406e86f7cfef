import re
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickdraw_kit.errors import UsageError
from quickdraw_kit.formats.ndjson.files import read_ndjson
from quickdraw_kit.formats.svg_writer import to_svg, write_svg
from quickdraw_kit.strokes.batch import DrawingBatch
from quickdraw_kit.strokes.normalize import normalize
from tests.strokes.strategies import batches

SVG = "{http://www.w3.org/2000/svg}"


def parsed(document):
    """Strokes, scale, offset and pen of a document."""
    root = ElementTree.fromstring(document)
    assert root.attrib == {"viewBox": "0 0 256 256"}
    group = root.find(f"{SVG}g")
    left, top, scale = map(float, re.findall(r"-?\d[\d.e-]*", group.get("transform")))
    strokes = []
    for path in group.findall(f"{SVG}path"):
        text = path.get("d")
        dot = text.endswith("h0")
        numbers = list(map(float, re.findall(r"-?[\d.]+", text.removesuffix("h0"))))
        points = np.reshape(numbers, (-1, 2))
        assert dot == (len(points) == 1)
        strokes.append(points)
    return strokes, scale, np.array([left, top]), float(group.get("stroke-width"))


@given(batches(words=("cat", "<&\"'>", "ünï")), st.data())
def test_the_coordinates_are_those_of_the_drawing(batch, data):
    if not len(batch):
        return
    index = data.draw(st.integers(-len(batch), len(batch) - 1))
    document = to_svg(batch, index)
    assert document == to_svg(batch, index)
    strokes, scale, offset, width = parsed(document)
    assert [stroke.tolist() for stroke in strokes] == [
        stroke.tolist() for stroke in batch[index].strokes
    ]
    points = np.concatenate(strokes) * scale + offset
    assert points.min() - width * scale / 2 >= -0.01
    assert points.max() + width * scale / 2 <= 256.01
    title = ElementTree.fromstring(document).find(f"{SVG}title")
    assert title.text == batch[index].word


@pytest.mark.parametrize("dtype", ["float32", "int16"])
def test_a_drawing_outside_the_frame_is_fitted(dtype):
    batch = DrawingBatch.from_strokes(
        [[([-500, 0], [100, 700]), ([1500], [300])]], words=["cat"], dtype=dtype
    )
    strokes, *_ = parsed(to_svg(batch))
    fitted = normalize(batch)[0].strokes
    for ours, theirs in zip(strokes, fitted, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=0.006)


def test_the_drawing_stands_in_the_middle():
    batch = DrawingBatch.from_strokes([[([0, 255], [0, 55])]], words=["line"])
    strokes, scale, offset, _ = parsed(to_svg(batch, line_diameter=10))
    points = strokes[0] * scale + offset
    np.testing.assert_allclose(points.mean(axis=0), [128, 128], atol=0.01)
    np.testing.assert_allclose(points[:, 0], [5, 251], atol=0.01)


def test_a_drawing_without_points_is_an_empty_picture():
    batch = DrawingBatch.from_strokes([[]], words=["nothing"])
    assert parsed(to_svg(batch))[0] == []


def test_real_drawings_of_both_kinds(real_data, tmp_path):
    for kind in ("raw", "simplified"):
        batch = read_ndjson(real_data / "quickdraw" / kind / "cat.ndjson")[:20]
        for index in range(len(batch)):
            write_svg(batch, tmp_path / "cat.svg", index)
            strokes, scale, offset, _ = parsed((tmp_path / "cat.svg").read_text())
            assert len(strokes) == len(batch[index].strokes)
            points = np.concatenate(strokes) * scale + offset
            assert 0 <= points.min() < points.max() <= 256


def test_what_cannot_be_drawn_is_an_error(tmp_path):
    batch = DrawingBatch.from_strokes([[([0], [0])]], words=["dot"])
    with pytest.raises(IndexError, match="drawing 1 of 1"):
        write_svg(batch, tmp_path / "dot.svg", 1)
    with pytest.raises(UsageError, match="line_diameter is 0"):
        write_svg(batch, tmp_path / "dot.svg", line_diameter=0)
    assert list(tmp_path.iterdir()) == []
