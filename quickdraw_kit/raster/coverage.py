"""The quick way from a polygon to coverage: all fifteen lines of a pixel row at once.

Inside is what the polygon winds round, however often: on a line, sort the crossings downwards and
those upwards, and the inside is from the first of one kind to the first of the other, from second
to second, and so on, put together. No list of edges has to be kept in order for that, and sorting
on fifteen lines is a few vector minima and maxima. A pixel row in which no edge begins or ends is
another matter: it is covered by exact trapezoids, if no two edges cross in it.

An edge crosses a line at `floor(x)` of an x that is computed in float64, and that floor is exact.
The true x, with the half added that makes the floor a rounding, is a fraction with the denominator
60 dy. Half of such a fraction is added to it: it keeps the floor, and is 1/120 dy or more away from
every whole number. All of x and dy are below 2**18, so that 1/120 dy is above 2**-25, and what is
lost in float64 below 2**-33.
"""

import numpy as np
import numpy.typing as npt

from quickdraw_kit.kernels import kernel
from quickdraw_kit.raster._simd import (
    LANES,
    crossings,
    highest,
    larger,
    leading_zeros,
    load,
    lowest,
    minus,
    smaller,
    splat,
    store,
    total,
    trailing_zeros,
    unless,
)
from quickdraw_kit.raster.cells import blend, blend_sums, trapezoid
from quickdraw_kit.raster.scan import scan
from quickdraw_kit.raster.workspace import LINES, NOWHERE, SLOTS, WORDS, Workspace

__all__ = ["cover"]

_FAR = 1 << 40
_EACH = 0x0001000100010001  # a word has 16 bits for each of four slots: the lowest one of each
_MOST = 0x7FFF7FFF7FFF7FFF  # all but the highest
_HIGH = -0x7FFF7FFF7FFF8000  # the highest
_WHOLE = (1 << LINES) - 1
_CROSSED, _STRAIGHT, _UNDECIDED = range(3)


@kernel
def cover(n: int, left: int, right: int, side: int, workspace: Workspace) -> None:
    """Blend a polygon inside the bitmap into the canvas; see `outline` for left and right."""
    top, bottom = _prepare(n, workspace)
    first, last = top // LINES, min(bottom // LINES + 1, side)
    if not _collect(n, workspace):
        _forget(first, last, workspace)
        scan(n, left, right, side, 0, workspace)
        return
    for r in range(first, last):
        row = r * (side + LANES)
        if workspace.busy[r]:
            workspace.busy[r] = 0
        elif workspace.through[r] == 0:
            continue
        else:
            answer = _sort_through(r, workspace)
            if answer == _UNDECIDED:
                _forget(r, last, workspace)
                scan(n, left, right, side, r, workspace)
                return
            if answer == _STRAIGHT:
                c0, c1 = _extent(n, workspace)
                low, high = _trapezoids(r, c0, c1, workspace)
                blend_sums(workspace.area, workspace.canvas, row, low, high, c0, c1)
            else:
                for k in range(workspace.through[r]):
                    _put(workspace.passing[2 * SLOTS * r + k], r, workspace)
            workspace.through[r] = 0
            if answer == _STRAIGHT:
                continue
        low, high = _sample(r, side, workspace)
        blend(workspace.area, workspace.canvas, row, low, high)


@kernel
def _prepare(n: int, workspace: Workspace) -> tuple[int, int]:
    """Find lines, slopes and busy rows; return the first line and the one behind the last."""
    vx, vy, line = workspace.vx, workspace.vy, workspace.line
    top, bottom = np.int32(NOWHERE), np.int32(0)
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
        workspace.busy[workspace.row_of[line[i]]] = 1
    return int(top), int(bottom)


