"""Raw drawings to simplified ones, as the official simplified files were made from the raw ones.

1. Align the drawing to the top left corner. 2. Scale it uniformly to a longer side of 255.
3. Resample each stroke at a distance of 1. 4. Drop what lies within `epsilon` of the line through
what stays (Ramer, Douglas and Peucker); round to whole numbers.

So say the authors, whose code was never published. To come out with their files to the last
drawing, the arithmetic must be theirs to the last bit, since step 3 puts many points equally far
from the line of step 4 and rounding says which of them stays. The operations below, their order
and the one place where they are fused were found by comparison, see docs/simplification.md.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from numba.core import types
from numba.extending import intrinsic

from quickdraw_kit.errors import DataError, UsageError
from quickdraw_kit.kernels import kernel
from quickdraw_kit.strokes.batch import DrawingBatch

__all__ = ["simplify"]

Reals = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]


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
    x, y = batch.x.astype(np.float64), batch.y.astype(np.float64)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise DataError("some coordinates are not finite, expected numbers")
    new_x, new_y, offsets = _simplify(x, y, batch.stroke_offsets, batch.drawing_offsets, epsilon)
    return replace(batch, x=new_x, y=new_y, t=None, stroke_offsets=offsets)


def _emit_fused(typing: Any, a: Any, b: Any, c: Any) -> Any:
    """Declare the operation of kernels that returns a * b + c, rounded once."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return types.float64(types.float64, types.float64, types.float64), emit


_fused: Callable[[float, float, float], float] = cast("Any", intrinsic(_emit_fused))


@kernel
def _simplify(
    x: Reals, y: Reals, strokes: Indices, drawings: Indices, epsilon: float
) -> tuple[Bytes, Bytes, Indices]:
    """Return the new coordinates and stroke offsets; scale x and y in place."""
    total = x.size + strokes.size  # a start; a resampled line may keep more points than it had
    out_x, out_y = np.empty(total, np.uint8), np.empty(total, np.uint8)
    offsets = np.zeros(strokes.size, np.int64)
    path_x, path_y = np.empty(1024, np.float64), np.empty(1024, np.float64)
    keep = np.empty(1024, np.bool_)
    stack = np.empty((64, 2), np.int64)
    n = np.int64(0)
    for d in range(drawings.size - 1):
        _fill_frame(x, y, strokes[drawings[d]], strokes[drawings[d + 1]])
        for s in range(drawings[d], drawings[d + 1]):
            a, b = strokes[s], strokes[s + 1]
            if a < b:
                room = 3.0
                for i in range(a + 1, b):
                    room += abs(x[i] - x[i - 1]) + abs(y[i] - y[i - 1])
                if room > path_x.size:
                    size = 2 * np.int64(room)
                    path_x, path_y = np.empty(size, np.float64), np.empty(size, np.float64)
                    keep = np.empty(size, np.bool_)
                points = _resample(x, y, a, b, path_x, path_y)
                stack = _reduce(path_x, path_y, points, epsilon, keep, stack)
                for i in range(points):
                    if keep[i]:
                        if n == out_x.size:
                            out_x = np.concatenate((out_x, np.empty_like(out_x)))
                            out_y = np.concatenate((out_y, np.empty_like(out_y)))
                        out_x[n] = np.uint8(np.rint(path_x[i]))
                        out_y[n] = np.uint8(np.rint(path_y[i]))
                        n += 1
            offsets[s + 1] = n
    return out_x[:n].copy(), out_y[:n].copy(), offsets


@kernel
def _fill_frame(x: Reals, y: Reals, first: int, last: int) -> None:
    """Move points to the top left corner and scale them to a longer side of 255."""
    low_x = low_y = np.inf
    for i in range(first, last):
        low_x, low_y = min(low_x, x[i]), min(low_y, y[i])
    extent = 0.0
    for i in range(first, last):
        x[i] -= low_x
        y[i] -= low_y
        extent = max(extent, max(x[i], y[i]))
    if extent > 0:
        for i in range(first, last):
            x[i] = x[i] * 255 / extent
            y[i] = y[i] * 255 / extent


@kernel
def _resample(x: Reals, y: Reals, a: int, b: int, path_x: Reals, path_y: Reals) -> int:
    """Put a point at 0, 1, 2, ... along a stroke and at its end; return how many that makes."""
    path_x[0], path_y[0] = x[a], y[a]
    n = 1
    walked = 0.0
    for i in range(a + 1, b):
        dx, dy = x[i] - x[i - 1], y[i] - y[i - 1]
        length = np.sqrt(dx * dx + dy * dy)
        while n <= walked + length:
            part = (n - walked) / length
            path_x[n] = (1 - part) * x[i - 1] + part * x[i]
            path_y[n] = (1 - part) * y[i - 1] + part * y[i]
            n += 1
        walked += length
    path_x[n], path_y[n] = x[b - 1], y[b - 1]
    return n + 1


@kernel
def _norm(dx: float, dy: float) -> float:
    return np.sqrt(_fused(dx, dx, dy * dy))  # type: ignore[no-any-return]


@kernel
def _reduce(
    x: Reals, y: Reals, n: int, epsilon: float, keep: npt.NDArray[np.bool_], stack: Indices
) -> Indices:
    """Mark the points to keep; return the stack, perhaps in a larger array."""
    keep[:n] = False
    keep[0] = keep[n - 1] = True
    stack[0, 0], stack[0, 1] = 0, n - 1
    depth = 1
    while depth:
        depth -= 1
        a, b = stack[depth, 0], stack[depth, 1]
        dx, dy = x[b] - x[a], y[b] - y[a]
        length = _norm(dx, dy)
        farthest, largest, at = 0.0, 0.0, a
        if length > 0:
            for i in range(a + 1, b):
                area = abs(dx * (y[a] - y[i]) - (x[a] - x[i]) * dy)
                # Different areas may make equal distances, of which the first counts.
                if area > largest and area / length > farthest:
                    farthest, largest, at = area / length, area, i
        else:
            for i in range(a + 1, b):
                away = _norm(x[i] - x[a], y[i] - y[a])
                if away > farthest:
                    farthest, at = away, i
        if farthest > epsilon:
            keep[at] = True
            if depth + 2 > stack.shape[0]:
                larger = np.empty((2 * stack.shape[0], 2), np.int64)
                larger[:depth] = stack[:depth]
                stack = larger
            stack[depth, 0], stack[depth, 1] = a, at
            stack[depth + 1, 0], stack[depth + 1, 1] = at, b
            depth += 2
    return stack
