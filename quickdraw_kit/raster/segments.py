"""From points to segments on the fixed-point grid: a stroke before it has a width."""

import math

import numpy as np
import numpy.typing as npt

from quickdraw_kit.kernels import kernel
from quickdraw_kit.raster.pen import Grid, Pen
from quickdraw_kit.raster.workspace import Workspace

FIXED = 256.0  # grid units per pixel

Points = npt.NDArray[np.float32]
Offsets = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64]


@kernel
def to_grid(
    x: Points,
    y: Points,
    strokes: Offsets,
    drawings: Offsets,
    first: int,
    last: int,
    grid: Grid,
    workspace: Workspace,
) -> None:
    """Center drawings and round their points to the grid, half to even.

    Sets `workspace.inside` for drawings whose strokes are inside the bitmap at full width.
    """
    origin = strokes[drawings[first]]
    for d in range(first, last):
        a, b = strokes[drawings[d]], strokes[drawings[d + 1]]
        right, bottom = np.float32(-np.inf), np.float32(-np.inf)
        for i in range(a, b):
            right = max(right, x[i])
            bottom = max(bottom, y[i])

        # by the maximum, not the extent: the recipe centers a drawing as if it began at 0
        dx, dy = (256.0 - right) / 2.0, (256.0 - bottom) / 2.0
        least, most = np.int32(1 << 30), np.int32(-1 << 30)
        for i in range(a, b):
            px = np.int32(np.rint((grid.scale * (x[i] + dx) + grid.shift) * FIXED))
            py = np.int32(np.rint((grid.scale * (y[i] + dy) + grid.shift) * FIXED))
            workspace.x[i - origin], workspace.y[i - origin] = px, py
            least = min(least, min(px, py))
            most = max(most, max(px, py))

        workspace.inside[d - first] = np.int32(
            least > grid.reach and most < grid.high - 2 * grid.reach
        )


@kernel
def merge_collinear(strokes: Offsets, first: int, last: int, workspace: Workspace) -> int:
    """Drop repeated points and merge collinear segments; return the number of points left.

    In fixed point, as cairo does: points that differ by less than the grid are the same point.
    """
    x, y = workspace.x, workspace.y
    origin = strokes[first]
    n = 0
    for s in range(first, last):
        workspace.begin[s - first] = n
        a, b = strokes[s] - origin, strokes[s + 1] - origin
        px = py = dx = dy = 0
        for i in range(a, b):
            qx, qy = int(x[i]), int(y[i])
            ex, ey = qx - px, qy - py
            if i > a and ex == 0 and ey == 0:
                continue
            # the same direction, and not a U-turn: the last point is not a vertex
            if i > a and dy * ex == ey * dx and dx * ex + dy * ey > 0:
                n -= 1
                ex, ey = ex + dx, ey + dy
            if i > a:
                dx, dy = ex, ey
            x[n], y[n] = qx, qy
            n += 1
            px, py = qx, qy
    workspace.begin[last - first] = n
    return n


@kernel
def left_offsets(n: int, grid: Grid, pen: Pen, workspace: Workspace) -> None:
    """Compute the offset from each segment's center line to its left edge, and its sector.

    One division per segment gives the offsets. Where rounding them is a close call, they are
    computed again in exactly the steps of cairo, whose rounding errors decide ties.
    """
    reach = grid.radius * grid.scale * FIXED
    lower_half = np.int32(2 * grid.lines + 1)
    doubtful = 0
    for i in range(n - 1):
        dx = np.float64(workspace.x[i + 1] - workspace.x[i])
        dy = np.float64(workspace.y[i + 1] - workspace.y[i])
        unit = np.divide(reach, math.sqrt(max(dx * dx + dy * dy, 1.0)))
        side_x, side_y = -dy * unit, dx * unit
        whole_x, whole_y = np.rint(side_x), np.rint(side_y)
        doubtful += int(max(abs(side_x - whole_x), abs(side_y - whole_y)) > 0.499999)
        workspace.side_x[i], workspace.side_y[i] = np.int32(whole_x), np.int32(whole_y)
        lower = dy < 0.0 or (dy == 0.0 and dx < 0.0)
        workspace.sector[i] = lower_half if lower else np.int32(0)
        workspace.dx[i], workspace.dy[i] = (-dx, -dy) if lower else (dx, dy)

    # the sector is the number of lines through the pen's center that the direction has passed;
    # line by line, so that the inner loop is a vector operation
    for k in range(grid.lines):
        ux, uy = pen.line_x[k], pen.line_y[k]
        for i in range(n - 1):
            turn = ux * workspace.dy[i] - uy * workspace.dx[i]
            workspace.sector[i] += np.int32(turn > 0.0) + np.int32(turn >= 0.0)

    if doubtful:
        for i in range(n - 1):
            ex, ey = (
                int(workspace.x[i + 1] - workspace.x[i]),
                int(workspace.y[i + 1] - workspace.y[i]),
            )
            if ex != 0 or ey != 0:
                workspace.side_x[i], workspace.side_y[i] = left_offset(ex, ey, grid)


@kernel
def left_offset(dx: int, dy: int, grid: Grid) -> tuple[np.int32, np.int32]:
    """Return the offset from a segment's center line to its left edge, in the steps of cairo."""
    x, y = _unit(dx / FIXED, dy / FIXED)
    to_frame = 1.0 / grid.scale
    x, y = _unit(x * to_frame, y * to_frame)
    x, y = -y * grid.radius, x * grid.radius
    return np.int32(np.rint(grid.scale * x * FIXED)), np.int32(np.rint(grid.scale * y * FIXED))


@kernel
def _unit(dx: float, dy: float) -> tuple[float, float]:
    if dx == 0.0:
        return 0.0, 1.0 if dy > 0.0 else -1.0
    if dy == 0.0:
        return 1.0 if dx > 0.0 else -1.0, 0.0
    length = math.hypot(dx, dy)
    return dx / length, dy / length
