"""The scanline path from a polygon to coverage: line by line, with a list of active edges.

It handles what the fast path (`coverage`) does not: two edges that start at the same position,
strokes that leave the bitmap, and strokes that overlap themselves more often than the slots allow.
Active edges are in the order of their crossings. Where crossings are equal, they are in the order
in which cairo merges its lists: the bytes depend on it, so the merge below must stay as it is.
"""

import numpy as np
import numpy.typing as npt

from quickdraw_kit.kernels import kernel
from quickdraw_kit.raster._simd import LANES
from quickdraw_kit.raster.cells import blend_sums, trapezoid
from quickdraw_kit.raster.clip import BOTTOM, DIRECTION, DX, DY, TOP, X, Y, clip
from quickdraw_kit.raster.workspace import LINES, Workspace

_FAR = 1 << 40

Numbers = npt.NDArray[np.int64]


@kernel
def scan(n: int, left: int, right: int, side: int, from_row: int, workspace: Workspace) -> None:
    """Blend a polygon into the canvas, from a row on; see `outline` for left and right."""
    edges = np.empty((3 * n, 7), np.int64)
    extent = np.array([_FAR, -_FAR])

    # edges in cairo's order: left side, end cap, start cap, and the right side forward
    count = 0
    for k in range(n):
        i = k
        if k >= left:
            i = k - left + right
            if i >= n:
                i = right - 1 - (i - n)
        x1, y1 = int(workspace.vx[i]), int(workspace.vy[i])
        x2, y2 = int(workspace.vx[i + 1]), int(workspace.vy[i + 1])
        count = clip(edges, count, extent, x1, y1, x2, y2, side * 256)
    if count == 0:
        return

    # edges by the line that they start at, as linked lists
    c0, c1 = extent[0] >> 8, (extent[1] + 255) >> 8
    starting = np.full(side * LINES + 1, -1, np.int64)
    following = np.empty(count, np.int64)
    first_line, last_line = int(side * LINES), 0
    for e in range(count - 1, -1, -1):
        following[e] = starting[edges[e, TOP]]
        starting[edges[e, TOP]] = e
        first_line, last_line = min(first_line, edges[e, TOP]), max(last_line, edges[e, BOTTOM])

    order = np.empty((3, count), np.int64)  # the active edges, and two scratch rows to merge in
    cell = np.empty(count, np.int64)
    active = 0
    for row in range(first_line // LINES, (last_line + LINES - 1) // LINES):
        head = row * LINES
        active = _insert_starting(edges, starting[head], following, head, order, active, cell)

        # a row in which no edge starts, ends or crosses another is covered by trapezoids
        whole = True
        for line in range(head + 1, head + LINES):
            whole &= starting[line] < 0
        low, high = c1, c0
        if whole and _is_uncrossed(edges, order[0], active, head):
            if row >= from_row:
                low, high = _add_trapezoids(edges, order[0], active, cell, head, workspace, c0, c1)
            active = _advance(edges, order[0], active, cell, head + LINES)
        else:
            for line in range(head, head + LINES):
                if line > head:
                    active = _insert_starting(
                        edges, starting[line], following, line, order, active, cell
                    )
                if row >= from_row:
                    a, b = _add_line(edges, order[0], active, cell, workspace, c0, c1)
                    low, high = min(low, a), max(high, b)
                active = _advance(edges, order[0], active, cell, line + 1)
        if low <= high:
            blend_sums(workspace.area, workspace.canvas, row * (side + LANES), low, high, c0, c1)


@kernel
def _crossing(edge: Numbers, line: int) -> int:
    """Return where an edge crosses the middle of a sample line, rounded to the grid."""
    along = ((2 * line + 1) * 256 - 2 * LINES * edge[Y]) * edge[DX]
    return int(edge[X] + (along + LINES * edge[DY]) // (2 * LINES * edge[DY]))


@kernel
def _insert_starting(
    edges: Numbers,
    e: int,
    following: Numbers,
    line: int,
    order: Numbers,
    active: int,
    cell: Numbers,
) -> int:
    """Sort the edges that start on a line, and merge them into the active ones."""
    starting_edges, other = order[1], order[2]
    n = 0
    while e >= 0:
        cell[e] = _crossing(edges[e], line)
        starting_edges[n] = e
        n += 1
        e = following[e]
    if n == 0:
        return active

    # bottom-up merge sort: its order of equal crossings is part of the bytes
    width = 1
    while width < n:
        for a in range(0, n, 2 * width):
            b, c = min(a + width, n), min(a + 2 * width, n)
            if b < c:
                _merge(starting_edges[a:b], starting_edges[b:c], cell, other[a:c])
            else:
                # not as slices: numba would compile its error message, which takes seconds
                for k in range(a, b):
                    other[k] = starting_edges[k]
        starting_edges, other = other, starting_edges
        width *= 2

    if active == 0:
        for k in range(n):
            order[0, k] = starting_edges[k]
    else:
        old = order[0, :active].copy()
        _merge(old, starting_edges[:n], cell, order[0, : active + n])
    return active + n


@kernel
def _merge(a: Numbers, b: Numbers, cell: Numbers, out: Numbers) -> None:
    """Merge two sorted lists; equal ones are taken from the list that was read last."""
    i = j = 0
    from_a = cell[a[0]] <= cell[b[0]]
    while i < a.size and j < b.size:
        ahead = cell[a[i]] - cell[b[j]]
        from_a = ahead <= 0 if from_a else ahead < 0
        if from_a:
            out[i + j] = a[i]
            i += 1
        else:
            out[i + j] = b[j]
            j += 1

    for k in range(i, a.size):
        out[k + j] = a[k]
    for k in range(j, b.size):
        out[i + k] = b[k]


@kernel
def _is_uncrossed(edges: Numbers, order: Numbers, active: int, head: int) -> bool:
    """Whether all active edges span a pixel row, and no two of them cross."""
    previous = -_FAR
    for k in range(active):
        edge = edges[order[k]]
        below = _crossing(edge, head + LINES)
        if edge[BOTTOM] < head + LINES or below < previous:
            return False
        previous = below
    return True


@kernel
def _advance(edges: Numbers, order: Numbers, active: int, cell: Numbers, line: int) -> int:
    """Drop the edges that end above a line, and sort the others by where they cross it."""
    kept = 0
    for k in range(active):
        e = order[k]
        if edges[e, BOTTOM] <= line:
            continue
        x = _crossing(edges[e], line)
        cell[e] = x
        j = kept
        while j > 0 and cell[order[j - 1]] > x:
            order[j] = order[j - 1]
            j -= 1
        order[j] = e
        kept += 1
    return kept


@kernel
def _add_line(
    edges: Numbers,
    order: Numbers,
    active: int,
    cell: Numbers,
    workspace: Workspace,
    c0: int,
    c1: int,
) -> tuple[int, int]:
    """Add the inside of one sample line; return its first and last pixel."""
    area = workspace.area
    low, high = c1, c0
    winding = 0
    for k in range(active):
        x = min(max(cell[order[k]], c0 << 8), c1 << 8)
        outside = winding == 0
        winding += edges[order[k], DIRECTION]
        if outside == (winding == 0):
            continue

        # as differences from pixel to pixel: an area to the right of each boundary
        weight = np.int32(1) if outside else np.int32(-1)
        at, part = x >> 8, np.int32((x & 255) << 1)
        area[at] += weight * (512 - part)
        area[at + 1] += weight * part
        low, high = min(low, at), max(high, at)
    return low, high


@kernel
def _add_trapezoids(
    edges: Numbers,
    order: Numbers,
    active: int,
    cell: Numbers,
    head: int,
    workspace: Workspace,
    c0: int,
    c1: int,
) -> tuple[int, int]:
    """Add the trapezoids of a pixel row; return their first and last pixel.

    Spans that touch where the row begins are filled as one, as in cairo.
    """
    low, high = c1, c0
    winding = 0
    begins = True
    for k in range(active):
        edge = edges[order[k]]
        winding += edge[DIRECTION]
        touches = k + 1 < active and cell[order[k + 1]] == cell[order[k]]
        ends = winding == 0 and not touches and not begins
        if begins or ends:
            sign = 1 if begins else -1
            a, b = trapezoid(
                workspace.area, edge[X], edge[Y], edge[DX], edge[DY], head, sign, c0, c1
            )
            low, high = min(low, a), max(high, b)
        begins = ends
    return low, high
