"""The operations of a convolutional network, each in a few lines of numpy.

What networks call convolution is cross-correlation: the kernel is laid on the input as it is, not
turned around. Arrays hold one example: channels first, then the axes of space. An array without
channels stands for one channel, in and out.
"""

from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import UsageError

__all__ = [
    "Padding",
    "conv1d",
    "conv2d",
    "conv2d_loops",
    "conv3d",
    "dense",
    "flatten",
    "max_pool2d",
    "relu",
    "softmax",
]

Array: TypeAlias = npt.NDArray[np.floating | np.integer]
Padding: TypeAlias = Literal["valid", "same"]


def conv1d(
    x: Array,
    kernel: Array,
    bias: Array | None = None,
    *,
    stride: int = 1,
    padding: Padding = "valid",
) -> Array:
    """Cross-correlate a line of numbers with kernels."""
    return _convolve(x, kernel, bias, stride, padding, axes=1)


def conv2d(
    x: Array,
    kernel: Array,
    bias: Array | None = None,
    *,
    stride: int = 1,
    padding: Padding = "valid",
) -> Array:
    """Cross-correlate an image with kernels, by windows and one matrix product."""
    return _convolve(x, kernel, bias, stride, padding, axes=2)


def conv3d(
    x: Array,
    kernel: Array,
    bias: Array | None = None,
    *,
    stride: int = 1,
    padding: Padding = "valid",
) -> Array:
    """Cross-correlate a volume with kernels."""
    return _convolve(x, kernel, bias, stride, padding, axes=3)


def conv2d_loops(
    x: Array,
    kernel: Array,
    bias: Array | None = None,
    *,
    stride: int = 1,
    padding: Padding = "valid",
) -> Array:
    """Cross-correlate an image with kernels, place by place: the definition, to read."""
    image, kernels, single = _with_channels(x, kernel, bias, stride, axes=2)
    image = _padded(image, kernels.shape[2:], stride, padding)
    outputs, _, rows, columns = kernels.shape
    height = (image.shape[1] - rows) // stride + 1
    width = (image.shape[2] - columns) // stride + 1
    result = np.zeros((outputs, height, width), np.result_type(image, kernels))
    for row in range(height):
        for column in range(width):
            top, left = row * stride, column * stride
            window = image[:, top : top + rows, left : left + columns]
            for output in range(outputs):
                result[output, row, column] = np.sum(window * kernels[output])
    return _finished(result, bias, single)


def relu(x: Array) -> Array:
    """Keep what is positive, and put 0 for what is not."""
    return np.maximum(x, 0)


def max_pool2d(x: Array, size: int = 2) -> Array:
    """Keep the largest number of each square; what fills no whole square is dropped."""
    height, width = x.shape[-2] // size, x.shape[-1] // size
    if size < 1 or height < 1 or width < 1:
        raise UsageError(f"squares of {size} do not fit into {x.shape[-2]} x {x.shape[-1]}")
    whole = x[..., : height * size, : width * size]
    squares = whole.reshape(*x.shape[:-2], height, size, width, size)
    largest: Array = squares.max(axis=(-3, -1))
    return largest


def flatten(x: Array) -> Array:
    """Lay all numbers in one row, channel by channel and row by row."""
    return x.reshape(-1)


def dense(x: Array, weights: Array, bias: Array | None = None) -> Array:
    """Weigh all inputs for each output, and add the bias."""
    if x.ndim != 1 or weights.ndim != 2 or weights.shape[1] != len(x):
        raise UsageError(f"weights of shape {weights.shape} do not fit an input of {x.shape}")
    outputs: Array = weights @ x
    return outputs if bias is None else outputs + bias


def softmax(x: Array) -> Array:
    """Make probabilities of any numbers: larger ones get more, and all sum to 1.

    The largest is taken off first, which changes nothing but keeps the exponentials small.
    """
    powers = np.exp(x - np.max(x))
    probabilities: Array = powers / powers.sum()
    return probabilities


def _convolve(
    x: Array, kernel: Array, bias: Array | None, stride: int, padding: Padding, *, axes: int
) -> Array:
    image, kernels, single = _with_channels(x, kernel, bias, stride, axes)
    image = _padded(image, kernels.shape[2:], stride, padding)
    space = tuple(range(1, axes + 1))
    windows = np.lib.stride_tricks.sliding_window_view(image, kernels.shape[2:], axis=space)
    windows = windows[(slice(None), *[slice(None, None, stride)] * axes)]
    places = windows.shape[1 : axes + 1]
    # (channels, places, kernel) -> (places, channels * kernel)
    rows = np.moveaxis(windows, 0, axes).reshape(int(np.prod(places)), -1)
    result = kernels.reshape(len(kernels), -1) @ rows.T
    return _finished(result.reshape(len(kernels), *places), bias, single)


def _with_channels(
    x: Array, kernel: Array, bias: Array | None, stride: int, axes: int
) -> tuple[Array, Array, bool]:
    """Give input and kernels their channels; tell whether they had none."""
    single = x.ndim == axes and kernel.ndim == axes
    if single:
        x, kernel = x[None], kernel[None, None]
    if x.ndim != axes + 1 or kernel.ndim != axes + 2 or kernel.shape[1] != x.shape[0]:
        raise UsageError(
            f"kernels of shape {kernel.shape} do not fit an input of {x.shape}: expected "
            f"(outputs, channels, {axes} sides) for (channels, {axes} sides)"
        )
    if bias is not None and np.shape(bias) not in ((), (kernel.shape[0],)):
        raise UsageError(f"bias of shape {np.shape(bias)}, expected ({kernel.shape[0]},)")
    if stride < 1:
        raise UsageError(f"stride is {stride}, expected at least 1")
    return x, kernel, single


def _padded(x: Array, sides: tuple[int, ...], stride: int, padding: str) -> Array:
    if padding == "same":
        around = [(0, 0)]
        for length, side in zip(x.shape[1:], sides, strict=True):
            zeros = max((-(-length // stride) - 1) * stride + side - length, 0)
            around.append((zeros // 2, zeros - zeros // 2))
        x = np.pad(x, around)
    elif padding != "valid":
        raise UsageError(f"padding is {padding!r}, expected valid or same")
    if any(side > length for length, side in zip(x.shape[1:], sides, strict=True)):
        raise UsageError(f"a kernel of {sides} is larger than its input of {x.shape[1:]}")
    return x


def _finished(result: Array, bias: Array | None, single: bool) -> Array:
    if bias is not None:
        result = result + np.reshape(bias, (-1, *[1] * (result.ndim - 1)))
    return result[0] if single else result
