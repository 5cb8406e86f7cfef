"""A grid of drawings with the predictions of a model."""

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import UsageError
from quickdraw_kit.show.canvas import FAINT, RIGHT, WRONG, canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_CELL = 1.25  # width of a cell, in inches
_SIDE = 0.84 * _CELL  # of the image in it
_LINE_HEIGHT = 0.15
_LINES = 3  # of text below an image


def prediction_grid(
    images: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.int64],
    predictions: npt.NDArray[np.int64],
    names: Sequence[str],
    path: str | os.PathLike[str],
    *,
    confidence: npt.NDArray[np.float32] | None = None,
    columns: int = 8,
) -> None:
    """Draw images with their predicted labels: correct ones green, wrong ones red.

    Correct ones also have a check mark, wrong ones a cross, a thick frame and the true label, so
    that the figure can be read without color.
    """
    confidences = np.full(len(images), np.nan) if confidence is None else confidence
    if not len(labels) == len(predictions) == len(confidences) == len(images):
        raise UsageError(
            f"{len(images)} images, {len(labels)} labels and {len(predictions)} predictions: "
            "expected the same number of each"
        )
    with _grid(images, columns, path) as (ax, corners):
        for (x, y), label, prediction, probability in zip(
            corners, labels, predictions, confidences, strict=True
        ):
            correct = label == prediction
            color = RIGHT if correct else WRONG
            _draw_frame(ax, x, y, color, 1.2 if correct else 2.6)
            lines = [f"{'✓' if correct else '✗'} {names[prediction]}"]
            if not math.isnan(probability):
                lines.append(f"{100 * probability:.0f} %")
            if not correct:
                lines.append(f"actually {names[label]}")
            for line, text in enumerate(lines):
                _caption(ax, x, y, line, text, FAINT if line else color, bold=not (line or correct))


@contextmanager
def _grid(
    images: npt.NDArray[np.uint8], columns: int, path: str | os.PathLike[str]
) -> Iterator[tuple["Axes", list[tuple[float, float]]]]:
    """Draw images, dark on light, in one coordinate system in inches; yield their corners."""
    if len(images) == 0 or columns < 1:
        raise UsageError(f"{len(images)} images in {columns} columns: there is nothing to draw")
    across = min(columns, len(images))
    down = math.ceil(len(images) / columns)
    pitch = _SIDE + _LINE_HEIGHT * _LINES + 0.12
    with canvas(path, across * _CELL, down * pitch) as figure:
        # one pair of axes for all images, because each more takes milliseconds
        figure.set_layout_engine("none")
        ax = figure.add_axes((0, 0, 1, 1))
        ax.set_axis_off()
        corners = []
        for number, image in enumerate(images):
            x = number % across * _CELL + (_CELL - _SIDE) / 2
            y = number // across * pitch + 0.08
            box = (x, x + _SIDE, y + _SIDE, y)
            ax.imshow(
                255 - image, cmap="gray", vmin=0, vmax=255, extent=box, interpolation="nearest"
            )
            corners.append((x, y))
        ax.set_xlim(0, across * _CELL)
        ax.set_ylim(down * pitch, 0)
        yield ax, corners


def _draw_frame(ax: "Axes", x: float, y: float, color: str, width: float) -> None:
    from matplotlib.patches import Rectangle

    ax.add_patch(Rectangle((x, y), _SIDE, _SIDE, fill=False, edgecolor=color, linewidth=width))


def _caption(
    ax: "Axes", x: float, y: float, line: int, text: str, color: str, *, bold: bool = False
) -> None:
    size = min(8.0, 8.0 * 17 / max(len(text), 1))  # smaller for long names
    ax.text(
        x + _SIDE / 2, y + _SIDE + _LINE_HEIGHT * (line + 0.75), text, ha="center", va="center",
        fontsize=size, color=color, fontweight="bold" if bold else "normal",
    )  # fmt: skip
