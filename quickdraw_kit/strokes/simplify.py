"""Raw drawings to simplified ones, as the official simplified files were made from the raw ones.

1. Align the drawing to the top left corner. 2. Scale it uniformly to a longer side of 255.
3. Resample each stroke at a spacing of 1. 4. Drop the points within `epsilon` of the line through
those that are kept (Ramer, Douglas and Peucker); round to whole numbers.

So say the authors, whose code was never published. To reproduce their files to the last drawing,
the arithmetic must be theirs to the last bit: step 3 puts many points at the same distance from
the line of step 4, and rounding decides which of them is kept. The operations below, their order
and the one place where they are fused were found by comparison, see docs/simplification.md.

Most points of step 3 are never computed. The samples of one segment of the stroke are a run of
points on a line, and one end of a run is farther from any other line than the points between,
unless the two lines are parallel. So only the ends of runs are stored and measured. Only where
both ends of a run are the farthest of all, within rounding error, are the points between measured
too.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt
from numba.core import types
from numba.extending import intrinsic

from quickdraw_kit.errors import DataError, UsageError
from quickdraw_kit.kernels import kernel, read_only
from quickdraw_kit.strokes.batch import DrawingBatch

Reals = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

# In units of the frame, the error of rounding is about 1e-13. The tolerance is far above it:
TOLERANCE = 1e-9
# Far above the tolerance, because a step along a run of hundreds of points must exceed it as well.
# Below this epsilon, which is of no practical use, all points of step 3 are stored.
MIN_SPARSE_EPSILON = 1e-6


def simplify(batch: DrawingBatch, epsilon: float = 2.0) -> DrawingBatch:
    """Simplify raw drawings in the way the official simplified files were made.

    Parameters
    ----------
    batch : DrawingBatch
        Raw drawings, or drawings in any other scale.
    epsilon : float
        Largest distance of the simplified line from the points, in units of the 256 x 256 frame.

    Returns
    -------
    DrawingBatch
        The same drawings with uint8 coordinates from 0 to 255, without times.

    Raises
    ------
    UsageError
        If `epsilon` is negative or not finite.
    DataError
        If the drawings are simplified already, or a coordinate is not finite.

    Notes
    -----
    Polylines are reduced as in Douglas and Peucker, Cartographica 10 (1973), 112-122.

    Examples
    --------
    >>> from quickdraw_kit import DrawingBatch, simplify
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
    # a copy only of whole coordinates, such as those of Sketch-RNN
    x, y, offsets = simplify_arrays(
        read_only(batch.x.astype(np.float64, copy=False)),
        read_only(batch.y.astype(np.float64, copy=False)),
        read_only(batch.stroke_offsets),
        read_only(batch.drawing_offsets),
        float(epsilon),
    )
    return replace(batch, x=x, y=y, t=None, stroke_offsets=offsets)


