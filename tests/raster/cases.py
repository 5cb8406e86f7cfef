"""Generated drawings that hit the hard cases of the renderer."""

import numpy as np

Stroke = np.ndarray  # shape (2, points), whole numbers from 0 to 255


def hard_cases(count: int, seed: int = 0) -> list[list[Stroke]]:
    """Make drawings, each of one to four strokes, each stroke of one hard kind."""
    rng = np.random.default_rng(seed)
    kinds = list(_KINDS.values())
    return [
        [
            np.clip(kinds[(number + part) % len(kinds)](rng), 0, 255).astype(np.float64)
            for part in range(1 + number % 4)
        ]
        for number in range(count)
    ]


def _dot(rng) -> Stroke:
    return rng.integers(0, 256, (2, 1))


def _equal_points(rng) -> Stroke:
    return np.repeat(rng.integers(0, 256, (2, 1)), rng.integers(2, 5), axis=1)


def _u_turn(rng) -> Stroke:
    present, back = rng.integers(0, 256, (2, 1)), rng.integers(0, 256, (2, 1))
    middle = (present + back) // 2
    return np.hstack([present, back, middle, back, present][: rng.integers(3, 6)])


def _collinear(rng) -> Stroke:
    start, step = rng.integers(0, 64, (2, 1)), rng.integers(-8, 9, (2, 1))
    return 96 + start + step * np.sort(rng.integers(0, 12, 6))


def _over_itself(rng) -> Stroke:
    loop = rng.integers(0, 256, (2, 4))
    return np.hstack([loop, loop[:, ::-1], loop])


def _thick_crossings(rng) -> Stroke:
    return 100 + rng.integers(0, 40, (2, 30))


def _zigzag(rng) -> Stroke:
    xs = np.arange(rng.integers(3, 60))
    return rng.integers(0, 200, (2, 1)) + np.stack([xs, xs % 2])


def _straight(rng) -> Stroke:
    ends = rng.integers(0, 256, (2, 2))
    ends[rng.integers(0, 2)] = rng.integers(0, 256)
    return ends


def _rectangle(rng) -> Stroke:
    (x1, x2), (y1, y2) = rng.integers(0, 256, (2, 2))
    return np.array([[x1, x2, x2, x1, x1], [y1, y1, y2, y2, y1]])


def _many_points(rng) -> Stroke:
    if rng.random() < 0.97:  # thousands of points now and then: they are slow
        return rng.integers(0, 256, (2, rng.integers(2, 40)))
    return 128 + np.cumsum(rng.integers(-9, 10, (2, 3000)), axis=1)


def _steep(rng) -> Stroke:
    xs = rng.integers(0, 256) + rng.integers(0, 2, 8).cumsum()
    return np.stack([xs, rng.permutation(8) * 32])


_KINDS = {
    "dot": _dot,
    "equal points": _equal_points,
    "u-turn": _u_turn,
    "collinear": _collinear,
    "over itself": _over_itself,
    "thick crossings": _thick_crossings,
    "zigzag": _zigzag,
    "straight": _straight,
    "rectangle": _rectangle,
    "many points": _many_points,
    "steep": _steep,
}
