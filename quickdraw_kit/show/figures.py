"""Figures of a data set and of a training run, as PNG or SVG by the suffix of the name."""

import math
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import UsageError
from quickdraw_kit.show.canvas import COLOURS, FAINT, INK, canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from quickdraw_kit.learn.train import EpochMetrics

__all__ = ["category_histogram", "confusion_matrix", "training_history"]

_FEW = 30  # labels, up to which each cell has room for a number


def category_histogram(
    counts: Mapping[str, Mapping[str, int]], path: str | os.PathLike[str]
) -> None:
    """Draw how many drawings of each category there are, stacked by split.

    Many categories stand in several columns on one scale, in label order, so that a name is found
    as in an index.

    Parameters
    ----------
    counts : mapping of str to mapping of str to int
        For each split, the drawings of each category; all splits name the same categories.
    path : path-like
        File to write, ``.png`` or ``.svg``.

    Raises
    ------
    UsageError
        If there is no category, or the name has another suffix.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> path = getfixture("tmp_path") / "histogram.svg"
    >>> category_histogram({"train": {"cat": 80, "dog": 90}, "test": {"cat": 20, "dog": 5}}, path)
    >>> path.read_text().startswith("<?xml")
    True
    """
    names = list(next(iter(counts.values()), {}))
    if not names:
        raise UsageError("there is no category to draw")
    totals = {name: sum(split[name] for split in counts.values()) for name in names}
    most = max(*totals.values(), 1)
    panels = max(round(len(names) / 70), 1)
    high = math.ceil(len(names) / panels)
    size = 9 if panels == 1 else 7
    with canvas(path, 8 if panels == 1 else 3.4 * panels, 1.3 + high * (size + 5) / 72) as figure:
        axes = figure.subplots(1, panels, squeeze=False)[0]
        for panel, ax in enumerate(axes):
            part = names[panel * high : (panel + 1) * high]
            left = np.zeros(len(part))
            for (split, numbers), colour in zip(counts.items(), COLOURS, strict=False):
                values = np.array([numbers[name] for name in part])
                ax.barh(range(len(part)), values, 0.72, left, color=colour, label=split)
                left += values
            for row, name in enumerate(part):
                ax.annotate(
                    f"{totals[name]:,}", (totals[name], row), (3, 0), textcoords="offset points",
                    va="center", fontsize=size - 1.5, color=FAINT,
                )  # fmt: skip
            ax.set_yticks(range(len(part)), part, fontsize=size)
            ax.set_ylim(high - 0.4, -0.6)
            ax.set_xlim(0, most * 1.16)
            ax.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
            ax.locator_params(axis="x", nbins=4, integer=True)
            ax.grid(axis="x")
            ax.tick_params(length=0, labelsize=size)
            ax.spines[["left", "bottom"]].set_visible(False)
        drawings = sum(totals.values())
        figure.suptitle(
            f"{drawings:,} drawings of {len(names)} categories", x=0.01, ha="left", fontsize=12
        )
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(
            handles,
            labels,
            loc="outside upper right",
            ncols=len(labels),
            handlelength=0.9,
            frameon=False,
        )


def training_history(history: Sequence["EpochMetrics"], path: str | os.PathLike[str]) -> None:
    """Draw loss and accuracy over the epochs, of training and validation.

    Parameters
    ----------
    history : sequence of EpochMetrics
        At least one epoch.
    path : path-like
        File to write, ``.png`` or ``.svg``.

    Raises
    ------
    UsageError
        If there is no epoch, or the name has another suffix.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> from quickdraw_kit.learn.train import EpochMetrics
    >>> path = getfixture("tmp_path") / "history.png"
    >>> training_history([EpochMetrics(1, 0.7, 0.5, 0.6, 0.6, 0.01, 2.0)], path)
    >>> path.exists()
    True
    """
    if not history:
        raise UsageError("there is no epoch to draw")
    epochs = [metrics.epoch for metrics in history]
    with canvas(path, 9, 3.4) as figure:
        loss, accuracy = figure.subplots(1, 2)
        for ax, what, scale in ((loss, "loss", 1), (accuracy, "accuracy", 100)):
            ends = []
            for kind, colour, mark in (("train", COLOURS[1], "s"), ("validation", COLOURS[0], "o")):
                values = [getattr(metrics, f"{kind}_{what}") for metrics in history]
                if None in values:
                    continue
                points = [scale * value for value in values]
                ax.plot(
                    epochs, points, color=colour, marker=mark, markersize=3.5, linewidth=1.6,
                    clip_on=False,
                )  # fmt: skip
                shown = f"{points[-1]:.1f} %" if what == "accuracy" else f"{points[-1]:.3f}"
                ends.append((points[-1], f"{kind} {shown}", colour))
            ax.set_title("Loss" if what == "loss" else "Accuracy, %")
            ax.set_xlabel("epoch")
            ax.xaxis.get_major_locator().set_params(integer=True)
            ax.grid(axis="y")
            if what == "loss":
                ax.set_ylim(bottom=0)
            else:
                ax.set_ylim(top=100)
            _name_ends(ax, epochs[-1], ends)


