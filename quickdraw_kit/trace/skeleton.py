"""From areas of ink to their center lines.

Thinning leaves lines that are one pixel wide. They are split into branches where they meet, spurs
that thinning leaves at rough edges and corners are removed, and branches that continue each other
are joined, so that a crossing is two strokes and not four.
"""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]
Points = npt.NDArray[np.float64]

_NEIGHBORS = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))
_TYPICAL = 0.4  # quantile of the depth along the center line that is half the pen width
_RING = 1.15  # depth of the outermost ring in a filled area, in halves of the pen width
_RING_STEP = 10.0  # distance between rings, in units of the 256 x 256 frame
_STRAIGHT = -0.5  # cosine below which two branches at a node continue each other


@dataclass(slots=True)
class _Branch:
    """A line between two nodes; an end without a node is -1."""

    points: Points
    ends: list[int]

    @property
    def length(self) -> float:
        return float(np.hypot(*np.diff(self.points, axis=0).T).sum())


def center_lines(ink: Mask) -> tuple[list[Points], float]:
    """Return the center lines of ink, in (x, y), and the width of the pen."""
    from scipy import ndimage
    from skimage.morphology import skeletonize

    ink = np.pad(ink, 2)
    depth = ndimage.distance_transform_edt(ink)
    thin = skeletonize(ink)
    half = float(np.quantile(depth[thin], _TYPICAL))
    branches, nodes = _branches(thin)
    branches = _prune(branches, nodes, depth)
    strokes = [_smooth(stroke, half) for stroke in _join_straight(branches, half)]
    strokes += _trace_filled_areas(depth, half)
    return [stroke - 2 for stroke in strokes], 2 * half


def _trace_filled_areas(depth: npt.NDArray[np.float64], half: float) -> list[Points]:
    """Trace areas that are wider than the pen by concentric rings.

    The outermost ring is as far from the edge as the center of the pen would be; the distance
    between rings is less than the pen that renders them.
    """
    from scipy import ndimage
    from skimage.measure import find_contours

    unit = max(depth.shape) / 256
    min_depth = half + max(0.3 * half, 2.5 * unit)
    if depth.max() < min_depth:
        return []
    labels, count = ndimage.label(depth > _RING * half, np.ones((3, 3)))
    is_filled = np.zeros(count + 1, np.bool_)
    is_filled[labels[depth >= min_depth]] = True
    inside = np.where(is_filled[labels], depth, 0.0)
    levels = np.arange(_RING * half, depth.max(), _RING_STEP * unit)
    rings = [ring[:, ::-1] for level in levels for ring in find_contours(inside, level)]
    return [np.asarray(ring) for ring in rings]


def _branches(thin: Mask) -> tuple[list[_Branch], Points]:
    """Split a skeleton into branches between nodes; return the positions of the nodes too."""
    from scipy import ndimage

    near = ndimage.convolve(thin.astype(np.int8), np.ones((3, 3), np.int8), mode="constant")
    crossing = thin & (near > 3)
    labels, count = ndimage.label(crossing, np.ones((3, 3)))
    places = ndimage.center_of_mass(crossing, labels, np.arange(1, count + 1))
    nodes = np.array(places, np.float64).reshape(count, 2)[:, ::-1]
    inner = {(int(r), int(c)) for r, c in np.argwhere(thin & ~crossing)}
    neighbors = {p: [(p[0] + i, p[1] + j) for i, j in _NEIGHBORS] for p in inner}

    branches = []
    remaining = set(inner)

    def walk(start: tuple[int, int]) -> list[tuple[int, int]]:
        path = [start]
        remaining.discard(start)
        while True:
            steps = [p for p in neighbors[path[-1]] if p in remaining]
            if not steps:
                return path
            # direct neighbors before diagonal ones: corners are not cut
            path.append(min(steps, key=lambda p: abs(p[0] - path[-1][0]) + abs(p[1] - path[-1][1])))
            remaining.discard(path[-1])

    def node_of(p: tuple[int, int]) -> list[int]:
        inked = {int(labels[q]) - 1 for q in neighbors[p]}
        return sorted(inked - {-1})

    # open lines, from their ends
    ends = [p for p in inner if sum(q in inner for q in neighbors[p]) <= 1]
    for start in sorted(ends):
        if start not in remaining:
            continue
        path = walk(start)
        first, last = node_of(path[0]), node_of(path[-1])
        if len(path) == 1:  # a single pixel may be between two nodes
            a, b = (first[0] if first else -1), (first[1] if len(first) > 1 else -1)
        else:
            a, b = (first[0] if first else -1), (last[0] if last else -1)
        points = np.array(path, np.float64)[:, ::-1]
        points = np.concatenate([nodes[[a]] if a >= 0 else points[:0], points])
        points = np.concatenate([points, nodes[[b]] if b >= 0 else points[:0]])
        branches.append(_Branch(points, [a, b]))

    # what is left are closed lines, and nodes without any line
    while remaining:
        path = walk(min(remaining))
        points = np.array([*path, path[0]], np.float64)[:, ::-1]
        branches.append(_Branch(points, [-1, -1]))
    connected = {end for branch in branches for end in branch.ends}
    for node in set(range(count)) - connected:
        branches.append(_Branch(nodes[[node]], [-1, -1]))
    return branches, nodes


