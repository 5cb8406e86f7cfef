"""From an area of ink to the lines along its middle.

Thinning leaves lines one pixel wide. They are cut where they meet, freed of the spurs that thinning
leaves at rough edges and corners, and joined where one goes straight on into another, so that a
crossing is two strokes and not four.
"""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["centre_lines"]

Mask = npt.NDArray[np.bool_]
Points = npt.NDArray[np.float64]

_AROUND = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))
_TYPICAL = 0.4  # quantile of the depths along the middle that is half the pen's width
_RING = 1.15  # depth of the outermost ring of a filling, in halves of the pen
_RING_STEP = 10.0  # between rings, in units of the 256 x 256 frame
_STRAIGHT = -0.5  # cosine of the angle between two branches that are one stroke


@dataclass(slots=True)
class _Branch:
    """A line between two nodes; -1 where there is none."""

    points: Points
    ends: list[int]

    @property
    def length(self) -> float:
        return float(np.hypot(*np.diff(self.points, axis=0).T).sum())


def centre_lines(ink: Mask) -> tuple[list[Points], float]:
    """Trace the middle of lines."""
    from scipy import ndimage
    from skimage.morphology import skeletonize

    ink = np.pad(ink, 2)
    depth = ndimage.distance_transform_edt(ink)
    thin = skeletonize(ink)
    half = float(np.quantile(depth[thin], _TYPICAL))
    branches, nodes = _branches(thin)
    branches = _prune(branches, nodes, depth)
    strokes = [_smooth(stroke, half) for stroke in _join(branches, half)]
    strokes += _fillings(depth, half)
    return [stroke - 2 for stroke in strokes], 2 * half


def _fillings(depth: npt.NDArray[np.float64], half: float) -> list[Points]:
    """Trace what is wider than the pen, where lines ran together: rings, one inside the other.

    The outermost ring runs as far from the edge as the pen's middle would, the others at distances
    that the pen with which the lines are redrawn fills.
    """
    from scipy import ndimage
    from skimage.measure import find_contours

    unit = max(depth.shape) / 256
    fat = half + max(0.3 * half, 2.5 * unit)
    if depth.max() < fat:
        return []
    labels, count = ndimage.label(depth > _RING * half, np.ones((3, 3)))
    wide = np.zeros(count + 1, np.bool_)
    wide[labels[depth >= fat]] = True
    inside = np.where(wide[labels], depth, 0.0)
    levels = np.arange(_RING * half, depth.max(), _RING_STEP * unit)
    rings = [ring[:, ::-1] for level in levels for ring in find_contours(inside, level)]
    return [np.asarray(ring) for ring in rings]


def _branches(thin: Mask) -> tuple[list[_Branch], Points]:
    """Cut a skeleton into branches between nodes; return the nodes' places too."""
    from scipy import ndimage

    near = ndimage.convolve(thin.astype(np.int8), np.ones((3, 3), np.int8), mode="constant")
    crossing = thin & (near > 3)
    labels, count = ndimage.label(crossing, np.ones((3, 3)))
    places = ndimage.center_of_mass(crossing, labels, np.arange(1, count + 1))
    nodes = np.array(places, np.float64).reshape(count, 2)[:, ::-1]
    plain = {(int(r), int(c)) for r, c in np.argwhere(thin & ~crossing)}
    around = {p: [(p[0] + i, p[1] + j) for i, j in _AROUND] for p in plain}
    branches = []
    left = set(plain)

    def walk(start: tuple[int, int]) -> list[tuple[int, int]]:
        path = [start]
        left.discard(start)
        while True:
            steps = [p for p in around[path[-1]] if p in left]
            if not steps:
                return path
            # the nearer neighbour first, so that a corner is not cut
            path.append(min(steps, key=lambda p: abs(p[0] - path[-1][0]) + abs(p[1] - path[-1][1])))
            left.discard(path[-1])

    def node_of(p: tuple[int, int]) -> list[int]:
        found = {int(labels[q]) - 1 for q in around[p]}
        return sorted(found - {-1})

    ends = [p for p in plain if sum(q in plain for q in around[p]) <= 1]
    for start in sorted(ends):
        if start not in left:
            continue
        path = walk(start)
        first, last = node_of(path[0]), node_of(path[-1])
        if len(path) == 1:  # a single pixel may lie between two nodes
            a, b = (first[0] if first else -1), (first[1] if len(first) > 1 else -1)
        else:
            a, b = (first[0] if first else -1), (last[0] if last else -1)
        points = np.array(path, np.float64)[:, ::-1]
        points = np.concatenate([nodes[[a]] if a >= 0 else points[:0], points])
        points = np.concatenate([points, nodes[[b]] if b >= 0 else points[:0]])
        branches.append(_Branch(points, [a, b]))
    while left:  # closed lines
        path = walk(min(left))
        points = np.array([*path, path[0]], np.float64)[:, ::-1]
        branches.append(_Branch(points, [-1, -1]))
    used = {end for branch in branches for end in branch.ends}
    for node in set(range(count)) - used:  # a blot of crossings alone
        branches.append(_Branch(nodes[[node]], [-1, -1]))
    return branches, nodes


