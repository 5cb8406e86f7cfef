"""The three numbers of a style: their ranges, and what follows from them."""

import math
from dataclasses import FrozenInstanceError, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickdraw_kit.errors import UsageError
from quickdraw_kit.raster.style import RasterStyle

styles = st.builds(
    RasterStyle,
    side=st.integers(1, 1024),
    line_diameter=st.floats(0, 256, exclude_min=True),
    padding=st.floats(0, 256),
)


@pytest.mark.parametrize(
    "numbers", [{"side": 1}, {"side": 1024}, {"line_diameter": 1e-9}, {"line_diameter": 256},
                {"padding": 0}, {"padding": 256}], ids=str,
)  # fmt: skip
def test_the_ends_of_the_ranges_are_taken(numbers):
    (name, value), *_ = numbers.items()
    assert getattr(RasterStyle(**numbers), name) == value


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("side", [0, 1025, -28]),
        ("line_diameter", [0, -1e-9, 256.001, math.nan, math.inf]),
        ("padding", [-1e-9, 256.001, math.nan, math.inf]),
    ],
)
def test_what_lies_outside_is_refused_by_name(name, values):
    for value in values:
        with pytest.raises(UsageError, match=f"{name} is {value}, expected"):
            RasterStyle(**{name: value})


@given(styles)
def test_the_frame_its_margin_and_half_the_pen_fill_the_bitmap(style):
    """The widest centered drawing, its pen and the margins reach from border to border."""
    left = style.scale * (style.translation - style.line_diameter / 2 - style.padding)
    right = style.scale * (256 + style.translation + style.line_diameter / 2 + style.padding)
    assert left == pytest.approx(0, abs=1e-9)
    assert right == pytest.approx(style.side)


def test_a_style_is_a_value():
    assert replace(RasterStyle(), side=56) == RasterStyle(56) != RasterStyle()
    assert len({RasterStyle(), RasterStyle(28, 16.0, 16.0)}) == 1
    with pytest.raises(FrozenInstanceError):
        RasterStyle().side = 3
