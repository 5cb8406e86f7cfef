"""Raw drawings to simplified ones, as the official simplified files were made from the raw ones.

1. Align the drawing to the top left corner. 2. Scale it uniformly to a longer side of 255.
3. Resample each stroke at a distance of 1. 4. Drop what lies within `epsilon` of the line through
what stays (Ramer, Douglas and Peucker); round to whole numbers.

So say the authors, whose code was never published. To come out with their files to the last
drawing, the arithmetic must be theirs to the last bit, since step 3 puts many points equally far
from the line of step 4 and rounding says which of them stays. The operations below, their order
and the one place where they are fused were found by comparison, see docs/simplification.md.

Most of the points of step 3 are never made. Those on one segment of the stroke are a run on a
line, of which one end is farther from any other line than the points between, unless the two are
parallel. So only the ends of runs are noted and measured, and only where both ends of one are as
far away as anything, within what rounding may do, are the points between them looked at.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt
from numba.core import types
from numba.extending import intrinsic

from quickdraw_kit.errors import DataError, UsageError
from quickdraw_kit.kernels import kernel
from quickdraw_kit.strokes.batch import DrawingBatch

__all__ = ["simplify"]

Numbers = npt.NDArray[Any]
Reals = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

# Distances are in units of the frame, where rounding does about 1e-13 to them. Far above that:
TOLERANCE = 1e-9
# Far above that again, for one step along a run of hundreds must stand out as well. Below this
# epsilon, which no one needs, all points are noted.
LEAST_EPSILON = 1e-6


def simplify(batch: DrawingBatch, epsilon: float = 2.0) -> DrawingBatch:
    """Simplify raw drawings as the official simplified files were made.

    Parameters
    ----------
    batch : DrawingBatch
        Raw drawings, or drawings in a scale of their own.
    epsilon : float
        How far the simplified line may run from the points, in units of the 256 x 256 frame.

    Returns
    -------
    DrawingBatch
        The same drawings with coordinates from 0 to 255, uint8, without times.

    Raises
    ------
    UsageError
        If `epsilon` is negative or not finite.
    DataError
        If the drawings are simplified already, or a coordinate is not finite.

    Notes
    -----
    Polylines are reduced after Douglas and Peucker, Cartographica 10 (1973), 112-122. A fractional
    coordinate that the batch holds in float32 only may have lost bits that decide between two
    points; whole numbers never do.

    Examples
    --------
    >>> raw = DrawingBatch.from_strokes(
    ...     [[([10, 20, 30, 30], [5, 5, 5, 25], [0, 9, 18, 30])]], words=["line"]
    ... )
    >>> simplify(raw)[0].strokes[0].T
    array([[  0, 255, 255],
           [  0,   0, 255]], dtype=uint8)
    """
    if not (np.isfinite(epsilon) and epsilon >= 0):
        raise UsageError(f"epsilon is {epsilon}, expected a finite number of at least 0")
    if batch.x.dtype == np.uint8:
        raise DataError("the drawings are simplified already: their coordinates are uint8")
    if not (np.isfinite(batch.x).all() and np.isfinite(batch.y).all()):
        raise DataError("some coordinates are not finite, expected numbers")
    x, y, offsets = simplify_arrays(
        batch.x, batch.y, batch.stroke_offsets, batch.drawing_offsets, float(epsilon)
    )
    return replace(batch, x=x, y=y, t=None, stroke_offsets=offsets)


def _emit_fused(typing: Any, a: Any, b: Any, c: Any) -> Any:
    """Declare the operation of kernels that returns a * b + c, rounded once."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return types.float64(types.float64, types.float64, types.float64), emit


_fused: Callable[[float, float, float], float] = cast("Any", intrinsic(_emit_fused))


class _Path(NamedTuple):
    """Room for a stroke.

    Of each noted point: where it is, its number, the segment it is on (by the point at its end),
    the way before that segment, and how far it is away from the line in question. Of each end that
    waits: where it is, how many points were noted before it, and the first that was noted after it.
    """

    x: Reals
    y: Reals
    number: Indices
    segment: Indices
    walked: Reals
    end_x: Reals
    end_y: Reals
    before: Indices
    after: Indices
    away: Reals


