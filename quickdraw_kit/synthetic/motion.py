"""The hand and the screen: from clean key points to what a device would have recorded.

`deform` makes key points look hand-made, `trace` moves a pen along them. The pen is slow at corners
and at the ends of strokes, trembles, is lifted between strokes, and lands somewhere on a screen.
Only + - * /, square roots and rounding are used, which IEEE 754 defines to the last bit.
"""

from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from quickdraw_kit.strokes.columns import lengths_to_offsets
from quickdraw_kit.synthetic.rng import (
    CounterRNG,
    FloatArray,
    IntArray,
    normal,
    point_bits,
    uniform,
)
from quickdraw_kit.synthetic.sketch import Outline, cosine, sine

__all__ = ["Pixels", "deform", "fit_bytes", "trace"]

Pixels: TypeAlias = tuple[
    npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[np.int32] | None, IntArray
]

_SCREENS = np.array([[360, 560], [412, 720], [768, 900], [1000, 640], [1300, 760]])
_LONG = 0.4  # segments longer than this are seen to bow
_SEEN = 0.016  # a bow that simplification with epsilon 2 of 255 would keep, in units of shapes


def deform(outline: Outline, rng: CounterRNG, sloppiness: FloatArray) -> Outline:
    """Displace, bow, stretch and turn clean key points."""
    outline = _bow(_jitter(outline, rng, sloppiness), rng, sloppiness)
    counts = _points_of_drawings(outline)
    angle = rng.normal(0.008) * sloppiness
    wide, lean = 1.0 + rng.normal(0.08), rng.normal(0.04)
    c, s = (np.repeat(part, counts) for part in (cosine(angle), sine(angle)))
    x = outline.x * np.repeat(wide, counts) + outline.y * np.repeat(lean, counts)
    return replace(outline, x=x * c - outline.y * s, y=x * s + outline.y * c)


def fit_bytes(outline: Outline) -> Pixels:
    """Fit drawings to 0..255, round, and drop points that repeat the one before."""
    counts = _points_of_drawings(outline)
    left, top, extent = _boxes(outline)
    scale = np.repeat(255.0 / np.maximum(extent, 1e-9), counts)
    x = np.rint((outline.x - np.repeat(left, counts)) * scale).astype(np.uint8)
    y = np.rint((outline.y - np.repeat(top, counts)) * scale).astype(np.uint8)
    keep = np.ones(len(x), np.bool_)
    keep[1:] = (x[1:] != x[:-1]) | (y[1:] != y[:-1])
    keep[outline.stroke_offsets[:-1]] = True
    return x[keep], y[keep], None, lengths_to_offsets(keep)[outline.stroke_offsets]


def trace(outline: Outline, rng: CounterRNG) -> Pixels:
    """Move a pen along key points and record it as a device does."""
    outline = _on_screen(outline, rng)
    into = _segments(outline)
    key_counts = _points_of_drawings(outline)
    pace = np.repeat(rng.uniform(7, 18), key_counts)
    hold = np.repeat(rng.uniform(0.5, 0.95), key_counts)
    tangent_x, tangent_y, stop = _tangents(outline, into)
    first = outline.stroke_offsets[:-1]
    before = np.maximum(np.arange(len(outline.x)) - 1, 0)
    before[first] = first  # a stroke begins with a segment without length
    brake = hold * stop
    length = np.sqrt(into[0] * into[0] + into[1] * into[1])
    samples = 1 + np.rint(length / pace * (1.0 + 0.4 * (brake + brake[before]))).astype(np.int64)
    samples[first] = 1

    points = lengths_to_offsets(samples)
    stroke_offsets = points[outline.stroke_offsets]
    counts = np.diff(stroke_offsets[outline.drawing_offsets])
    index = np.arange(points[-1])
    u = (index - np.repeat(points[:-1], samples) + 1) / np.repeat(samples, samples)
    u = _eased(u, *(np.repeat(1.0 - part, samples) for part in (brake[before], brake)))
    x, y = (
        _hermite(u, *(np.repeat(part, samples) for part in (at[before], at, slope[before], slope)))
        for at, slope in ((outline.x, tangent_x), (outline.y, tangent_y))
    )
    number = index - np.repeat(points[outline.stroke_offsets[outline.drawing_offsets[:-1]]], counts)
    whole = np.repeat(rng.chance(0.75), counts)
    grain = np.where(whole, 1.0, 4.0)
    x, y = (np.rint((at + _tremor(rng, number, counts)) * grain) / grain for at in (x, y))
    t = _times(rng, number, counts, stroke_offsets, outline.drawing_offsets)
    return x.astype(np.float32), y.astype(np.float32), t, stroke_offsets


