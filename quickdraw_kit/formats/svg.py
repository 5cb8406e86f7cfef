"""SVG files as drawings: the lines of their shapes, in the order in which they stand there."""

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import DataError, UsageError
from quickdraw_kit.strokes.batch import DrawingBatch

__all__ = ["MAX_BYTES", "is_svg", "read_svg"]

MAX_BYTES = 1 << 24
"""Largest SVG file that is read."""

_MOST = 1 << 20  # points that are made of one file
_CURVE = 24  # points that a curve becomes


def is_svg(head: bytes) -> bool:
    """Tell by its first bytes whether a file may be SVG: they are those of XML."""
    return head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"<"


def read_svg(source: str | os.PathLike[str] | bytes, *, word: str = "") -> DrawingBatch:
    """Read the drawing in an SVG file.

    Paths, lines, polygons, rectangles and ellipses become strokes, one for each part that is drawn
    without lifting the pen; transformations and units are applied, curves become short lines.
    Filled shapes count by their outline, unless there are lines as well: then they are background.

    Parameters
    ----------
    source : path or bytes
        The file, or what is in it.
    word : str
        Its category, if known.

    Returns
    -------
    DrawingBatch
        One drawing, real-valued; `quickdraw_kit.strokes.simplify` takes it on from there.

    Raises
    ------
    DataError
        If it is no SVG, is larger than `MAX_BYTES`, declares entities, or has nothing to draw.
    UsageError
        If svgelements is not installed.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> svg = b'<svg xmlns="http://www.w3.org/2000/svg"><path stroke="#000" d="M0 0H9V9"/></svg>'
    >>> read_svg(svg)[0].strokes[0].T
    array([[0., 9., 9.],
           [0., 0., 9.]], dtype=float32)
    """
    try:
        import svgelements
    except ModuleNotFoundError as error:
        raise UsageError(
            "reading SVG needs svgelements: pip install 'quickdraw-kit[photo]'"
        ) from error
    if isinstance(source, bytes):
        where, data = "the SVG", source
    else:
        where = str(source)
        with Path(source).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise DataError(f"{where} has more than {MAX_BYTES} bytes: make it smaller")
    if b"<!ENTITY" in data.replace(b"\0", b""):  # which UTF-16 has between the letters
        raise DataError(f"{where} declares entities, which a drawing does not need: remove them")
    try:
        document = svgelements.SVG.parse(io.BytesIO(data), reify=True)
        shapes = [e for e in document.elements() if isinstance(e, svgelements.Shape)]
        lined = [shape for shape in shapes if _drawn(shape.stroke)]
        filled = [shape for shape in shapes if _drawn(shape.fill)]
        strokes: list[npt.NDArray[np.float64]] = []
        for shape in lined or filled:
            path = abs(svgelements.Path(shape))
            strokes.extend(_points(svgelements.Path(part)) for part in path.as_subpaths())
            if sum(map(len, strokes)) > _MOST:
                raise DataError(f"{where} has more than {_MOST} points: simplify it")
    except DataError:
        raise
    except (ValueError, SyntaxError, TypeError, AttributeError, IndexError, KeyError,
            ZeroDivisionError, RecursionError, OverflowError) as error:  # fmt: skip
        raise DataError(f"{where} cannot be read as SVG ({error})") from error
    strokes = [stroke for stroke in strokes if len(stroke)]
    if not strokes:
        raise DataError(f"{where} is empty: it has no line and no filled shape")
    return DrawingBatch.from_strokes(
        [[stroke.T for stroke in strokes]], words=[word], dtype=np.float32
    )


def _drawn(paint: Any) -> bool:
    return paint is not None and paint.value is not None and paint.alpha != 0


def _points(path: Any) -> npt.NDArray[np.float64]:
    """Return the points of a part of a path, shape (k, 2)."""
    import svgelements

    points: list[npt.NDArray[np.float64]] = []
    for segment in path:
        if isinstance(segment, svgelements.Move):
            points.append(np.array([[segment.end.x, segment.end.y]]))
        elif isinstance(segment, svgelements.Line | svgelements.Close):
            if segment.end is not None:
                points.append(np.array([[segment.end.x, segment.end.y]]))
        else:
            points.append(np.asarray(segment.npoint(np.linspace(0, 1, _CURVE)[1:]), np.float64))
    joined = np.concatenate(points) if points else np.zeros((0, 2))
    if not (np.abs(joined) <= np.finfo(np.float32).max).all():
        raise DataError("a point of the SVG is not finite, or beyond float32")
    return joined
