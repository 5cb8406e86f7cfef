"""Figures full of drawings: a sample of each category, and a model's answers."""

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import UsageError
from quickdraw_kit.show.canvas import FAINT, INK, LINE, RIGHT, WRONG, canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["prediction_grid", "sample_grid"]

_INCH = 1.25  # width of a cell
_PICTURE = 0.84  # share of it that the image takes
_LINE_HEIGHT = 0.15


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
    """Draw images with what a model took them for: right answers green, wrong ones red.

    A right answer has a tick before its name; a wrong one has a cross, a thick frame, and the truth
    below.
    """
    sure = np.full(len(images), np.nan) if confidence is None else confidence
    if not len(labels) == len(predictions) == len(sure) == len(images):
        raise UsageError(
            f"{len(images)} images, {len(labels)} labels and {len(predictions)} answers: "
            "expected as many of each"
        )
    with _grid(images, columns, path, lines=3) as (ax, corners):
        for (x, y), truth, answer, share in zip(corners, labels, predictions, sure, strict=True):
            right = truth == answer
            colour = RIGHT if right else WRONG
            _frame(ax, x, y, colour, 1.2 if right else 2.6)
            lines = [f"{'✓' if right else '✗'} {names[answer]}"]
            if not math.isnan(share):
                lines.append(f"{100 * share:.0f} %")
            if not right:
                lines.append(f"is {names[truth]}")
            for line, text in enumerate(lines):
                _caption(ax, x, y, line, text, FAINT if line else colour, bold=not (line or right))


def sample_grid(
    images: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.int64],
    names: Sequence[str],
    path: str | os.PathLike[str],
    *,
    columns: int = 6,
) -> None:
    """Draw one image of each category over its name.

    For several of each see `quickdraw_kit.show.sheet.contact_sheet`.
    """
    if len(labels) != len(images):
        raise UsageError(f"{len(images)} images and {len(labels)} labels, expected one for each")
    present, first = np.unique(labels, return_index=True)
    with _grid(images[first], columns, path, lines=1) as (ax, corners):
        for (x, y), label in zip(corners, present, strict=True):
            _frame(ax, x, y, LINE, 0.8)
            _caption(ax, x, y, 0, names[label], INK)


@contextmanager
def _grid(
    images: npt.NDArray[np.uint8], columns: int, path: str | os.PathLike[str], *, lines: int
) -> Iterator[tuple["Axes", list[tuple[float, float]]]]:
    """Place images, dark on light, in one coordinate system in inches; yield their corners."""
    if len(images) == 0 or columns < 1:
        raise UsageError(f"{len(images)} images in {columns} columns: there is nothing to draw")
    across = min(columns, len(images))
    down = math.ceil(len(images) / columns)
    pitch = _INCH * _PICTURE + _LINE_HEIGHT * lines + 0.12
    with canvas(path, across * _INCH, down * pitch) as figure:
        figure.set_layout_engine("none")
        ax = figure.add_axes((0, 0, 1, 1))
        ax.set_axis_off()
        corners = []
        for number, image in enumerate(images):
            x = number % across * _INCH + _INCH * (1 - _PICTURE) / 2
            y = number // across * pitch + 0.08
            box = (x, x + _INCH * _PICTURE, y + _INCH * _PICTURE, y)
            ax.imshow(
                255 - image, cmap="gray", vmin=0, vmax=255, extent=box, interpolation="nearest"
            )
            corners.append((x, y))
        ax.set_xlim(0, across * _INCH)
        ax.set_ylim(down * pitch, 0)
        yield ax, corners


def _frame(ax: "Axes", x: float, y: float, colour: str, width: float) -> None:
    from matplotlib.patches import Rectangle

    side = _INCH * _PICTURE
    ax.add_patch(Rectangle((x, y), side, side, fill=False, edgecolor=colour, linewidth=width))


def _caption(
    ax: "Axes", x: float, y: float, line: int, text: str, colour: str, *, bold: bool = False
) -> None:
    side = _INCH * _PICTURE
    size = min(8.0, 8.0 * 17 / max(len(text), 1))  # long names are set smaller
    ax.text(
        x + side / 2, y + side + _LINE_HEIGHT * (line + 0.75), text, ha="center", va="center",
        fontsize=size, color=colour, fontweight="bold" if bold else "normal",
    )  # fmt: skip