def _prune(branches: list[_Branch], nodes: Points, depth: npt.NDArray[np.float64]) -> list[_Branch]:
    """Remove spurs: free ends that stay inside the disc of ink around their node."""
    radius = np.array([depth[round(y), round(x)] for x, y in nodes])
    for _ in range(3):
        at = defaultdict(list)
        for index, branch in enumerate(branches):
            for end in branch.ends:
                if end >= 0:
                    at[end].append(index)
        dropped = set()
        for node, incident in at.items():
            spurs = [
                i
                for i in set(incident)
                if -1 in branches[i].ends and branches[i].length <= 1.15 * radius[node] + 1
            ]
            if len(spurs) == len(set(incident)):  # keep two: they are the line itself
                spurs = sorted(spurs, key=lambda i: branches[i].length)[:-2]
            dropped.update(spurs)
        if not dropped:
            break
        branches = [branch for i, branch in enumerate(branches) if i not in dropped]
        branches = _merge(branches)
    return branches


def _merge(branches: list[_Branch]) -> list[_Branch]:
    """Join the branches at nodes where only two are left."""
    at = defaultdict(list)
    for branch in branches:
        for end in branch.ends:
            if end >= 0:
                at[end].append(branch)
    alive = {id(branch): branch for branch in branches}
    for node, incident in at.items():
        if len(incident) == 1:
            incident[0].ends[incident[0].ends.index(node)] = -1
        elif len(incident) == 2 and incident[0] is not incident[1]:
            a, b = incident
            joined = _Branch(*_concatenate(a, b, node))
            del alive[id(a)], alive[id(b)]
            alive[id(joined)] = joined
            for end in joined.ends:
                if end >= 0:
                    at[end] = [joined if c is a or c is b else c for c in at[end]]
    return list(alive.values())


def _concatenate(a: _Branch, b: _Branch, node: int) -> tuple[Points, list[int]]:
    """Concatenate two branches through a node."""
    first, second = a.points, b.points
    ends = [a.ends[0], b.ends[1]]
    if a.ends[1] != node:
        first, ends[0] = first[::-1], a.ends[1]
    if b.ends[0] != node:
        second, ends[1] = second[::-1], b.ends[0]
    return np.concatenate([first, second[1:]]), ends


def _join_straight(branches: list[_Branch], half: float) -> list[Points]:
    """Join branches that continue each other through a node; return the strokes."""
    span = max(round(3 * half), 6)
    at = defaultdict(list)
    for branch in branches:
        for side, end in enumerate(branch.ends):
            if end >= 0:
                at[end].append((branch, side))

    # at each node, pair the branches with the straightest continuation first
    partner: dict[tuple[int, int], tuple[_Branch, int]] = {}
    for incident in at.values():
        directions = []
        for branch, side in incident:
            points = branch.points if side == 0 else branch.points[::-1]
            filter_ = points[min(span, len(points) - 1)] - points[0]
            directions.append(filter_ / max(np.hypot(*filter_), 1e-9))
        pairs = sorted(
            (float(directions[i] @ directions[j]), i, j)
            for i in range(len(incident))
            for j in range(i)
            if incident[i][0] is not incident[j][0]
        )
        paired: set[int] = set()
        for cosine, i, j in pairs:
            if cosine < _STRAIGHT and i not in paired and j not in paired:
                paired |= {i, j}
                for x, y in ((i, j), (j, i)):
                    branch, side = incident[x]
                    partner[id(branch), side] = incident[y]

    strokes = []
    done: set[int] = set()

    def follow(branch: _Branch, side: int) -> Points:
        """Return a branch with everything that continues it."""
        parts: list[Points] = []
        while True:
            done.add(id(branch))
            points = branch.points if side == 0 else branch.points[::-1]
            parts.append(points[1:] if parts else points)
            onward = partner.get((id(branch), 1 - side))
            if onward is None or id(onward[0]) in done:
                return np.concatenate(parts)
            branch, side = onward

    # from free ends first; what is left after that are rings
    for branch in branches:
        for side in (0, 1):
            if id(branch) not in done and (id(branch), side) not in partner:
                strokes.append(follow(branch, side))
    for branch in branches:
        if id(branch) not in done:
            strokes.append(follow(branch, 0))
    return strokes


def _smooth(points: Points, half: float) -> Points:
    """Smooth the staircase of pixels; the ends do not move."""
    from scipy import ndimage

    if len(points) < 5:
        return points
    sigma = min(max(0.4 * half, 1.0), 4.0)
    closed = bool((points[0] == points[-1]).all())
    if closed:
        smooth = ndimage.gaussian_filter1d(points[:-1], sigma, axis=0, mode="wrap")
        return np.concatenate([smooth, smooth[:1]])

    # filter the distance from the chord, with odd reflection: this keeps the ends
    chord = np.linspace(points[0], points[-1], len(points))
    deviation = points - chord
    pad = min(len(points) - 1, int(4 * sigma) + 1)
    padded = np.concatenate([-deviation[pad:0:-1], deviation, -deviation[-2 : -pad - 2 : -1]])
    smoothed = ndimage.gaussian_filter1d(padded, sigma, axis=0)[pad : pad + len(points)]
    return np.asarray(chord + smoothed)
