"""Figures of the primer: numbers in cells, kernels and their outputs, feature maps of layers."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from quickdraw_kit.primer.forward import Activation, Weights
from quickdraw_kit.primer.kernels import KERNELS, apply_kernel
from quickdraw_kit.primer.operations import conv2d, max_pool2d, relu
from quickdraw_kit.show.canvas import COLORS, FAINT, INK, canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MAX_MAPS = 16  # feature maps of a layer that are drawn


def draw_worked_example(path: str | os.PathLike[str]) -> None:
    """Draw the worked example: input, kernel, cross-correlation, ReLU, max-pooling."""
    # the numbers of the text, small enough to compute by hand
    x = np.array(
        [[1, 2, 0, 1, 2], [0, 1, 3, 1, 0], [2, 2, 1, 0, 1], [1, 0, 2, 1, 3], [2, 1, 0, 1, 2]]
    )
    kernel = np.array([[1, 0, -1]] * 3)
    feature_map = conv2d(x, kernel)
    activated = relu(feature_map)
    steps = [
        ("input", x), ("kernel", kernel), ("cross-correlation", feature_map), ("ReLU", activated),
        ("max-pool", max_pool2d(activated)),
    ]  # fmt: skip
    with canvas(path, 10.5, 2.7) as figure:
        axes = figure.subplots(1, len(steps), width_ratios=[5, 3, 3, 3, 1.6])
        for ax, (name, numbers) in zip(axes, steps, strict=True):
            _cells(ax, numbers, name)


def draw_shapes(path: str | os.PathLike[str]) -> None:
    """Draw a vector of 64 numbers, a matrix of 8 x 8, a tensor of 4 x 4 x 4 and a color image."""
    numbers = np.arange(64)
    image = _color_image()
    with canvas(path, 10, 9.6) as figure:
        grid = figure.add_gridspec(4, 4, height_ratios=[0.5, 3.4, 2.4, 2.4])
        ax = figure.add_subplot(grid[0, :])
        _cells(ax, numbers[None], "vector: 64 numbers, shape (64,)", size=6)
        _cells(
            figure.add_subplot(grid[1, 1:3]), numbers.reshape(8, 8),
            "matrix: the same numbers in 8 rows, shape (8, 8)",
        )  # fmt: skip
        for plane, matrix in enumerate(numbers.reshape(4, 4, 4)):
            name = "tensor: 4 planes, shape (4, 4, 4)" if plane == 0 else f"plane {plane}"
            _cells(figure.add_subplot(grid[2, plane]), matrix, name)

        ax = figure.add_subplot(grid[3, 0])
        ax.imshow(image, interpolation="nearest")
        _hide_axes(ax, "color image, shape (3, 16, 16)")
        for plane, name in enumerate(("red", "green", "blue")):
            ax = figure.add_subplot(grid[3, plane + 1])
            ax.imshow(image[..., plane], cmap="gray", vmin=0, vmax=255, interpolation="nearest")
            _hide_axes(ax, f"plane {plane}: {name}")


def draw_kernels(image: npt.NDArray[np.uint8], path: str | os.PathLike[str]) -> None:
    """Draw an image and the output of each kernel of `KERNELS`."""
    with canvas(path, 12, 6.4) as figure:
        axes = figure.subplots(2, 4).ravel()
        _show_image(axes[0], image, "the image")
        for ax, kernel in zip(axes[1:], KERNELS.values(), strict=False):
            _show_image(ax, apply_kernel(image, kernel.name), kernel.name)
            rows = "\n".join(
                "  ".join(f"{w:.2g}".rjust(4) for w in row) for row in kernel.weights.tolist()
            )
            ax.set_xlabel(rows, family="DejaVu Sans Mono", fontsize=8, color=INK)

        # the image and six kernels leave the last cell free for an explanation
        axes[-1].set_axis_off()
        axes[-1].text(
            0, 0.5,
            "The kernel is below each image.\nValues below 0 are black,\nvalues above 255 white.",
            color=FAINT, va="center", transform=axes[-1].transAxes,
        )  # fmt: skip


def draw_forward(
    steps: Sequence[Activation], names: Sequence[str], path: str | os.PathLike[str]
) -> None:
    """Draw the output of every layer for one image, and the probabilities."""
    shown = [step for step in steps[:-1] if step.layer.type != "flatten"]

    # a row for each layer: feature maps, or a strip for a vector
    heights = [1.0 if step.output.ndim == 3 else 0.45 for step in shown]
    columns = min(max(len(s.output) if s.output.ndim == 3 else 1 for s in shown), _MAX_MAPS)
    with canvas(path, 1.1 * max(columns, 6) + 1, 1.35 * sum(heights) + 2.6) as figure:
        grid = figure.add_gridspec(len(shown) + 1, columns, height_ratios=[*heights, 1.7])
        for row, step in enumerate(shown):
            if step.output.ndim != 3:
                ax = figure.add_subplot(grid[row, :])
                ax.imshow(step.output[None], cmap="gray", aspect="auto", interpolation="nearest")
                _hide_axes(ax, f"{step.layer.type}: {len(step.output)} numbers")
                continue
            top = max(float(step.output.max()), 1e-9)  # one scale for all maps of a layer
            for column, feature_map in enumerate(step.output[:columns]):
                ax = figure.add_subplot(grid[row, column])
                ax.imshow(feature_map, cmap="gray", vmin=0, vmax=top, interpolation="nearest")
                _hide_axes(ax, _title(step) if column == 0 else "")
        _bars(figure.add_subplot(grid[len(shown), :]), np.asarray(steps[-1].output), names)


def draw_features(
    weights: Weights, steps: Sequence[Activation], path: str | os.PathLike[str]
) -> None:
    """Draw the kernels that the first layer learned, and their feature maps."""
    first = next(step for step in steps if step.layer.type == "convolution")
    kernels = weights.tensors[f"{first.layer.index}.weight"][:, 0]
    columns = min(len(kernels), 8)
    rows = -(-len(kernels) // columns)
    limit = float(np.abs(kernels).max())  # zero is the middle gray

    with canvas(path, 1.3 * columns + 0.4, 2.9 * rows + 0.6) as figure:
        figure.suptitle(
            "Kernels (light: positive weights, dark: negative ones) and their feature maps",
            x=0.02,
            ha="left",
        )
        axes = figure.subplots(2 * rows, columns, squeeze=False)
        for index in range(rows * columns):
            row, column = divmod(index, columns)
            above, below = axes[2 * row, column], axes[2 * row + 1, column]
            if index >= len(kernels):
                above.set_axis_off()
                below.set_axis_off()
                continue
            above.imshow(kernels[index], cmap="gray", vmin=-limit, vmax=limit)
            below.imshow(first.output[index], cmap="gray", vmin=0)
            _hide_axes(above, f"{index}")
            _hide_axes(below, "")


def _title(step: Activation) -> str:
    channels, height, width = step.output.shape
    return f"{step.layer.type}: {channels} x {height} x {width}"


def _bars(ax: "Axes", probabilities: npt.NDArray[Any], names: Sequence[str]) -> None:
    # most probable first, in label order if equal
    best = np.argsort(-probabilities, kind="stable")[:10]
    ax.barh(range(len(best)), probabilities[best] * 100, color=COLORS[0])
    ax.set_yticks(range(len(best)), [names[label] for label in best])
    ax.invert_yaxis()
    ax.set_xlim(0, 100)
    ax.tick_params(length=0)
    ax.set_title("softmax: probabilities, %")


def _cells(ax: "Axes", numbers: npt.NDArray[Any], name: str, *, size: float = 9) -> None:
    """Write the numbers of a matrix on a background that shows sign and size."""
    from matplotlib.colors import LinearSegmentedColormap

    colors = LinearSegmentedColormap.from_list("cells", ["#f4d9a8", "#ffffff", "#a9c4d8"])
    limit = max(int(np.abs(numbers).max()), 1)
    ax.imshow(numbers, cmap=colors, vmin=-limit, vmax=limit)
    for row, column in np.ndindex(*numbers.shape):
        ax.text(column, row, f"{numbers[row, column]}", ha="center", va="center", fontsize=size)
    _hide_axes(ax, name)


def _show_image(ax: "Axes", image: npt.NDArray[Any], name: str) -> None:
    ax.imshow(np.clip(image, 0, 255).astype(np.uint8), cmap="gray", vmin=0, vmax=255)
    _hide_axes(ax, name)


def _hide_axes(ax: "Axes", name: str) -> None:
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)
    ax.set_title(name, fontsize=8.5, pad=4)


def _color_image() -> npt.NDArray[np.uint8]:
    """Return a sun over a meadow, 16 x 16."""
    image = np.empty((16, 16, 3), np.uint8)
    image[:11] = (120, 180, 240)
    image[11:] = (60, 150, 70)
    y, x = np.mgrid[:16, :16]
    image[(y - 5) ** 2 + (x - 10) ** 2 <= 10] = (250, 210, 60)
    return image
