"""SVG files as strokes."""

import numpy as np
import pytest

from quickdraw_kit.errors import DataError
from quickdraw_kit.formats import svg as module
from quickdraw_kit.formats.svg import is_svg, read_svg
from quickdraw_kit.formats.svg_writer import to_svg
from quickdraw_kit.strokes.simplify import simplify
from tests.trace.cases import HOUSES, away


def document(body: str) -> bytes:
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100">{body}</svg>'.encode()


def test_our_own_svg_comes_back():
    from quickdraw_kit.raster.render import rasterize

    back = read_svg(to_svg(HOUSES).encode())
    assert away(rasterize(HOUSES[:1])[0], rasterize(simplify(back))[0]) < 0.05


def test_a_stroke_for_each_part_that_is_drawn_at_once():
    drawing = read_svg(document('<path fill="none" stroke="red" d="M0 0h9M5 5v9h3"/>'))[0]
    assert [len(stroke) for stroke in drawing.strokes] == [2, 3]


def test_curves_are_followed():
    body = '<circle cx="50" cy="50" r="40" fill="none" stroke="black"/>'
    points = np.concatenate(read_svg(document(body))[0].strokes)
    middle = points.min(axis=0) + np.ptp(points, axis=0) / 2
    radius = np.hypot(*(points - middle).T)
    assert np.ptp(radius) < 0.02 * radius.mean()
    assert len(points) > 40


def test_transformations_apply():
    body = '<g transform="scale(2 1)"><line x1="0" y1="0" x2="10" y2="10" stroke="#000"/></g>'
    assert np.ptp(read_svg(document(body))[0].strokes[0], axis=0) == pytest.approx([20, 10])


def test_a_filled_page_is_background_where_there_are_lines():
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
def test_what_cannot_be_drawn(data, message):
    with pytest.raises(DataError, match=message):
        read_svg(data)


def test_a_byte_order_mark_may_stand_in_front():
    data = b"\xef\xbb\xbf" + document('<path stroke="red" d="M0 0h9"/>')
    assert is_svg(data)
    assert len(read_svg(data)[0].strokes[0]) == 2


def test_files_that_are_too_long(monkeypatch):
    monkeypatch.setattr(module, "MAX_BYTES", 10)
    with pytest.raises(DataError, match="more than 10 bytes"):
        read_svg(document(""))
