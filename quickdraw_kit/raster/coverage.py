"""The fast path from a polygon to coverage: all fifteen sample lines of a pixel row at once.

A point is inside where the winding number is not zero. On one line, sort the downward crossings and
the upward crossings: the inside is the union of the intervals from the k-th of one to the k-th of
the other. That needs no list of active edges, and sorting fifteen lines is a few vector minima and
maxima. A pixel row in which no edge starts or ends is different: if no two edges cross in it, it is
covered by exact trapezoids.

An edge crosses a line at `floor(x)` for an x computed in float64, and this floor is exact: the true
x, plus the half that turns floor into rounding, is a fraction with denominator 60 dy. Half of such
a fraction is added to it, which does not change the floor and keeps x at least 1/(120 dy) away from
every integer. All x and dy are below 2**18, so 1/(120 dy) is above 2**-25, while the error of
float64 is below 2**-33.
"""

import numpy as np
import numpy.typing as npt

from quickdraw_kit.kernels import kernel
from quickdraw_kit.raster._simd import (
    LANES,
    crossings,
    leading_zeros,
    load,
    max_lane,
    maximum,
    min_lane,
    minimum,
    minus,
    splat,
    store,
    sum_lanes,
    trailing_zeros,
    zero_where_equal,
)
from quickdraw_kit.raster.cells import blend, blend_sums, trapezoid
from quickdraw_kit.raster.workspace import LINES, NO_CROSSING, SLOTS, WORDS, Workspace

_FAR = 1 << 40
# a word has 16 bits for each of four slots: their lowest bits, all but the highest, the highest
_EACH = 0x0001000100010001
_MOST = 0x7FFF7FFF7FFF7FFF
_HIGH = -0x7FFF7FFF7FFF8000
_WHOLE = (1 << LINES) - 1
_CROSSED, _STRAIGHT, _UNDECIDED = range(3)


@kernel
def cover(n: int, side: int, workspace: Workspace) -> int:
    """Blend a polygon inside the bitmap into the canvas.

    Returns the row from which on the scanline path has to do it; `side` if all rows are done.
    """
    top, bottom = _find_vertex_rows(n, workspace)
    first, last = top // LINES, min(bottom // LINES + 1, side)
    if not _add_crossings(n, workspace):
        _clear_rows(first, last, workspace)
        return 0

    for r in range(first, last):
        row = r * (side + LANES)

        # edges start or end here: sample the lines
        if workspace.has_vertex[r]:
            workspace.has_vertex[r] = 0
        elif workspace.spanning_count[r] == 0:
            continue

        # every edge spans the row: exact trapezoids, unless two of them cross
        else:
            answer = _sort_spanning(r, workspace)
            if answer == _UNDECIDED:
                # the rows above are blended already
                _clear_rows(r, last, workspace)
                return r
            if answer == _STRAIGHT:
                c0, c1 = _extent(n, workspace)
                low, high = _trapezoids(r, c0, c1, workspace)
                blend_sums(workspace.area, workspace.canvas, row, low, high, c0, c1)
            else:
                for k in range(workspace.spanning_count[r]):
                    _add_spanning(workspace.spanning[2 * SLOTS * r + k], r, workspace)
            workspace.spanning_count[r] = 0
            if answer == _STRAIGHT:
                continue
        low, high = _sample(r, side, workspace)
        blend(workspace.area, workspace.canvas, row, low, high)
    return side


@kernel
def _find_vertex_rows(n: int, workspace: Workspace) -> tuple[int, int]:
    """Compute lines and slopes, mark rows with vertices; return the first and the last line.

    Three simple loops, because each of them becomes vector code.
    """
    vx, vy, line = workspace.vx, workspace.vy, workspace.line
    top, bottom = np.int32(NO_CROSSING), np.int32(0)
    for i in range(n + 1):
        line[i] = np.int32(np.int32(LINES * vy[i] + 128) >> 8)
        top = min(top, line[i])
        bottom = max(bottom, line[i])

    for i in range(n):
        dy = np.float64(vy[i + 1] - vy[i])
        part = np.divide(1.0, 2.0 * LINES * (dy if dy != 0.0 else 1.0))
        workspace.slope[i] = np.float64(vx[i + 1] - vx[i]) * part
        workspace.base[i] = np.float64(vx[i]) + (0.5 + 0.25 * abs(part))
        workspace.origin[i] = np.float64(256 - 2 * LINES * vy[i])

    for i in range(n):
        workspace.has_vertex[workspace.row_of[line[i]]] = 1
    return int(top), int(bottom)


