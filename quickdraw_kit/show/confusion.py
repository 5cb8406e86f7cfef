"""Confusion matrices that can be read: ten labels with their numbers, hundreds by their clusters.

In label order a matrix of 345 labels is a diagonal with dust around it. So large ones are ordered
by what is taken for what: labels that are confused stand side by side, and groups of them show as
blocks on the diagonal. The block of the labels that are confused most has a figure of its own.
"""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import UsageError
from quickdraw_kit.learn.metrics import confused_pairs
from quickdraw_kit.show.canvas import COLOURS, INK, LINE, canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["FEW_LABELS", "confused_block", "confusion_matrix", "similarity_order"]

FEW_LABELS = 30
"""Up to so many labels each cell has room for a number."""

_LEAST_PITCH, _MOST_PITCH = 0.075, 0.42  # of the cells, in inches
_LISTED = 40
_RULED = 5  # labels between two lines

Counts = npt.NDArray[np.int64]


def confusion_matrix(matrix: Counts, names: Sequence[str], path: str | os.PathLike[str]) -> None:
    """Draw how often each label was taken for each other one.

    Rows are the truth and sum to 100 %. Few labels stand in their order with the numbers in the
    cells; many stand in the order of `similarity_order`, with the most frequent confusions listed
    beside the matrix, and their names are to be read enlarged.
    """
    _check(matrix, names)
    few = len(names) <= FEW_LABELS
    pitch = min(max(20 / len(names), _LEAST_PITCH), _MOST_PITCH)
    side = pitch * len(names) + 2
    right = float(np.trace(matrix)) / max(int(matrix.sum()), 1)
    title = f"{100 * right:.1f} % of {int(matrix.sum()):,} answers are right"
    with canvas(path, side if few else side + 6, side if few else side + 1.6) as figure:
        if few:
            _cells(figure.subplots(), matrix, matrix, names, pitch, numbers=True)
        else:
            order = similarity_order(matrix)
            ax, beside = figure.subplots(1, 2, width_ratios=[side, 4.5])
            _list_confusions(beside, matrix, names, min(int(5 * side), _LISTED))
            _cells(
                ax,
                matrix[np.ix_(order, order)],
                matrix[order],
                [names[label] for label in order],
                pitch,
                numbers=False,
            )
            title += "; labels that are confused stand side by side"
        figure.axes[0].set_title(title)


def confused_block(
    matrix: Counts, names: Sequence[str], path: str | os.PathLike[str], *, most: int = 24
) -> None:
    """Draw the part of a confusion matrix with the labels that are confused most, with numbers."""
    _check(matrix, names)
    if not 2 <= most <= FEW_LABELS:
        raise UsageError(f"a block of {most} labels, expected 2 to {FEW_LABELS}")
    chosen: dict[str, None] = {}
    for pair in confused_pairs(matrix, names, most=most * most):
        if len(chosen | dict.fromkeys((pair.label, pair.predicted))) <= most:
            chosen |= dict.fromkeys((pair.label, pair.predicted))
    if not chosen:
        raise UsageError("nothing is confused: there is no block to draw")
    places = {name: place for place, name in enumerate(names)}
    labels = np.array([places[name] for name in chosen])
    labels = labels[similarity_order(matrix[np.ix_(labels, labels)])]
    side = _MOST_PITCH * len(labels) + 2
    with canvas(path, side, side) as figure:
        ax = figure.subplots()
        _cells(
            ax,
            matrix[np.ix_(labels, labels)],
            matrix[labels],
            [names[label] for label in labels],
            _MOST_PITCH,
            numbers=True,
        )
        ax.set_title(f"The {len(labels)} labels of the most frequent confusions")


def similarity_order(matrix: Counts) -> npt.NDArray[np.int64]:
    """Order labels so that those that are taken for each other stand side by side.

    Agglomerative clustering with average linkage over the shares of confusion; when two clusters
    join, they are turned so that their most similar ends meet.
    """
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    alike = (shares + shares.T) / 2
    between = alike.copy()
    np.fill_diagonal(between, -1)
    clusters = [[label] for label in range(len(matrix))]
    for _ in range(len(matrix) - 1):
        one, other = divmod(int(between.argmax()), len(matrix))
        one, other = min(one, other), max(one, other)
        first, second = clusters[one], clusters[other]
        turns = [(a, b) for a in (first, first[::-1]) for b in (second, second[::-1])]
        best = max(turns, key=lambda ends: alike[ends[0][-1], ends[1][0]])
        weights = len(first), len(second)
        mean = np.average(between[[one, other]], axis=0, weights=weights)
        gone = between[one] < 0  # itself, and those that have joined another
        mean[gone | (between[other] < 0)] = -1
        between[one], between[:, one] = mean, mean
        between[other], between[:, other] = -1, -1
        clusters[one], clusters[other] = best[0] + best[1], []
    return np.array(clusters[0] if clusters else [], np.int64)


def _check(matrix: Counts, names: Sequence[str]) -> None:
    if matrix.shape != (len(names), len(names)) or not names:
        raise UsageError(f"the matrix is {matrix.shape} and there are {len(names)} names")


def _cells(
    ax: "Axes",
    matrix: Counts,
    rows: Counts,
    names: Sequence[str],
    pitch: float,
    *,
    numbers: bool,
) -> None:
    """Draw a matrix, or a part of one whose whole rows are given."""
    from matplotlib.colors import LinearSegmentedColormap, PowerNorm

    shares = matrix / np.maximum(rows.sum(axis=1, keepdims=True), 1)
    colours = LinearSegmentedColormap.from_list(
        "ink", ["#ffffff", "#a9c4d8", COLOURS[0], "#12283a"]
    )
    # the root makes a confusion of 1 % visible beside a diagonal of 99 %
    ax.imshow(shares, cmap=colours, norm=PowerNorm(0.5, 0, 1), interpolation="nearest")
    size = min(58 * pitch, 9)
    ax.set_xticks(range(len(names)), names, rotation=90, fontsize=size)
    ax.set_yticks(range(len(names)), names, fontsize=size)
    ax.tick_params(length=0, pad=2, labelcolor=INK)
    ax.spines[:].set_visible(False)
    ax.set_xlabel("answer")
    ax.set_ylabel("truth, each row 100 %")
    if not numbers:  # lines and names on all sides lead the eye
        ends = [-0.5, len(names) - 0.5]
        ax.plot(ends, ends, color=LINE, linewidth=0.5)
        for place in range(_RULED, len(names), _RULED):
            ax.axhline(place - 0.5, color=LINE, linewidth=0.3)
            ax.axvline(place - 0.5, color=LINE, linewidth=0.3)
        ax.set(xlim=ends, ylim=ends[::-1])
        ax.tick_params(labeltop=True, labelright=True)
    else:
        for row, column in zip(*np.nonzero(matrix), strict=True):
            share = shares[row, column]
            ax.text(
                column, row, f"{100 * share:.0f}" if share >= 0.005 else "·",
                ha="center", va="center", fontsize=8, color="white" if share > 0.2 else INK,
            )  # fmt: skip


def _list_confusions(ax: "Axes", matrix: Counts, names: Sequence[str], most: int) -> None:
    ax.set_axis_off()
    ax.set_title("Most frequent confusions, and how often")
    for line, pair in enumerate(confused_pairs(matrix, names, most=most)):
        y = 1 - (line + 1) / (most + 1)
        ax.text(0.12, y, f"{pair.count:,}", ha="right", transform=ax.transAxes)
        ax.text(0.16, y, f"{pair.label} as {pair.predicted}", transform=ax.transAxes)
