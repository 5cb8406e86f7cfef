"""Key points become drawings that look recorded."""

import numpy as np

from quickdraw_kit.synthetic.motion import deform, to_raw, to_simplified
from quickdraw_kit.synthetic.rng import CounterRNG
from quickdraw_kit.synthetic.sketch import Sketch


def squares(count: int) -> tuple[Sketch, CounterRNG]:
    rng = CounterRNG("example", 0, count)
    sketch = Sketch(rng)
    sketch.polygon((-1, -1), (1, -1), (1, 1), (-1, 1))
    return sketch, rng


def test_long_segments_are_bowed():
    sketch, rng = squares(3)
    outline = sketch.outline()
    assert np.diff(outline.stroke_offsets).tolist() == [5, 5, 5]
    assert (np.diff(deform(outline, rng, np.ones(3)).stroke_offsets) >= 5).all()
    assert np.diff(deform(outline, rng, np.ones(3)).stroke_offsets).max() > 5


def test_simplified_drawings_fill_the_frame():
    x, y, t, _ = to_simplified(squares(1)[0].outline())
    assert x.min() == y.min() == 0
    assert max(x.max(), y.max()) == 255
    assert t is None


def test_raw_drawings_have_increasing_times():
    rng = CounterRNG("example", 0, 1)
    sketch = Sketch(rng)
    sketch.line((-1, 0), (1, 0))
    x, _, t, _ = to_raw(sketch.outline(), rng)
    assert len(x) > 10
    assert t[0] == 0
    assert (np.diff(t) > 0).all()
