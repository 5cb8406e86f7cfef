"""The categories that the generator draws, one function per category.

Each function draws its category in several of the ways in which people do. Some parts are left out
in some of the drawings, and all proportions are random. Coordinates are about -1 to 1, y downward.
The order of the calls to the generator of random numbers is part of the result: do not change it.
"""

from collections.abc import Callable

import numpy as np

from quickdraw_kit.synthetic.sketch import Number, Point, Sketch, cosine, ellipse, sine


def _circle(s: Sketch) -> None:
    s.loop(0, 0, 1, s.rng.uniform(0.8, 1.2))


def _clock(s: Sketch) -> None:
    s.loop(0, 0, 1, s.rng.uniform(0.9, 1.1))
    short, long = s.rng.uniform(0, 1), s.rng.uniform(0, 1)
    joined = s.rng.chance(0.5)  # both hands in one stroke
    # Both variants are added to every drawing, and `shown` hides one of them: all drawings must
    # take as many random numbers, whatever they show.
    s.line(_polar(0.45, short), (0, 0), _polar(0.75, long), shown=joined)
    s.line((0, 0), _polar(0.45, short), shown=~joined)
    s.line((0, 0), _polar(0.75, long), shown=~joined)
    marks = s.rng.integers(0, 2)  # none, 4 or 12
    for hour in range(12):
        shown = (marks == 2) | ((marks == 1) & (hour % 3 == 0))
        s.line(_polar(0.8, hour / 12), _polar(0.92, hour / 12), shown=shown)


def _cloud(s: Sketch) -> None:
    bumps, height = s.rng.integers(5, 9), s.rng.uniform(0.5, 0.7)
    start, depth = s.rng.uniform(0, 1), s.rng.uniform(0.3, 0.5)
    points: list[Point] = []
    for bump in range(9):  # the most; `count` ends the stroke after those of a drawing
        a, b = start + bump / bumps, start + (bump + 1) / bumps
        wide = s.rng.uniform(0.7, 1.2) * depth
        for step in range(min(bump, 1), 6):
            t = step / 5
            out = 1 + wide * 4 * t * (1 - t)
            x = cosine(a) * (1 - t) + cosine(b) * t
            y = sine(a) * (1 - t) + sine(b) * t
            points.append((x * out, y * out * height))
    s.line(*points, count=1 + 5 * bumps)


def _diamond(s: Sketch) -> None:
    # either the suit of cards or a cut gem
    wide, gem = s.rng.uniform(0.6, 0.9), s.rng.chance(0.4)
    s.polygon((0, -1), (wide, 0), (0, 1), (-wide, 0), shown=~gem, lifts=0.3)
    top, waist = s.rng.uniform(0.4, 0.7), s.rng.uniform(-0.4, -0.1)
    s.polygon((-top, -0.8), (top, -0.8), (1, waist), (0, 1), (-1, waist), shown=gem, lifts=0.3)
    s.line((-1, waist), (1, waist), shown=gem)
    cut = gem & s.rng.chance(0.6)
    s.line((-0.35, waist), (0, 1), (0.35, waist), shown=cut)
    s.line((-0.35, waist), (0, -0.8), (0.35, waist), shown=cut & s.rng.chance(0.6))


def _donut(s: Sketch) -> None:
    flat = s.rng.uniform(0.75, 1.1)
    hole = s.rng.uniform(0.2, 0.45)
    s.loop(0, 0, 1, flat)
    s.loop(s.rng.normal(0.05), s.rng.normal(0.05), hole, hole * flat)
    has_sprinkles = s.rng.chance(0.4)
    for sprinkle in range(7):
        angle = sprinkle / 7 + s.rng.uniform(-0.05, 0.05)
        x, y = _polar(s.rng.uniform(0.6, 0.8), angle)
        dx, dy = _polar(0.08, s.rng.uniform(0, 1))
        s.line((x - dx, y * flat - dy), (x + dx, y * flat + dy), shown=has_sprinkles)


def _envelope(s: Sketch) -> None:
    high = s.rng.uniform(0.5, 0.75)
    s.polygon((-1, -high), (1, -high), (1, high), (-1, high), lifts=0.4)
    tip = s.rng.uniform(-0.1, 0.35) * high
    s.line((-1, -high), (0, tip), (1, -high), lifts=0.3)
    crossed = s.rng.chance(0.3)
    s.line((-1, high), (-0.25, tip - 0.15), shown=crossed)
    s.line((1, high), (0.25, tip - 0.15), shown=crossed)


