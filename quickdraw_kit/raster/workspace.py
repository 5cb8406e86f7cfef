"""The memory that a thread renders in, made once for many drawings."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from quickdraw_kit.raster._simd import LANES

__all__ = ["LINES", "NOWHERE", "SLOTS", "WORDS", "Workspace", "make_workspace"]

LINES = 15  # sample lines of a pixel row
WORDS = 16  # words of a pixel row, each way: a word tells which lines of four slots are taken
SLOTS = 4 * WORDS  # crossings of a sample line, each way, that there is room for
NOWHERE = 1 << 30  # where a crossing is that is none


class Workspace(NamedTuple):
    """Arrays for Python, their addresses for the kernels; int32 where nothing else is said.

    Points of a block of drawings: `x`, `y`; where each stroke begins in them: `begin` (int64);
    whether each drawing lies in the bitmap: `inside`. Segments: the way from the middle to the left
    edge, `side_x`, `side_y`; the `sector`; the direction, turned to the lower half of the bitmap,
    `dx`, `dy` (float64).

    The polygon of a stroke: `vx`, `vy`, and its right side while it grows, `rx`, `ry`; the sample
    line that each vertex is at: `line`. Its edges cross line i at
    `base + slope * (origin + 512 i)` (float64).

    Pixel rows: whether a vertex is inside, `busy`; the edges that go `through`, how many, and
    which, `passing`; the crossings, downwards and upwards, in `slots` of one vector each, of which
    `taken` (int64) tells the lanes in use; `row_of` each sample line, none for the first of a row.
    One pixel row: `area`; `cell` (int64), to sort in. The bitmap of a drawing: `canvas`, its rows
    LANES longer.
    """

    x: Any
    y: Any
    begin: Any
    inside: Any
    side_x: Any
    side_y: Any
    sector: Any
    dx: Any
    dy: Any
    vx: Any
    vy: Any
    rx: Any
    ry: Any
    line: Any
    base: Any
    slope: Any
    origin: Any
    row_of: Any
    busy: Any
    through: Any
    passing: Any
    taken: Any
    slots: Any
    area: Any
    cell: Any
    canvas: Any


def make_workspace(
    *, points: int, strokes: int, drawings: int, longest: int, pen: int, side: int
) -> Workspace:
    """Make room for blocks of drawings."""
    vertices = longest * (pen + 6) + 3 * pen + LANES
    sizes = dict.fromkeys(("x", "y", "side_x", "side_y", "sector", "dx", "dy"), points + 1)
    sizes |= dict.fromkeys(("vx", "vy", "rx", "ry", "line", "base", "slope", "origin"), vertices)
    sizes |= {"inside": drawings, "begin": strokes + 1}
    sizes |= {"passing": 2 * SLOTS * side, "cell": 2 * SLOTS}
    kinds: dict[str, npt.DTypeLike] = dict.fromkeys(("begin", "cell"), np.int64)
    kinds |= dict.fromkeys(("dx", "dy", "base", "slope", "origin"), np.float64)
    lines = np.arange(side * LINES + 1)
    return Workspace(
        **{name: np.empty(size, kinds.get(name, np.int32)) for name, size in sizes.items()},
        row_of=np.where(lines % LINES, lines // LINES, side).astype(np.int32),
        busy=np.zeros(side + 1, np.int32),
        through=np.zeros(side + 1, np.int32),
        taken=np.zeros(2 * WORDS * side, np.int64),
        slots=np.full(2 * SLOTS * side * LANES, NOWHERE, np.int32),
        area=np.zeros(side + LANES, np.int32),
        canvas=np.zeros(side * (side + LANES), np.int32),
    )