@kernel
def _add_crossings(n: int, workspace: Workspace) -> bool:
    """Store crossings in the slots of rows with vertices, and edges in the lists of other rows.

    Returns False if a row has more than fit.
    """
    has_vertex, spanning_count, slots_used, slots = (
        workspace.has_vertex,
        workspace.spanning_count,
        workspace.slots_used,
        workspace.slots,
    )
    for i in range(n):
        begin, end = int(workspace.line[i]), int(workspace.line[i + 1])
        if begin == end:
            continue

        up = int(begin > end)
        begin, end = min(begin, end), max(begin, end)
        r = begin // LINES
        start, stop = begin - LINES * r, end - LINES * r
        base, slope, offset = (
            workspace.base[i],
            workspace.slope[i],
            workspace.origin[i] + 512.0 * LINES * r,
        )
        while stop > 0:
            if has_vertex[r]:
                # two edges that cross different lines of the row share a slot: first fit
                bits = (1 << min(stop, LINES)) - (1 << start)
                word = (2 * r + up) * WORDS
                end_of_words = word + WORDS
                free = _free_slots(slots_used[word], bits)
                while free == 0:
                    word += 1
                    if word == end_of_words:
                        return False
                    free = _free_slots(slots_used[word], bits)
                slot = trailing_zeros(free) >> 4
                slots_used[word] |= bits << (slot << 4)
                spot = (4 * word + slot) * LANES
                old = load(slots, spot)
                store(slots, spot, crossings(base, slope, offset, bits, old))
            else:
                count = int(spanning_count[r])
                if count == 2 * SLOTS:
                    return False
                workspace.spanning[2 * SLOTS * r + count] = i
                spanning_count[r] = count + 1
            r += 1
            stop -= LINES
            start = 0
            offset += 512.0 * LINES
    return True


@kernel
def _free_slots(word: int, bits: int) -> int:
    """Return the highest bit of each slot in which none of the bits is in use."""
    return ~((word & (bits * _EACH)) + _MOST) & _HIGH


@kernel
def _add_spanning(i: int, r: int, workspace: Workspace) -> None:
    """Store the crossings of an edge that spans a row, in a slot of its own."""
    pair = 2 * r + int(workspace.line[i] > workspace.line[i + 1])
    slot = _count(pair, workspace)
    workspace.slots_used[pair * WORDS + (slot >> 2)] |= _WHOLE << ((slot & 3) << 4)
    offset = workspace.origin[i] + 512.0 * LINES * r
    no_crossing = splat(NO_CROSSING)
    store(
        workspace.slots,
        (pair * SLOTS + slot) * LANES,
        crossings(workspace.base[i], workspace.slope[i], offset, _WHOLE, no_crossing),
    )


@kernel
def _count(pair: int, workspace: Workspace) -> int:
    """Return how many slots of a row are in use, in one direction."""
    words = 0
    while words < WORDS and workspace.slots_used[pair * WORDS + words] != 0:
        words += 1
    if words == 0:
        return 0
    empty: int = leading_zeros(workspace.slots_used[pair * WORDS + words - 1]) >> 4
    return 4 * words - empty


@kernel
def _sample(r: int, side: int, workspace: Workspace) -> tuple[int, int]:
    """Add the areas of a row from its slots and clear them; return the first and last pixel."""
    slots, area = workspace.slots, workspace.area
    down, up = _count(2 * r, workspace), _count(2 * r + 1, workspace)
    downs, ups = 2 * r * SLOTS * LANES, (2 * r + 1) * SLOTS * LANES
    _sort(slots, downs, down)
    _sort(slots, ups, up)
    no_crossing, pixel, zero = splat(NO_CROSSING), splat(256), splat(0)

    # the k-th interval, in all lines; what earlier intervals have covered does not count again
    reached = zero
    first, last = side, -1
    for k in range(min(down, up)):
        a, b = load(slots, downs + k * LANES), load(slots, ups + k * LANES)
        begin = maximum(minimum(a, b), reached)
        reached = maximum(a, b)
        low = min_lane(begin) >> 8
        high = min(max_lane(zero_where_equal(reached, no_crossing)) >> 8, side - 1)
        for c in range(low, high + 1):
            edge = splat(c << 8)
            inside = minus(
                minimum(maximum(minus(reached, edge), zero), pixel),
                minimum(maximum(minus(begin, edge), zero), pixel),
            )
            area[c] += np.int32(2 * sum_lanes(inside))
        first, last = min(first, low), max(last, high)

    _clear_slots(2 * r, down, workspace)
    _clear_slots(2 * r + 1, up, workspace)
    return first, last


