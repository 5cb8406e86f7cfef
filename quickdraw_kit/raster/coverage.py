"""From the edges of an outline to coverage, blended into the bitmap."""

import numpy as np

from quickdraw_kit.kernels import kernel

__all__ = ["cover"]


@kernel
def cover(edges, n, image, area, order, xs, ends):  # type: ignore[no-untyped-def]
    """Blend the region inside the edges into the image."""
    side = image.shape[0]
    limit = side * 256
    top, bottom = edges[0, 1], edges[0, 3]
    for i in range(1, n):
        top = min(top, edges[i, 1])
        bottom = max(bottom, edges[i, 3])
    active = 0
    for row in range(max(top // 15, 0), min((bottom + 14) // 15, side)):
        first = row * 15
        starts = False
        for i in range(n):
            if edges[i, 1] == first:
                active = _enter(edges, i, order, xs, active)
            elif first < edges[i, 1] < first + 15:
                starts = True
        full = not starts and active > 0
        if full:
            for k in range(active):
                if edges[order[k], 3] < first + 15:
                    full = False
        if full:
            previous = np.int64(-(1 << 40))
            for k in range(active):
                e = order[k]
                end = _cross(edges, e, first + 15)
                if end < previous:
                    full = False
                previous = end
                ends[k] = end
        area[:] = 0
        if full:
            winding = 0
            for k in range(active):
                e = order[k]
                if winding == 0:
                    _trapezoid(area, edges, e, first, 1, side)
                winding += edges[e, 4]
                if winding == 0:
                    _trapezoid(area, edges, e, first, -1, side)
                xs[k] = ends[k]
            kept = 0
            for k in range(active):
                if edges[order[k], 3] > first + 15:
                    order[kept] = order[k]
                    xs[kept] = xs[k]
                    kept += 1
            active = kept
        else:
            for line in range(first, first + 15):
                if starts:
                    for i in range(n):
                        if edges[i, 1] == line and line > first:
                            active = _enter(edges, i, order, xs, active)
                winding = 0
                begin = np.int64(0)
                for k in range(active):
                    if winding == 0:
                        begin = xs[k]
                    winding += edges[order[k], 4]
                    if winding == 0 and xs[k] > begin:
                        _span(area, max(begin, 0), min(xs[k], limit))
                kept = 0
                for k in range(active):
                    e = order[k]
                    if edges[e, 3] > line + 1:
                        moved = _cross(edges, e, line + 1)
                        j = kept
                        while j > 0 and xs[j - 1] > moved:
                            xs[j] = xs[j - 1]
                            order[j] = order[j - 1]
                            j -= 1
                        xs[j] = moved
                        order[j] = e
                        kept += 1
                active = kept
        _blend(image[row], area)


@kernel
def _span(area, begin, end):  # type: ignore[no-untyped-def]
    """Add a stretch of a sample row; area holds differences."""
    if end <= begin:
        return
    a, b = begin >> 8, end >> 8
    fa, fb = begin & 255, end & 255
    area[a] += 512 - 2 * fa
    area[a + 1] += 2 * fa
    area[b] -= 512 - 2 * fb
    area[b + 1] -= 2 * fb


@kernel
def _cross(edges, e, line):  # type: ignore[no-untyped-def]
    """Where an edge crosses the middle of a sample row, rounded."""
    dx, dy = edges[e, 2], edges[e, 6]
    return edges[e, 0] + (((2 * line + 1) * 256 - 30 * edges[e, 5]) * dx + 15 * dy) // (30 * dy)


@kernel
def _enter(edges, e, order, xs, active):  # type: ignore[no-untyped-def]
    """Put an edge into the list of those that are crossed, by x; return how many there are."""
    x = _cross(edges, e, edges[e, 1])
    k = active
    while k > 0 and xs[k - 1] > x:
        xs[k] = xs[k - 1]
        order[k] = order[k - 1]
        k -= 1
    xs[k] = x
    order[k] = e
    return active + 1


@kernel
def _half(value):  # type: ignore[no-untyped-def]
    return -((-value) >> 1) if value < 0 else value >> 1


@kernel
def _trapezoid(area, edges, e, first, sign, side):  # type: ignore[no-untyped-def]
    """Add all that lies right of an edge through a whole pixel row; area holds differences."""
    dx, dy = edges[e, 2], edges[e, 6]
    whole = 30 * dy
    if dx == 0:
        q1 = q2 = edges[e, 0]
        r1 = r2 = np.int64(0)
    else:
        steep = dx * 256
        quotient = abs(steep) // (15 * dy)
        if steep < 0:
            quotient = -quotient
        half_q, half_r = _half(quotient), steep - quotient * 15 * dy
        n1 = ((2 * first + 1) * 256 - 30 * edges[e, 5]) * dx
        n2 = ((2 * first + 31) * 256 - 30 * edges[e, 5]) * dx
        q1, r1 = n1 // whole - half_q, n1 % whole - half_r
        q2, r2 = n2 // whole - half_q, n2 % whole - half_r
        if r1 < 0:
            q1, r1 = q1 - 1, r1 + whole
        elif r1 >= whole:
            q1, r1 = q1 + 1, r1 - whole
        if r2 < 0:
            q2, r2 = q2 - 1, r2 + whole
        elif r2 >= whole:
            q2, r2 = q2 + 1, r2 - whole
        q1 += edges[e, 0]
        q2 += edges[e, 0]
    i1, i2 = q1 >> 8, q2 >> 8
    f1, f2 = q1 & 255, q2 & 255
    if i1 == i2:
        _cell(area, i1, sign * 15, sign * (f1 + f2) * 15, side)
        return
    if i2 < i1:
        i1, i2, f1, f2, q1, q2, r1, r2 = i2, i1, f2, f1, q2, q1, r2, r1
    run = (q2 - q1) * whole + (r2 - r1)
    reach = ((i1 + 1) * 256 * whole - (q1 * whole + r1)) * 15
    quo, rem = reach // run, reach % run
    _cell(area, i1, sign * quo, sign * quo * (256 + f1), side)
    last = quo
    if i1 + 1 < i2:
        full_quo, full_rem = (15 * 256 * whole) // run, (15 * 256 * whole) % run
        i1 += 1
        while i1 != i2:
            quo += full_quo
            rem += full_rem
            if rem >= run:
                quo += 1
                rem -= run
            _cell(area, i1, sign * (quo - last), sign * (quo - last) * 256, side)
            last = quo
            i1 += 1
    _cell(area, i2, sign * (15 - last), sign * (15 - last) * f2, side)


@kernel
def _cell(area, i, height, uncovered, side):  # type: ignore[no-untyped-def]
    if i >= side:
        return
    if i < 0:
        area[0] += height * 512
        return
    area[i] += height * 512 - uncovered
    area[i + 1] += uncovered


@kernel
def _blend(pixels, area):  # type: ignore[no-untyped-def]
    total = np.int64(0)
    for i in range(pixels.size):
        total += area[i]
        if total:
            a = (17 * total + 256) >> 9
            t = np.int64(pixels[i]) * (255 - a) + 127
            pixels[i] = a + ((t + (t >> 8)) >> 8)
