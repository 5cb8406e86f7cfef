"""A drawing as an animated GIF: its strokes come one after the other, as they were drawn."""

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
from quickdraw_kit.formats.svg import LINE_DIAMETER, framed, placement
from quickdraw_kit.storage.files import atomic_write
from quickdraw_kit.strokes.batch import Drawing, DrawingBatch

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

__all__ = ["GIF", "drawing_times", "write_gif"]

_STEP = 50  # milliseconds a frame; the browsers slow down what is much faster
_REST = 1500  # milliseconds that the finished drawing stays
_LONGEST = 30_000  # milliseconds; the game ends after 20,000, and what takes longer runs faster
_SPEED = 0.5  # units of the frame a millisecond, where times are not known
_FINER = 4  # times that the canvas is larger than the picture, for smooth edges


def write_gif(
    batch: DrawingBatch,
    path: str | os.PathLike[str],
    index: int = 0,
    *,
    side: int = 256,
    line_diameter: float = LINE_DIAMETER,
) -> None:
    """Write a drawing as an animated GIF file, black on white, whole or not at all.

    Parameters
    ----------
    batch : DrawingBatch
        Drawings with times run as they were drawn (in 30 seconds, if they took longer), others
        at constant speed of the pen. One that is not within 0 to 255 is fitted first.
    path : str or path-like
        Where to.
    index : int
        Which drawing.
    side : int
        Width and height, in pixels, 16 to 512.
    line_diameter : float
        Diameter of the round pen, in units of the 256 x 256 frame.

    Raises
    ------
    IndexError
        If there is no such drawing.
    UsageError
        If side or pen are out of range.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> path = getfixture("tmp_path") / "line.gif"
    >>> drawing = [([0, 255], [0, 255], [0, 1000])]
    >>> write_gif(DrawingBatch.from_strokes([drawing], words=["line"]), path, side=64)
    >>> from PIL import Image
    >>> with Image.open(path) as image:
    ...     image.size, image.n_frames
    ((64, 64), 21)
    """
    if not 16 <= side <= 512:
        raise UsageError(f"side is {side}, expected 16 to 512 pixels")
    drawing = framed(batch, index)[0]
    frames = _frames(drawing, side, line_diameter)
    durations = [_STEP] * (len(frames) - 1) + [_STEP + _REST]
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
    """Say when the pen is at each point, from 0 on."""
    counts = [len(stroke) for stroke in drawing.strokes]
    if not sum(counts):
        return [np.zeros(0) for _ in counts]
    points = np.concatenate(drawing.strokes).astype(np.float64)
    if points.shape[1] == 3:
        times = np.maximum.accumulate(points[:, 2])
        times -= times[0]
    else:
        steps = np.hypot(*np.diff(points, axis=0, prepend=points[:1]).T)
        times = np.cumsum(steps) / _SPEED
    times *= min(1.0, _LONGEST / max(times[-1], 1.0))
    return np.split(times, np.cumsum(counts)[:-1])


def _frames(drawing: Drawing, side: int, line_diameter: float) -> "list[Image.Image]":
    from PIL import Image, ImageDraw

    large = side * _FINER
    scale, left, top = placement(drawing, large, line_diameter)
    width = line_diameter / 256.0 * large
    canvas = Image.new("L", (large, large), 255)
    pen = ImageDraw.Draw(canvas)
    times = drawing_times(drawing)
    strokes = [stroke[:, :2] * scale + (left, top) for stroke in drawing.strokes]
    end = max((moments[-1] for moments in times if len(moments)), default=0.0)
    frames = []
    for start in range(0, math.ceil(end) + _STEP, _STEP):
        for stroke, moments in zip(strokes, times, strict=True):
            _draw(pen, stroke, moments, start - _STEP, start, width)
        frames.append(canvas.reduce(_FINER))
    return frames


def _draw(
    pen: "ImageDraw.ImageDraw",
    stroke: npt.NDArray[np.float64],
    moments: npt.NDArray[np.float64],
    start: float,
    stop: float,
    width: float,
) -> None:
    """Draw what the pen does after `start` and until `stop`."""
    if not len(moments) or moments[0] > stop or moments[-1] <= start:
        return
    inner = stroke[(moments > start) & (moments <= stop)]
    edges = [
        np.interp([max(start, moments[0]), min(stop, moments[-1])], moments, axis)
        for axis in stroke.T
    ]
    first, last = np.transpose(edges)
    points = [tuple(point) for point in (first, *inner, last)]
    for a, b in itertools.pairwise(points):
        pen.line([a, b], fill=0, width=round(width))
    for x, y in points:
        pen.ellipse([x - width / 2, y - width / 2, x + width / 2, y + width / 2], fill=0)


def _write(batches: Iterator[DrawingBatch], path: Path, options: WriteOptions) -> None:
    write_gif(next(batches), path)


GIF = Format(name="gif", suffixes=(".gif",), is_picture=True, write=_write)