def _emit_fused(typing: Any, a: Any, b: Any, c: Any) -> Any:
    """Declare an operation for kernels that returns a * b + c, rounded once."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return types.float64(types.float64, types.float64, types.float64), emit


_fused: Callable[[float, float, float], float] = cast("Any", intrinsic(_emit_fused))


class _Workspace(NamedTuple):
    """Arrays for one stroke, allocated for the longest stroke so far."""

    # of each stored sample
    x: Reals
    y: Reals
    number: Indices  # its distance along the stroke, a whole number
    segment: Indices  # the segment that it is on, by the index of the point at its end
    start: Reals  # distance along the stroke at which that segment starts
    distance: Reals  # from the line that is being tested, times the length of that line
    # of each point on the stack: a vertex that is kept, up to which the stroke is still to be done
    end_x: Reals
    end_y: Reals
    before: Indices  # how many samples were stored before it
    after: Indices  # the first sample that was stored after it


@kernel
def _make_workspace(size: int) -> _Workspace:
    real, index = np.empty((6, size), np.float64), np.empty((4, size), np.int64)
    return _Workspace(
        real[0], real[1], index[0], index[1], real[2], real[5], real[3], real[4], index[2],
        index[3],
    )  # fmt: skip


def _simplify_examples() -> Iterator[tuple[Any, ...]]:
    x, offsets = read_only(np.zeros(1, np.float64)), read_only(np.zeros(1, np.int64))
    yield x, x, offsets, offsets, 2.0


@kernel(examples=_simplify_examples)
def simplify_arrays(
    x: Reals, y: Reals, strokes: Indices, drawings: Indices, epsilon: float
) -> tuple[Bytes, Bytes, Indices]:
    """Return new coordinates and stroke offsets; `strokes` and `drawings` are offsets."""
    out_x = np.empty(x.size + strokes.size, np.uint8)
    out_y = np.empty_like(out_x)
    offsets = np.zeros(strokes.size, np.int64)
    frame_x, frame_y = np.empty(256, np.float64), np.empty(256, np.float64)
    workspace = _make_workspace(1024)
    n = 0
    for d in range(drawings.size - 1):
        first, last = strokes[drawings[d]], strokes[drawings[d + 1]]
        size = last - first
        if size > frame_x.size:
            frame_x, frame_y = np.empty(2 * size, np.float64), np.empty(2 * size, np.float64)
        _fill_frame(x, y, first, last, frame_x, frame_y)

        # The functions below store without checking bounds, so there must be space for the most
        # that a drawing can need: two ends per segment, or a sample per unit of length.
        samples = 2.0 * size
        if epsilon < MIN_SPARSE_EPSILON:
            for i in range(1, size):
                samples += abs(frame_x[i] - frame_x[i - 1]) + abs(frame_y[i] - frame_y[i - 1])
        capacity = int(2 * samples)  # one more point of each run may be kept
        if capacity > workspace.x.size:
            workspace = _make_workspace(2 * capacity)
        if n + capacity > out_x.size:
            out_x = np.concatenate((out_x, np.empty(n + capacity, np.uint8)))
            out_y = np.concatenate((out_y, np.empty(n + capacity, np.uint8)))

        for s in range(drawings[d], drawings[d + 1]):
            a, b = strokes[s] - first, strokes[s + 1] - first
            if a < b:
                sparse = epsilon >= MIN_SPARSE_EPSILON
                count = _resample(frame_x, frame_y, a, b, sparse, workspace)
                n = _reduce(frame_x, frame_y, a, b, workspace, count, epsilon, out_x, out_y, n)
            offsets[s + 1] = n
    return out_x[:n].copy(), out_y[:n].copy(), offsets


@kernel
def _fill_frame(x: Reals, y: Reals, first: int, last: int, frame_x: Reals, frame_y: Reals) -> None:
    """Align a drawing to the top left corner and scale its longer side to 255, in doubles."""
    if first == last:
        return
    low_x = high_x = x[first]
    low_y = high_y = y[first]
    for i in range(first, last):
        low_x = x[i] if x[i] < low_x else low_x
        low_y = y[i] if y[i] < low_y else low_y
        high_x = x[i] if x[i] > high_x else high_x
        high_y = y[i] if y[i] > high_y else high_y
    extent = max(high_x - low_x, high_y - low_y)
    if extent == 0:
        extent = np.float64(255)  # all points are equal: any scale gives 0
    for i in range(first, last):
        frame_x[i - first] = (x[i] - low_x) * 255 / extent
        frame_y[i - first] = (y[i] - low_y) * 255 / extent


@kernel
def _resample(x: Reals, y: Reals, a: int, b: int, sparse: bool, workspace: _Workspace) -> int:
    """Store the points at 1, 2, 3, ... along a stroke, or the ends of runs; return how many."""
    count = 0
    number = 1
    start = 0.0
    for i in range(a + 1, b):
        length = _segment_length(x, y, i)
        beyond = int(start + length) + 1
        if sparse:
            # Both ends are stored, and counted only if the segment has them: storing without a
            # branch is faster than a branch that is mispredicted.
            _store(x, y, i, number, start, length, workspace, count)
            count += number < beyond
            _store(x, y, i, beyond - 1, start, length, workspace, count)
            count += number < beyond - 1
            number = max(number, beyond)
        while number < beyond:
            _store(x, y, i, number, start, length, workspace, count)
            count += 1
            number += 1
        start += length
    return count


@kernel
def _store(
    x: Reals,
    y: Reals,
    i: int,
    number: int,
    start: float,
    length: float,
    workspace: _Workspace,
    index: int,
) -> None:
    """Store the sample at distance `number`, which is on segment i."""
    sample = _interpolate(x, y, i, (number - start) / length)
    workspace.x[index], workspace.y[index] = sample
    workspace.number[index], workspace.segment[index] = number, i
    workspace.start[index] = start


@kernel
def _segment_length(x: Reals, y: Reals, i: int) -> float:
    """Return the distance from point i - 1 to point i."""
    dx, dy = x[i] - x[i - 1], y[i] - y[i - 1]
    return np.sqrt(dx * dx + dy * dy)  # type: ignore[no-any-return]


@kernel
def _interpolate(x: Reals, y: Reals, i: int, fraction: float) -> tuple[float, float]:
    """Return the point at a fraction of the segment from point i - 1 to point i."""
    rest = 1 - fraction
    return rest * x[i - 1] + fraction * x[i], rest * y[i - 1] + fraction * y[i]


@kernel
def _reduce(
    x: Reals, y: Reals, a: int, b: int, workspace: _Workspace, count: int, epsilon: float,
    out_x: Bytes, out_y: Bytes, n: int,
) -> int:  # fmt: skip
    """Write the points of a stroke that are kept after n others; return the new n.

    The stroke is done up to (left_x, left_y), which precedes sample `begin`. The recursion of the
    textbook is a stack here: the vertices that end the parts still to be done, the nearest on top.
    """
    left_x, left_y, begin = x[a], y[a], 0
    out_x[n], out_y[n] = np.uint8(np.rint(left_x)), np.uint8(np.rint(left_y))
    n += 1
    workspace.end_x[0], workspace.end_y[0] = x[b - 1], y[b - 1]
    workspace.before[0], workspace.after[0] = count, count
    top = 0
    sample_x, sample_y, distance = workspace.x, workspace.y, workspace.distance
    while top >= 0:
        end = workspace.before[top]
        dx, dy = workspace.end_x[top] - left_x, workspace.end_y[top] - left_y
        length = _norm(dx, dy)
        unit = length if length > 0 else 1.0  # distances are divided by it only where it matters
        tolerance = TOLERANCE * unit

        # Unsigned bounds and no branch, so that the compiler vectorizes this loop: it takes most
        # of the time.
        largest = 0.0
        for c in range(np.uint64(begin), np.uint64(end)):
            scaled = _scaled_distance(sample_x[c], sample_y[c], left_x, left_y, dx, dy, length)
            distance[c] = scaled
            largest = scaled if scaled > largest else largest

        # The farthest sample is needed to the bit only if the line may be split there. The first
        # of several that are equally far wins, so candidates are taken in order along the stroke.
        farthest, far_x, far_y, before, after = 0.0, 0.0, 0.0, 0, 0
        if largest >= epsilon * unit - 2 * tolerance:
            bound = largest - tolerance
            high = False
            for c in range(begin, end):
                was_high = high
                high = distance[c] >= bound
                if high:
                    i = workspace.segment[c]
                    if was_high and i == workspace.segment[c - 1]:
                        # both ends of a run: the segment may be parallel to the line
                        span = _segment_length(x, y, i)
                        for number in range(workspace.number[c - 1] + 1, workspace.number[c]):
                            fraction = (number - workspace.start[c]) / span
                            px, py = _interpolate(x, y, i, fraction)
                            between = (
                                _scaled_distance(px, py, left_x, left_y, dx, dy, length) / unit
                            )
                            if between > farthest:
                                farthest, far_x, far_y, before, after = between, px, py, c, c
                    if distance[c] / unit > farthest:
                        farthest = distance[c] / unit
                        far_x, far_y = workspace.x[c], workspace.y[c]
                        before, after = c, c + 1

        if farthest > epsilon:
            top += 1
            workspace.end_x[top], workspace.end_y[top] = far_x, far_y
            workspace.before[top], workspace.after[top] = before, after
        else:
            left_x, left_y = workspace.end_x[top], workspace.end_y[top]
            begin = workspace.after[top]
            out_x[n], out_y[n] = np.uint8(np.rint(left_x)), np.uint8(np.rint(left_y))
            n += 1
            top -= 1
    return n


@kernel
def _norm(dx: float, dy: float) -> float:
    return np.sqrt(_fused(dx, dx, dy * dy))  # type: ignore[no-any-return]


@kernel
def _scaled_distance(
    x: float, y: float, left_x: float, left_y: float, dx: float, dy: float, length: float
) -> float:
    """Return the distance of a point from a line, times the line's length.

    A line of length 0 is a point: its distance is not scaled.
    """
    if length > 0:
        return abs(dx * (left_y - y) - (left_x - x) * dy)
    return _norm(x - left_x, y - left_y)
