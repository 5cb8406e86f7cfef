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
    """Cross-correlate a line of numbers with kernels.

    Parameters
    ----------
    x : ndarray, shape (length,) or (channels, length)
        The input.
    kernel : ndarray, shape (width,) or (outputs, channels, width)
        One kernel, or one for each output channel.
    bias : ndarray, shape (outputs,), optional
        Added to each output channel.
    stride : int
        Steps between places of the kernel.
    padding : {"valid", "same"}
        ``valid`` keeps the kernel inside; ``same`` lays zeros around, so that the output has
        length / stride places, rounded up. An odd zero goes to the end.

    Returns
    -------
    ndarray, shape (places,) or (outputs, places)

    Raises
    ------
    UsageError
        If shapes do not fit together, or the kernel is larger than the input.

    Examples
    --------
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
    """Cross-correlate an image with kernels, by windows and one matrix product.

    Parameters
    ----------
    x : ndarray, shape (height, width) or (channels, height, width)
        The input.
    kernel : ndarray, shape (rows, columns) or (outputs, channels, rows, columns)
        One kernel, or one for each output channel.
    bias, stride, padding
        As in `conv1d`.

    Returns
    -------
    ndarray, shape (height', width') or (outputs, height', width')

    Raises
    ------
    UsageError
        As `conv1d`.

    See Also
    --------
    conv2d_loops : the same, to read.

    Examples
    --------
    The worked example of the course. Its print shows other numbers; these are those of arithmetic.

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
    """Cross-correlate a volume with kernels.

    Parameters
    ----------
    x : ndarray, shape (depth, height, width) or (channels, depth, height, width)
        The input.
    kernel : ndarray, shape (d, h, w) or (outputs, channels, d, h, w)
        One kernel, or one for each output channel.
    bias, stride, padding
        As in `conv1d`.

    Returns
    -------
    ndarray, shape (depth', height', width') or (outputs, depth', height', width')

    Raises
    ------
    UsageError
        As `conv1d`.

    Examples
    --------
    >>> conv3d(np.ones((3, 3, 3)), np.ones((2, 2, 2)))[0]
    array([[8., 8.],
           [8., 8.]])
    """
    return _convolve(x, kernel, bias, stride, padding, axes=3)


def conv2d_loops(
    x: Array,
    kernel: Array,
    bias: Array | None = None,
    *,
    stride: int = 1,
    padding: Padding = "valid",
) -> Array:
    """Cross-correlate an image with kernels, place by place: the definition, to read.

    Parameters
    ----------
    x, kernel, bias, stride, padding
        As in `conv2d`.

    Returns
    -------
    ndarray
        As `conv2d`.

    Raises
    ------
    UsageError
        As `conv1d`.

    Examples
    --------
    >>> conv2d_loops(np.eye(3), np.ones((2, 2)))
    array([[2., 1.],
           [1., 2.]])
    """
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
    """Keep what is positive, and put 0 for what is not.

    Examples
    --------
    >>> relu(np.array([-2, 0, 3]))
    array([0, 0, 3])
    """
    return np.maximum(x, 0)


def max_pool2d(x: Array, size: int = 2) -> Array:
    """Keep the largest number of each square; what fills no whole square is dropped.

    Parameters
    ----------
    x : ndarray, shape (..., height, width)
        Feature maps.
    size : int
        Side of the squares.

    Returns
    -------
    ndarray, shape (..., height // size, width // size)

    Raises
    ------
    UsageError
        If not one square fits in.

    Examples
    --------
    >>> max_pool2d(np.arange(25).reshape(5, 5))
    array([[ 6,  8],
           [16, 18]])
    """
    height, width = x.shape[-2] // size, x.shape[-1] // size
    if size < 1 or height < 1 or width < 1:
        raise UsageError(f"squares of {size} do not fit into {x.shape[-2]} x {x.shape[-1]}")
    whole = x[..., : height * size, : width * size]
    squares = whole.reshape(*x.shape[:-2], height, size, width, size)
    largest: Array = squares.max(axis=(-3, -1))
    return largest


def flatten(x: Array) -> Array:
    """Lay all numbers in one row, channel by channel and row by row.

    Examples
    --------
    >>> flatten(np.array([[1, 2], [3, 4]]))
    array([1, 2, 3, 4])
    """
    return x.reshape(-1)


def dense(x: Array, weights: Array, bias: Array | None = None) -> Array:
    """Weigh all inputs for each output, and add the bias.

    Parameters
    ----------
    x : ndarray, shape (inputs,)
        The input.
    weights : ndarray, shape (outputs, inputs)
        A row for each output.
    bias : ndarray, shape (outputs,), optional
        Added to the outputs.

    Returns
    -------
    ndarray, shape (outputs,)

    Raises
    ------
    UsageError
        If shapes do not fit together.

    Examples
    --------
    >>> dense(np.array([1, 2]), np.array([[1, 0], [1, 1], [0, 3]]), np.array([0, 0, 1]))
    array([1, 3, 7])
    """
    if x.ndim != 1 or weights.ndim != 2 or weights.shape[1] != len(x):
        raise UsageError(f"weights of shape {weights.shape} do not fit an input of {x.shape}")
    outputs: Array = weights @ x
    return outputs if bias is None else outputs + bias


def softmax(x: Array) -> Array:
    """Make probabilities of any numbers: larger ones get more, and all sum to 1.

    The largest is taken off first, which changes nothing but keeps the exponentials small.

    Examples
    --------
    >>> softmax(np.array([1000.0, 1000.0]))
    array([0.5, 0.5])
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
