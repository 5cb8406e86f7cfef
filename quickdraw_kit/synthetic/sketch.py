"""Many drawings of one category at once, as the key points of their strokes.

A thousand houses differ in numbers, not in structure: each has the same possible strokes, of which
a drawing leaves some out. So a stroke is a table of key points with a row per drawing and a mask
of the points that exist, and a category is a dozen lines of numpy (see `synthetic.shapes`).
Coordinates are about -1 to 1, y downward. Angles are in turns: 0 is to the right, 0.25 down.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from quickdraw_kit.strokes.columns import lengths_to_offsets
from quickdraw_kit.synthetic.rng import BoolArray, CounterRNG, FloatArray, IntArray, uniform

Number: TypeAlias = float | FloatArray
Point: TypeAlias = tuple[Number, Number]

_REVERSED = 0.3  # share of strokes that are drawn from the other end
_SHUFFLE = 1.5  # how far strokes move from their usual order
_ELLIPSE_SEGMENTS = 18  # with fewer, corners would be visible
_MAX_PARTS = 64  # more than any stroke is divided into


@dataclass(frozen=True, slots=True)
class Outline:
    """Key points of n drawings, concatenated, with offsets as in `DrawingBatch`."""

    x: FloatArray
    y: FloatArray
    stroke_offsets: IntArray
    drawing_offsets: IntArray


@dataclass(frozen=True, slots=True)
class _Stroke:
    """One stroke of n drawings; all arrays have the shape (n, points)."""

    x: FloatArray
    y: FloatArray
    exists: BoolArray
    part: IntArray  # where the pen is lifted in between, a stroke has parts 0, 1, ...


class Sketch:
    """The strokes of n drawings, added one after the other."""

    def __init__(self, rng: CounterRNG) -> None:
        self.rng = rng
        self._strokes: list[_Stroke] = []
        self._sign: Number = 1.0

    def flip(self, probability: float) -> None:
        """Mirror some of the drawings horizontally."""
        self._sign = np.where(self.rng.chance(probability), -1.0, 1.0)

    def line(
        self,
        *points: Point,
        shown: BoolArray | None = None,
        count: IntArray | None = None,
        lifts: float = 0.0,
    ) -> None:
        """Add a stroke through points, drawn from either end.

        It exists in the drawings that are `shown`, with the first `count` points. `lifts` is the
        probability that the pen is lifted at inner points.
        """
        self._add(*self._tables(points), shown, count, lifts)

    def polygon(self, *points: Point, shown: BoolArray | None = None, lifts: float = 0.0) -> None:
        """Add a closed stroke through corners, from any of them, that may miss its start."""
        x, y = self._tables(points)
        corners = len(points)
        first = self.rng.integers(0, corners - 1)[:, None]
        order = (first + np.arange(corners + 1)) % corners
        x, y = np.take_along_axis(x, order, 1), np.take_along_axis(y, order, 1)

        # hands do not close a shape exactly: the last point falls short, or beyond
        miss = self.rng.normal(0.04)
        x[:, -1] += miss * (x[:, -1] - x[:, -2])
        y[:, -1] += miss * (y[:, -1] - y[:, -2])
        self._add(x, y, shown, None, lifts)

    def loop(
        self, x: Number, y: Number, rx: Number, ry: Number, *, shown: BoolArray | None = None
    ) -> None:
        """Add an ellipse that starts anywhere and ends before or after its start."""
        start = self.rng.normal(0.2) - 0.25  # most people start at the top
        sweep = 1.02 + self.rng.normal(0.03)
        self.line(*ellipse(x, y, rx, ry, start, sweep), shown=shown)

    def dot(self, x: Number, y: Number, *, shown: BoolArray | None = None) -> None:
        """Add an eye or a button: a point, a tick of the pen, or a small ring."""
        style = self.rng.integers(0, 3)  # point, tick, ring (twice as often)
        size = self.rng.uniform(0.03, 0.1)
        rx = np.where(style == 0, 0.0, np.where(style == 1, 0.01, size))
        ry = np.where(style == 0, 0.0, size)
        count = np.where(style == 0, 1, np.where(style == 1, 5, 9))
        points = ellipse(x, y, rx, ry, -0.25, 1.0, points=9)
        self.line(*points, shown=shown, count=count)

    def outline(self) -> Outline:
        """Return all strokes, in an order that differs between drawings."""
        widths = [stroke.x.shape[1] for stroke in self._strokes]
        x = np.concatenate([stroke.x for stroke in self._strokes], axis=1)
        y = np.concatenate([stroke.y for stroke in self._strokes], axis=1)
        exists = np.concatenate([stroke.exists for stroke in self._strokes], axis=1)
        part = np.concatenate([stroke.part for stroke in self._strokes], axis=1)

        # Each stroke gets a priority: its index, and something random that swaps near ones.
        strokes = len(widths)
        priority = np.arange(strokes) + _SHUFFLE * uniform(self.rng.bit_columns(strokes))
        rank = np.argsort(np.argsort(priority, axis=1, kind="stable"), axis=1, kind="stable")
        stroke = rank[:, np.repeat(np.arange(strokes), widths)] * _MAX_PARTS + part
        # stable, and without the parts: the points of a stroke stay in order
        order = np.argsort(stroke // _MAX_PARTS, axis=1, kind="stable")
        x, y, exists, stroke = (
            np.take_along_axis(table, order, 1) for table in (x, y, exists, stroke)
        )

        # From tables to flat arrays: a stroke starts where its number or the drawing changes.
        drawing = np.nonzero(exists)[0]
        stroke = stroke[exists]
        is_start = np.ones(len(stroke), np.bool_)
        is_start[1:] = (stroke[1:] != stroke[:-1]) | (drawing[1:] != drawing[:-1])
        starts = np.flatnonzero(is_start)
        return Outline(
            x=(x * np.reshape(self._sign, (-1, 1)))[exists],
            y=y[exists],
            stroke_offsets=np.append(starts, len(stroke)),
            drawing_offsets=lengths_to_offsets(
                np.bincount(drawing[starts], minlength=len(self.rng))
            ),
        )

    def _tables(self, points: tuple[Point, ...]) -> tuple[FloatArray, FloatArray]:
        """Return x and y, each of shape (n, points)."""
        tables = np.empty((2, len(self.rng), len(points)))
        for column, point in enumerate(points):
            tables[0, :, column], tables[1, :, column] = point
        return tables[0], tables[1]

    def _add(
        self,
        x: FloatArray,
        y: FloatArray,
        shown: BoolArray | None,
        count: IntArray | None,
        lifts: float,
    ) -> None:
        exists = np.ones(x.shape, np.bool_)
        part = np.zeros(x.shape, np.int64)
        if lifts:
            # each inner point comes twice: the second copy starts a part, or does not exist
            columns = np.repeat(np.arange(x.shape[1]), 2)[1:-1]
            x, y = x[:, columns], y[:, columns]
            exists, part = exists[:, columns], part[:, columns]
            lifted = uniform(self.rng.bit_columns(x.shape[1] // 2 - 1)) < 0.75
            lifted &= self.rng.chance(lifts)[:, None]
            exists[:, 2:-1:2] = lifted
            part[:, 2:-1:2] = lifted
            part = np.cumsum(part, axis=1)
        if count is not None:
            exists &= np.arange(x.shape[1]) < count[:, None]
        if shown is not None:
            exists &= shown[:, None]

        # masks are reversed with the points that they belong to
        reverse = self.rng.chance(_REVERSED)[:, None]
        self._strokes.append(
            _Stroke(
                x=np.where(reverse, x[:, ::-1], x),
                y=np.where(reverse, y[:, ::-1], y),
                exists=np.where(reverse, exists[:, ::-1], exists),
                part=np.where(reverse, part[:, ::-1], part),
            )
        )


def ellipse(
    x: Number,
    y: Number,
    rx: Number,
    ry: Number,
    start: Number,
    sweep: Number,
    *,
    points: int = _ELLIPSE_SEGMENTS + 1,
) -> list[Point]:
    """Return key points of an arc of an ellipse."""
    arc: list[Point] = []
    for fraction in (index / (points - 1) for index in range(points)):
        angle = start + sweep * fraction
        arc.append((x + rx * cosine(angle), y + ry * sine(angle)))
    return arc


def sine(turns: Number) -> Number:
    """Return the sine of an angle in turns, to a thousandth.

    Libraries round their sines differently; two parabolas give the same bits on every machine.
    """
    fraction = turns - np.rint(turns)
    wave = 8.0 * fraction * (1.0 - 2.0 * abs(fraction))
    value: Number = wave + 0.225 * wave * (abs(wave) - 1.0)
    return value if isinstance(turns, np.ndarray) else float(value)


def cosine(turns: Number) -> Number:
    """Return the cosine of an angle in turns, like `sine`."""
    return sine(turns + 0.25)