def _eye(s: Sketch) -> None:
    high = s.rng.uniform(0.4, 0.65)
    joined = s.rng.chance(0.5)
    upper, lower = _half(1, high, 0.5), _half(1, high * s.rng.uniform(0.7, 1.1), 0.0)
    s.line(*upper, *lower[1:], shown=joined)
    s.line(*upper, shown=~joined)
    s.line(*lower, shown=~joined)
    iris = high * s.rng.uniform(0.5, 0.85)
    s.loop(0, 0, iris, iris)
    s.loop(0, 0, iris * 0.4, iris * 0.4, shown=s.rng.chance(0.6))
    lashes, reach = s.rng.chance(0.4), s.rng.uniform(1.2, 1.5)
    for angle in (0.57, 0.63, 0.69, 0.75, 0.81, 0.87, 0.93):
        x, y = cosine(angle), sine(angle) * high
        s.line((x, y), (x * reach, y * reach - 0.1), shown=lashes)


def _fish(s: Sketch) -> None:
    s.flip(0.35)
    high, back = s.rng.uniform(0.3, 0.5), s.rng.uniform(0.04, 0.08)
    body = ellipse(-0.25, 0, 0.75, high, back, 1 - 2 * back)
    tail = s.rng.uniform(0.3, 0.5)
    joined = s.rng.chance(0.55)  # body and tail in one stroke
    s.line((1, tail), *body[::-1], (1, -tail), (0.9, 0), (1, tail), shown=joined)
    s.loop(-0.25, 0, 0.75, high, shown=~joined)
    s.polygon((0.5, 0), (1, -tail), (1, tail), shown=~joined)
    s.dot(-0.7, -0.08, shown=s.rng.chance(0.9))
    s.line((-0.98, 0.1), (-0.8, 0.14), (-0.72, 0.1), shown=s.rng.chance(0.4))
    s.line((-0.4, -high), (-0.2, -high - 0.25), (0.1, -high + 0.05), shown=s.rng.chance(0.35))
    s.line((-0.45, -high * 0.7), (-0.35, 0), (-0.45, high * 0.7), shown=s.rng.chance(0.3))


def _flower(s: Sketch) -> None:
    center = s.rng.uniform(0.2, 0.35)
    petals, start = s.rng.integers(4, 8), s.rng.uniform(0, 1)
    s.loop(0, 0, center, center)
    # the most; those above the number of a drawing are hidden
    for petal in range(8):
        middle, reach = start + petal / petals, s.rng.uniform(0.85, 1.1)
        points: list[Point] = []
        for step in range(9):
            t = step / 8
            out = center + (reach - center) * (1 - (2 * t - 1) * (2 * t - 1))
            points.append(_polar(out, middle + (t - 0.5) * 0.9 / petals))
        s.line(*points, shown=petal < petals)
    stem, sway = s.rng.chance(0.75), s.rng.normal(0.1)
    s.line((0, 1), (sway, 1.7), (0, 2.4), shown=stem)
    s.line(*_leaf(sway, 1.8, 0.7), shown=stem & s.rng.chance(0.5))
    s.line(*_leaf(sway, 1.8, -0.7), shown=stem & s.rng.chance(0.5))


def _hourglass(s: Sketch) -> None:
    wide = s.rng.uniform(0.55, 0.8)
    s.polygon((-wide, -1), (wide, -1), (-wide, 1), (wide, 1), lifts=0.3)
    framed = s.rng.chance(0.35)
    s.line((-wide - 0.2, -1.08), (wide + 0.2, -1.08), shown=framed)
    s.line((-wide - 0.2, 1.08), (wide + 0.2, 1.08), shown=framed)
    sand = s.rng.chance(0.4)
    s.line((-0.5 * wide, -0.5), (0.5 * wide, -0.5), shown=sand)
    s.line((-0.6 * wide, 0.95), (0, 0.6), (0.6 * wide, 0.95), shown=sand)


