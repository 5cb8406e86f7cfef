"""Animated GIF: the strokes of a drawing appear one after the other, as they were drawn."""

import itertools
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import UsageError
from quickdraw_kit.formats.format import Format, WriteOptions
from quickdraw_kit.formats.pictures import read_traced
from quickdraw_kit.formats.svg import LINE_DIAMETER, fit, in_frame
from quickdraw_kit.storage.files import atomic_write
from quickdraw_kit.strokes.batch import Drawing, DrawingBatch

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

_FRAME_MS = 50  # browsers slow down GIFs with much shorter frames
_PAUSE_MS = 1500  # how long the complete drawing is shown
_MAX_MS = 30_000  # the game ends after 20,000; drawings that took longer are played faster
_SPEED = 0.5  # units of the 256 x 256 frame per millisecond, if times are not known
_OVERSAMPLING = 4  # of the canvas, for smooth edges


def write_gif(
    batch: DrawingBatch,
    path: str | os.PathLike[str],
    index: int = 0,
    *,
    side: int = 256,
    line_diameter: float = LINE_DIAMETER,
) -> None:
    """Write a drawing as an animated GIF, black on white, atomically.

    Parameters
    ----------
    batch : DrawingBatch
        Drawings with times are played as they were drawn (in 30 seconds, if they took longer),
        others with constant speed. A drawing that is not within 0 to 255 is normalized first.
    path : str or path-like
        The file to write.
    index : int
        Which drawing of the batch.
    side : int
        Width and height in pixels, 16 to 512.
    line_diameter : float
        Diameter of the round pen, in units of the 256 x 256 frame.

    Raises
    ------
    IndexError
        If the batch has no such drawing.
    UsageError
        If `side` or `line_diameter` is out of range.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> from PIL import Image
    >>> from quickdraw_kit import DrawingBatch, write_gif
    >>> drawing = [([0, 255], [0, 255], [0, 1000])]
    >>> write_gif(DrawingBatch.from_strokes([drawing], words=["line"]), "line.gif", side=64)
    >>> with Image.open("line.gif") as image:
    ...     image.size, image.n_frames
    ((64, 64), 21)
    """
    if not 16 <= side <= 512:
        raise UsageError(f"side is {side}, expected 16 to 512 pixels")
    drawing = in_frame(batch, index)[0]
    frames = _frames(drawing, side, line_diameter)
    durations = [_FRAME_MS] * (len(frames) - 1) + [_FRAME_MS + _PAUSE_MS]
    with atomic_write(path) as file:
        frames[0].save(
            file,
            "GIF",
            save_all=True,
            append_images=frames[1:],
            duration=durations,
            loop=0,
            disposal=1,
        )


def drawing_times(drawing: Drawing) -> list[npt.NDArray[np.float64]]:
    """Return the time at each point of each stroke, in milliseconds from 0."""
    counts = [len(stroke) for stroke in drawing.strokes]
    if not sum(counts):
        return [np.zeros(0) for _ in counts]
    points = np.concatenate(drawing.strokes).astype(np.float64)
    if points.shape[1] == 3:
        times = np.maximum.accumulate(points[:, 2])
        times -= times[0]
    else:
        distances = np.hypot(*np.diff(points, axis=0, prepend=points[:1]).T)
        times = np.cumsum(distances) / _SPEED
    times *= min(1.0, _MAX_MS / max(times[-1], 1.0))
    return np.split(times, np.cumsum(counts)[:-1])


def _frames(drawing: Drawing, side: int, line_diameter: float) -> "list[Image.Image]":
    from PIL import Image, ImageDraw

    canvas_side = side * _OVERSAMPLING
    scale, left, top = fit(drawing, canvas_side, line_diameter)
    width = line_diameter / 256.0 * canvas_side
    canvas = Image.new("L", (canvas_side, canvas_side), 255)
    pen = ImageDraw.Draw(canvas)
    times = drawing_times(drawing)
    strokes = [stroke[:, :2] * scale + (left, top) for stroke in drawing.strokes]
    end = max((stroke_times[-1] for stroke_times in times if len(stroke_times)), default=0.0)

    # one canvas for all frames: each adds what was drawn since the last one
    frames = []
    for start in range(0, math.ceil(end) + _FRAME_MS, _FRAME_MS):
        for stroke, stroke_times in zip(strokes, times, strict=True):
            _draw(pen, stroke, stroke_times, start - _FRAME_MS, start, width)
        frames.append(canvas.reduce(_OVERSAMPLING))
    return frames


def _draw(
    pen: "ImageDraw.ImageDraw",
    stroke: npt.NDArray[np.float64],
    stroke_times: npt.NDArray[np.float64],
    start: float,
    stop: float,
    width: float,
) -> None:
    """Draw the part of a stroke after time `start` and up to time `stop`."""
    if not len(stroke_times) or stroke_times[0] > stop or stroke_times[-1] <= start:
        return

    # the points in between, and where the pen was at both times
    inner = stroke[(stroke_times > start) & (stroke_times <= stop)]
    ends = [
        np.interp([max(start, stroke_times[0]), min(stop, stroke_times[-1])], stroke_times, axis)
        for axis in stroke.T
    ]
    first, last = np.transpose(ends)
    points = [tuple(point) for point in (first, *inner, last)]
    for a, b in itertools.pairwise(points):
        pen.line([a, b], fill=0, width=round(width))
    for x, y in points:  # round caps and joins, which ImageDraw.line does not have
        pen.ellipse([x - width / 2, y - width / 2, x + width / 2, y + width / 2], fill=0)


def _write(batches: Iterator[DrawingBatch], path: Path, options: WriteOptions) -> None:
    write_gif(next(batches), path)


GIF = Format(
    name="gif",
    suffixes=(".gif",),
    magic=b"GIF8",
    position="drawing",
    fields=frozenset(),
    is_picture=True,
    read=read_traced,
    write=_write,
)
