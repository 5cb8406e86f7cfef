"""Confusion matrices: with numbers for a few labels, ordered by similarity for many.

In label order, a matrix of 345 labels is a diagonal with scattered dots. So large matrices are
ordered by similarity: labels that are confused are next to each other, and groups of them appear as
blocks on the diagonal. The labels that are confused most have a separate figure.
"""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import UsageError
from quickdraw_kit.learn.metrics import confused_pairs
from quickdraw_kit.show.canvas import COLORS, INK, LINE, canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_NUMBERED_LABELS = 30
"""With more labels than this, cells have no numbers."""

_MIN_PITCH, _MAX_PITCH = 0.075, 0.42  # of the cells, in inches
_MAX_LISTED = 40  # confusions beside the matrix
_LINE_EVERY = 5  # labels

Counts = npt.NDArray[np.int64]


def confusion_matrix(matrix: Counts, names: Sequence[str], path: str | os.PathLike[str]) -> None:
    """Draw how often each label was predicted for each true label.

    Rows are true labels and sum to 100 %. A small matrix is in label order, with numbers in the
    cells; a large one is in `similarity_order`, with a list of the most frequent confusions.
    """
    _check(matrix, names)
    is_small = len(names) <= MAX_NUMBERED_LABELS

    # smaller cells for more labels, down to the smallest readable text
    pitch = min(max(20 / len(names), _MIN_PITCH), _MAX_PITCH)
    side = pitch * len(names) + 2
    total = int(matrix.sum())
    accuracy = float(np.trace(matrix)) / max(total, 1)
    title = f"{100 * accuracy:.1f} % of {total:,} predictions are correct"

    with canvas(path, side if is_small else side + 6, side if is_small else side + 1.6) as figure:
        if is_small:
            _cells(figure.subplots(), matrix, matrix, names, pitch, numbers=True)
        else:
            order = similarity_order(matrix)
            ax, list_ax = figure.subplots(1, 2, width_ratios=[side, 4.5])
            _list_confusions(list_ax, matrix, names, min(int(5 * side), _MAX_LISTED))
            _cells(
                ax,
                matrix[np.ix_(order, order)],
                matrix[order],
                [names[label] for label in order],
                pitch,
                numbers=False,
            )
            title += "; labels that are confused are next to each other"
        figure.axes[0].set_title(title)


def most_confused(
    matrix: Counts, names: Sequence[str], path: str | os.PathLike[str], *, most: int = 24
) -> None:
    """Draw the rows and columns of the labels that are confused most, with numbers."""
    _check(matrix, names)
    if not 2 <= most <= MAX_NUMBERED_LABELS:
        raise UsageError(f"most is {most}, expected 2 to {MAX_NUMBERED_LABELS} labels")

    # the labels of whole pairs, from the most frequent confusion on
    selected: dict[str, None] = {}
    for pair in confused_pairs(matrix, names, most=most * most):
        with_pair = selected | dict.fromkeys((pair.label, pair.predicted))
        if len(with_pair) <= most:
            selected = with_pair
    if not selected:
        raise UsageError("no labels are confused: there is nothing to draw")

    positions = {name: label for label, name in enumerate(names)}
    labels = np.array([positions[name] for name in selected])
    labels = labels[similarity_order(matrix[np.ix_(labels, labels)])]
    side = _MAX_PITCH * len(labels) + 2
    with canvas(path, side, side) as figure:
        ax = figure.subplots()
        _cells(
            ax,
            matrix[np.ix_(labels, labels)],
            matrix[labels],
            [names[label] for label in labels],
            _MAX_PITCH,
            numbers=True,
        )
        ax.set_title(f"The {len(labels)} labels that are confused most, % of the true label")


def similarity_order(matrix: Counts) -> npt.NDArray[np.int64]:
    """Order labels so that those that are confused are next to each other.

    Agglomerative clustering with average linkage over the rates of confusion; when two clusters
    are merged, they are flipped so that their most similar ends meet.
    """
    rates = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    similarity = (rates + rates.T) / 2
    between = similarity.copy()  # of clusters, in the row of the first label of each
    np.fill_diagonal(between, -1)
    clusters = [[label] for label in range(len(matrix))]

    for _ in range(len(matrix) - 1):
        one, other = sorted(divmod(int(between.argmax()), len(matrix)))

        # the concatenation whose inner ends are most similar
        first, second = clusters[one], clusters[other]
        flips = [(a, b) for a in (first, first[::-1]) for b in (second, second[::-1])]
        best = max(flips, key=lambda ends: similarity[ends[0][-1], ends[1][0]])

        # average linkage; -1 marks clusters that are merged into another, and the diagonal
        weights = len(first), len(second)
        mean = np.average(between[[one, other]], axis=0, weights=weights)
        merged = between[one] < 0
        mean[merged | (between[other] < 0)] = -1
        between[one], between[:, one] = mean, mean
        between[other], between[:, other] = -1, -1
        clusters[one], clusters[other] = best[0] + best[1], []
    return np.array(clusters[0] if clusters else [], np.int64)


def _check(matrix: Counts, names: Sequence[str]) -> None:
    if matrix.shape != (len(names), len(names)) or not names:
        raise UsageError(
            f"the matrix is {matrix.shape}, expected a row and a column for each of "
            f"{len(names)} names"
        )


def _cells(
    ax: "Axes",
    matrix: Counts,
    rows: Counts,
    names: Sequence[str],
    pitch: float,
    *,
    numbers: bool,
) -> None:
    """Draw a matrix, or a block of it; `rows` are the complete rows, for the percentages."""
    from matplotlib.colors import LinearSegmentedColormap, PowerNorm

    shares = matrix / np.maximum(rows.sum(axis=1, keepdims=True), 1)
    colors = LinearSegmentedColormap.from_list("ink", ["#ffffff", "#a9c4d8", COLORS[0], "#12283a"])
    # the square root makes a confusion of 1 % visible beside a diagonal of 99 %
    ax.imshow(shares, cmap=colors, norm=PowerNorm(0.5, 0, 1), interpolation="nearest")

    size = min(58 * pitch, 9)
    ax.set_xticks(range(len(names)), names, rotation=90, fontsize=size)
    ax.set_yticks(range(len(names)), names, fontsize=size)
    ax.tick_params(length=0, pad=2, labelcolor=INK)
    ax.spines[:].set_visible(False)
    ax.set_xlabel("predicted label")
    ax.set_ylabel("true label, each row is 100 %")

    # without numbers, lines and names on all sides help to find the row and the column
    if not numbers:
        ends = [-0.5, len(names) - 0.5]
        ax.plot(ends, ends, color=LINE, linewidth=0.5)
        for label in range(_LINE_EVERY, len(names), _LINE_EVERY):
            ax.axhline(label - 0.5, color=LINE, linewidth=0.3)
            ax.axvline(label - 0.5, color=LINE, linewidth=0.3)
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
    """Write the most frequent confusions and their counts."""
    ax.set_axis_off()
    ax.set_title("Most frequent confusions")
    for line, pair in enumerate(confused_pairs(matrix, names, most=most)):
        y = 1 - (line + 1) / (most + 1)
        ax.text(0.12, y, f"{pair.count:,}", ha="right", transform=ax.transAxes)
        ax.text(0.16, y, f"{pair.label} → {pair.predicted}", transform=ax.transAxes)
