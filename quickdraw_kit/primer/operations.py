"""The operations of a convolutional network, each in a few lines of numpy.

`conv2d_loops` is the definition of a convolution, to read; `conv1d`, `conv2d` and `conv3d` compute
the same with one matrix product. What networks call convolution is cross-correlation: the kernel is
placed on the input as it is, not flipped.

Arrays hold one example: channels first, then the spatial axes. An array without a channel axis has
one channel, and so has its output.
"""

from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import UsageError

Array: TypeAlias = npt.NDArray[np.floating | np.integer]
Padding: TypeAlias = Literal["valid", "same"]
"""``valid`` keeps the kernel inside the input; ``same`` adds zeros around it, so that a stride of 1
keeps the size."""


def conv2d_loops(
    x: Array,
    kernel: Array,
    bias: Array | None = None,
    *,
    stride: int = 1,
    padding: Padding = "valid",
) -> Array:
    """Convolve an image with kernels, position by position: the definition.

    Shapes are (channels, height, width) and (outputs, channels, rows, columns).

    >>> conv2d_loops(np.eye(3), np.ones((2, 2)))
    array([[2., 1.],
           [1., 2.]])
    """
    image, kernels, no_channels = _add_channels(x, kernel, bias, stride, axes=2)
    image = _pad(image, kernels.shape[2:], stride, padding)

    # how often the kernel fits, moving by `stride`
    outputs, _, rows, columns = kernels.shape
    height = (image.shape[1] - rows) // stride + 1
    width = (image.shape[2] - columns) // stride + 1

    result = np.zeros((outputs, height, width), np.result_type(image, kernels))
    for row in range(height):
        for column in range(width):
            # the part of the image under the kernel, in all channels
            top, left = row * stride, column * stride
            window = image[:, top : top + rows, left : left + columns]
            for output in range(outputs):
                result[output, row, column] = np.sum(window * kernels[output])
    return _add_bias(result, bias, no_channels)


def conv1d(
    x: Array,
    kernel: Array,
    bias: Array | None = None,
    *,
    stride: int = 1,
    padding: Padding = "valid",
) -> Array:
    """Convolve a sequence with kernels, shapes (channels, length) and (outputs, channels, size).

    >>> conv1d(np.array([1, 2, 4, 7]), np.array([-1, 1]))
    array([1, 2, 3])
    """
    return _convolve(x, kernel, bias, stride, padding, axes=1)


def conv2d(
    x: Array,
    kernel: Array,
    bias: Array | None = None,
    *,
    stride: int = 1,
    padding: Padding = "valid",
) -> Array:
    """Convolve an image with kernels, as `conv2d_loops` does, but fast.

    The worked example of ``docs/primer.md``: a vertical edge detector, ReLU and max-pooling.

    >>> x = np.array([[1, 2, 0, 1, 2], [0, 1, 3, 1, 0], [2, 2, 1, 0, 1],
    ...               [1, 0, 2, 1, 3], [2, 1, 0, 1, 2]])
    >>> feature_map = conv2d(x, np.array([[1, 0, -1]] * 3))
    >>> feature_map
    array([[-1,  3,  1],
           [-3,  1,  2],
           [ 2,  1, -3]])
    >>> relu(feature_map)
    array([[0, 3, 1],
           [0, 1, 2],
           [2, 1, 0]])
    >>> max_pool2d(relu(feature_map))
    array([[3]])
    """
    return _convolve(x, kernel, bias, stride, padding, axes=2)


def conv3d(
    x: Array,
    kernel: Array,
    bias: Array | None = None,
    *,
    stride: int = 1,
    padding: Padding = "valid",
) -> Array:
    """Convolve a volume with kernels: `conv2d` with one more axis.

    >>> conv3d(np.ones((3, 3, 3)), np.ones((2, 2, 2)))[0]
    array([[8., 8.],
           [8., 8.]])
    """
    return _convolve(x, kernel, bias, stride, padding, axes=3)


def relu(x: Array) -> Array:
    """Replace negative numbers by 0.

    Without it, layers in a row would be no more than a single one: all of them are weighted sums.

    >>> relu(np.array([-2, 0, 3]))
    array([0, 0, 3])
    """
    return np.maximum(x, 0)


def max_pool2d(x: Array, size: int = 2) -> Array:
    """Keep the largest number of each square; rows and columns that fill no square are dropped.

    >>> max_pool2d(np.arange(25).reshape(5, 5))
    array([[ 6,  8],
           [16, 18]])
    """
    height, width = x.shape[-2] // size, x.shape[-1] // size
    if size < 1 or height < 1 or width < 1:
        raise UsageError(f"squares of {size} do not fit into {x.shape[-2]} x {x.shape[-1]}")

    # split both axes into (squares, position in the square), and reduce over the positions
    cropped = x[..., : height * size, : width * size]
    squares = cropped.reshape(*x.shape[:-2], height, size, width, size)
    largest: Array = squares.max(axis=(-3, -1))
    return largest


