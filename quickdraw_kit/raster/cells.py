"""Areas of a pixel row, and blending them into the bitmap.

The unit of area is 1/7680 of a pixel: fifteen lines of 512. The area to the right of an edge is
stored as differences from pixel to pixel, so an edge changes only the pixels that it crosses.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from quickdraw_kit.kernels import kernel
from quickdraw_kit.raster.workspace import LINES

Area = npt.NDArray[np.int32]


@kernel
def trapezoid(
    area: Area, x: int, y: int, dx: int, dy: int, head: int, sign: int, c0: int, c1: int
) -> tuple[int, int]:
    """Add (sign 1) or subtract (sign -1) the area to the right of an edge that spans a pixel row.

    The edge goes from (x, y) down by (dx, dy); `head` is the first line of the row, and the polygon
    covers the pixels c0 to c1 (excluded). Returns the first and the last pixel of the edge.
    """
    # the ends of the edge: cairo steps back half a line from the middle of the first line, and
    # halves quotient and remainder separately; the result is not the correctly rounded one
    whole = 2 * LINES * dy
    step = abs(256 * dx) // (LINES * dy)
    back = step >> 1
    if dx < 0:
        step, back = -step, -back
    rest = 256 * dx - LINES * dy * step
    q1, r1 = _split(((2 * head + 1) * 256 - 2 * LINES * y) * dx - rest, whole, x - back)
    q2, r2 = _split(((2 * head + 2 * LINES + 1) * 256 - 2 * LINES * y) * dx - rest, whole, x - back)
    if q1 > q2:
        q1, r1, q2, r2 = q2, r2, q1, r1
    first, last = q1 >> 8, q2 >> 8
    f1, f2 = q1 & 255, q2 & 255

    if first == last:
        _cell(area, first, sign * LINES, sign * LINES * (f1 + f2), c0, c1)
        return first, last

    # the height in each pixel is rounded down to whole lines, from the left end of the edge
    run = (q2 - q1) * whole + (r2 - r1)
    reached = (((first + 1) * 256 - q1) * whole - r1) * LINES
    done = reached // run
    _cell(area, first, sign * done, sign * done * (256 + f1), c0, c1)
    for i in range(first + 1, last):
        reached += LINES * 256 * whole
        height = reached // run - done
        _cell(area, i, sign * height, sign * height * 256, c0, c1)
        done += height
    _cell(area, last, sign * (LINES - done), sign * (LINES - done) * f2, c0, c1)
    return first, last


@kernel
def _split(numerator: int, denominator: int, more: int) -> tuple[int, int]:
    quotient = numerator // denominator
    return quotient + more, numerator - quotient * denominator


@kernel
def _cell(area: Area, i: int, height: int, uncovered: int, c0: int, c1: int) -> None:
    """Add to one pixel; left of the polygon only the height counts, right of it nothing does."""
    if i < c0:
        area[c0] += np.int32(512 * height)
    elif i < c1:
        area[i] += np.int32(512 * height - uncovered)
        area[i + 1] += np.int32(uncovered)


@kernel
def blend(area: Area, canvas: Area, row: int, low: int, high: int) -> None:
    """Blend the areas of pixels low to high into a row of the canvas, and clear them."""
    for c in range(low, high + 1):
        canvas[row + c] = _over(int(canvas[row + c]), int(area[c]))
        area[c] = 0


@kernel
def blend_sums(area: Area, canvas: Area, row: int, low: int, high: int, c0: int, c1: int) -> None:
    """Blend areas that are stored as differences, and clear them; see `trapezoid` for c0, c1."""
    covered = 0
    for c in range(max(low, c0), min(high + 2, c1)):
        covered += area[c]
        area[c] = 0
        canvas[row + c] = _over(int(canvas[row + c]), covered)
    area[c1] = 0


@kernel
def _over(old: Any, area: Any) -> Any:
    """Blend white over a gray level, in eight bits."""
    alpha = ((17 * area + 256) >> 9) & 255
    left = old * (255 - alpha) + 127
    return np.int32(alpha + ((left + (left >> 8)) >> 8))