@kernel
def _sort(slots: npt.NDArray[np.int32], spot: int, count: int) -> None:
    """Sort the slots of a row in one direction, each lane by itself: an insertion network."""
    for i in range(1, count):
        v = load(slots, spot + i * LANES)
        for j in range(i):
            u = load(slots, spot + j * LANES)
            store(slots, spot + j * LANES, minimum(u, v))
            v = maximum(u, v)
        store(slots, spot + i * LANES, v)


@kernel
def _clear_slots(pair: int, count: int, workspace: Workspace) -> None:
    for k in range(count):
        store(workspace.slots, (pair * SLOTS + k) * LANES, splat(NO_CROSSING))
    for k in range((count + 3) >> 2):
        workspace.slots_used[pair * WORDS + k] = 0


@kernel
def _clear_rows(first: int, last: int, workspace: Workspace) -> None:
    """Clear rows that the scanline path will render."""
    for r in range(first, last):
        _clear_slots(2 * r, _count(2 * r, workspace), workspace)
        _clear_slots(2 * r + 1, _count(2 * r + 1, workspace), workspace)
        workspace.has_vertex[r] = 0
        workspace.spanning_count[r] = 0


@kernel
def _sort_spanning(r: int, workspace: Workspace) -> int:
    """Sort the edges that span a row by where they enter it, and report whether two of them cross.

    If two enter at the same position, the result depends on an order that only the scanline path
    knows: _UNDECIDED.
    """
    at, count = 2 * SLOTS * r, int(workspace.spanning_count[r])
    spanning, cell = workspace.spanning, workspace.cell
    above, below = 512.0 * LINES * r, 512.0 * LINES * (r + 1)
    for k in range(count):
        i = int(spanning[at + k])
        x = int(workspace.base[i] + workspace.slope[i] * (workspace.origin[i] + above))
        j = k
        while j > 0 and cell[j - 1] > x:
            cell[j] = cell[j - 1]
            spanning[at + j] = spanning[at + j - 1]
            j -= 1
        cell[j] = x
        spanning[at + j] = i

    answer = _STRAIGHT
    previous = -1e9
    for k in range(count):
        if k > 0 and cell[k] == cell[k - 1]:
            return _UNDECIDED
        i = int(spanning[at + k])
        x = np.floor(workspace.base[i] + workspace.slope[i] * (workspace.origin[i] + below))
        if x < previous:
            answer = _CROSSED
        previous = x
    return answer


@kernel
def _extent(n: int, workspace: Workspace) -> tuple[int, int]:
    """Return the first pixel column of the polygon, and the one after the last."""
    low, high = _FAR, -1
    for i in range(n):
        if workspace.vy[i] != workspace.vy[i + 1]:
            low = min(low, min(workspace.vx[i], workspace.vx[i + 1]))
            high = max(high, max(workspace.vx[i], workspace.vx[i + 1]))
    return low >> 8, (high + 255) >> 8


@kernel
def _trapezoids(r: int, c0: int, c1: int, workspace: Workspace) -> tuple[int, int]:
    """Add the areas of a row whose edges do not cross; return the first and last pixel."""
    first, last = _FAR, -1
    winding = 0
    for k in range(workspace.spanning_count[r]):
        i = int(workspace.spanning[2 * SLOTS * r + k])
        before = winding
        winding += 1 if workspace.line[i] < workspace.line[i + 1] else -1
        if before != 0 and winding != 0:
            continue  # inside on both sides: not a boundary

        a, b = (i, i + 1) if workspace.line[i] < workspace.line[i + 1] else (i + 1, i)
        x, y = int(workspace.vx[a]), int(workspace.vy[a])
        dx, dy = int(workspace.vx[b]) - x, int(workspace.vy[b]) - y
        sign = 1 if before == 0 else -1
        low, high = trapezoid(workspace.area, x, y, dx, dy, LINES * r, sign, c0, c1)
        first, last = min(first, low), max(last, high)
    return first, last