def _points_of_drawings(outline: Outline) -> IntArray:
    return np.diff(outline.stroke_offsets[outline.drawing_offsets])


def _segments(outline: Outline) -> tuple[FloatArray, FloatArray]:
    """Return the way from the point before to each point; nothing for the first of a stroke."""
    way = []
    for at in (outline.x, outline.y):
        step = np.zeros(len(at))
        step[1:] = at[1:] - at[:-1]
        step[outline.stroke_offsets[:-1]] = 0.0
        way.append(step)
    return way[0], way[1]


def _boxes(outline: Outline) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the left and the upper edge of each drawing and its longer side."""
    starts = outline.stroke_offsets[outline.drawing_offsets[:-1]]
    left, top = np.minimum.reduceat(outline.x, starts), np.minimum.reduceat(outline.y, starts)
    right, low = np.maximum.reduceat(outline.x, starts), np.maximum.reduceat(outline.y, starts)
    return left, top, np.maximum(right - left, low - top)


def _jitter(outline: Outline, rng: CounterRNG, sloppiness: FloatArray) -> Outline:
    """Miss each point a little, in proportion to the way there, and drift over the whole."""
    counts = _points_of_drawings(outline)
    keys = np.repeat(rng.bits(), counts)
    index = np.arange(len(keys))
    dx, dy = _segments(outline)
    stop = _tangents(outline, (dx, dy))[2]
    miss = np.minimum(0.07 * np.sqrt(dx * dx + dy * dy) + 0.006, 0.05)
    miss *= (0.25 + 0.75 * stop) * np.repeat(sloppiness, counts)  # bends stay smooth
    moved = []
    for axis, at in enumerate((outline.x, outline.y)):
        own = index - np.repeat(np.cumsum(counts) - counts, counts)
        wave = np.repeat(rng.uniform(0.03, 0.09), counts) * own + np.repeat(
            rng.uniform(0, 1), counts
        )
        drift = np.repeat(rng.uniform(0.005, 0.04) * sloppiness, counts) * sine(wave)
        moved.append(at + miss * normal(point_bits(keys, 2 * own + axis)) + drift)
    return replace(outline, x=moved[0], y=moved[1])


def _bow(outline: Outline, rng: CounterRNG, sloppiness: FloatArray) -> Outline:
    """Give long segments a point in the middle that stands off the straight way."""
    counts = _points_of_drawings(outline)
    own = np.arange(len(outline.x)) - np.repeat(np.cumsum(counts) - counts, counts)
    dx, dy = _segments(outline)
    bend = normal(point_bits(np.repeat(rng.bits(), counts), own))
    bend *= 0.025 * np.repeat(sloppiness, counts)
    length = np.sqrt(dx * dx + dy * dy)
    bowed = (length > _LONG) & (np.abs(bend) * length > _SEEN)
    copies = 1 + bowed
    source = np.repeat(np.arange(len(copies)), copies)
    offsets = lengths_to_offsets(copies)
    x, y = outline.x[source], outline.y[source]
    middle = offsets[:-1][bowed]
    x[middle] += (-0.5 * dx - bend * dy)[bowed]
    y[middle] += (-0.5 * dy + bend * dx)[bowed]
    return replace(outline, x=x, y=y, stroke_offsets=offsets[outline.stroke_offsets])


def _on_screen(outline: Outline, rng: CounterRNG) -> Outline:
    """Scale drawings to pixels and put them somewhere on a screen."""
    counts = _points_of_drawings(outline)
    left, top, extent = _boxes(outline)
    screen = _SCREENS[rng.whole(0, len(_SCREENS) - 1)]
    size = np.min(screen, axis=1) * rng.uniform(0.35, 0.8)
    scale = size / np.maximum(extent, 1e-9)
    places = []
    for at, edge, room in ((outline.x, left, screen[:, 0]), (outline.y, top, screen[:, 1])):
        corner = (room - size) * rng.uniform(0.05, 0.95)
        places.append((at - np.repeat(edge, counts)) * np.repeat(scale, counts))
        places[-1] += np.repeat(corner, counts)
    return replace(outline, x=places[0], y=places[1])


def _tangents(
    outline: Outline, into: tuple[FloatArray, FloatArray]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the direction of the pen at each point, and how much it stops there, 0 to 1.

    In a gentle bend the pen passes in the direction of the chord between its neighbours, as a
    Catmull-Rom spline does; in a corner and at an end it comes to a stop.
    """
    dx, dy = into
    after_x, after_y = np.append(dx[1:], 0.0), np.append(dy[1:], 0.0)
    cross = dx * after_x + dy * after_y
    lengths = np.sqrt((dx * dx + dy * dy) * (after_x * after_x + after_y * after_y))
    cosine_of_turn = np.divide(cross, lengths, out=np.full(len(dx), -1.0), where=lengths > 0)
    through = np.clip(2.0 * cosine_of_turn - 0.6, 0.0, 1.0)
    return 0.5 * through * (dx + after_x), 0.5 * through * (dy + after_y), 1.0 - through


