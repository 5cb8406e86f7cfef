"""Kernel that copies selected lists of numbers into one array."""

from typing import Any

import numpy as np
import numpy.typing as npt

from quickdraw_kit.kernels import kernel


def gather(
    items: npt.NDArray[Any], starts: npt.NDArray[np.int64], offsets: npt.NDArray[np.int64]
) -> npt.NDArray[Any]:
    """Copy lists out of a flat array.

    List i starts at ``items[starts[i]]`` and is copied to ``offsets[i]`` to ``offsets[i + 1]``.
    """
    gathered = np.empty(offsets[-1], items.dtype)
    # as bytes: one compiled kernel for every dtype
    source = np.ascontiguousarray(items).view(np.uint8)
    _copy(source, starts, offsets, items.itemsize, gathered.view(np.uint8))
    return gathered


@kernel
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
