"""Animated GIF and WebP: the strokes appear one after the other, as they were drawn."""

import io
import itertools
import math
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import UsageError
from quickdraw_kit.formats.picture_style import LINE_DIAMETER, PICTURE_SIDE, PictureStyle
from quickdraw_kit.formats.pictures import is_webp, picture_format
from quickdraw_kit.formats.record_batch import RecordBatch
from quickdraw_kit.formats.stroke_times import stroke_times
from quickdraw_kit.formats.svg import fit, in_frame
from quickdraw_kit.storage.files import atomic_write
from quickdraw_kit.strokes.batch import Drawing, DrawingBatch

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

_FRAME_MS = 50  # browsers slow down GIFs with much shorter frames
_PAUSE_MS = 1500  # how long the complete drawing is shown
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
    style = PictureStyle(side=side, line_diameter=line_diameter)
    data = _encode_gif(in_frame(batch, index)[0], style)
    with atomic_write(path) as file:
        file.write(data)


def _frames(drawing: Drawing, side: int, line_diameter: float) -> "list[Image.Image]":
    from PIL import Image, ImageDraw

    canvas_side = side * _OVERSAMPLING
    scale, left, top = fit(drawing, canvas_side, line_diameter)
    width = line_diameter / 256.0 * canvas_side
    canvas = Image.new("L", (canvas_side, canvas_side), 255)
    pen = ImageDraw.Draw(canvas)
    times = stroke_times(drawing)
    strokes = [stroke[:, :2] * scale + (left, top) for stroke in drawing.strokes]
    end = max((moments[-1] for moments in times if len(moments)), default=0.0)

    # one canvas for all frames: each adds what was drawn since the last one
    frames = []
    for start in range(0, math.ceil(end) + _FRAME_MS, _FRAME_MS):
        for stroke, moments in zip(strokes, times, strict=True):
            _draw(pen, stroke, moments, start - _FRAME_MS, start, width)
        frames.append(canvas.reduce(_OVERSAMPLING))
    return frames


def _draw(
    pen: "ImageDraw.ImageDraw",
    stroke: npt.NDArray[np.float64],
    moments: npt.NDArray[np.float64],
    start: float,
    stop: float,
    width: float,
) -> None:
    """Draw the part of a stroke after time `start` and up to time `stop`."""
    if not len(moments) or moments[0] > stop or moments[-1] <= start:
        return

    # the points in between, and where the pen was at both times
    inner = stroke[(moments > start) & (moments <= stop)]
    ends = [
        np.interp([max(start, moments[0]), min(stop, moments[-1])], moments, axis)
        for axis in stroke.T
    ]
    first, last = np.transpose(ends)
    points = [tuple(point) for point in (first, *inner, last)]
    for a, b in itertools.pairwise(points):
        pen.line([a, b], fill=0, width=round(width))
    for x, y in points:  # round caps and joins, which ImageDraw.line does not have
        pen.ellipse([x - width / 2, y - width / 2, x + width / 2, y + width / 2], fill=0)


def _animation(drawing: Drawing, style: PictureStyle) -> "tuple[list[Image.Image], list[int]]":
    """Return frames in the colors of a style, and how long each is shown."""
    side = style.side or PICTURE_SIDE
    if not 16 <= side <= 512:
        raise UsageError(f"side is {side}, expected 16 to 512 pixels")
    frames = _frames(drawing, side, style.of_pictures().line_diameter)
    return frames, [_FRAME_MS] * (len(frames) - 1) + [_FRAME_MS + _PAUSE_MS]


def _encode_gif(drawing: Drawing, style: PictureStyle) -> bytes:
    frames, durations = _animation(drawing, style)
    if style.paper_color is None:
        raise UsageError("a GIF has no transparent paper with smooth lines: write a WebP or an SVG")
    if style.given & {"ink", "paper"}:
        from PIL import Image

        palette = style.palette()[::-1, :3].tobytes()  # frames are black on white
        frames = [Image.frombytes("P", frame.size, frame.tobytes()) for frame in frames]
        for frame in frames:
            frame.putpalette(palette)
    file = io.BytesIO()
    frames[0].save(
        file,
        "GIF",
        save_all=True,
        append_images=frames[1:],
        duration=durations,
        loop=0,
        disposal=1,
    )
    return file.getvalue()


def _encode_webp(drawing: Drawing, style: PictureStyle) -> bytes:
    from PIL import Image

    frames, durations = _animation(drawing, style)
    palette = style.palette()[::-1]
    colored = [Image.fromarray(palette[np.asarray(frame)]) for frame in frames]
    if style.paper_color is not None:
        colored = [frame.convert("RGB") for frame in colored]
    file = io.BytesIO()
    colored[0].save(
        file,
        "WEBP",
        save_all=True,
        append_images=colored[1:],
        duration=durations,
        loop=0,
        lossless=True,
        quality=0,  # of lossless files, the effort
    )
    return file.getvalue()


def _encode_each(
    encode: Callable[[Drawing, PictureStyle], bytes], records: RecordBatch, style: PictureStyle
) -> Iterator[bytes]:
    return (encode(in_frame(records.batch, row)[0], style) for row in range(len(records.batch)))


def _encode_gifs(records: RecordBatch, style: PictureStyle) -> Iterator[bytes]:
    return _encode_each(_encode_gif, records, style)


def _encode_webps(records: RecordBatch, style: PictureStyle) -> Iterator[bytes]:
    return _encode_each(_encode_webp, records, style)


_STYLE_FIELDS = frozenset({"side", "line_diameter", "ink", "paper", "animate"})

GIF = picture_format(
    name="gif",
    suffixes=(".gif",),
    magic=b"GIF8",
    style_fields=_STYLE_FIELDS,
    encode=_encode_gifs,
)
WEBP = picture_format(
    name="webp",
    suffixes=(".webp",),
    sniff=is_webp,
    style_fields=_STYLE_FIELDS,
    encode=_encode_webps,
)