@kernel
def _collect(n: int, workspace: Workspace) -> bool:
    """Put the edges' crossings into the slots of busy rows, and the edges to those of other rows.

    Returns whether there was room for all.
    """
    busy, through, taken, slots = (
        workspace.busy,
        workspace.through,
        workspace.taken,
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
        base, slope, place = (
            workspace.base[i],
            workspace.slope[i],
            workspace.origin[i] + 512.0 * LINES * r,
        )
        while stop > 0:
            if busy[r]:
                bits = (1 << min(stop, LINES)) - (1 << start)
                word = (2 * r + up) * WORDS
                end_of_words = word + WORDS
                free = _free(taken[word], bits)
                while free == 0:
                    word += 1
                    if word == end_of_words:
                        return False
                    free = _free(taken[word], bits)
                slot = trailing_zeros(free) >> 4
                taken[word] |= bits << (slot << 4)
                spot = (4 * word + slot) * LANES
                old = load(slots, spot)
                store(slots, spot, crossings(base, slope, place, bits, old))
            else:
                count = int(through[r])
                if count == 2 * SLOTS:
                    return False
                workspace.passing[2 * SLOTS * r + count] = i
                through[r] = count + 1
            r += 1
            stop -= LINES
            start = 0
            place += 512.0 * LINES
    return True


@kernel
def _free(word: int, bits: int) -> int:
    """Return the highest bit of each slot in which none of the bits is taken."""
    return ~((word & (bits * _EACH)) + _MOST) & _HIGH


@kernel
def _put(i: int, r: int, workspace: Workspace) -> None:
    """Put an edge's crossings with a whole row into a slot of its own."""
    pair = 2 * r + int(workspace.line[i] > workspace.line[i + 1])
    slot = _count(pair, workspace)
    workspace.taken[pair * WORDS + (slot >> 2)] |= _WHOLE << ((slot & 3) << 4)
    place = workspace.origin[i] + 512.0 * LINES * r
    nowhere = splat(NOWHERE)
    store(
        workspace.slots,
        (pair * SLOTS + slot) * LANES,
        crossings(workspace.base[i], workspace.slope[i], place, _WHOLE, nowhere),
    )


@kernel
def _count(pair: int, workspace: Workspace) -> int:
    """Return how many slots of a row, one way, are in use."""
    words = 0
    while words < WORDS and workspace.taken[pair * WORDS + words] != 0:
        words += 1
    if words == 0:
        return 0
    empty: int = leading_zeros(workspace.taken[pair * WORDS + words - 1]) >> 4
    return 4 * words - empty


@kernel
def _sample(r: int, side: int, workspace: Workspace) -> tuple[int, int]:
    """Add the areas of a row from its slots, and empty them; return the first and last pixel."""
    slots, area = workspace.slots, workspace.area
    down, up = _count(2 * r, workspace), _count(2 * r + 1, workspace)
    downs, ups = 2 * r * SLOTS * LANES, (2 * r + 1) * SLOTS * LANES
    _sort(slots, downs, down)
    _sort(slots, ups, up)
    nowhere, pixel, zero = splat(NOWHERE), splat(256), splat(0)
    reached = zero
    first, last = side, -1
    for k in range(min(down, up)):
        a, b = load(slots, downs + k * LANES), load(slots, ups + k * LANES)
        begin = larger(smaller(a, b), reached)
        reached = larger(a, b)
        low = lowest(begin) >> 8
        high = min(highest(unless(reached, nowhere)) >> 8, side - 1)
        for c in range(low, high + 1):
            edge = splat(c << 8)
            inside = minus(
                smaller(larger(minus(reached, edge), zero), pixel),
                smaller(larger(minus(begin, edge), zero), pixel),
            )
            area[c] += np.int32(2 * total(inside))
        first, last = min(first, low), max(last, high)
    _empty(2 * r, down, workspace)
    _empty(2 * r + 1, up, workspace)
    return first, last


@kernel
def _sort(slots: npt.NDArray[np.int32], spot: int, count: int) -> None:
    """Sort the slots of a row, one way, in all lanes."""
    for i in range(1, count):
        v = load(slots, spot + i * LANES)
        for j in range(i):
            u = load(slots, spot + j * LANES)
            store(slots, spot + j * LANES, smaller(u, v))
            v = larger(u, v)
        store(slots, spot + i * LANES, v)


@kernel
def _empty(pair: int, count: int, workspace: Workspace) -> None:
    for k in range(count):
        store(workspace.slots, (pair * SLOTS + k) * LANES, splat(NOWHERE))
    for k in range((count + 3) >> 2):
        workspace.taken[pair * WORDS + k] = 0


@kernel
def _forget(first: int, last: int, workspace: Workspace) -> None:
    """Empty rows that are left to the long way."""
    for r in range(first, last):
        _empty(2 * r, _count(2 * r, workspace), workspace)
        _empty(2 * r + 1, _count(2 * r + 1, workspace), workspace)
        workspace.busy[r] = 0
        workspace.through[r] = 0


@kernel
def _sort_through(r: int, workspace: Workspace) -> int:
    """Sort the edges that go through a row by where they enter it, and say whether any two cross.

    If two enter at the same place, it may depend on their order, which the long way knows.
    """
    at, count = 2 * SLOTS * r, int(workspace.through[r])
    passing, cell = workspace.passing, workspace.cell
    above, below = 512.0 * LINES * r, 512.0 * LINES * (r + 1)
    for k in range(count):
        i = int(passing[at + k])
        x = int(workspace.base[i] + workspace.slope[i] * (workspace.origin[i] + above))
        j = k
        while j > 0 and cell[j - 1] > x:
            cell[j] = cell[j - 1]
            passing[at + j] = passing[at + j - 1]
            j -= 1
        cell[j] = x
        passing[at + j] = i
    answer = _STRAIGHT
    previous = -1e9
    for k in range(count):
        if k > 0 and cell[k] == cell[k - 1]:
            return _UNDECIDED
        i = int(passing[at + k])
        x = np.floor(workspace.base[i] + workspace.slope[i] * (workspace.origin[i] + below))
        if x < previous:
            answer = _CROSSED
        previous = x
    return answer


@kernel
def _extent(n: int, workspace: Workspace) -> tuple[int, int]:
    """Return the first pixel column that the polygon is in, and the one behind the last."""
    low, high = _FAR, -1
    for i in range(n):
        if workspace.vy[i] != workspace.vy[i + 1]:
            low = min(low, min(workspace.vx[i], workspace.vx[i + 1]))
            high = max(high, max(workspace.vx[i], workspace.vx[i + 1]))
    return low >> 8, (high + 255) >> 8


@kernel
def _trapezoids(r: int, c0: int, c1: int, workspace: Workspace) -> tuple[int, int]:
    """Add the areas of a row whose edges are in order; return the first and last pixel."""
    first, last = _FAR, -1
    winding = 0
    for k in range(workspace.through[r]):
        i = int(workspace.passing[2 * SLOTS * r + k])
        before = winding
        winding += 1 if workspace.line[i] < workspace.line[i + 1] else -1
        if before != 0 and winding != 0:
            continue
        a, b = (i, i + 1) if workspace.line[i] < workspace.line[i + 1] else (i + 1, i)
        x, y = int(workspace.vx[a]), int(workspace.vy[a])
        dx, dy = int(workspace.vx[b]) - x, int(workspace.vy[b]) - y
        sign = 1 if before == 0 else -1
        low, high = trapezoid(workspace.area, x, y, dx, dy, LINES * r, sign, c0, c1)
        first, last = min(first, low), max(last, high)
    return first, last
