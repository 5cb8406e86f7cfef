"""Many drawings of one category at once, as the key points of their strokes.

A thousand houses differ in numbers, not in kind: each has the same possible strokes, some of which
a given drawing leaves out. So a stroke is a table of key points, a row a drawing, with a mask of
those that are there, and a category is a dozen lines of numpy (see `quickdraw_kit.synthetic.shapes`).
Coordinates are about -1 to 1, y downwards; angles are in turns, 0 to the right, 0.25 down.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from quickdraw_kit.strokes.columns import lengths_to_offsets
from quickdraw_kit.synthetic.rng import BoolArray, CounterRNG, FloatArray, IntArray, uniform

__all__ = ["Number", "Outline", "Point", "Sketch", "cosine", "ellipse", "sine"]

Number: TypeAlias = float | FloatArray
Point: TypeAlias = tuple[Number, Number]

_REVERSED = 0.3  # share of strokes that are drawn from the other end
_LOOSE = 1.5  # how far strokes leave their usual order
_ROUND = 18  # key points of a closed curve; with fewer, corners would be seen
_PIECES = 64  # more than the pieces of any stroke


@dataclass(frozen=True, slots=True)
class Outline:
    """Key points of n drawings, one behind the other, laid out as in `DrawingBatch`."""

    x: FloatArray
    y: FloatArray
    stroke_offsets: IntArray
    drawing_offsets: IntArray


class Sketch:
    """The strokes of n drawings, added one after the other."""

    def __init__(self, rng: CounterRNG) -> None:
        self.rng = rng
        self._blocks: list[tuple[FloatArray, FloatArray, BoolArray, IntArray]] = []
        self._sign: Number = 1.0

    def flip(self, share: float) -> None:
        """Mirror a share of the drawings, left to right."""
        self._sign = np.where(self.rng.chance(share), -1.0, 1.0)

    def line(
        self,
        *points: Point,
        shown: BoolArray | None = None,
        count: IntArray | None = None,
        lifts: float = 0.0,
    ) -> None:
        """Add a stroke through points, drawn from either end."""
        self._add(*self._tables(points), shown, count, lifts)

    def polygon(self, *points: Point, shown: BoolArray | None = None, lifts: float = 0.0) -> None:
        """Add a closed stroke through corners, from any of them, that may miss its beginning."""
        x, y = self._tables(points)
        corners = len(points)
        first = self.rng.whole(0, corners - 1)[:, None]
        order = (first + np.arange(corners + 1)) % corners
        x, y = np.take_along_axis(x, order, 1), np.take_along_axis(y, order, 1)
        miss = self.rng.normal(0.04)
        x[:, -1] += miss * (x[:, -1] - x[:, -2])
        y[:, -1] += miss * (y[:, -1] - y[:, -2])
        self._add(x, y, shown, None, lifts)

    def loop(
        self, x: Number, y: Number, rx: Number, ry: Number, *, shown: BoolArray | None = None
    ) -> None:
        """Add an ellipse that starts anywhere and ends before or behind its beginning."""
        start = self.rng.normal(0.2) - 0.25  # most people begin at the top
        sweep = 1.02 + self.rng.normal(0.03)
        self.line(*ellipse(x, y, rx, ry, start, sweep), shown=shown)

    def dot(self, x: Number, y: Number, *, shown: BoolArray | None = None) -> None:
        """Add an eye or a button: a tick of the pen, a small ring, or a point."""
        kind = self.rng.whole(0, 3)
        size = self.rng.uniform(0.03, 0.1)
        rx = np.where(kind == 0, 0.0, np.where(kind == 1, 0.01, size))
        ry = np.where(kind == 0, 0.0, size)
        count = np.where(kind == 0, 1, np.where(kind == 1, 5, 9))
        points = ellipse(x, y, rx, ry, -0.25, 1.0, points=9)
        self.line(*points, shown=shown, count=count)

    def outline(self) -> Outline:
        """Return all strokes, each drawing's in an order of its own."""
        widths = [block[0].shape[1] for block in self._blocks]
        x, y, there, piece = (
            np.concatenate(columns, axis=1) for columns in zip(*self._blocks, strict=True)
        )
        blocks = len(widths)
        urge = np.arange(blocks) + _LOOSE * uniform(self.rng.columns(blocks))
        rank = np.argsort(np.argsort(urge, axis=1, kind="stable"), axis=1, kind="stable")
        stroke = rank[:, np.repeat(np.arange(blocks), widths)] * _PIECES + piece
        order = np.argsort(stroke // _PIECES, axis=1, kind="stable")
        x, y, there, stroke = (
            np.take_along_axis(table, order, 1) for table in (x, y, there, stroke)
        )
        drawing = np.nonzero(there)[0]
        stroke = stroke[there]
        new = np.ones(len(stroke), np.bool_)
        new[1:] = (stroke[1:] != stroke[:-1]) | (drawing[1:] != drawing[:-1])
        starts = np.flatnonzero(new)
        return Outline(
            x=(x * np.reshape(self._sign, (-1, 1)))[there],
            y=y[there],
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
        there = np.ones(x.shape, np.bool_)
        piece = np.zeros(x.shape, np.int64)
        if lifts:
            # each inner corner stands twice: its second copy begins a stroke, or is left out
            columns = np.repeat(np.arange(x.shape[1]), 2)[1:-1]
            x, y, there, piece = x[:, columns], y[:, columns], there[:, columns], piece[:, columns]
            lifted = uniform(self.rng.columns(x.shape[1] // 2 - 1)) < 0.75
            lifted &= self.rng.chance(lifts)[:, None]
            there[:, 2:-1:2] = lifted
            piece[:, 2:-1:2] = lifted
            piece = np.cumsum(piece, axis=1)
        if count is not None:
            there &= np.arange(x.shape[1]) < count[:, None]
        if shown is not None:
            there &= shown[:, None]
        turned = self.rng.chance(_REVERSED)[:, None]
        self._blocks.append(
            (
                np.where(turned, x[:, ::-1], x),
                np.where(turned, y[:, ::-1], y),
                np.where(turned, there[:, ::-1], there),
                np.where(turned, piece[:, ::-1], piece),
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
    points: int = _ROUND + 1,
    shrink: Number = 0.0,
) -> list[Point]:
    """Return key points of an arc of an ellipse."""
    made: list[Point] = []
    for step in (index / (points - 1) for index in range(points)):
        size = 1.0 - shrink * step
        angle = start + sweep * step
        made.append((x + rx * size * cosine(angle), y + ry * size * sine(angle)))
    return made


def sine(turns: Number) -> Number:
    """Return the sine of an angle in turns, to a thousandth and to the same bit everywhere.

    Libraries round their sines differently; two parabolas are the same on every machine.
    """
    part = turns - np.rint(turns)
    wave = 8.0 * part * (1.0 - 2.0 * abs(part))
    found: Number = wave + 0.225 * wave * (abs(wave) - 1.0)
    return found if isinstance(turns, np.ndarray) else float(found)


def cosine(turns: Number) -> Number:
    """Return the cosine of an angle in turns, as `sine` does."""
    return sine(turns + 0.25)