def _house(s: Sketch) -> None:
    wide, eaves, peak = s.rng.uniform(0.7, 1), s.rng.uniform(0, 0.25), s.rng.uniform(-1, -0.7)
    s.polygon((-wide, -0.2), (wide, -0.2), (wide, 1), (-wide, 1), lifts=0.3)
    s.line((-wide - eaves, -0.2), (0, peak), (wide + eaves, -0.2), lifts=0.25)
    left, top = s.rng.uniform(-0.5, 0.1), s.rng.uniform(0.3, 0.5)
    s.line((left, 1), (left, top), (left + 0.35, top), (left + 0.35, 1))
    s.dot(left + 0.28, 0.75, shown=s.rng.chance(0.3))
    for side, share in ((-0.65, 0.3), (0.4, 0.6)):
        shown = s.rng.chance(share)
        s.polygon((side, 0), (side + 0.3, 0), (side + 0.3, 0.25), (side, 0.25), shown=shown)
        paned = shown & s.rng.chance(0.4)
        s.line((side + 0.15, 0), (side + 0.15, 0.25), shown=paned)
        s.line((side, 0.125), (side + 0.3, 0.125), shown=paned)
    s.line((0.35, -0.6), (0.35, -0.95), (0.55, -0.95), (0.55, -0.4), shown=s.rng.chance(0.35))


def _ice_cream(s: Sketch) -> None:
    wide, tip = s.rng.uniform(0.5, 0.65), s.rng.uniform(1.2, 1.6)
    s.line((-wide, 0), (0, tip), (wide, 0), lifts=0.3)
    s.line((-wide, 0), (wide, 0), shown=s.rng.chance(0.6))
    s.line(*_half(wide, s.rng.uniform(0.5, 0.7), 0.5))
    double = s.rng.chance(0.35)
    s.line(*ellipse(0, -0.8, wide * 0.8, 0.45, 0.4, 0.7), shown=double)
    waffle = s.rng.chance(0.4)
    for step in (0.3, 0.6):
        s.line((-wide * (1 - step), tip * step), (wide * (0.7 - step / 2), 0.1), shown=waffle)
        s.line((wide * (1 - step), tip * step), (-wide * (0.7 - step / 2), 0.1), shown=waffle)


def _ladder(s: Sketch) -> None:
    wide, lean = s.rng.uniform(0.25, 0.45), s.rng.normal(0.15)
    s.line((lean - wide, -1), (-wide - lean, 1))
    s.line((lean + wide, -1), (wide - lean, 1))
    rungs = s.rng.integers(4, 8)
    # the most, as for petals
    for rung in range(8):
        y = -1 + 2 * (rung + 0.5) / rungs
        s.line((-wide - lean * y, y), (wide - lean * y, y), shown=rung < rungs)


def _lightning(s: Sketch) -> None:
    s.flip(0.3)
    # either a closed bolt or a zigzag line
    bolt, kink = s.rng.chance(0.65), s.rng.uniform(-0.15, 0.15)
    s.polygon(
        (0.1, -1), (-0.5, 0.1 + kink), (-0.05, 0.05 + kink), (-0.35, 1),
        (0.5, -0.2 + kink), (0.1, -0.15 + kink), (0.55, -1),
        shown=bolt, lifts=0.1,
    )  # fmt: skip
    s.line((0.3, -1), (-0.35, 0.05 + kink), (0.3, -0.1 + kink), (-0.3, 1), shown=~bolt)


def _line(s: Sketch) -> None:
    slant = s.rng.uniform(-0.6, 0.6)
    s.line((-1, -slant), (1, slant))


def _moon(s: Sketch) -> None:
    s.flip(0.5)
    belly, joined = s.rng.uniform(0.15, 0.55), s.rng.chance(0.6)
    outer = ellipse(0, 0, 0.9, 1, 0.25, 0.5, points=10)
    # backward from where the outer arc ends
    inner = ellipse(0, 0, belly, 1, 0.75, -0.5, points=10)
    s.line(*outer, *inner[1:], shown=joined)
    s.line(*outer, shown=~joined)
    s.line(*inner, shown=~joined)