def _prune(branches: list[_Branch], nodes: Points, depth: npt.NDArray[np.float64]) -> list[_Branch]:
    """Drop the free ends that do not leave the disc of ink round their node."""
    reach = np.array([depth[round(y), round(x)] for x, y in nodes])
    for _ in range(3):
        at = defaultdict(list)
        for index, branch in enumerate(branches):
            for end in branch.ends:
                if end >= 0:
                    at[end].append(index)
        dropped = set()
        for node, those in at.items():
            spurs = [
                i
                for i in set(those)
                if -1 in branches[i].ends and branches[i].length <= 1.15 * reach[node] + 1
            ]
            if len(spurs) == len(set(those)):  # never all of them
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
    for node, those in at.items():
        if len(those) == 1:
            those[0].ends[those[0].ends.index(node)] = -1
        elif len(those) == 2 and those[0] is not those[1]:
            a, b = those
            joined = _Branch(*_joined(a, b, node))
            del alive[id(a)], alive[id(b)]
            alive[id(joined)] = joined
            for end in joined.ends:
                if end >= 0:
                    at[end] = [joined if c is a or c is b else c for c in at[end]]
    return list(alive.values())


def _joined(a: _Branch, b: _Branch, node: int) -> tuple[Points, list[int]]:
    """Lead one branch through a node into another."""
    first, second = a.points, b.points
    ends = [a.ends[0], b.ends[1]]
    if a.ends[1] != node:
        first, ends[0] = first[::-1], a.ends[1]
    if b.ends[0] != node:
        second, ends[1] = second[::-1], b.ends[0]
    return np.concatenate([first, second[1:]]), ends


def _join(branches: list[_Branch], half: float) -> list[Points]:
    """Join branches that go straight on through a node; return the strokes."""
    span = max(round(3 * half), 6)
    at = defaultdict(list)
    for branch in branches:
        for side, end in enumerate(branch.ends):
            if end >= 0:
                at[end].append((branch, side))
    partner: dict[tuple[int, int], tuple[_Branch, int]] = {}
    for those in at.values():
        ways = []
        for branch, side in those:
            points = branch.points if side == 0 else branch.points[::-1]
            way = points[min(span, len(points) - 1)] - points[0]
            ways.append(way / max(np.hypot(*way), 1e-9))
        pairs = sorted(
            (float(ways[i] @ ways[j]), i, j)
            for i in range(len(those))
            for j in range(i)
            if those[i][0] is not those[j][0]
        )
        taken: set[int] = set()
        for cosine, i, j in pairs:
            if cosine < _STRAIGHT and i not in taken and j not in taken:
                taken |= {i, j}
                for x, y in ((i, j), (j, i)):
                    branch, side = those[x]
                    partner[id(branch), side] = those[y]
    strokes = []
    done: set[int] = set()

    def follow(branch: _Branch, side: int) -> Points:
        """Go from one end of a branch through all that continues it."""
        parts: list[Points] = []
        while True:
            done.add(id(branch))
            points = branch.points if side == 0 else branch.points[::-1]
            parts.append(points[1:] if parts else points)
            onward = partner.get((id(branch), 1 - side))
            if onward is None or id(onward[0]) in done:
                return np.concatenate(parts)
            branch, side = onward

    for branch in branches:
        for side in (0, 1):
            if id(branch) not in done and (id(branch), side) not in partner:
                strokes.append(follow(branch, side))
    for branch in branches:  # rings
        if id(branch) not in done:
            strokes.append(follow(branch, 0))
    return strokes


def _smooth(points: Points, half: float) -> Points:
    """Even out the stairs of the pixels; the ends stay where they are."""
    from scipy import ndimage

    if len(points) < 5:
        return points
    sigma = min(max(0.4 * half, 1.0), 4.0)
    closed = bool((points[0] == points[-1]).all())
    if closed:
        smooth = ndimage.gaussian_filter1d(points[:-1], sigma, axis=0, mode="wrap")
        return np.concatenate([smooth, smooth[:1]])
    # odd reflection keeps the ends: what is filtered is how far points are from the chord
    chord = np.linspace(points[0], points[-1], len(points))
    away = points - chord
    reach = min(len(points) - 1, int(4 * sigma) + 1)
    padded = np.concatenate([-away[reach:0:-1], away, -away[-2 : -reach - 2 : -1]])
    even = ndimage.gaussian_filter1d(padded, sigma, axis=0)[reach : reach + len(points)]
    return np.asarray(chord + even)
