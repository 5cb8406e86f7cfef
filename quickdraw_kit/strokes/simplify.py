"""Raw drawings to simplified ones, by the four steps that the dataset's authors describe.

1. Align the drawing to the top left corner. 2. Scale it uniformly to a longer side of 255.
3. Resample each stroke at a distance of 1. 4. Drop what lies within `epsilon` of the line through
what stays (Ramer, Douglas and Peucker). The authors' code was never published; how it walks over
corners, breaks ties and rounds is found by comparison with their own files, and it is not known to
the last drawing: 93.6 % of 6,470 real drawings, and 98.6 % of their strokes, come out identical.
"""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

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
    Polylines are reduced after Douglas and Peucker, Cartographica 10 (1973), 112-122.

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


@kernel
def _simplify(
    x: Reals, y: Reals, strokes: Indices, drawings: Indices, epsilon: float
) -> tuple[Bytes, Bytes, Indices]:
    """Return the new coordinates and stroke offsets."""
    total = np.int64(0)
    for s in range(strokes.size - 1):
        total += strokes[s + 1] - strokes[s] + 1
    out_x, out_y = np.empty(total, np.uint8), np.empty(total, np.uint8)
    offsets = np.zeros(strokes.size, np.int64)
    path_x, path_y = np.empty(1024, np.float64), np.empty(1024, np.float64)
    keep = np.empty(1024, np.bool_)
    stack = np.empty((64, 2), np.int64)
    n = np.int64(0)
    for d in range(drawings.size - 1):
        first, last = strokes[drawings[d]], strokes[drawings[d + 1]]
        if first < last:
            low_x, low_y = x[first], y[first]
            extent = 0.0
            for i in range(first, last):
                low_x, low_y = min(low_x, x[i]), min(low_y, y[i])
            for i in range(first, last):
                extent = max(extent, max(x[i] - low_x, y[i] - low_y))
            scale = 255.0 / extent if extent > 0 else 1.0
        for s in range(drawings[d], drawings[d + 1]):
            a, b = strokes[s], strokes[s + 1]
            if a < b:
                length = 0.0
                for i in range(a + 1, b):
                    length += np.hypot(x[i] - x[i - 1], y[i] - y[i - 1]) * scale
                room = np.int64(length) + 4
                if room > path_x.size:
                    path_x, path_y = np.empty(2 * room), np.empty(2 * room)
                    keep = np.empty(2 * room, np.bool_)
                points = _resample(x, y, a, b, low_x, low_y, scale, path_x, path_y)
                stack = _reduce(path_x, path_y, points, epsilon, keep, stack)
                for i in range(points):
                    if keep[i]:
                        if n == out_x.size:  # a resampled line may keep more points than it had
                            out_x = np.concatenate((out_x, np.empty_like(out_x)))
                            out_y = np.concatenate((out_y, np.empty_like(out_y)))
                        out_x[n] = np.uint8(np.rint(path_x[i]))
                        out_y[n] = np.uint8(np.rint(path_y[i]))
                        n += 1
            offsets[s + 1] = n
    return out_x[:n].copy(), out_y[:n].copy(), offsets


@kernel
def _resample(
    x: Reals, y: Reals, a: int, b: int, low_x: float, low_y: float, scale: float,
    path_x: Reals, path_y: Reals,
) -> int:  # fmt: skip
    """Walk a stroke in steps of 1, round its corners; return how many points that gives."""
    from_x, from_y = (x[a] - low_x) * scale, (y[a] - low_y) * scale
    path_x[0], path_y[0] = from_x, from_y
    n = 1
    walked = 0.0
    for i in range(a + 1, b):
        to_x, to_y = (x[i] - low_x) * scale, (y[i] - low_y) * scale
        left = np.hypot(to_x - from_x, to_y - from_y)
        while left > 0 and walked + left >= 1.0:
            part = (1.0 - walked) / left
            from_x += part * (to_x - from_x)
            from_y += part * (to_y - from_y)
            path_x[n], path_y[n] = from_x, from_y
            n += 1
            walked = 0.0
            left = np.hypot(to_x - from_x, to_y - from_y)
        walked += left
        from_x, from_y = to_x, to_y
    if path_x[n - 1] != from_x or path_y[n - 1] != from_y or n == 1:
        path_x[n], path_y[n] = from_x, from_y
        n += 1
    return n


@kernel
def _reduce(
    x: Reals, y: Reals, n: int, epsilon: float, keep: npt.NDArray[np.bool_], stack: Indices
) -> Indices:
    """Mark the points to keep; return the stack, perhaps in a larger array."""
    for i in range(n):
        keep[i] = False
    keep[0] = keep[n - 1] = True
    stack[0, 0], stack[0, 1] = 0, n - 1
    depth = 1
    while depth:
        depth -= 1
        a, b = stack[depth, 0], stack[depth, 1]
        dx, dy = x[b] - x[a], y[b] - y[a]
        length = np.hypot(dx, dy)
        farthest, at = 0.0, a
        for i in range(a + 1, b):
            if length > 0:
                away = abs(dx * (y[a] - y[i]) - (x[a] - x[i]) * dy) / length
            else:
                away = np.hypot(x[i] - x[a], y[i] - y[a])
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
