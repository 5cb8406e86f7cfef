"""The pen: the regular polygon that stands for a circle, on the fixed-point grid.

Device coordinates are integers, 1/256 of a pixel. The polygon has as many vertices as keep it
within a tenth of a pixel of the circle, an even number; 12 at the official scale.
"""

import math

import numpy as np
import numpy.typing as npt

from quickdraw_kit.raster.style import RasterStyle

__all__ = ["FIXED", "pen_vertices"]

FIXED = 256  # units of a pixel
_TOLERANCE = 0.1  # pixels


def pen_vertices(style: RasterStyle) -> npt.NDArray[np.int64]:
    """Return the vertices of the pen, relative to its centre.

    Parameters
    ----------
    style : RasterStyle
        Pen and scale.

    Returns
    -------
    ndarray of int64, shape (vertices, 2)
        x and y in 1/256 pixel, in the order of growing angle.

    Examples
    --------
    >>> pen_vertices(RasterStyle())[:3]
    array([[189,   0],
           [163,  94],
           [ 94, 163]])
    """
    radius = style.line_diameter / 2
    return np.array(
        [
            [
                round(radius * math.cos(2 * math.pi * i / number) * style.scale * FIXED),
                round(radius * math.sin(2 * math.pi * i / number) * style.scale * FIXED),
            ]
            for number in [_vertex_count(radius * style.scale)]
            for i in range(number)
        ],
        np.int64,
    )


def _vertex_count(radius: float) -> int:
    """How many vertices keep a polygon within the tolerance of a circle, in pixels."""
    if 4 * radius <= _TOLERANCE:
        return 1
    if radius <= _TOLERANCE:
        return 4
    number = math.ceil(2 * math.pi / math.acos(1 - _TOLERANCE / radius))
    return max(number + number % 2, 4)
