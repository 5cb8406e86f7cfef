"""The figure of a batch of jobs: a row for each group, a dot for each seed."""

import os
from collections.abc import Mapping, Sequence

import numpy as np

from quickdraw_kit.errors import UsageError
from quickdraw_kit.show.canvas import COLORS, FAINT, canvas


def seed_spread(
    groups: Mapping[str, Sequence[float]], path: str | os.PathLike[str], *, measure: str = ""
) -> None:
    """Draw the results of each group, as fractions: every seed as a dot, the mean as a line."""
    # groups whose jobs all failed have no row
    percentages = {name: np.asarray(values) * 100 for name, values in groups.items() if len(values)}
    if not percentages:
        raise UsageError("no job has a result: there is nothing to draw")
    with canvas(path, 7.5, 0.9 + 0.36 * len(percentages)) as figure:
        ax = figure.subplots()
        for row, values in enumerate(percentages.values()):
            # dots are transparent, because seeds may have the same result
            mean = float(values.mean())
            ax.plot([mean, mean], [row - 0.28, row + 0.28], color=COLORS[1], linewidth=2.5)
            ax.plot(values, np.full(len(values), row), "o", color=COLORS[0], alpha=0.75, ms=5)
            ax.annotate(f"{mean:.2f}", (1.01, row), xycoords=("axes fraction", "data"), va="center")

        ax.set_yticks(range(len(percentages)), list(percentages))
        ax.set_ylim(len(percentages) - 0.4, -0.6)
        ax.grid(axis="x")
        ax.spines["left"].set_visible(False)
        ax.tick_params(length=0)
        ax.set_xlabel(f"{measure}, % (dots: seeds; line and number: mean)".lstrip(", "))
        ax.xaxis.label.set_color(FAINT)
