"""Synthetic motion: from clean key points to what a device would have recorded.

`deform` makes key points look drawn by hand; `to_raw` moves a pen along them, and `to_simplified`
fits them to the frame. The pen is slow at corners and at the ends of strokes, trembles, is lifted
between strokes, and draws somewhere on a screen. Only + - * /, square roots and rounding are used,
which IEEE 754 defines to the last bit, so that the bytes are the same on every machine.
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

# x, y, t and stroke offsets
Points: TypeAlias = tuple[
    npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[np.int32] | None, IntArray
]

_SCREENS = np.array([[360, 560], [412, 720], [768, 900], [1000, 640], [1300, 760]])
_MIN_BOWED_LENGTH = 0.4  # shorter segments are left straight
_MIN_BOW = 0.016  # in units of shapes; less would be removed by simplification with epsilon 2


def deform(outline: Outline, rng: CounterRNG, sloppiness: FloatArray) -> Outline:
    """Displace key points, bow long segments, widen, shear and rotate drawings."""
    # jitter first: it is in proportion to the length of segments, and bows divide them
    outline = _bow(_jitter(outline, rng, sloppiness), rng, sloppiness)
    counts = _point_counts(outline)

    # in turns, so about 3 degrees
    angle = rng.normal(0.008) * sloppiness
    aspect, shear = 1.0 + rng.normal(0.08), rng.normal(0.04)
    cos, sin = np.repeat(cosine(angle), counts), np.repeat(sine(angle), counts)
    x = outline.x * np.repeat(aspect, counts) + outline.y * np.repeat(shear, counts)
    return replace(outline, x=x * cos - outline.y * sin, y=x * sin + outline.y * cos)


def to_simplified(outline: Outline) -> Points:
    """Fit drawings to 0..255, round, and drop points that repeat the one before."""
    counts = _point_counts(outline)
    left, top, extent = _bounding_boxes(outline)
    # a drawing of a single point has no extent
    scale = np.repeat(255.0 / np.maximum(extent, 1e-9), counts)
    x = np.rint((outline.x - np.repeat(left, counts)) * scale).astype(np.uint8)
    y = np.rint((outline.y - np.repeat(top, counts)) * scale).astype(np.uint8)

    # the first point of a stroke stays, even where the stroke before ended
    keep = np.ones(len(x), np.bool_)
    keep[1:] = (x[1:] != x[:-1]) | (y[1:] != y[:-1])
    keep[outline.stroke_offsets[:-1]] = True
    return x[keep], y[keep], None, lengths_to_offsets(keep)[outline.stroke_offsets]


def to_raw(outline: Outline, rng: CounterRNG) -> Points:
    """Move a pen along key points and record it as a device does."""
    outline = _place_on_screen(outline, rng)
    incoming = _segments(outline)
    key_counts = _point_counts(outline)
    pace = np.repeat(rng.uniform(7, 18), key_counts)  # pixels per sample
    hold = np.repeat(rng.uniform(0.5, 0.95), key_counts)
    tangent_x, tangent_y, stop = _tangents(outline, incoming)

    # How many samples each segment gets: more where the pen brakes at either of its ends. A stroke
    # starts with a segment of length 0, which gives its first point.
    first = outline.stroke_offsets[:-1]
    before = np.maximum(np.arange(len(outline.x)) - 1, 0)
    before[first] = first
    brake = hold * stop
    length = np.sqrt(incoming[0] * incoming[0] + incoming[1] * incoming[1])
    samples = 1 + np.rint(length / pace * (1.0 + 0.4 * (brake + brake[before]))).astype(np.int64)
    samples[first] = 1
    points = lengths_to_offsets(samples)
    stroke_offsets = points[outline.stroke_offsets]
    counts = np.diff(stroke_offsets[outline.drawing_offsets])

    # Where the pen is at each sample: along a cubic from key point to key point.
    index = np.arange(points[-1])
    u = (index - np.repeat(points[:-1], samples) + 1) / np.repeat(samples, samples)
    speeds = (1.0 - brake[before], 1.0 - brake)
    u = _ease(u, *(np.repeat(speed, samples) for speed in speeds))
    x, y = (
        _hermite(u, *(np.repeat(each, samples) for each in (at[before], at, slope[before], slope)))
        for at, slope in ((outline.x, tangent_x), (outline.y, tangent_y))
    )

    # Devices report whole pixels, or quarters of them.
    number = index - np.repeat(points[outline.stroke_offsets[outline.drawing_offsets[:-1]]], counts)
    whole = np.repeat(rng.chance(0.75), counts)
    steps = np.where(whole, 1.0, 4.0)
    x, y = (np.rint((at + _tremor(rng, number, counts)) * steps) / steps for at in (x, y))
    t = _times(rng, number, counts, stroke_offsets, outline.drawing_offsets)
    return x, y, t, stroke_offsets


def _point_counts(outline: Outline) -> IntArray:
    return np.diff(outline.stroke_offsets[outline.drawing_offsets])


def _numbers_in_drawing(counts: IntArray) -> IntArray:
    """Return for each point its number within its drawing, from 0."""
    return np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)


def _segments(outline: Outline) -> tuple[FloatArray, FloatArray]:
    """Return the vector to each point from the one before; 0 for the first of a stroke."""
    vectors = []
    for at in (outline.x, outline.y):
        step = np.zeros(len(at))
        step[1:] = at[1:] - at[:-1]
        step[outline.stroke_offsets[:-1]] = 0.0
        vectors.append(step)
    return vectors[0], vectors[1]


def _bounding_boxes(outline: Outline) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the left edge, the top edge and the longer side of each drawing."""
    starts = outline.stroke_offsets[outline.drawing_offsets[:-1]]
    left, top = np.minimum.reduceat(outline.x, starts), np.minimum.reduceat(outline.y, starts)
    right, bottom = np.maximum.reduceat(outline.x, starts), np.maximum.reduceat(outline.y, starts)
    return left, top, np.maximum(right - left, bottom - top)