def _eased(u: FloatArray, start: FloatArray, end: FloatArray) -> FloatArray:
    """Return how far the pen is at a share of the time, for its speed at both ends."""
    rest = 1.0 - u
    return u * u * (3.0 - 2.0 * u) + u * rest * (start * rest - end * u)


def _hermite(
    u: FloatArray, a: FloatArray, b: FloatArray, slope_a: FloatArray, slope_b: FloatArray
) -> FloatArray:
    """Return the cubic from a to b with the slopes given; without slopes, the straight line."""
    rest = 1.0 - u
    straight = a + (b - a) * u
    return straight + u * rest * ((slope_a - (b - a)) * rest - (slope_b - (b - a)) * u)


def _tremor(rng: CounterRNG, number: IntArray, counts: IntArray) -> FloatArray:
    """Return what the hand and the sensor add to each point, in pixels."""
    slow = np.repeat(rng.uniform(0.02, 0.08), counts) * number
    quick = np.repeat(rng.uniform(0.15, 0.3), counts) * number
    shake = np.repeat(rng.uniform(0.2, 1.2), counts) * sine(
        slow + np.repeat(rng.uniform(0, 1), counts)
    ) + np.repeat(rng.uniform(0.0, 0.5), counts) * sine(quick)
    return shake + 0.2 * normal(point_bits(np.repeat(rng.bits(), counts), number))


def _times(
    rng: CounterRNG,
    number: IntArray,
    counts: IntArray,
    stroke_offsets: IntArray,
    drawings: IntArray,
) -> npt.NDArray[np.int32]:
    """Return when each point was recorded, in milliseconds."""
    tick = np.repeat(rng.whole(8, 17), counts)
    luck = uniform(point_bits(np.repeat(rng.bits(), counts), number))
    step = tick + np.where(luck < 0.1, 40 * luck / 0.1, 8 * luck).astype(np.int64)
    slow = np.repeat(rng.uniform(0.5, 2.0), np.diff(drawings))
    lifted = stroke_offsets[:-1]
    step[lifted] = (120 + 600 * slow * luck[lifted]).astype(np.int64)
    step[stroke_offsets[drawings[:-1]]] = 0
    total = np.cumsum(step)
    begin = total[stroke_offsets[drawings[:-1]]]
    return (total - np.repeat(begin, counts)).astype(np.int32)
