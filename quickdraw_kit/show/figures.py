"""Figures of a data set and of a training run: category counts, curves, calibration."""

import math
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from quickdraw_kit.errors import UsageError
from quickdraw_kit.show.canvas import COLORS, FAINT, LINE, canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from quickdraw_kit.learn.history import EpochMetrics
    from quickdraw_kit.learn.metrics import Calibration


def category_histogram(
    counts: Mapping[str, Mapping[str, int]], path: str | os.PathLike[str]
) -> None:
    """Draw the number of drawings of each category, stacked by split.

    Many categories are drawn in several columns with one scale, in label order, so that a name is
    found as in an index.
    """
    names = list(next(iter(counts.values()), {}))
    if not names:
        raise UsageError("there is no category to draw")
    totals = {name: sum(split[name] for split in counts.values()) for name in names}
    most = max(*totals.values(), 1)

    # about 70 categories per column, all with one scale
    panels = max(round(len(names) / 70), 1)
    high = math.ceil(len(names) / panels)
    size = 9 if panels == 1 else 7
    with canvas(path, 8 if panels == 1 else 3.4 * panels, 1.3 + high * (size + 5) / 72) as figure:
        axes = figure.subplots(1, panels, squeeze=False)[0]
        for panel, ax in enumerate(axes):
            shown = names[panel * high : (panel + 1) * high]
            left = np.zeros(len(shown))
            for (split, numbers), color in zip(counts.items(), COLORS, strict=False):
                values = np.array([numbers[name] for name in shown])
                ax.barh(range(len(shown)), values, 0.72, left, color=color, label=split)
                left += values
            for row, name in enumerate(shown):
                ax.annotate(
                    f"{totals[name]:,}", (totals[name], row), (3, 0), textcoords="offset points",
                    va="center", fontsize=size - 1.5, color=FAINT,
                )  # fmt: skip

            ax.set_yticks(range(len(shown)), shown, fontsize=size)
            ax.set_ylim(high - 0.4, -0.6)  # the last column may have fewer rows, of equal height
            ax.set_xlim(0, most * 1.16)  # room for the number after the bar
            ax.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
            ax.locator_params(axis="x", nbins=4, integer=True)
            ax.grid(axis="x")
            ax.tick_params(length=0, labelsize=size)
            ax.spines[["left", "bottom"]].set_visible(False)

        title = f"{sum(totals.values()):,} drawings of {len(names)} categories"
        figure.suptitle(title, x=0.01, ha="left", fontsize=12)
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(
            handles, labels, loc="outside upper right", ncols=len(labels), handlelength=0.9,
            frameon=False,
        )  # fmt: skip


def training_history(history: Sequence["EpochMetrics"], path: str | os.PathLike[str]) -> None:
    """Draw loss and accuracy of training and validation over the epochs."""
    if not history:
        raise UsageError("there is no epoch to draw")
    epochs = [metrics.epoch for metrics in history]
    with canvas(path, 9, 3.4) as figure:
        loss, accuracy = figure.subplots(1, 2)
        for ax, metric, scale in ((loss, "loss", 1), (accuracy, "accuracy", 100)):
            ends = []
            for split, color, mark in (("train", COLORS[1], "s"), ("validation", COLORS[0], "o")):
                values = [getattr(metrics, f"{split}_{metric}") for metrics in history]
                if None in values:  # there is no validation split
                    continue
                points = [scale * value for value in values]
                ax.plot(
                    epochs, points, color=color, marker=mark, markersize=3.5, linewidth=1.6,
                    clip_on=False,
                )  # fmt: skip
                value = f"{points[-1]:.1f} %" if metric == "accuracy" else f"{points[-1]:.3f}"
                ends.append((points[-1], f"{split} {value}", color))

            ax.set_title("Loss" if metric == "loss" else "Accuracy, %")
            ax.set_xlabel("epoch")
            ax.xaxis.get_major_locator().set_params(integer=True)
            ax.grid(axis="y")
            # loss from 0, accuracy up to 100 %: the distance to the best value is visible
            if metric == "loss":
                ax.set_ylim(bottom=0)
            else:
                ax.set_ylim(top=100)
            _label_ends(ax, epochs[-1], ends)


def reliability_diagram(results: Mapping[str, "Calibration"], path: str | os.PathLike[str]) -> None:
    """Draw accuracy against confidence for each split, and the distribution of the confidence."""
    if not 1 <= len(results) <= len(COLORS):
        raise UsageError(f"{len(results)} splits to draw, expected 1 to {len(COLORS)}")
    with canvas(path, 9, 4.4) as figure:
        curve, distribution = figure.subplots(1, 2, width_ratios=[1.15, 1])

        # on the diagonal, confidence and accuracy agree
        curve.plot([0, 100], [0, 100], color=FAINT, linewidth=1, linestyle=(0, (4, 3)))
        curve.text(3, 92, "underconfident", color=FAINT, fontsize=8, va="top")
        curve.text(97, 8, "overconfident", color=FAINT, fontsize=8, ha="right")
        for (name, result), color, mark in zip(results.items(), COLORS, "os^", strict=False):
            nonempty = result.counts > 0
            # the size of a dot shows the number of predictions in its bin
            sizes = 6 + 90 * np.sqrt(result.counts[nonempty] / result.counts.max())
            xs, ys = 100 * result.confidence[nonempty], 100 * result.accuracy[nonempty]
            curve.plot(xs, ys, color=color, linewidth=1, alpha=0.6)
            curve.scatter(
                xs, ys, sizes, color, marker=mark, alpha=0.85, linewidths=0, clip_on=False,
                label=f"{name}, mean gap {100 * result.error:.1f} %",
            )  # fmt: skip

            middles = 50 * (result.edges[:-1] + result.edges[1:])
            shares = 100 * result.counts / result.counts.sum()
            distribution.step(middles, shares, where="mid", color=color, linewidth=1.4)

        curve.set_ylim(0, 100)
        curve.set_title("Accuracy, %")
        figure.legend(loc="outside upper left", ncols=len(results), frameon=False, scatterpoints=1)
        distribution.set_ylim(bottom=0)
        distribution.set_title("Share of the predictions, %")
        for ax in (curve, distribution):
            ax.set_xlim(0, 100)
            ax.set_xlabel("confidence, %")
            ax.grid(color=LINE)


def _label_ends(ax: "Axes", x: float, ends: list[tuple[float, str, str]]) -> None:
    """Write names at the ends of lines, instead of a legend, without overlaps."""
    low, high = ax.get_ylim()
    spacing = 0.08 * (high - low)

    # from the lowest up, each at least a line above the last one; then all down if they overflow
    heights: list[float] = []
    for y, _, _ in sorted(ends):
        heights.append(max(y, heights[-1] + spacing) if heights else y)
    overflow = max(heights[-1] - high, 0.0)
    for height, (_, name, color) in zip(heights, sorted(ends), strict=True):
        ax.annotate(
            name, (x, height - overflow), (8, 0), textcoords="offset points", va="center",
            color=color, annotation_clip=False,
        )  # fmt: skip