def _sailboat(s: Sketch) -> None:
    s.flip(0.4)
    keel = s.rng.uniform(0.4, 0.75)
    s.polygon((-1, 0.4), (1, 0.4), (keel, 0.9), (-keel, 0.9), lifts=0.2)
    s.line((0, 0.4), (0, -1))
    s.line((0, -1), (s.rng.uniform(0.6, 0.95), 0.2), (0, 0.2), lifts=0.2)
    s.line((0, -0.8), (-0.6, 0.2), (0, 0.2), shown=s.rng.chance(0.4))
    sea = [(-1.2 + 0.3 * step, 1.0 + 0.08 * (step % 2)) for step in range(9)]
    s.line(*sea, shown=s.rng.chance(0.25))


def _smiley_face(s: Sketch) -> None:
    s.loop(0, 0, 1, s.rng.uniform(0.9, 1.1))
    apart, up = s.rng.uniform(0.3, 0.45), s.rng.uniform(-0.45, -0.2)
    s.dot(-apart, up)
    s.dot(apart, up)
    wide, deep = s.rng.uniform(0.4, 0.65), s.rng.uniform(0.25, 0.45)
    s.line(*ellipse(0, 0.2, wide, deep, 0.5, -0.5, points=10))
    s.line((-wide, 0.2), (wide, 0.2), shown=s.rng.chance(0.15))
    s.line((0, -0.1), (-0.08, 0.1), (0.04, 0.1), shown=s.rng.chance(0.15))


def _snowman(s: Sketch) -> None:
    three = s.rng.chance(0.55)  # balls; otherwise two, with a middle one of size 0
    low, high = s.rng.uniform(0.6, 0.75), s.rng.uniform(0.3, 0.4)
    middle = np.where(three, s.rng.uniform(0.4, 0.55), 0)
    s.loop(0, 1 - low, low * 1.1, low)
    s.loop(0, 1 - 2 * low - middle, middle, middle, shown=three)
    neck = 1 - 2 * low - 2 * middle
    s.loop(0, neck - high, high, high)
    face = s.rng.chance(0.8)
    s.dot(-high * 0.4, neck - high * 1.2, shown=face)
    s.dot(high * 0.4, neck - high * 1.2, shown=face)
    s.line((0, neck - high), (high * 0.8, neck - high * 0.8), shown=face & s.rng.chance(0.5))
    s.line(*ellipse(0, neck - 0.8 * high, high / 2, high / 3, 0.45, -0.4, points=7), shown=face)
    armed = three & s.rng.chance(0.6)
    arm = 1 - 2 * low - middle
    s.line((-middle, arm), (-1, arm - s.rng.uniform(-0.1, 0.4)), shown=armed)
    s.line((middle, arm), (1, arm - s.rng.uniform(-0.1, 0.4)), shown=armed)
    s.dot(0, 1 - 1.4 * low, shown=s.rng.chance(0.5))


def _square(s: Sketch) -> None:
    wide = s.rng.uniform(0.85, 1.15)
    s.polygon((-wide, -1), (wide, -1), (wide, 1), (-wide, 1), lifts=0.25)


def _stairs(s: Sketch) -> None:
    s.flip(0.35)
    steps = s.rng.integers(3, 6)
    points: list[Point] = [(-1, 1)]
    # the most; `count` ends the line after those of a drawing
    for step in range(6):
        x, y = -1 + 2 * step / steps, 1 - 2 * (step + 1) / steps
        points += [(x, y), (x + 2 / steps, y)]
    s.line(*points, count=1 + 2 * steps)
    s.line((1, -1), (1, 1), (-1, 1), shown=s.rng.chance(0.3))


def _star(s: Sketch) -> None:
    # either a pentagram in one line or the contour
    one_line = s.rng.chance(0.6)
    # the first tip points up, at -0.25 turns
    tips = [_polar(1, -0.25 + tip / 5) for tip in range(5)]
    # from each tip to the next but one, so that the line crosses itself
    s.polygon(*(tips[2 * step % 5] for step in range(5)), shown=one_line)
    dent = s.rng.uniform(0.35, 0.5)
    dents = [_polar(dent, -0.15 + tip / 5) for tip in range(5)]
    corners = [point for pair in zip(tips, dents, strict=True) for point in pair]
    s.polygon(*corners, shown=~one_line)