def _jitter(outline: Outline, rng: CounterRNG, sloppiness: FloatArray) -> Outline:
    """Displace each point in proportion to the segment that leads to it, and add a slow drift."""
    counts = _point_counts(outline)
    keys = np.repeat(rng.bits(), counts)
    number = _numbers_in_drawing(counts)
    dx, dy = _segments(outline)
    stop = _tangents(outline, (dx, dy))[2]
    error = np.minimum(0.07 * np.sqrt(dx * dx + dy * dy) + 0.006, 0.05)
    error *= (0.25 + 0.75 * stop) * np.repeat(sloppiness, counts)  # bends stay smooth

    moved = []
    for axis, at in enumerate((outline.x, outline.y)):
        phase = np.repeat(rng.uniform(0.03, 0.09), counts) * number + np.repeat(
            rng.uniform(0, 1), counts
        )
        drift = np.repeat(rng.uniform(0.005, 0.04) * sloppiness, counts) * sine(phase)
        # two numbers per point, so that x and y do not move together
        moved.append(at + error * normal(point_bits(keys, 2 * number + axis)) + drift)
    return replace(outline, x=moved[0], y=moved[1])


def _bow(outline: Outline, rng: CounterRNG, sloppiness: FloatArray) -> Outline:
    """Give long segments a point in the middle that is a little off the straight line."""
    counts = _point_counts(outline)
    number = _numbers_in_drawing(counts)
    dx, dy = _segments(outline)
    bend = normal(point_bits(np.repeat(rng.bits(), counts), number))
    bend *= 0.025 * np.repeat(sloppiness, counts)
    length = np.sqrt(dx * dx + dy * dy)
    bowed = (length > _MIN_BOWED_LENGTH) & (np.abs(bend) * length > _MIN_BOW)

    # the end of a bowed segment is doubled, and the first copy moved to the middle
    copies = 1 + bowed
    source = np.repeat(np.arange(len(copies)), copies)
    offsets = lengths_to_offsets(copies)
    x, y = outline.x[source], outline.y[source]
    middle = offsets[:-1][bowed]
    x[middle] += (-0.5 * dx - bend * dy)[bowed]
    y[middle] += (-0.5 * dy + bend * dx)[bowed]
    return replace(outline, x=x, y=y, stroke_offsets=offsets[outline.stroke_offsets])