def flatten(x: Array) -> Array:
    """Put all numbers in one row, channel by channel and row by row.

    >>> flatten(np.array([[1, 2], [3, 4]]))
    array([1, 2, 3, 4])
    """
    return x.reshape(-1)


def dense(x: Array, weights: Array, bias: Array | None = None) -> Array:
    """Compute a weighted sum of all inputs for each output; weights are (outputs, inputs).

    >>> dense(np.array([1, 2]), np.array([[1, 0], [1, 1], [0, 3]]), np.array([0, 0, 1]))
    array([1, 3, 7])
    """
    if x.ndim != 1 or weights.ndim != 2 or weights.shape[1] != len(x):
        raise UsageError(f"weights of shape {weights.shape} do not fit an input of {x.shape}")
    outputs: Array = weights @ x
    return outputs if bias is None else outputs + bias


def softmax(x: Array) -> Array:
    """Turn numbers into probabilities: larger ones get more, and the sum is 1.

    >>> softmax(np.array([1000.0, 1000.0]))
    array([0.5, 0.5])
    """
    # subtracting the largest number cancels out, and keeps the exponentials from overflowing
    powers = np.exp(x - np.max(x))
    probabilities: Array = powers / powers.sum()
    return probabilities


def _convolve(
    x: Array, kernel: Array, bias: Array | None, stride: int, padding: Padding, *, axes: int
) -> Array:
    """Convolve over any number of spatial axes with one matrix product (im2col)."""
    image, kernels, no_channels = _add_channels(x, kernel, bias, stride, axes)
    image = _pad(image, kernels.shape[2:], stride, padding)

    # a view of the window at every position: (channels, *positions, *kernel)
    spatial = tuple(range(1, axes + 1))
    windows = np.lib.stride_tricks.sliding_window_view(image, kernels.shape[2:], axis=spatial)
    windows = windows[(slice(None), *[slice(None, None, stride)] * axes)]
    positions = windows.shape[1 : axes + 1]

    # a row per window and a row per kernel: each output is the product of two rows
    window_rows = np.moveaxis(windows, 0, axes).reshape(int(np.prod(positions)), -1)
    kernel_rows = kernels.reshape(len(kernels), -1)
    result = (kernel_rows @ window_rows.T).reshape(len(kernels), *positions)
    return _add_bias(result, bias, no_channels)


def _add_channels(
    x: Array, kernel: Array, bias: Array | None, stride: int, axes: int
) -> tuple[Array, Array, bool]:
    """Check the arguments, add missing channel axes, and return whether they were missing."""
    # one image and one kernel, as in textbooks
    no_channels = x.ndim == axes and kernel.ndim == axes
    if no_channels:
        x, kernel = x[None], kernel[None, None]

    # each kernel has weights for all channels of the input, and gives one channel of the output
    if x.ndim != axes + 1 or kernel.ndim != axes + 2 or kernel.shape[1] != x.shape[0]:
        raise UsageError(
            f"kernels of shape {kernel.shape} do not fit an input of {x.shape}: expected "
            f"(outputs, channels, {axes} sides) for (channels, {axes} sides)"
        )
    if bias is not None and np.shape(bias) not in ((), (kernel.shape[0],)):
        raise UsageError(f"bias has shape {np.shape(bias)}, expected ({kernel.shape[0]},)")
    if stride < 1:
        raise UsageError(f"stride is {stride}, expected at least 1")
    return x, kernel, no_channels


def _pad(x: Array, sides: tuple[int, ...], stride: int, padding: str) -> Array:
    """Add the zeros of a padding, and check that the kernel fits."""
    if padding == "same":
        zeros_of_axis = [(0, 0)]  # none for the channels
        for length, side in zip(x.shape[1:], sides, strict=True):
            # length / stride positions, rounded up; of an odd number one more zero is at the end
            positions = -(-length // stride)
            zeros = max((positions - 1) * stride + side - length, 0)
            zeros_of_axis.append((zeros // 2, zeros - zeros // 2))
        x = np.pad(x, zeros_of_axis)
    elif padding != "valid":
        raise UsageError(f"padding is {padding!r}, expected valid or same")
    if any(side > length for length, side in zip(x.shape[1:], sides, strict=True)):
        raise UsageError(f"a kernel of {sides} is larger than its input of {x.shape[1:]}")
    return x


def _add_bias(result: Array, bias: Array | None, no_channels: bool) -> Array:
    """Add one number per output channel, and drop the channel axis if the input had none."""
    if bias is not None:
        # (outputs,) -> (outputs, 1, 1), so that it is added at every position
        result = result + np.reshape(bias, (-1, *[1] * (result.ndim - 1)))
    return result[0] if no_channels else result