def _sun(s: Sketch) -> None:
    size, gap = s.rng.uniform(0.4, 0.55), s.rng.uniform(0, 0.15)
    s.loop(0, 0, size, size)
    rays, start = s.rng.integers(6, 13), s.rng.uniform(0, 1)
    # the most, as for petals
    for ray in range(13):
        angle = start + ray / rays + s.rng.normal(0.006)
        end = _polar(s.rng.uniform(0.85, 1.1), angle)
        s.line(_polar(size + gap, angle), end, shown=ray < rays)
    smiling = s.rng.chance(0.2)
    s.dot(-0.16, -0.1, shown=smiling)
    s.dot(0.16, -0.1, shown=smiling)
    s.line(*ellipse(0, 0.05, 0.22, 0.18, 0.5, -0.5, points=7), shown=smiling)


def _tree(s: Sketch) -> None:
    # either a conifer or a round crown, on a trunk
    pine, wide = s.rng.chance(0.35), s.rng.uniform(0.12, 0.25)
    s.line((-wide, 0.2), (-wide, 1), (wide, 1), (wide, 0.2), lifts=0.3)
    s.polygon((-0.75, 0.2), (0, -1), (0.75, 0.2), shown=pine & s.rng.chance(0.4))
    left = [(-0.7, 0.2), (-0.25, -0.2), (-0.5, -0.2), (-0.15, -0.6), (-0.3, -0.6), (0, -1)]
    s.line(*left, *((-x, y) for x, y in left[-2::-1]), shown=pine)
    bumps, start = s.rng.integers(5, 8), s.rng.uniform(0, 1)
    crown: list[Point] = []
    for step in range(41):
        turn = step / 40
        out = 0.65 * (1 + 0.16 * np.abs(sine(turn * bumps / 2)))
        x, y = _polar(out, start + turn)
        crown.append((x, 0.9 * y - 0.35))
    s.line(*crown, shown=~pine)


def _triangle(s: Sketch) -> None:
    tip = s.rng.normal(0.25)
    s.polygon((tip, -0.9), (1, 0.8), (-1, 0.8), lifts=0.2)


def _umbrella(s: Sketch) -> None:
    high, ribs = s.rng.uniform(0.7, 1), s.rng.integers(2, 5)
    s.line(*_half(1, high, 0.5))
    # 4 steps per rib, and at most 5 ribs
    edge: list[Point] = [(-1 + step / 2 / ribs, -0.15 * float(step % 4 > 0)) for step in range(21)]
    s.line(*edge, count=1 + 4 * ribs)
    hook = s.rng.uniform(0.12, 0.22)
    handle = ellipse(-hook, 1, hook, hook, 0, 0.5, points=7)
    s.line((0, -0.1), *handle)


def _zigzag(s: Sketch) -> None:
    corners, high = s.rng.integers(5, 11), s.rng.uniform(0.3, 0.7)
    side = np.where(s.rng.chance(0.5), 1.0, -1.0) * high
    # 11 corners are the most; `count` ends the line after those of a drawing
    points = [(-1 + 2 * c / (corners - 1), side * (1 - 2 * (c % 2))) for c in range(11)]
    s.line(*points, count=corners)


def _polar(radius: Number, turns: Number) -> Point:
    return radius * cosine(turns), radius * sine(turns)


def _half(rx: Number, ry: Number, start: float) -> list[Point]:
    """Return half an ellipse around the origin: the upper half from 0.5, the lower one from 0."""
    return ellipse(0, 0, rx, ry, start, 0.5, points=10)


def _leaf(x: Number, y: Number, reach: float) -> list[Point]:
    return [(x, y), (x + reach / 2, y - 0.35), (x + reach, y - 0.4), (x + reach / 2, y), (x, y)]


_FUNCTIONS = (
    _circle, _clock, _cloud, _diamond, _donut, _envelope, _eye, _fish, _flower, _hourglass,
    _house, _ice_cream, _ladder, _lightning, _line, _moon, _sailboat, _smiley_face, _snowman,
    _square, _stairs, _star, _sun, _tree, _triangle, _umbrella, _zigzag,
)  # fmt: skip

# by category: `_ice_cream` draws "ice cream"
SHAPES: dict[str, Callable[[Sketch], None]] = {
    draw.__name__[1:].replace("_", " "): draw for draw in _FUNCTIONS
}