@kernel
def _make_path(size: int) -> _Path:
    real, index = np.empty((6, size), np.float64), np.empty((4, size), np.int64)
    return _Path(
        real[0], real[1], index[0], index[1], real[2], real[3], real[4], index[2], index[3],
        real[5],
    )  # fmt: skip


@kernel
def simplify_arrays(
    x: Numbers, y: Numbers, strokes: Indices, drawings: Indices, epsilon: float
) -> tuple[Bytes, Bytes, Indices]:
    """Return the new coordinates and stroke offsets."""
    out_x = np.empty(x.size + strokes.size, np.uint8)
    out_y = np.empty_like(out_x)
    offsets = np.zeros(strokes.size, np.int64)
    frame_x, frame_y = np.empty(256, np.float64), np.empty(256, np.float64)
    path = _make_path(1024)
    n = 0
    for d in range(drawings.size - 1):
        first, last = strokes[drawings[d]], strokes[drawings[d + 1]]
        size = last - first
        if size > frame_x.size:
            frame_x, frame_y = np.empty(2 * size, np.float64), np.empty(2 * size, np.float64)
        _fill_frame(x, y, first, last, frame_x, frame_y)
        noted = 2.0 * size
        if epsilon < LEAST_EPSILON:
            for i in range(1, size):
                noted += abs(frame_x[i] - frame_x[i - 1]) + abs(frame_y[i] - frame_y[i - 1])
        room = int(2 * noted)  # one more point of each run may stay
        if room > path.x.size:
            path = _make_path(2 * room)
        if n + room > out_x.size:
            out_x = np.concatenate((out_x, np.empty(n + room, np.uint8)))
            out_y = np.concatenate((out_y, np.empty(n + room, np.uint8)))
        for s in range(drawings[d], drawings[d + 1]):
            a, b = strokes[s] - first, strokes[s + 1] - first
            if a < b:
                count = _resample(frame_x, frame_y, a, b, epsilon >= LEAST_EPSILON, path)
                n = _reduce(frame_x, frame_y, a, b, path, count, epsilon, out_x, out_y, n)
            offsets[s + 1] = n
    return out_x[:n].copy(), out_y[:n].copy(), offsets


@kernel
def _fill_frame(
    x: Numbers, y: Numbers, first: int, last: int, frame_x: Reals, frame_y: Reals
) -> None:
    """Bring a drawing to the top left corner and to a longer side of 255, in doubles."""
    if first == last:
        return
    low_x = high_x = np.float64(x[first])
    low_y = high_y = np.float64(y[first])
    for i in range(first, last):
        at_x, at_y = np.float64(x[i]), np.float64(y[i])
        low_x = at_x if at_x < low_x else low_x
        low_y = at_y if at_y < low_y else low_y
        high_x = at_x if at_x > high_x else high_x
        high_y = at_y if at_y > high_y else high_y
    extent = max(high_x - low_x, high_y - low_y)
    if extent == 0:
        extent = np.float64(255)  # of a dot, any will do
    for i in range(first, last):
        frame_x[i - first] = (np.float64(x[i]) - low_x) * 255 / extent
        frame_y[i - first] = (np.float64(y[i]) - low_y) * 255 / extent


@kernel
def _resample(x: Reals, y: Reals, a: int, b: int, sparse: bool, path: _Path) -> int:
    """Note the points at 1, 2, 3, ... along a stroke, if sparse the ends of runs; count them."""
    count = 0
    number = 1
    walked = 0.0
    for i in range(a + 1, b):
        length = _span(x, y, i)
        beyond = int(walked + length) + 1
        if sparse:  # both ends are written and then counted if they are there, without a branch
            _note(x, y, i, number, walked, length, path, count)
            count += number < beyond
            _note(x, y, i, beyond - 1, walked, length, path, count)
            count += number < beyond - 1
            number = max(number, beyond)
        while number < beyond:
            _note(x, y, i, number, walked, length, path, count)
            count += 1
            number += 1
        walked += length
    return count


