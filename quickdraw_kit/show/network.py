"""A network drawn as a graph: a box for each layer with its output shape and parameters.

If Graphviz is installed, it computes the layout. Otherwise the boxes are in one column in the order
of execution, which is enough for networks with few branches; skip connections are beside them.
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from quickdraw_kit.errors import DataError, UsageError
from quickdraw_kit.show.canvas import COLORS, FAINT, INK, LINE, canvas
from quickdraw_kit.storage.files import atomic_write

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from quickdraw_kit.learn.models.graph import Graph, Node

_WIDTH, _HEIGHT, _PITCH = 4.6, 0.3, 0.44  # of a box, and between boxes, in inches
_LANE = 0.16  # between skip connections
_TIMEOUT = 60  # of Graphviz, in seconds
_LEFT = 0.2  # of the boxes


def draw_network(
    graph: "Graph", path: str | os.PathLike[str], *, graphviz: bool | None = None
) -> None:
    """Draw a network as SVG, PNG or DOT; with `graphviz` None, Graphviz is used if installed."""
    path = Path(path)
    format = path.suffix.lower().removeprefix(".")
    if format == "dot":
        with atomic_write(path) as file:
            file.write(network_dot(graph).encode())
        return
    if format not in ("svg", "png"):
        raise UsageError(f"{path}: expected a name that ends in .svg, .png or .dot")

    program = shutil.which("dot") if graphviz is not False else None
    if program is None and graphviz:
        raise UsageError("Graphviz is not installed: install it, or omit graphviz=True")
    if program is None:
        _draw(graph, path)
        return

    # the source goes through stdin: names in it cannot become arguments of a command
    process = subprocess.run(  # noqa: S603
        [program, f"-T{format}", "-Gdpi=110" if format == "png" else "-Gdpi=72"],
        input=network_dot(graph).encode(),
        capture_output=True,
        timeout=_TIMEOUT,
        check=False,
    )
    if process.returncode:
        raise DataError(f"{program} failed: {process.stderr.decode(errors='replace').strip()}")
    with atomic_write(path) as file:
        file.write(process.stdout)


def network_dot(graph: "Graph") -> str:
    """Return a network in the DOT language."""
    title = _escape(_title(graph))
    lines = [
        "digraph network {",
        f'label="{title}"; labelloc=t; labeljust=l; fontsize=13;',
        'fontname="DejaVu Sans"; ranksep=0.22; nodesep=0.3;',
        f'node [shape=box, style="filled,rounded", fontname="DejaVu Sans", fontsize=10, '
        f'color="{COLORS[0]}", fontcolor="{INK}", height=0.3, margin="0.12,0.05"];',
        f'edge [color="{FAINT}", arrowsize=0.6];',
    ]
    for index, node in enumerate(graph.nodes):
        label = "\\n".join(filter(None, (_escape(_kind(node)), _escape(_details(node)))))
        lines.append(f'n{index} [label="{label}", fillcolor="{_fill(node)}"];')
        lines += [f"n{source} -> n{index};" for source in node.inputs]
    return "\n".join([*lines, "}", ""])


def _draw(graph: "Graph", path: Path) -> None:
    """Draw the boxes in one column, without Graphviz."""
    lanes = _lanes(graph)
    width = _WIDTH + 0.5 + _LANE * (max(lanes.values(), default=0) + 1)
    height = _PITCH * len(graph.nodes) + 0.6
    with canvas(path, width, height) as figure:
        # one coordinate system in inches, with y downward
        figure.set_layout_engine("none")
        ax = figure.add_axes((0, 0, 1, 1))
        ax.set_axis_off()
        ax.set_xlim(0, width)
        ax.set_ylim(height, 0)
        ax.text(_LEFT, 0.26, _title(graph), fontsize=11, va="center", color=INK)

        middle, right = _LEFT + _WIDTH / 2, _LEFT + _WIDTH
        for index, node in enumerate(graph.nodes):
            _box(ax, node, _top(index))
            for source in node.inputs:
                if source == index - 1:
                    _arrow(ax, [(middle, _top(source) + _HEIGHT), (middle, _top(index))])
                else:
                    x = right + 0.18 + _LANE * lanes[source, index]
                    y0, y1 = _top(source) + _HEIGHT * 0.7, _top(index) + _HEIGHT * 0.3
                    _arrow(ax, [(right, y0), (x, y0), (x, y1), (right, y1)])


def _box(ax: "Axes", node: "Node", top: float) -> None:
    from matplotlib.patches import FancyBboxPatch

    style = "round,pad=0,rounding_size=0.06"
    box = FancyBboxPatch(
        (_LEFT, top), _WIDTH, _HEIGHT, style, facecolor=_fill(node), edgecolor=LINE, linewidth=0.8
    )
    ax.add_patch(box)
    y = top + _HEIGHT / 2
    ax.text(0.32, y, _kind(node), va="center", fontsize=9, color=INK)
    ax.text(_WIDTH - 0.75, y, _shape(node), va="center", ha="right", fontsize=8.5, color=FAINT)
    if node.parameters:
        ax.text(
            _WIDTH + 0.1, y, f"{node.parameters:,}", va="center", ha="right", fontsize=8.5,
            color=INK,
        )  # fmt: skip


def _arrow(ax: "Axes", points: list[tuple[float, float]]) -> None:
    *_, before, end = points
    xs, ys = zip(*points[:-1], strict=True)
    ax.plot(xs, ys, color=FAINT, linewidth=1, solid_joinstyle="round")
    ax.annotate(
        "", end, before,
        arrowprops={"arrowstyle": "-|>", "color": FAINT, "lw": 1, "shrinkA": 0, "shrinkB": 0,
                    "mutation_scale": 7},
    )  # fmt: skip


def _lanes(graph: "Graph") -> dict[tuple[int, int], int]:
    """Assign each skip connection, (source, target), a lane in which it overlaps no other."""
    skips = [
        (source, target)
        for target, node in enumerate(graph.nodes)
        for source in node.inputs
        if source != target - 1
    ]
    lanes: dict[tuple[int, int], int] = {}
    # greedy, the shortest first: they get the lanes next to the boxes
    for skip in sorted(skips, key=lambda pair: pair[1] - pair[0]):
        taken = {lane for other, lane in lanes.items() if other[0] < skip[1] and skip[0] < other[1]}
        lanes[skip] = next(lane for lane in range(len(skips)) if lane not in taken)
    return lanes


def _top(index: int) -> float:
    return 0.5 + _PITCH * index


def _title(graph: "Graph") -> str:
    return f"{graph.name}: {graph.parameters:,} parameters"


def _kind(node: "Node") -> str:
    return node.kind.replace("->", "→")


def _shape(node: "Node") -> str:
    return " x ".join(map(str, node.shape))


def _details(node: "Node") -> str:
    counts = f"{node.parameters:,} parameters" if node.parameters else ""
    return " · ".join(filter(None, (_shape(node), counts)))


def _fill(node: "Node") -> str:
    """Return the color of a layer: with weights, with several inputs, or other."""
    if node.parameters:
        return "#dfe8ee"
    return "#fbf0dc" if len(node.inputs) > 1 else "#ffffff"


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
