"""SVG: written as paths, and read as strokes."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickdraw_kit.errors import DataError, UsageError
from quickdraw_kit.formats import svg as module
from quickdraw_kit.formats.ndjson.files import read_ndjson
from quickdraw_kit.formats.svg import is_svg, read_svg, to_svg, write_svg
from quickdraw_kit.strokes.batch import DrawingBatch
from quickdraw_kit.strokes.normalize import normalize
from quickdraw_kit.strokes.simplify import simplify
from tests.strokes.strategies import batches
from tests.trace.cases import HOUSES, away

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
def test_writes_the_coordinates_of_the_drawing(batch, data):
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


@pytest.mark.parametrize("dtype", ["float64", "int16"])
def test_drawings_outside_the_frame_are_normalized(dtype):
    batch = DrawingBatch.from_strokes(
        [[([-500, 0], [100, 700]), ([1500], [300])]], words=["cat"], dtype=dtype
    )
    strokes, *_ = parsed(to_svg(batch))
    fitted = normalize(batch)[0].strokes
    for ours, theirs in zip(strokes, fitted, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=0.006)


def test_drawings_are_centered():
    batch = DrawingBatch.from_strokes([[([0, 255], [0, 55])]], words=["line"])
    strokes, scale, offset, _ = parsed(to_svg(batch, line_diameter=10))
    points = strokes[0] * scale + offset
    np.testing.assert_allclose(points.mean(axis=0), [128, 128], atol=0.01)
    np.testing.assert_allclose(points[:, 0], [5, 251], atol=0.01)


def test_a_drawing_without_points_is_an_empty_picture():
    batch = DrawingBatch.from_strokes([[]], words=["nothing"])
    assert parsed(to_svg(batch))[0] == []


def test_real_drawings_of_both_variants(real_data, tmp_path):
    for kind in ("raw", "simplified"):
        batch = read_ndjson(real_data / "quickdraw" / kind / "cat.ndjson")[:20]
        for index in range(len(batch)):
            write_svg(batch, tmp_path / "cat.svg", index)
            strokes, scale, offset, _ = parsed((tmp_path / "cat.svg").read_text())
            assert len(strokes) == len(batch[index].strokes)
            points = np.concatenate(strokes) * scale + offset
            assert 0 <= points.min() < points.max() <= 256


def test_invalid_arguments(tmp_path):
    batch = DrawingBatch.from_strokes([[([0], [0])]], words=["dot"])
    with pytest.raises(IndexError, match="drawing 1 of 1"):
        write_svg(batch, tmp_path / "dot.svg", 1)
    with pytest.raises(UsageError, match="line_diameter is 0"):
        write_svg(batch, tmp_path / "dot.svg", line_diameter=0)
    assert list(tmp_path.iterdir()) == []


def document(body: str) -> bytes:
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100">{body}</svg>'.encode()


def test_round_trip():
    from quickdraw_kit.raster.render import rasterize

    back = read_svg(to_svg(HOUSES).encode())
    assert away(rasterize(HOUSES[:1])[0], rasterize(simplify(back))[0]) < 0.05


def test_one_stroke_per_subpath():
    drawing = read_svg(document('<path fill="none" stroke="red" d="M0 0h9M5 5v9h3"/>'))[0]
    assert [len(stroke) for stroke in drawing.strokes] == [2, 3]


def test_curves_become_lines():
    body = '<circle cx="50" cy="50" r="40" fill="none" stroke="black"/>'
    points = np.concatenate(read_svg(document(body))[0].strokes)
    middle = points.min(axis=0) + np.ptp(points, axis=0) / 2
    radius = np.hypot(*(points - middle).T)
    assert np.ptp(radius) < 0.02 * radius.mean()
    assert len(points) > 40


def test_transformations_are_applied():
    body = '<g transform="scale(2 1)"><line x1="0" y1="0" x2="10" y2="10" stroke="#000"/></g>'
    assert np.ptp(read_svg(document(body))[0].strokes[0], axis=0) == pytest.approx([20, 10])


def test_filled_shapes_are_background_of_outlines():
    body = '<rect width="100" height="100" fill="white"/><path stroke="#000" d="M9 9L20 30"/>'
    assert len(read_svg(document(body))[0].strokes) == 1


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (document(""), "empty"),
        (document('<path fill="none" d="M0 0h9"/>'), "empty"),
        (document('<path stroke="red" d="M0 1e39h9"/>'), "beyond float32"),
        (b"<html", "cannot be read as SVG"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><svg>&b;</svg>', "entities"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><svg>&b;</svg>'.encode("utf-16"), "entities"),
    ],
)
def test_invalid_files(data, message):
    with pytest.raises(DataError, match=message):
        read_svg(data)


def test_byte_order_mark():
    data = b"\xef\xbb\xbf" + document('<path stroke="red" d="M0 0h9"/>')
    assert is_svg(data)
    assert len(read_svg(data)[0].strokes[0]) == 2


def test_files_that_are_too_large(monkeypatch):
    monkeypatch.setattr(module, "MAX_BYTES", 10)
    with pytest.raises(DataError, match="more than 10 bytes"):
        read_svg(document(""))


LINE = '<path fill="none" stroke="black" stroke-width="4" d="M10 10L90 90"/>'


@pytest.mark.parametrize("paper", ["", '<rect width="100" height="100" fill="white"/>'])
def test_an_eraser_that_draws_in_white_erases(paper):
    eraser = '<path fill="none" stroke="white" stroke-width="30" d="M20 80L80 20"/>'
    strokes = read_svg(document(paper + LINE + eraser))[0].strokes
    assert len(strokes) == 2
    assert len(read_svg(document(paper + LINE))[0].strokes) == 1


def test_filled_shapes_are_seen():
    # an outline that somebody filled with color is what it was before
    body = '<circle cx="50" cy="50" r="40" fill="orange" stroke="black" stroke-width="4"/>'
    assert len(read_svg(document(body))[0].strokes) == 1


def test_an_animation_is_read_by_its_lines():
    animated = LINE.replace("/>", ' stroke-dasharray="9"><animate attributeName="x"/></path>')
    assert [len(stroke) for stroke in read_svg(document(animated))[0].strokes] == [2]


def test_linked_files_are_not_opened(tmp_path):
    from PIL import Image

    Image.new("L", (50, 50)).save(tmp_path / "private.png")
    body = f'<image href="{tmp_path / "private.png"}" width="50" height="50"/>'
    with pytest.raises(DataError, match="empty"):
        read_svg(document(body))


@pytest.mark.parametrize(
    ("head", "answer"),
    [
        (b"<svg", True),
        (b'<?xml version="1.0"?><!-- <b> --><svg:svg>', True),
        (b"<!-- long", True),
        (b"<!DOCTYPE html><p>", False),
        (b"<?xml version='1.0'?><ink xmlns", False),
    ],
)
def test_other_xml_is_not_svg(head, answer):
    assert is_svg(head) == answer
