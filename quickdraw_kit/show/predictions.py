"""A figure of predictions: the input, the bitmap that the model sees, and the probabilities."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from quickdraw_kit.errors import UsageError
from quickdraw_kit.show.canvas import COLORS, FAINT, INK, LINE, canvas
from quickdraw_kit.strokes.batch import Drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from quickdraw_kit.learn.infer.predict import Prediction

_MAX_ROWS = 40


def prediction_figure(predictions: "Sequence[Prediction]", path: str | os.PathLike[str]) -> None:
    """Draw a row for each prediction, at most 40: input, bitmap that the model sees, and bars."""
    if not predictions:
        raise UsageError("there is no prediction to draw")
    shown = predictions[:_MAX_ROWS]
    with canvas(path, 6.4, 0.45 + 1.55 * len(shown)) as figure:
        grid = figure.subplots(len(shown), 3, squeeze=False, width_ratios=(1, 1, 1.8))
        for row, prediction in zip(grid, shown, strict=True):
            _draw_input(row[0], prediction)
            row[1].imshow(prediction.image, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
            _bars(row[2], prediction)
            row[0].set_title(_shorten(prediction.source), fontsize=8, color=INK, pad=4)
            for ax in row[:2]:
                ax.set_xticks([])
                ax.set_yticks([])
                ax.spines[:].set_visible(True)
                ax.spines[:].set_color(LINE)
        side = len(shown[0].image)
        grid[0][1].set_title(f"as the model sees it, {side} x {side}", fontsize=8, pad=4)


def _draw_input(ax: "Axes", prediction: "Prediction") -> None:
    """Draw strokes, or a picture: gray, color or with transparency."""
    if isinstance(prediction.original, Drawing):
        for stroke in prediction.original.strokes:
            mark = "o" if len(stroke) == 1 else None  # a line through one point is not visible
            ax.plot(stroke[:, 0], stroke[:, 1], color=INK, lw=1.2, marker=mark, markersize=1.5)
        ax.set_aspect("equal", adjustable="datalim")
        ax.invert_yaxis()
        ax.margins(0.08)
    elif prediction.original.ndim == 3 and prediction.original.shape[2] == 4:
        # a checkerboard behind what is transparent
        picture = prediction.original
        checkerboard = np.indices(picture.shape[:2]).sum(axis=0) // max(len(picture) // 16, 1) % 2
        squares = np.repeat((225 + 30 * checkerboard).astype(np.uint8)[:, :, None], 3, axis=2)
        ax.imshow(squares)
        ax.imshow(picture)
    else:
        ax.imshow(prediction.original, cmap="gray", vmin=0, vmax=255)


def _bars(ax: "Axes", prediction: "Prediction") -> None:
    rows = np.arange(len(prediction.labels))
    ax.barh(rows, prediction.probabilities, 0.6, color=COLORS[0])
    for row, probability in zip(rows, prediction.probabilities, strict=True):
        ax.annotate(
            f"{probability:.1%}", (probability, row), (3, 0), textcoords="offset points",
            va="center", fontsize=8, color=FAINT,
        )  # fmt: skip

    ax.set_yticks(rows, prediction.labels, fontsize=9)
    ax.set_ylim(max(len(rows), 3) - 0.5, -0.5)  # bars of equal height in all rows
    ax.set_xlim(0, 1.18)  # space for the number after the bar
    ax.set_xticks([])
    ax.tick_params(length=0)
    ax.spines[["left", "bottom"]].set_visible(False)


def _shorten(name: str) -> str:
    """Return the end of a long name: paths differ there."""
    return name if len(name) <= 28 else f"...{name[-25:]}"
