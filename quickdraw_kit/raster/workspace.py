"""The arrays that a thread renders with, allocated once for many drawings."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from quickdraw_kit.raster._simd import LANES

LINES = 15  # sample lines per pixel row
WORDS = 16  # words per pixel row and direction; a word has one bit per line for four slots
SLOTS = 4 * WORDS  # capacity: crossings of a sample line per direction
NO_CROSSING = 1 << 30  # fills unused lanes; larger than any crossing, so it sorts last


class Workspace(NamedTuple):
    """Arrays in Python, their addresses in kernels; int32 unless noted."""

    # points of a block of drawings
    x: Any
    y: Any
    begin: Any  # int64: first point of each stroke
    inside: Any  # of each drawing: whether it is inside the bitmap, pen included

    # segments: offset from the center line to the left edge, sector of the pen, and direction
    # (float64), mirrored to the lower half plane
    side_x: Any
    side_y: Any
    sector: Any
    dx: Any
    dy: Any

    # polygon of a stroke: vertices, and the right side while it grows; the sample line of each
    # vertex. An edge crosses line i at base + slope * (origin + 512 i) (float64)
    vx: Any
    vy: Any
    rx: Any
    ry: Any
    line: Any
    base: Any
    slope: Any
    origin: Any

    # pixel rows: whether a vertex is in the row; the edges that span it; crossings, downward and
    # upward, one vector per slot, with the lanes in use (int64)
    row_of: Any  # pixel row of each sample line; `side` for the first line of a row
    has_vertex: Any
    spanning_count: Any
    spanning: Any
    slots_used: Any
    slots: Any

    # one pixel row, and scratch to sort in (int64)
    area: Any
    cell: Any

    canvas: Any  # the bitmap of a drawing; its rows are LANES longer


def make_workspace(
    *, points: int, strokes: int, drawings: int, longest: int, pen: int, side: int
) -> Workspace:
    """Allocate the workspace for blocks with at most these sizes."""
    # at worst every point has a whole fan of the pen; vectors may reach LANES beyond the end
    vertices = longest * (pen + 6) + 3 * pen + LANES
    sizes = dict.fromkeys(("x", "y", "side_x", "side_y", "sector", "dx", "dy"), points + 1)
    sizes |= dict.fromkeys(("vx", "vy", "rx", "ry", "line", "base", "slope", "origin"), vertices)
    sizes |= {"inside": drawings, "begin": strokes + 1}
    sizes |= {"spanning": 2 * SLOTS * side, "cell": 2 * SLOTS}

    dtypes: dict[str, npt.DTypeLike] = dict.fromkeys(("begin", "cell"), np.int64)
    dtypes |= dict.fromkeys(("dx", "dy", "base", "slope", "origin"), np.float64)

    lines = np.arange(side * LINES + 1)
    return Workspace(
        **{name: np.empty(size, dtypes.get(name, np.int32)) for name, size in sizes.items()},
        row_of=np.where(lines % LINES, lines // LINES, side).astype(np.int32),
        has_vertex=np.zeros(side + 1, np.int32),
        spanning_count=np.zeros(side + 1, np.int32),
        slots_used=np.zeros(2 * WORDS * side, np.int64),
        slots=np.full(2 * SLOTS * side * LANES, NO_CROSSING, np.int32),
        area=np.zeros(side + LANES, np.int32),
        canvas=np.zeros(side * (side + LANES), np.int32),
    )
