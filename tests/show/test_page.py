"""A page is one file that loads nothing and runs no script, whatever its texts contain."""

import base64
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from quickdraw_kit.errors import UsageError
from quickdraw_kit.show.page import Picture, Section, Table, write_page

VOID_ELEMENTS = {"meta", "img", "input"}


class Reader(HTMLParser):
    """Collects elements and texts, and checks that elements are closed in order."""

    def __init__(self, document: str):
        super().__init__()
        self.open, self.elements, self.texts = [], [], []
        self.feed(document)
        self.close()
        assert self.open == [], f"not closed: {self.open}"

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID_ELEMENTS:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.texts.append(data)

    def find_all(self, name):
        return [attributes for tag, attributes in self.elements if tag == name]


@pytest.fixture
def pictures(tmp_path):
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "a.png")
    (tmp_path / "b.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>", "utf-8")
    return [tmp_path / "a.png", tmp_path / "b.svg"]


def read(path):
    return Reader(path.read_text("utf-8"))


def test_everything_is_embedded(tmp_path, pictures):
    path = tmp_path / "page.html"
    blocks = [Picture(picture, "description", "caption") for picture in pictures]
    write_page(path, "Title", [Section("One", ["text", *blocks]), Section("Two", [])], lead="Lead.")
    document = read(path)
    images = document.find_all("img")
    assert [image["alt"] for image in images] == ["description"] * 2
    for image, picture, subtype in zip(images, pictures, ("png", "svg+xml"), strict=True):
        head, _, data = image["src"].partition(",")
        assert head == f"data:image/{subtype};base64"
        assert base64.b64decode(data) == picture.read_bytes()
    for text in ("Title", "Lead.", "One", "Two", "text", "caption"):
        assert text in document.texts


def test_no_requests_and_no_scripts(tmp_path, pictures):
    path = tmp_path / "page.html"
    write_page(path, "Title", [Section("One", [Picture(pictures[0], "")])])
    text = path.read_text("utf-8")
    document = Reader(text)
    assert not {"script", "link", "iframe", "a"} & {tag for tag, _ in document.elements}
    assert not re.search(r"https?:|url\(|@import|\son\w+=", text)
    policies = [m["content"] for m in document.find_all("meta") if "http-equiv" in m]
    assert policies == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]


def test_light_and_dark_mode(tmp_path):
    write_page(tmp_path / "page.html", "Title", [])
    text = (tmp_path / "page.html").read_text("utf-8")
    assert "color-scheme: light dark" in text
    assert "prefers-color-scheme: dark" in text


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(min_size=1))
def test_any_text_is_escaped(tmp_path, pictures, text):
    path = tmp_path / "page.html"
    hostile = f"<script>alert('{text}')</script>\" onload=\"x"
    blocks = [hostile, Table((hostile,), [(hostile,)]), Picture(pictures[1], hostile, hostile)]
    write_page(path, hostile, [Section(hostile, blocks)], lead=hostile)
    document = read(path)
    assert not document.find_all("script")
    assert [set(image) for image in document.find_all("img")] == [{"src", "alt"}]
    assert "".join(document.texts).count("<script>alert('") == 8


def test_surrogates_are_replaced(tmp_path):
    write_page(tmp_path / "page.html", "bad \udcff line", [])
    assert "bad ? line" in (tmp_path / "page.html").read_text("utf-8")


def read_cells(path):
    rows = re.findall(r"<tr>(.*?)</tr>", path.read_text("utf-8"))
    return [re.findall(r"<t[hd]( class=n)?>(.*?)</t[hd]>", row) for row in rows]


def test_numbers_in_tables(tmp_path):
    path = tmp_path / "page.html"
    rows = [("cat", 1_234_567, 2.0, None), ("dog", np.int64(7), 0.66667, 99.5)]
    write_page(path, "T", [Section("S", [Table(("word", "drawings", "loss", "rate"), rows)])])
    n = " class=n"
    assert read_cells(path) == [
        [("", "word"), (n, "drawings"), (n, "loss"), (n, "rate")],
        [("", "cat"), (n, "1,234,567"), (n, "2.000"), (n, "")],
        [("", "dog"), (n, "7"), (n, "0.667"), (n, "99.50")],
    ]


@pytest.mark.parametrize(
    ("values", "printed"),
    [
        ((0.0, 0.0), ["0.0", "0.0"]),
        ((1e-5, 3e-6), ["0.00001000", "0.00000300"]),
        ((123_456.7, 1.0), ["123,457", "1"]),
        ((float("nan"), 1.5), ["nan", "1.500"]),
        ((float("inf"), -20.0), ["inf", "-20.00"]),
    ],
)
def test_decimals(tmp_path, values, printed):
    path = tmp_path / "page.html"
    write_page(path, "T", [Section("S", [Table(("x",), [(value,) for value in values])])])
    assert [cell for ((_, cell),) in read_cells(path)[1:]] == printed


def test_wrong_usage(tmp_path, pictures):
    path = tmp_path / "page.html"
    with pytest.raises(UsageError, match=r"has 1 cells, expected 2"):
        write_page(path, "T", [Section("S", [Table(("a", "b"), [(1,)])])])
    with pytest.raises(UsageError, match=r"a\.gif: expected a picture that ends in"):
        write_page(path, "T", [Section("S", [Picture("a.gif", "")])])
    with pytest.raises(FileNotFoundError):
        write_page(path, "T", [Section("S", [Picture(tmp_path / "no.png", "")])])
    assert not path.exists()
