"""`rasterize`: drawings to bitmaps, byte for byte as cairo draws them.

A stroke goes through four steps, each in a module of its own: its points are rounded to the
fixed-point grid and become segments (`segments`), the pen is moved along them (`outline`), and the
polygon becomes coverage that is blended into the bitmap, on the fast path (`coverage`) or, rarely,
on the scanline path (`scan`). They are compiled into one kernel over blocks of drawings. It
allocates nothing (`workspace`) and releases the GIL, so threads can share the drawings.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import DataError, UsageError
from quickdraw_kit.kernels import kernel, read_only
from quickdraw_kit.raster._simd import LANES, addresses
from quickdraw_kit.raster.coverage import cover
from quickdraw_kit.raster.outline import outline
from quickdraw_kit.raster.pen import Grid, Pen, make_pen
from quickdraw_kit.raster.scan import scan
from quickdraw_kit.raster.segments import left_offsets, merge_collinear, to_grid
from quickdraw_kit.raster.style import RasterStyle
from quickdraw_kit.raster.workspace import Workspace, make_workspace
from quickdraw_kit.strokes.batch import Drawing, DrawingBatch
from quickdraw_kit.strokes.normalize import normalize

_OFFICIAL = RasterStyle()
_BLOCK = 64  # drawings per block, so that the workspace stays in the L1 and L2 caches
_RANGE = 8192  # drawings whose coordinates are converted to float32 at once


def rasterize(
    batch: DrawingBatch | Drawing | Sequence[Any],
    style: RasterStyle = _OFFICIAL,
    *,
    threads: int = 1,
    out: npt.NDArray[np.uint8] | None = None,
) -> npt.NDArray[np.uint8]:
    """Render drawings as the official bitmaps were rendered: white strokes on black.

    Parameters
    ----------
    batch : DrawingBatch, Drawing or list of strokes
        Simplified drawings are rendered as they are; real-valued ones are normalized to the
        256 x 256 frame first. What is outside the bitmap is clipped. A drawing by itself, or a list
        of its strokes, gives one image: a stroke is ``[x, y]`` with a list for each, as in the
        files, or an array of shape (points, 2).
    style : RasterStyle
        Side, pen and margin.
    threads : int
        Number of threads. The bytes do not depend on it.
    out : ndarray of uint8, shape (drawings, side, side), optional
        Array to render to, writable and C-contiguous. It is overwritten.

    Returns
    -------
    ndarray of uint8, shape (drawings, side, side), or (side, side) for one drawing
        `out`, or a new array.

    Raises
    ------
    UsageError
        If `threads` is below 1 or `out` does not fit.
    DataError
        If a coordinate is not finite.

    Notes
    -----
    The recipe is that of the authors of the data set (issue 19 of
    googlecreativelab/quickdraw-dataset); the arithmetic is that of cairo 1.16.

    Examples
    --------
    >>> from quickdraw_kit import DrawingBatch, rasterize
    >>> batch = DrawingBatch.from_strokes([[([0, 255], [0, 255])]], words=["line"])
    >>> images = rasterize(batch)
    >>> images.shape, images[0, 14, 12:17]
    ((1, 28, 28), array([  0, 132, 255, 141,   0], dtype=uint8))
    >>> rasterize(batch[0]).shape, rasterize([[[0, 255], [0, 255]]]).shape
    ((28, 28), (28, 28))
    """
    if threads < 1:
        raise UsageError(f"threads is {threads}, expected at least 1")
    if not isinstance(batch, DrawingBatch):
        one = rasterize(_to_batch(batch), style, out=None if out is None else out[None])
        return np.asarray(one[0])

    shape = (len(batch), style.side, style.side)
    if out is None:
        images = np.empty(shape, np.uint8)
    elif out.shape != shape or out.dtype != np.uint8 or not out.flags.carray:
        raise UsageError(
            f"out is {out.dtype} {out.shape}, expected a writable, C-contiguous array of "
            f"uint8 {shape}"
        )
    else:
        images = out

    if batch.is_float:
        _check_finite(batch)
        batch = normalize(batch)
    grid, pen = make_pen(style)
    if len(batch.x) == 0 or grid.vertices == 1:
        images[:] = 0  # a pen thinner than the tolerance draws nothing, as in cairo
        return images

    # many more ranges than threads: a few long drawings do not leave the other threads idle
    bounds = _balanced_ranges(batch, threads)

    def render(start: int, stop: int) -> None:
        _render_range(batch[start:stop], grid, pen, images[start:stop])

    if threads == 1:
        for start, stop in pairwise(bounds):
            render(start, stop)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(render, bounds[:-1], bounds[1:]))
    return images


def _to_batch(drawing: Drawing | Sequence[Any]) -> DrawingBatch:
    """Return a batch of one drawing, or of a list of strokes."""
    given = drawing.strokes if isinstance(drawing, Drawing) else drawing
    try:
        strokes = [_rows(stroke) for stroke in given]
    except (TypeError, ValueError):
        raise UsageError(
            f"cannot render a {type(drawing).__name__}: expected a DrawingBatch, a drawing, or a "
            "list of strokes, each [x, y] with a list for each"
        ) from None
    values = np.concatenate([np.zeros(0), *(rows.ravel() for rows in strokes)])
    dtype: npt.DTypeLike = np.float64
    if isinstance(drawing, Drawing) and drawing.strokes:
        # with times beside them, coordinates come in a wider type
        given_dtype = drawing.strokes[0].dtype
        dtype = given_dtype if given_dtype in (np.uint8, np.int16) else np.float64
    elif ((values >= 0) & (values <= 255) & (values % 1 == 0)).all():
        dtype = np.uint8  # in the frame, as simplified drawings are
    return DrawingBatch.from_strokes([strokes], words=[""], dtype=dtype)


def _rows(stroke: Any) -> npt.NDArray[np.float64]:
    """Return a stroke as the rows x and y, without its times."""
    values = np.asarray(stroke, np.float64)
    if values.ndim != 2:
        raise ValueError
    # an array has a row for each point, as in Drawing; lists have x and y, as in the files
    by_point = values.shape[1] in (2, 3) and (
        isinstance(stroke, np.ndarray) or len(values) not in (2, 3)
    )
    return (values.T if by_point else values)[:2]


def _check_finite(batch: DrawingBatch) -> None:
    finite = np.isfinite(batch.x) & np.isfinite(batch.y)
    if not finite.all():
        point = int(np.argmin(finite))
        drawing = int(np.searchsorted(batch.point_offsets, point, side="right")) - 1
        raise DataError(
            f"drawing {drawing} (key_id {batch.key_id[drawing]}) has the point "
            f"({batch.x[point]}, {batch.y[point]}), expected finite coordinates"
        )


def _balanced_ranges(batch: DrawingBatch, threads: int) -> list[int]:
    """Split the drawings into ranges with about the same number of points, several per thread."""
    points = batch.point_offsets
    number = max(4 * threads if threads > 1 else 1, -(-len(batch) // _RANGE))
    cuts = np.linspace(0, points[-1], number + 1)[1:-1]
    inner = np.unique(np.searchsorted(points, cuts)).tolist()
    return [0, *(cut for cut in inner if 0 < cut < len(batch)), len(batch)]


def _render_range(batch: DrawingBatch, grid: Grid, pen: Pen, images: npt.NDArray[np.uint8]) -> None:
    if len(batch.x) == 0:
        images[:] = 0
        return

    # one workspace for all blocks, sized for the largest one
    blocks = np.append(np.arange(0, len(batch), _BLOCK), len(batch))
    strokes = batch.drawing_offsets[blocks]
    workspace = make_workspace(
        points=int(np.diff(batch.stroke_offsets[strokes]).max()),
        strokes=int(np.diff(strokes).max()),
        drawings=_BLOCK,
        longest=int(np.diff(batch.stroke_offsets).max()),
        pen=grid.vertices,
        side=grid.side,
    )
    _render(
        read_only(batch.x.astype(np.float32)),
        read_only(batch.y.astype(np.float32)),
        read_only(batch.stroke_offsets),
        read_only(batch.drawing_offsets),
        grid,
        pen,
        workspace,
        images,
    )


def _render_examples() -> Iterator[tuple[Any, ...]]:
    grid, pen = make_pen(_OFFICIAL)
    workspace = make_workspace(
        points=1, strokes=1, drawings=1, longest=1, pen=grid.vertices, side=grid.side
    )
    x, offsets = read_only(np.zeros(1, np.float32)), read_only(np.zeros(2, np.int64))
    yield x, x, offsets, offsets, grid, pen, workspace, np.zeros((1, 1, 1), np.uint8)


@kernel(examples=_render_examples)
def _render(
    x: npt.NDArray[np.float32],
    y: npt.NDArray[np.float32],
    strokes: npt.NDArray[np.int64],
    drawings: npt.NDArray[np.int64],
    grid: Grid,
    pen: Pen,
    workspace: Workspace,
    images: npt.NDArray[np.uint8],
) -> None:
    pen_at: Pen = addresses(pen)
    at: Workspace = addresses(workspace)
    stride = grid.side + LANES  # a vector store at the last pixel must not reach the next row

    for first in range(0, drawings.size - 1, _BLOCK):
        last = min(first + _BLOCK, drawings.size - 1)
        to_grid(x, y, strokes, drawings, first, last, grid, at)
        points = merge_collinear(strokes, drawings[first], drawings[last], at)
        left_offsets(points, grid, pen_at, at)

        for d in range(first, last):
            for s in range(drawings[d] - drawings[first], drawings[d + 1] - drawings[first]):
                a, b = at.begin[s], at.begin[s + 1]
                if a == b:
                    continue
                # every stroke is blended by itself: where two cross, the antialiased edge of the
                # first one shows through, as in the official bitmaps
                n, left, right = outline(a, b, grid, pen_at, at)
                row = cover(n, grid.side, at) if at.inside[d - first] else 0
                if row < grid.side:
                    scan(n, left, right, grid.side, row, at)

            # the canvas is cleared while it is copied, ready for the next drawing
            for r in range(grid.side):
                pixels = images[d, r]
                for c in range(grid.side):
                    pixels[c] = np.uint8(at.canvas[r * stride + c])
                    at.canvas[r * stride + c] = 0
