"""A drawing as SVG: a path a stroke, in the units of the 256 x 256 frame."""

import html
import os

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import UsageError
from quickdraw_kit.storage.files import atomic_write
from quickdraw_kit.strokes.batch import Drawing, DrawingBatch
from quickdraw_kit.strokes.normalize import normalize

__all__ = ["LINE_DIAMETER", "framed", "placement", "to_svg", "write_svg"]

LINE_DIAMETER = 6.0  # of the pen in pictures, in units of the frame; bitmaps to train on take 16


def to_svg(batch: DrawingBatch, index: int = 0, *, line_diameter: float = LINE_DIAMETER) -> str:
    """Return a drawing as an SVG document."""
    drawing = framed(batch, index)[0]
    scale, left, top = placement(drawing, 256, line_diameter)
    paths = [f'<path d="{_path(stroke)}"/>' for stroke in drawing.strokes if len(stroke)]
    lines = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 256 256">',
        f"<title>{html.escape(drawing.word)}</title>",
        f'<g fill="none" stroke="currentColor" stroke-width="{line_diameter / scale:g}" '
        'stroke-linecap="round"',
        f'stroke-linejoin="round" transform="translate({left:g} {top:g}) scale({scale:g})">',
        *paths,
        "</g>",
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def write_svg(
    batch: DrawingBatch,
    path: str | os.PathLike[str],
    index: int = 0,
    *,
    line_diameter: float = LINE_DIAMETER,
) -> None:
    """Write a drawing as an SVG file, whole or not at all.

    Parameters
    ----------
    batch, index, line_diameter
        As for `to_svg`.
    path : str or path-like
        Where to.

    Raises
    ------
    IndexError, UsageError
        As for `to_svg`.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> path = getfixture("tmp_path") / "line.svg"
    >>> write_svg(DrawingBatch.from_strokes([[([0, 9], [0, 9])]], words=["line"]), path)
    >>> path.read_text()[:4]
    '<svg'
    """
    document = to_svg(batch, index, line_diameter=line_diameter)
    with atomic_write(path) as file:
        file.write(document.encode())


def framed(batch: DrawingBatch, index: int) -> DrawingBatch:
    """Return one drawing, with coordinates within 0 to 255."""
    if not -len(batch) <= index < len(batch):
        raise IndexError(f"drawing {index} of {len(batch)}")
    one = batch.take([index % len(batch)])
    inside = all(
        column.min(initial=0) >= 0 and column.max(initial=0) <= 255 for column in (one.x, one.y)
    )
    return one if inside and not one.is_float else normalize(one)


def placement(drawing: Drawing, side: int, line_diameter: float) -> tuple[float, float, float]:
    """Say how a framed drawing is scaled and moved to stand amid a picture, with room for the pen."""
    if not 0 < line_diameter <= 128:
        raise UsageError(f"line_diameter is {line_diameter}, expected over 0 to 128")
    scale = side * (1.0 - line_diameter / 256.0) / 255.0
    points = [stroke[:, :2] for stroke in drawing.strokes if len(stroke)]
    right, bottom = np.concatenate(points).max(axis=0) if points else (0, 0)
    return scale, float(side - scale * right) / 2, float(side - scale * bottom) / 2


def _path(stroke: npt.NDArray[np.generic]) -> str:
    points = [" ".join(map(_number, point)) for point in stroke[:, :2].tolist()]
    if len(points) == 1:
        return f"M{points[0]}h0"  # with a round cap, a dot
    return f"M{points[0]}L{' '.join(points[1:])}"


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
