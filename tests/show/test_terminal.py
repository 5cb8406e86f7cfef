"""Text for a terminal: dots where the ink is, no line too wide, bars in proportion."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickdraw_kit.errors import UsageError
from quickdraw_kit.show.terminal import bars, gallery, preview, text_picture
from quickdraw_kit.strokes.batch import DrawingBatch
from quickdraw_kit.synthetic.generator import generate_drawings

BITS = {0x01: (0, 0), 0x02: (1, 0), 0x04: (2, 0), 0x40: (3, 0)}
BITS |= {0x08: (0, 1), 0x10: (1, 1), 0x20: (2, 1), 0x80: (3, 1)}


def read_dots(text: str, blocks: bool) -> np.ndarray:
    """Read a text picture back, by the code points of Unicode."""
    lines = text.split("\n")
    across, down = (1, 2) if blocks else (2, 4)
    dots = np.zeros((len(lines) * down, len(lines[0]) * across), bool)
    for row, line in enumerate(lines):
        for column, character in enumerate(line):
            if blocks:
                dots[row * 2, column] = character in "▀█"
                dots[row * 2 + 1, column] = character in "▄█"
                continue
            for bit, (y, x) in BITS.items():
                dots[row * 4 + y, column * 2 + x] = bool(ord(character) - 0x2800 & bit)
    return dots


@given(
    height=st.integers(1, 13),
    width=st.integers(1, 13),
    seed=st.integers(0, 99),
    blocks=st.booleans(),
)
def test_dots_are_where_the_ink_is(height, width, seed, blocks):
    ink = np.random.default_rng(seed).random((height, width)) < 0.5
    dots = read_dots(text_picture(255 * ink.astype(np.uint8), blocks=blocks), blocks)
    assert (dots[:height, :width] == ink).all()
    assert dots.sum() == ink.sum()


@pytest.mark.parametrize("blocks", [False, True])
@pytest.mark.parametrize("width", [1, 5, 14, 40])
def test_pictures_respect_the_width(width, blocks):
    image = np.full((28, 28), 255, np.uint8)
    lines = text_picture(image, width=width, blocks=blocks).split("\n")
    assert len({len(line) for line in lines}) == 1
    assert len(lines[0]) == min(width, 28 if blocks else 14)
    assert lines[0].strip(" ⠀")


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "simplified"])
def test_preview_fills_its_width(raw):
    batch = generate_drawings(["square"], 3, raw=raw)
    text = preview(batch, -1, width=20)
    dots = read_dots(text, blocks=False)
    assert dots.shape[1] == 40
    assert dots[:, :8].any(axis=0).any()
    assert dots[:, -8:].any(axis=0).any()
    assert text != preview(batch, 0, width=20)


def test_preview_of_a_dot_is_not_empty():
    dot = DrawingBatch.from_strokes([[([9], [9])]], words=["dot"])
    assert preview(dot, width=10).strip(" ⠀\n")


@given(
    number=st.integers(0, 9), width=st.integers(1, 100), words=st.lists(st.text("ab", max_size=30))
)
def test_gallery_shows_all_within_the_width(number, width, words):
    names = (words + ["x"] * number)[:number]
    text = gallery(np.full((number, 8, 20), 255, np.uint8), names, width=width)
    assert all(len(line) <= max(width, 10) for line in text.split("\n"))
    inked = sum(0x2800 < ord(character) < 0x2900 for character in text)
    assert inked >= number
    if width >= 10:
        assert text.count("⣿") == inked == number * 10 * 2


def test_gallery_names_every_picture():
    text = gallery(np.full((3, 4, 20), 255, np.uint8), ["cat", "dog", "hot air balloon"], width=24)
    assert text.split("\n\n")[0].split("\n")[0].split() == ["cat", "dog"]
    assert text.split("\n\n")[1].startswith("hot air ba\n")


@given(
    totals=st.dictionaries(st.text("abc ", min_size=1, max_size=40), st.integers(0, 10**7)),
    width=st.integers(24, 200),
)
def test_bars_fit_and_are_in_proportion(totals, width):
    text = bars(totals, width=width)
    lines = text.split("\n") if totals else []
    assert len(lines) == len(totals)
    assert all(len(line) <= width for line in lines)
    lengths = [
        sum(8 if c == "█" else "▏▎▍▌▋▊▉".index(c) + 1 for c in line if c in "█▏▎▍▌▋▊▉")
        for line in lines
    ]
    for line, length, number in zip(lines, lengths, totals.values(), strict=True):
        assert line.endswith(f" {number:,}")
        assert (length > 0) == (number > 0)
        if number:
            expected = number / max(totals.values()) * max(lengths)
            assert abs(length - expected) <= 1


def test_wrong_usage():
    with pytest.raises(UsageError, match="float64"):
        text_picture(np.zeros((4, 4)))
    with pytest.raises(UsageError, match="width is 0"):
        text_picture(np.zeros((4, 4), np.uint8), width=0)
    with pytest.raises(UsageError, match="1 names for 2 images"):
        gallery(np.zeros((2, 4, 4), np.uint8), ["cat"])
    batch = generate_drawings(["line"], 1)
    with pytest.raises(IndexError):
        preview(batch, 1)
    with pytest.raises(UsageError, match="width is 0"):
        preview(batch, width=0)
