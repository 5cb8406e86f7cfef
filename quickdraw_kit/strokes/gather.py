"""Kernel that copies selected lists of numbers into one array."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from quickdraw_kit.kernels import kernel, read_only


def gather(
    items: npt.NDArray[Any], starts: npt.NDArray[np.int64], offsets: npt.NDArray[np.int64]
) -> npt.NDArray[Any]:
    """Copy lists out of a flat array.

    List i starts at ``items[starts[i]]`` and is copied to ``offsets[i]`` to ``offsets[i + 1]``.
    """
    gathered = np.empty(offsets[-1], items.dtype)
    # as bytes: one compiled kernel for every dtype
    source = read_only(items).view(np.uint8)
    target = gathered.view(np.uint8)
    _copy(source, read_only(starts), read_only(offsets), items.itemsize, target)
    return gathered


def _copy_examples() -> Iterator[tuple[Any, ...]]:
    numbers = np.zeros(1, np.int64)
    offsets, target = read_only(numbers), numbers.view(np.uint8)
    yield read_only(target), offsets, offsets, 8, target


@kernel(examples=_copy_examples)
def _copy(
    source: npt.NDArray[np.uint8],
    starts: npt.NDArray[np.int64],
    offsets: npt.NDArray[np.int64],
    itemsize: int,
    target: npt.NDArray[np.uint8],
) -> None:
    for i in range(starts.size):
        # unsigned, because numba tests every signed index for counting from the end
        start = np.uint64(starts[i] * itemsize)
        first = np.uint64(offsets[i] * itemsize)
        for k in range(np.uint64((offsets[i + 1] - offsets[i]) * itemsize)):
            target[first + k] = source[start + k]