@kernel
def _note(
    x: Reals, y: Reals, i: int, number: int, walked: float, length: float, path: _Path, at: int
) -> None:
    """Note the point at a number, which is on segment i, in place `at`."""
    path.x[at], path.y[at] = _between(x, y, i, (number - walked) / length)
    path.number[at], path.segment[at], path.walked[at] = number, i, walked


@kernel
def _span(x: Reals, y: Reals, i: int) -> float:
    """Return the distance from point i - 1 to point i."""
    dx, dy = x[i] - x[i - 1], y[i] - y[i - 1]
    return np.sqrt(dx * dx + dy * dy)  # type: ignore[no-any-return]


@kernel
def _between(x: Reals, y: Reals, i: int, part: float) -> tuple[float, float]:
    """Return the point that lies a part of the way from point i - 1 to point i."""
    rest = 1 - part
    return rest * x[i - 1] + part * x[i], rest * y[i - 1] + part * y[i]


@kernel
def _reduce(
    x: Reals, y: Reals, a: int, b: int, path: _Path, count: int, epsilon: float,
    out_x: Bytes, out_y: Bytes, n: int,
) -> int:  # fmt: skip
    """Write the points of a stroke that stay, first to last, behind n others; count all.

    What is done ends at (left_x, left_y) and before the noted point `begin`. Of what is not done,
    the ends wait in `path`, the nearest on top.
    """
    left_x, left_y, begin = x[a], y[a], 0
    out_x[n], out_y[n] = np.uint8(np.rint(left_x)), np.uint8(np.rint(left_y))
    n += 1
    path.end_x[0], path.end_y[0], path.before[0], path.after[0] = x[b - 1], y[b - 1], count, count
    top = 0
    noted_x, noted_y, away = path.x, path.y, path.away
    while top >= 0:
        end = path.before[top]
        dx, dy = path.end_x[top] - left_x, path.end_y[top] - left_y
        length = _norm(dx, dy)
        unit = length if length > 0 else 1.0
        near = TOLERANCE * unit
        largest = 0.0
        for c in range(np.uint64(begin), np.uint64(end)):
            far = _away(noted_x[c], noted_y[c], left_x, left_y, dx, dy, length)
            away[c] = far
            largest = far if far > largest else largest
        farthest, at_x, at_y, before, after = 0.0, 0.0, 0.0, 0, 0
        if largest >= epsilon * unit - 2 * near:
            bound = largest - near
            high = False
            for c in range(begin, end):
                was_high = high
                high = away[c] >= bound
                if high:
                    i = path.segment[c]
                    if was_high and i == path.segment[c - 1]:
                        span = _span(x, y, i)
                        for number in range(path.number[c - 1] + 1, path.number[c]):
                            px, py = _between(x, y, i, (number - path.walked[c]) / span)
                            between = _away(px, py, left_x, left_y, dx, dy, length) / unit
                            if between > farthest:
                                farthest, at_x, at_y, before, after = between, px, py, c, c
                    if away[c] / unit > farthest:
                        farthest, at_x, at_y = away[c] / unit, path.x[c], path.y[c]
                        before, after = c, c + 1
        if farthest > epsilon:
            top += 1
            path.end_x[top], path.end_y[top] = at_x, at_y
            path.before[top], path.after[top] = before, after
        else:
            left_x, left_y, begin = path.end_x[top], path.end_y[top], path.after[top]
            out_x[n], out_y[n] = np.uint8(np.rint(left_x)), np.uint8(np.rint(left_y))
            n += 1
            top -= 1
    return n


@kernel
def _norm(dx: float, dy: float) -> float:
    return np.sqrt(_fused(dx, dx, dy * dy))  # type: ignore[no-any-return]


@kernel
def _away(
    x: float, y: float, left_x: float, left_y: float, dx: float, dy: float, length: float
) -> float:
    """Return the distance from a line times its length; without a length, from its only point."""
    if length > 0:
        return abs(dx * (left_y - y) - (left_x - x) * dy)
    return _norm(x - left_x, y - left_y)