def _place_on_screen(outline: Outline, rng: CounterRNG) -> Outline:
    """Scale drawings to pixels and move them somewhere on a screen."""
    counts = _point_counts(outline)
    left, top, extent = _bounding_boxes(outline)
    screen = _SCREENS[rng.integers(0, len(_SCREENS) - 1)]
    size = np.min(screen, axis=1) * rng.uniform(0.35, 0.8)
    scale = size / np.maximum(extent, 1e-9)
    scaled = []
    for at, edge, side in ((outline.x, left, screen[:, 0]), (outline.y, top, screen[:, 1])):
        corner = (side - size) * rng.uniform(0.05, 0.95)
        scaled.append((at - np.repeat(edge, counts)) * np.repeat(scale, counts))
        scaled[-1] += np.repeat(corner, counts)
    return replace(outline, x=scaled[0], y=scaled[1])


def _tangents(
    outline: Outline, incoming: tuple[FloatArray, FloatArray]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the direction of the pen at each point, and how much it stops there, 0 to 1.

    In a gentle bend the pen moves in the direction of the chord between the neighbors, as in a
    Catmull-Rom spline; at a corner and at an end it stops.
    """
    dx, dy = incoming
    next_dx, next_dy = np.append(dx[1:], 0.0), np.append(dy[1:], 0.0)
    dot = dx * next_dx + dy * next_dy
    lengths = np.sqrt((dx * dx + dy * dy) * (next_dx * next_dx + next_dy * next_dy))
    cosine_of_turn = np.divide(dot, lengths, out=np.full(len(dx), -1.0), where=lengths > 0)
    speed = np.clip(2.0 * cosine_of_turn - 0.6, 0.0, 1.0)
    return 0.5 * speed * (dx + next_dx), 0.5 * speed * (dy + next_dy), 1.0 - speed


def _ease(u: FloatArray, start: FloatArray, end: FloatArray) -> FloatArray:
    """Return how far the pen is at a fraction of the time, given its speed at both ends."""
    rest = 1.0 - u
    return u * u * (3.0 - 2.0 * u) + u * rest * (start * rest - end * u)


def _hermite(
    u: FloatArray, a: FloatArray, b: FloatArray, slope_a: FloatArray, slope_b: FloatArray
) -> FloatArray:
    """Return the cubic from a to b with given slopes; with slopes of b - a, a straight line."""
    rest = 1.0 - u
    straight = a + (b - a) * u
    return straight + u * rest * ((slope_a - (b - a)) * rest - (slope_b - (b - a)) * u)


def _tremor(rng: CounterRNG, number: IntArray, counts: IntArray) -> FloatArray:
    """Return what the hand and the sensor add to each point, in pixels."""
    slow = np.repeat(rng.uniform(0.02, 0.08), counts) * number
    fast = np.repeat(rng.uniform(0.15, 0.3), counts) * number
    shake = np.repeat(rng.uniform(0.2, 1.2), counts) * sine(
        slow + np.repeat(rng.uniform(0, 1), counts)
    ) + np.repeat(rng.uniform(0.0, 0.5), counts) * sine(fast)
    return shake + 0.2 * normal(point_bits(np.repeat(rng.bits(), counts), number))


def _times(
    rng: CounterRNG,
    number: IntArray,
    counts: IntArray,
    stroke_offsets: IntArray,
    drawing_offsets: IntArray,
) -> npt.NDArray[np.int32]:
    """Return when each point was recorded, in milliseconds."""
    # A point comes a tick after the one before, or up to 8 ms later; one in ten up to 40 ms later.
    tick = np.repeat(rng.integers(8, 17), counts)
    random = uniform(point_bits(np.repeat(rng.bits(), counts), number))
    step = tick + np.where(random < 0.1, 40 * random / 0.1, 8 * random).astype(np.int64)

    # Lifting the pen takes longer. Each drawing starts at 0.
    slowness = np.repeat(rng.uniform(0.5, 2.0), np.diff(drawing_offsets))
    starts = stroke_offsets[:-1]
    step[starts] = (120 + 600 * slowness * random[starts]).astype(np.int64)
    step[stroke_offsets[drawing_offsets[:-1]]] = 0
    elapsed = np.cumsum(step)
    start = elapsed[stroke_offsets[drawing_offsets[:-1]]]
    return (elapsed - np.repeat(start, counts)).astype(np.int32)