def confusion_matrix(
    matrix: npt.NDArray[np.int64], names: Sequence[str], path: str | os.PathLike[str]
) -> None:
    """Draw how often each label was taken for each other one.

    Rows are the truth and sum to 100 %. Few labels have the numbers in the cells; many have the
    most frequent confusions listed beside the matrix, whose names are to be read enlarged.

    Parameters
    ----------
    matrix : ndarray of int64, shape (classes, classes)
        Row the truth, column the answer.
    names : sequence of str
        Names in label order.
    path : path-like
        File to write, ``.png`` or ``.svg``.

    Raises
    ------
    UsageError
        If matrix and names do not fit together, or the name has another suffix.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> path = getfixture("tmp_path") / "confusion.svg"
    >>> confusion_matrix(np.array([[8, 2], [0, 5]]), ["cat", "dog"], path)
    >>> path.exists()
    True
    """
    from matplotlib.colors import LinearSegmentedColormap, PowerNorm

    classes = len(names)
    if matrix.shape != (classes, classes) or classes == 0:
        raise UsageError(f"the matrix is {matrix.shape} and there are {classes} names")
    counts = matrix.sum(axis=1, keepdims=True)
    shares = matrix / np.maximum(counts, 1)
    few = classes <= _FEW
    pitch = min(max(20 / classes, 0.062), 0.42)  # of the cells, in inches
    side = pitch * classes + 2
    colours = LinearSegmentedColormap.from_list(
        "ink", ["#ffffff", "#a9c4d8", COLOURS[0], "#12283a"]
    )
    with canvas(path, side if few else side + 4.5, side) as figure:
        if few:
            ax = figure.subplots()
        else:
            ax, beside = figure.subplots(1, 2, width_ratios=[side, 4.5])
            _list_confusions(beside, matrix, names, min(int(5 * side), 40))
        # the root makes a confusion of 1 % visible beside a diagonal of 99 %
        ax.imshow(shares, cmap=colours, norm=PowerNorm(0.5, 0, 1), interpolation="nearest")
        size = min(58 * pitch, 9)
        ax.set_xticks(range(classes), names, rotation=90, fontsize=size)
        ax.set_yticks(range(classes), names, fontsize=size)
        ax.tick_params(length=0, pad=2, labelcolor=INK)
        ax.spines[:].set_visible(False)
        ax.set_xlabel("answer")
        ax.set_ylabel("truth, each row 100 %")
        right = float(np.trace(matrix)) / max(int(matrix.sum()), 1)
        ax.set_title(f"{100 * right:.1f} % of {int(matrix.sum()):,} answers are right")
        if few:
            for row, column in zip(*np.nonzero(matrix), strict=True):
                share = shares[row, column]
                ax.text(
                    column, row, f"{100 * share:.0f}" if share >= 0.005 else "·",
                    ha="center", va="center", fontsize=8, color="white" if share > 0.2 else INK,
                )  # fmt: skip


def _name_ends(ax: "Axes", x: float, ends: list[tuple[float, str, str]]) -> None:
    """Write names behind the ends of lines, in place of a legend, not one over the other."""
    low, high = ax.get_ylim()
    least = 0.08 * (high - low)
    places: list[float] = []
    for y, _, _ in sorted(ends):
        places.append(max(y, places[-1] + least) if places else y)
    over = max(places[-1] - high, 0.0)
    for place, (_, name, colour) in zip(places, sorted(ends), strict=True):
        ax.annotate(
            name, (x, place - over), (8, 0), textcoords="offset points", va="center", color=colour,
            annotation_clip=False,
        )  # fmt: skip


def _list_confusions(
    ax: "Axes", matrix: npt.NDArray[np.int64], names: Sequence[str], most: int
) -> None:
    wrong = matrix.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:most]
    ax.set_axis_off()
    ax.set_title("Most frequent confusions, and how often")
    for line, cell in enumerate(order.tolist()):
        truth, answer = divmod(cell, len(names))
        if wrong[truth, answer]:
            y = 1 - (line + 1) / (most + 1)
            ax.text(0.12, y, f"{wrong[truth, answer]:,}", ha="right", transform=ax.transAxes)
            ax.text(0.16, y, f"{names[truth]} as {names[answer]}", transform=ax.transAxes)
