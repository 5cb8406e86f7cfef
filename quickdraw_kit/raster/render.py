"""`rasterize`: drawings to bitmaps, byte for byte as cairo draws them.

Three kernels: points to the device's fixed-point grid, a stroke to the edges of its outline, and
edges to coverage. Only the first knows the type of the coordinates, so that the others are compiled
once. They hold no lock on the interpreter, so drawings are spread over threads by slicing.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import DataError, UsageError
from quickdraw_kit.kernels import kernel
from quickdraw_kit.raster.coverage import cover
from quickdraw_kit.raster.outline import edge_bound, outline, straighten
from quickdraw_kit.raster.pen import pen_vertices
from quickdraw_kit.raster.style import RasterStyle
from quickdraw_kit.strokes.batch import DrawingBatch
from quickdraw_kit.strokes.fit import fit_to_frame

__all__ = ["rasterize"]

_OFFICIAL = RasterStyle()


def rasterize(
    batch: DrawingBatch,
    style: RasterStyle = _OFFICIAL,
    *,
    threads: int = 1,
    out: npt.NDArray[np.uint8] | None = None,
) -> npt.NDArray[np.uint8]:
    """Render drawings as the official bitmaps were rendered: white strokes on black.

    Parameters
    ----------
    batch : DrawingBatch
        Simplified drawings are rendered as they are; real-valued ones are first fitted to the
        256 x 256 frame. What lies outside the bitmap is cut off.
    style : RasterStyle
        Side, pen and margin.
    threads : int
        Threads to share the drawings among; the bytes do not depend on it.
    out : ndarray of uint8, shape (drawings, side, side), optional
        Where to render to, C-contiguous; it is overwritten.

    Returns
    -------
    ndarray of uint8, shape (drawings, side, side)
        `out`, or a new array.

    Raises
    ------
    UsageError
        If `threads` is below 1 or `out` does not fit.
    DataError
        If a coordinate is not finite.

    Notes
    -----
    The recipe is that of the dataset's authors (issue 19 of googlecreativelab/quickdraw-dataset);
    the arithmetic is that of cairo 1.16, see ``docs/rendering.md``.

    Examples
    --------
    >>> batch = DrawingBatch.from_strokes([[([0, 255], [0, 255])]], words=["line"])
    >>> images = rasterize(batch)
    >>> images.shape, images[0, 14, 12:17]
    ((1, 28, 28), array([  0, 132, 255, 141,   0], dtype=uint8))
    """
    if threads < 1:
        raise UsageError(f"threads is {threads}, expected at least 1")
    shape = (len(batch), style.side, style.side)
    if out is None:
        images = np.zeros(shape, np.uint8)
    elif out.shape != shape or out.dtype != np.uint8 or not out.flags.c_contiguous:
        raise UsageError(
            f"out is {out.dtype} {out.shape}, expected a C-contiguous array of uint8 {shape}"
        )
    else:
        images = out
        images[:] = 0
    if len(batch) == 0 or len(batch.x) == 0:
        return images
    if batch.is_raw:
        _check_finite(batch)
        batch = fit_to_frame(batch)
    pen = pen_vertices(style)
    bounds = _shares(batch, threads)

    def render(start: int, stop: int) -> None:
        part = batch[start:stop]
        x, y = _to_device(
            part.x, part.y, part.point_offsets, style.scale, style.scale * style.translation
        )
        radius = style.line_diameter / 2
        offsets = part.stroke_offsets, part.drawing_offsets
        _render(x, y, *offsets, pen, style.scale, radius, images[start:stop])

    if threads == 1:
        render(0, len(batch))
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(render, bounds[:-1], bounds[1:]))
    return images


def _check_finite(batch: DrawingBatch) -> None:
    finite = np.isfinite(batch.x) & np.isfinite(batch.y)
    if not finite.all():
        point = int(np.argmin(finite))
        drawing = int(np.searchsorted(batch.point_offsets, point, side="right")) - 1
        raise DataError(
            f"drawing {drawing} (key_id {batch.key_id[drawing]}) has the point "
            f"({batch.x[point]}, {batch.y[point]}), expected finite coordinates"
        )


def _shares(batch: DrawingBatch, threads: int) -> list[int]:
    """Cut the drawings into stretches of about as many points, several for each thread."""
    points = batch.point_offsets
    cuts = np.linspace(0, points[-1], 4 * threads + 1)[1:-1]
    inner = np.unique(np.searchsorted(points, cuts)).tolist()
    return [0, *(cut for cut in inner if 0 < cut < len(batch)), len(batch)]


@kernel
def _to_device(x, y, drawings, scale, origin):  # type: ignore[no-untyped-def]
    """Centre each drawing in the frame; return its points in 1/256 pixel, int64."""
    device_x, device_y = np.empty(x.size, np.int64), np.empty(x.size, np.int64)
    for d in range(drawings.size - 1):
        first, last = drawings[d], drawings[d + 1]
        if first == last:
            continue
        most_x, most_y = np.float64(x[first]), np.float64(y[first])
        for i in range(first, last):
            most_x = max(most_x, np.float64(x[i]))
            most_y = max(most_y, np.float64(y[i]))
        move_x, move_y = (256.0 - most_x) / 2.0, (256.0 - most_y) / 2.0
        for i in range(first, last):
            device_x[i] = np.int64(np.rint((scale * (x[i] + move_x) + origin) * 256.0))
            device_y[i] = np.int64(np.rint((scale * (y[i] + move_y) + origin) * 256.0))
    return device_x, device_y


@kernel
def _render(x, y, strokes, drawings, pen, scale, radius, images):  # type: ignore[no-untyped-def]
    """Render drawings one after the other into black images."""
    longest = np.int64(0)
    for s in range(strokes.size - 1):
        longest = max(longest, strokes[s + 1] - strokes[s])
    side = images.shape[1]
    straight_x, straight_y = np.empty(longest, np.int64), np.empty(longest, np.int64)
    room = edge_bound(longest, pen.shape[0])
    edges, right = np.empty((7, room), np.int64), np.empty((7, room), np.int64)
    following = np.empty(room, np.uint32)
    order, xs = np.empty(2 * room, np.uint32), np.empty(2 * room, np.int64)
    spare_order, spare_xs = np.empty(2 * room, np.uint32), np.empty(2 * room, np.int64)
    base, step = np.empty(room, np.float64), np.empty(room, np.float64)
    starting = np.empty(15 * side, np.uint32)
    area = np.zeros(side + 3, np.int64)
    for d in range(drawings.size - 1):
        for s in range(drawings[d], drawings[d + 1]):
            a, b = strokes[s], strokes[s + 1]
            if a == b:
                continue
            points = straighten(x[a:b], y[a:b], straight_x, straight_y)
            n = outline(straight_x, straight_y, points, pen, scale, radius, edges, right)
            if n:
                cover(
                    edges, n, images[d], area, base, step, following, starting, order, xs,
                    spare_order, spare_xs,
                )  # fmt: skip
