"""From the edges of an outline to coverage, blended into the bitmap.

A pixel row is covered in one of two ways, and which one is part of what is to be reproduced. Where
no edge starts or ends inside the row and none crosses another, the area is exact, trapezoid by
trapezoid. Elsewhere fifteen sample rows are taken, with x rounded to 1/256 pixel. Coverage is
summed as differences along the row, so that a stretch costs two cells however long it is.
"""

import math

import numpy as np

from quickdraw_kit.kernels import kernel

__all__ = ["cover"]

_NONE = np.uint32(0xFFFFFFFF)
_FAR = np.int64(1 << 40)


@kernel
def cover(edges, n, image, area, base, step, following, starting, order, xs, spare_order, spare_xs):
    """Blend the region inside the edges into the image."""
    tops, bottoms, directions = edges[1], edges[3], edges[4]
    side = image.shape[0]
    limit = np.int64(side * 256)
    lines = np.int64(side * 15)
    lowest = lines
    highest = np.int64(0)
    for e in range(n):
        lowest = min(lowest, tops[e])
        highest = max(highest, bottoms[e])
    lowest = max(lowest, 0)
    highest = min(highest, lines)
    for line in range(lowest, highest):
        starting[line] = _NONE
    for e in range(n - 1, -1, -1):
        if bottoms[e] <= 0 or tops[e] >= lines:
            continue
        dx, dy = edges[2, e], edges[6, e]
        # The crossing is floor(base + step * line): the numerator is an integer and the half added
        # to it keeps the quotient further from a whole number than rounding can move it.
        reciprocal = 1.0 / np.float64(30 * dy)
        base[e] = (
            edges[0, e] + (np.float64((256 - 30 * edges[5, e]) * dx + 15 * dy) + 0.5) * reciprocal
        )
        step[e] = np.float64(512 * dx) * reciprocal
        line = max(tops[e], 0)
        following[e] = starting[line]
        starting[line] = e
    active = np.int64(0)
    first_end = _FAR  # where the next of the active edges ends
    for row in range(lowest // 15, (highest + 14) // 15):
        first = np.int64(row * 15)
        left, right = limit, np.int64(0)
        full = True
        for line in range(max(first + 1, lowest), min(first + 15, highest)):
            if starting[line] != _NONE:
                full = False
                break
        for line in range(max(first, lowest), min(first + 15, highest)):
            e = starting[line]
            if e != _NONE:
                fresh = np.int64(0)
                while e != _NONE:
                    place = order.size - 1 - fresh  # the far end of the arrays is free
                    order[place] = e
                    xs[place] = np.int64(math.floor(base[e] + step[e] * line))
                    fresh += 1
                    first_end = min(first_end, bottoms[e])
                    e = following[e]
                active = _enter(order, xs, active, fresh, spare_order, spare_xs)
            if active == 0:
                continue
            if full and line == first:
                full = first_end >= first + 15
                previous = -_FAR
                for k in range(active):
                    e = order[k]
                    end = np.int64(math.floor(base[e] + step[e] * (first + 15)))
                    if end < previous:
                        full = False
                        break
                    previous = end
                if full:
                    winding = np.int64(0)
                    inside = False
                    kept = np.int64(0)
                    first_end = _FAR
                    for k in range(active):
                        e = order[k]
                        if not inside:
                            _trapezoid(area, edges, e, first, 1, side)
                            inside = True
                        winding += directions[e]
                        # stretches that touch where the row begins are filled as one, as by cairo
                        if winding == 0 and (k + 1 == active or xs[k + 1] != xs[k]):
                            _trapezoid(area, edges, e, first, -1, side)
                            inside = False
                        end = np.int64(math.floor(base[e] + step[e] * (first + 15)))
                        # the sample rows lie inside the pixel row
                        reach = np.int64(abs(step[e])) + 256
                        left = min(left, min(xs[k], end) - reach)
                        right = max(right, max(xs[k], end) + reach)
                        if bottoms[e] > first + 15:
                            order[kept] = e
                            xs[kept] = end
                            kept += 1
                            first_end = min(first_end, bottoms[e])
                    active = kept
                    break
            left = min(left, xs[0])
            right = max(right, xs[active - 1])
            winding = np.int64(0)
            for k in range(active):
                x = min(max(xs[k], 0), limit)
                outside = winding == 0
                winding += directions[order[k]]
                weight = np.int64(outside) - np.int64(winding == 0)
                cell = x >> 8
                part = ((x & 255) << 1) * weight
                area[cell] += 512 * weight - part
                area[cell + 1] += part
            below = line + 1
            if first_end > below:
                ordered = True
                previous = -_FAR
                for k in range(active):
                    e = order[k]
                    x = np.int64(math.floor(base[e] + step[e] * below))
                    ordered &= x >= previous
                    previous = x
                    xs[k] = x
                if not ordered:
                    _sort(xs, order, active)
            else:
                kept = np.int64(0)
                first_end = _FAR
                for k in range(active):
                    e = order[k]
                    if bottoms[e] > below:
                        x = np.int64(math.floor(base[e] + step[e] * below))
                        j = kept
                        while j > 0 and xs[j - 1] > x:
                            xs[j] = xs[j - 1]
                            order[j] = order[j - 1]
                            j -= 1
                        xs[j] = x
                        order[j] = e
                        kept += 1
                        first_end = min(first_end, bottoms[e])
                active = kept
        if left <= right:
            _blend(image[row], area, max(left >> 8, 0), min((right >> 8) + 1, side))


@kernel
def _enter(order, xs, active, fresh, spare_order, spare_xs):
    """Merge edges that start, which stand backwards at the end, into those that are crossed.

    The order of edges at the same place decides later how a row is covered, so the edges are merged
    as cairo merges them: run by run, each run taking what is not to the right of the other's head.
    """
    end = order.size
    tied = False
    for f in range(1, fresh + 1):
        x = xs[end - f]
        for k in range(active):
            tied |= xs[k] == x
        if fresh > 2:
            for other in range(f + 1, fresh + 1):
                tied |= xs[end - other] == x
    if fresh == 1 or not tied:
        for f in range(1, fresh + 1):
            x, e = xs[end - f], order[end - f]
            k = active
            while k > 0 and xs[k - 1] > x:
                xs[k] = xs[k - 1]
                order[k] = order[k - 1]
                k -= 1
            xs[k] = x
            order[k] = e
            active += 1
        return active
    new_order, new_xs = spare_order[:fresh], spare_xs[:fresh]
    for k in range(fresh):
        new_order[k], new_xs[k] = order[end - 1 - k], xs[end - 1 - k]
    work_order, work_xs = spare_order[fresh:], spare_xs[fresh:]
    _sort_fresh(new_order, new_xs, work_order, work_xs)
    if active == 0:
        order[:fresh] = new_order
        xs[:fresh] = new_xs
        return fresh
    _merge(order[:active], xs[:active], new_order, new_xs, work_order, work_xs)
    total = active + fresh
    order[:total] = work_order[:total]
    xs[:total] = work_xs[:total]
    return total


@kernel
def _sort_fresh(order, xs, work_order, work_xs):
    """Sort by x as cairo does: a pair, then merged with the next 2, 4, 8, ... edges."""
    n = order.size
    for k in range(0, n - 1, 2):
        if xs[k] > xs[k + 1]:
            xs[k], xs[k + 1] = xs[k + 1], xs[k]
            order[k], order[k + 1] = order[k + 1], order[k]
    size = 2
    while size < n:
        for start in range(0, n - size, 2 * size):
            middle, stop = start + size, min(start + 2 * size, n)
            _merge(
                order[start:middle], xs[start:middle], order[middle:stop], xs[middle:stop],
                work_order, work_xs,
            )  # fmt: skip
            order[start:stop] = work_order[: stop - start]
            xs[start:stop] = work_xs[: stop - start]
        size *= 2


@kernel
def _merge(a_order, a_xs, b_order, b_xs, out_order, out_xs):
    """Merge two sorted lists; of equal edges the run that is under way goes first."""
    a, b, n = 0, 0, 0
    from_a = a_xs[0] <= b_xs[0]
    while a < a_xs.size and b < b_xs.size:
        if from_a:
            while a < a_xs.size and a_xs[a] <= b_xs[b]:
                out_order[n], out_xs[n] = a_order[a], a_xs[a]
                a += 1
                n += 1
        else:
            while b < b_xs.size and b_xs[b] <= a_xs[a]:
                out_order[n], out_xs[n] = b_order[b], b_xs[b]
                b += 1
                n += 1
        from_a = not from_a
    while a < a_xs.size:
        out_order[n], out_xs[n] = a_order[a], a_xs[a]
        a += 1
        n += 1
    while b < b_xs.size:
        out_order[n], out_xs[n] = b_order[b], b_xs[b]
        b += 1
        n += 1


@kernel
def _sort(xs, order, active):
    """Sort by x; equal ones keep their order."""
    for k in range(1, active):
        x, e = xs[k], order[k]
        j = k
        while j > 0 and xs[j - 1] > x:
            xs[j] = xs[j - 1]
            order[j] = order[j - 1]
            j -= 1
        xs[j] = x
        order[j] = e


@kernel
def _half(value):
    return -((-value) >> 1) if value < 0 else value >> 1


@kernel
def _trapezoid(area, edges, e, first, sign, side):
    """Add all that lies right of an edge through a whole pixel row; area holds differences."""
    dx, dy = edges[2, e], edges[6, e]
    whole = 30 * dy
    if dx == 0:
        q1 = q2 = edges[0, e]
        r1 = r2 = np.int64(0)
    else:
        steep = dx * 256
        quotient = abs(steep) // (15 * dy)
        if steep < 0:
            quotient = -quotient
        half_q, half_r = _half(quotient), steep - quotient * 15 * dy
        n1 = ((2 * first + 1) * 256 - 30 * edges[5, e]) * dx
        n2 = ((2 * first + 31) * 256 - 30 * edges[5, e]) * dx
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
        q1 += edges[0, e]
        q2 += edges[0, e]
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
def _cell(area, i, height, uncovered, side):
    if i >= side:
        return
    if i < 0:
        area[0] += height * 512
        return
    area[i] += height * 512 - uncovered
    area[i + 1] += uncovered


@kernel
def _blend(pixels, area, left, right):
    """Blend a row of coverage into the pixels, and clear it."""
    total = np.int64(0)
    for i in range(left, right):
        total += area[i]
        area[i] = 0
        if total:
            a = (17 * total + 256) >> 9
            t = np.int64(pixels[i]) * (255 - a) + 127
            pixels[i] = a + ((t + (t >> 8)) >> 8)
    area[right] = 0
    area[right + 1] = 0
