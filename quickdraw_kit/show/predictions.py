"""A figure of predictions: what was given, what the model sees, and what it answers."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from quickdraw_kit.errors import UsageError
from quickdraw_kit.show.canvas import COLOURS, FAINT, INK, LINE, canvas
from quickdraw_kit.strokes.batch import Drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from quickdraw_kit.learn.infer.predict import Prediction

__all__ = ["prediction_figure"]

_MOST = 40  # rows


def prediction_figure(answers: "Sequence[Prediction]", path: str | os.PathLike[str]) -> None:
    """Draw each prediction in a row: the original, the bitmap that the model sees, and bars."""
    if not answers:
        raise UsageError("there is no prediction to draw")
    shown = answers[:_MOST]
    with canvas(path, 6.4, 0.45 + 1.55 * len(shown)) as figure:
        grid = figure.subplots(len(shown), 3, squeeze=False, width_ratios=(1, 1, 1.8))
        for row, answer in zip(grid, shown, strict=True):
            _original(row[0], answer)
            row[1].imshow(answer.image, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
            _bars(row[2], answer)
            row[0].set_title(_short(answer.source), fontsize=8, color=INK, pad=4)
            for ax in row[:2]:
                ax.set_xticks([])
                ax.set_yticks([])
                ax.spines[:].set_visible(True)
                ax.spines[:].set_color(LINE)
        side = len(shown[0].image)
        grid[0][1].set_title(f"as the model sees it, {side} x {side}", fontsize=8, pad=4)


def _original(ax: "Axes", answer: "Prediction") -> None:
    if isinstance(answer.original, Drawing):
        for stroke in answer.original.strokes:
            mark = "o" if len(stroke) == 1 else None
            ax.plot(stroke[:, 0], stroke[:, 1], color=INK, lw=1.2, marker=mark, markersize=1.5)
        ax.set_aspect("equal", adjustable="datalim")
        ax.invert_yaxis()
        ax.margins(0.08)
    elif answer.original.ndim == 3 and answer.original.shape[2] == 4:
        picture = answer.original
        board = np.indices(picture.shape[:2]).sum(axis=0) // max(len(picture) // 16, 1) % 2
        squares = np.repeat((225 + 30 * board).astype(np.uint8)[:, :, None], 3, axis=2)
        ax.imshow(squares)  # what is transparent shows as a chequered board
        ax.imshow(picture)
    else:
        ax.imshow(answer.original, cmap="gray", vmin=0, vmax=255)


def _bars(ax: "Axes", answer: "Prediction") -> None:
    rows = np.arange(len(answer.labels))
    ax.barh(rows, answer.probabilities, 0.6, color=COLOURS[0])
    for row, chance in zip(rows, answer.probabilities, strict=True):
        ax.annotate(
            f"{chance:.1%}", (chance, row), (3, 0), textcoords="offset points", va="center",
            fontsize=8, color=FAINT,
        )  # fmt: skip
    ax.set_yticks(rows, answer.labels, fontsize=9)
    ax.set_ylim(max(len(rows), 3) - 0.5, -0.5)
    ax.set_xlim(0, 1.18)
    ax.set_xticks([])
    ax.tick_params(length=0)
    ax.spines[["left", "bottom"]].set_visible(False)


def _short(name: str) -> str:
    return name if len(name) <= 28 else f"...{name[-25:]}"
