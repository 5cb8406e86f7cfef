"""From a stroke's centre line to the edges of its outline, on the fixed-point grid.

Coordinates are integers, 1/256 of a pixel. The outline runs along both sides of each segment at
half the pen's width; on the outer side of a joint it follows the pen's vertices between the two
directions, on the inner side it goes through the joint itself; ends are half a pen. What lies
inside by the non-zero rule is the stroke. All of it follows cairo 1.16 to the last rounding.
"""

import math

import numpy as np

from quickdraw_kit.kernels import kernel

__all__ = ["edge_bound", "outline", "straighten"]


@kernel
def edge_bound(points, vertices):
    """Return how many edges the outline of a stroke has at most."""
    # a joint turns by half a circle at most; 4 edges join its sides and 2 run along its segment
    return (points + 2) * (vertices // 2 + 8)


@kernel
def straighten(x, y, out_x, out_y):
    """Drop repeated points and merge segments that go straight on; return how many points stay."""
    n = 0
    for i in range(x.size):
        if n and x[i] == out_x[n - 1] and y[i] == out_y[n - 1]:
            continue
        if n >= 2:
            ax, ay = out_x[n - 1] - out_x[n - 2], out_y[n - 1] - out_y[n - 2]
            bx, by = x[i] - out_x[n - 1], y[i] - out_y[n - 1]
            if ay * bx == by * ax and ax * bx + ay * by > 0:
                n -= 1
        out_x[n] = x[i]
        out_y[n] = y[i]
        n += 1
    return n


@kernel
def _compare(ax, ay, bx, by):
    """Order two directions by angle: -1, 0 or 1; opposite ones by which lies in the right half."""
    left, right = ay * bx, by * ax
    if left != right:
        return -1 if left < right else 1
    if ax == 0 and ay == 0:
        return 0 if bx == 0 and by == 0 else 1
    if bx == 0 and by == 0:
        return -1
    if (ax ^ bx) < 0 or (ay ^ by) < 0:
        return -1 if ax > 0 or (ax == 0 and ay > 0) else 1
    return 0


@kernel
def _fan(pen, in_x, in_y, out_x, out_y, clockwise):
    """Find the pen's vertices between two directions: the first, and the one behind the last."""
    number = pen.shape[0]
    lo, hi = 0, number
    i = (lo + hi) >> 1
    while True:
        cw = (i + number - 1) % number
        ccw = (i + 1) % number
        if clockwise:
            before = _compare(pen[i, 0] - pen[cw, 0], pen[i, 1] - pen[cw, 1], in_x, in_y) < 0
        else:
            before = _compare(in_x, in_y, pen[ccw, 0] - pen[i, 0], pen[ccw, 1] - pen[i, 1]) < 0
        if before:
            lo = i
        else:
            hi = i
        i = (lo + hi) >> 1
        if hi - lo <= 1:
            break
    cw = (i + number - 1) % number
    ccw = (i + 1) % number
    if clockwise:
        before = _compare(pen[i, 0] - pen[cw, 0], pen[i, 1] - pen[cw, 1], in_x, in_y) < 0
    else:
        before = _compare(in_x, in_y, pen[ccw, 0] - pen[i, 0], pen[ccw, 1] - pen[i, 1]) < 0
    if before:
        i += 1
        if i == number:
            i = 0
    start = i
    cw = (i + number - 1) % number
    ccw = (i + 1) % number
    if clockwise:
        more = _compare(out_x, out_y, pen[ccw, 0] - pen[i, 0], pen[ccw, 1] - pen[i, 1]) >= 0
    else:
        more = _compare(pen[i, 0] - pen[cw, 0], pen[i, 1] - pen[cw, 1], out_x, out_y) <= 0
    if more:
        lo, hi = i, i + number
        i = (lo + hi) >> 1
        while True:
            j = i - number if i >= number else i
            cw = (j + number - 1) % number
            ccw = (j + 1) % number
            if clockwise:
                beyond = _compare(pen[j, 0] - pen[cw, 0], pen[j, 1] - pen[cw, 1], out_x, out_y) > 0
            else:
                slope_x, slope_y = pen[ccw, 0] - pen[j, 0], pen[ccw, 1] - pen[j, 1]
                beyond = _compare(out_x, out_y, slope_x, slope_y) > 0
            if beyond:
                hi = i
            else:
                lo = i
            i = (lo + hi) >> 1
            if hi - lo <= 1:
                break
        if i >= number:
            i -= number
    return start, i


@kernel
def _edge(edges, n, x1, y1, x2, y2, direction):
    """Add an edge, pointing down, unless it meets no sample row; return how many there are."""
    top, bottom = (y1 * 15 + 128) >> 8, (y2 * 15 + 128) >> 8
    if top == bottom:
        return n
    if top > bottom:
        x1, y1, x2, y2, top, bottom, direction = x2, y2, x1, y1, bottom, top, -direction
    edges[0, n], edges[1, n], edges[2, n], edges[3, n] = x1, top, x2 - x1, bottom
    edges[4, n] = direction
    edges[5, n], edges[6, n] = y1, y2 - y1
    return n + 1


@kernel
def _offset(dx, dy, scale, radius):
    """Return the pen's edge on the counter-clockwise side of a direction."""
    x, y = _unit(dx / 256.0, dy / 256.0)
    inverse = 1.0 / scale
    x, y = _unit(x * inverse, y * inverse)
    face_x, face_y = -y * radius, x * radius
    return np.int64(np.rint(face_x * scale * 256.0)), np.int64(np.rint(face_y * scale * 256.0))


@kernel
def _unit(dx, dy):
    if dx == 0.0:
        return 0.0, 1.0 if dy > 0.0 else -1.0
    if dy == 0.0:
        return 1.0 if dx > 0.0 else -1.0, 0.0
    length = math.hypot(dx, dy)
    return dx / length, dy / length


@kernel
def outline(x, y, points, pen, scale, radius, edges, right):
    """Write the edges of a stroke's outline; return how many there are.

    The order matters where edges meet: first the left side with both caps, then the right one.
    """
    number = pen.shape[0]
    n = m = 0
    if points == 1:
        ox, oy = _offset(256, 0, scale, radius)
        last_x = last_y = first_x = first_y = np.int64(0)
        have = False
        for half in range(2):
            sx = np.int64(-256 if half == 0 else 256)
            start, stop = _fan(pen, sx, np.int64(0), -sx, np.int64(0), False)
            while True:
                if start != stop:
                    px, py = x[0] + pen[start, 0], y[0] + pen[start, 1]
                else:
                    sign = 1 if half == 0 else -1
                    px, py = x[0] + sign * ox, y[0] + sign * oy
                if have:
                    n = _edge(edges, n, last_x, last_y, px, py, 1)
                else:
                    first_x, first_y = px, py
                    have = True
                last_x, last_y = px, py
                if start == stop:
                    break
                start = number - 1 if start == 0 else start - 1
        return _edge(edges, n, last_x, last_y, first_x, first_y, 1)

    # the last points of both sides
    ccw_x = ccw_y = cw_x = cw_y = np.int64(0)
    dx = dy = ox = oy = np.int64(0)
    first_dx, first_dy = x[1] - x[0], y[1] - y[0]
    first_ox, first_oy = _offset(first_dx, first_dy, scale, radius)
    for i in range(points - 1):
        new_dx, new_dy = x[i + 1] - x[i], y[i + 1] - y[i]
        new_ox, new_oy = _offset(new_dx, new_dy, scale, radius)
        if i == 0:
            ccw_x, ccw_y = x[0] + new_ox, y[0] + new_oy
            cw_x, cw_y = x[0] - new_ox, y[0] - new_oy
        else:
            clockwise = _compare(dx, dy, new_dx, new_dy) < 0
            to_ccw_x, to_ccw_y = x[i] + new_ox, y[i] + new_oy
            to_cw_x, to_cw_y = x[i] - new_ox, y[i] - new_oy
            if to_ccw_x != ccw_x or to_ccw_y != ccw_y:
                start, stop = _fan(pen, dx, dy, new_dx, new_dy, clockwise)
                while start != stop:
                    px, py = x[i] + pen[start, 0], y[i] + pen[start, 1]
                    if clockwise:
                        m = _edge(right, m, cw_x, cw_y, px, py, -1)
                        cw_x, cw_y = px, py
                        start += 1
                        if start == number:
                            start = 0
                    else:
                        n = _edge(edges, n, ccw_x, ccw_y, px, py, 1)
                        ccw_x, ccw_y = px, py
                        start = number - 1 if start == 0 else start - 1
            if clockwise:
                m = _edge(right, m, cw_x, cw_y, to_cw_x, to_cw_y, -1)
                n = _edge(edges, n, ccw_x, ccw_y, x[i], y[i], 1)
                n = _edge(edges, n, x[i], y[i], to_ccw_x, to_ccw_y, 1)
            else:
                n = _edge(edges, n, ccw_x, ccw_y, to_ccw_x, to_ccw_y, 1)
                m = _edge(right, m, cw_x, cw_y, x[i], y[i], -1)
                m = _edge(right, m, x[i], y[i], to_cw_x, to_cw_y, -1)
            ccw_x, ccw_y, cw_x, cw_y = to_ccw_x, to_ccw_y, to_cw_x, to_cw_y
        n = _edge(edges, n, ccw_x, ccw_y, ccw_x + new_dx, ccw_y + new_dy, 1)
        m = _edge(right, m, cw_x, cw_y, cw_x + new_dx, cw_y + new_dy, -1)
        ccw_x, ccw_y = ccw_x + new_dx, ccw_y + new_dy
        cw_x, cw_y = cw_x + new_dx, cw_y + new_dy
        dx, dy = new_dx, new_dy

    end = points - 1
    start, stop = _fan(pen, dx, dy, -dx, -dy, False)
    while start != stop:
        px, py = x[end] + pen[start, 0], y[end] + pen[start, 1]
        n = _edge(edges, n, ccw_x, ccw_y, px, py, 1)
        ccw_x, ccw_y = px, py
        start = number - 1 if start == 0 else start - 1
    n = _edge(edges, n, ccw_x, ccw_y, cw_x, cw_y, 1)

    ccw_x, ccw_y = x[0] - first_ox, y[0] - first_oy
    start, stop = _fan(pen, -first_dx, -first_dy, first_dx, first_dy, False)
    while start != stop:
        px, py = x[0] + pen[start, 0], y[0] + pen[start, 1]
        n = _edge(edges, n, ccw_x, ccw_y, px, py, 1)
        ccw_x, ccw_y = px, py
        start = number - 1 if start == 0 else start - 1
    n = _edge(edges, n, ccw_x, ccw_y, x[0] + first_ox, y[0] + first_oy, 1)
    for k in range(7):
        for e in range(m):
            edges[k, n + e] = right[k, e]
    return n + m
