"""Strokes of many drawings at once."""

import math

import numpy as np
import pytest

from quickdraw_kit.synthetic.rng import CounterRNG
from quickdraw_kit.synthetic.sketch import Sketch, cosine, ellipse, sine


def test_strokes_of_every_drawing():
    sketch = Sketch(CounterRNG("example", 0, 2))
    sketch.line((-1, 0), (1, 0))
    sketch.loop(0, 0, 1, 1)
    outline = sketch.outline()
    assert np.diff(outline.drawing_offsets).tolist() == [2, 2]
    assert sorted(np.diff(outline.stroke_offsets).tolist()) == [2, 2, 19, 19]


def test_strokes_that_some_drawings_leave_out():
    sketch = Sketch(CounterRNG("example", 0, 3))
    sketch.line((-1, 0), (1, 0))
    sketch.line((0, -1), (0, 0), (0, 1), shown=np.array([True, False, True]))
    assert np.diff(sketch.outline().drawing_offsets).tolist() == [2, 1, 2]


def test_lifting_the_pen_keeps_the_points():
    sketch = Sketch(CounterRNG("example", 0, 100))
    sketch.line((0, 0), (1, 0), (1, 1), (0, 1), lifts=0.5)
    outline = sketch.outline()
    assert set(np.diff(outline.drawing_offsets).tolist()) == {1, 2, 3}
    corners = set(zip(outline.x.tolist(), outline.y.tolist(), strict=True))
    assert corners == {(0, 0), (1, 0), (1, 1), (0, 1)}


def test_ellipse():
    assert ellipse(0, 0, 2, 1, 0, 0.5, points=3) == [(2.0, 0.0), (0.0, 1.0), (-2.0, 0.0)]


@pytest.mark.parametrize("turns", [-0.7, 0.0, 1 / 12, 0.25, 0.5, 0.9, 3.3])
def test_sine_and_cosine(turns):
    assert sine(turns) == pytest.approx(math.sin(2 * math.pi * turns), abs=1.5e-3)
    assert cosine(turns) == pytest.approx(math.cos(2 * math.pi * turns), abs=1.5e-3)


def test_sines_of_quarter_turns_are_exact():
    assert [sine(turns) for turns in (0.0, 0.25, 0.5)] == [0, 1, 0]
