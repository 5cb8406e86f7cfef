"""Kernels that people chose, before networks learned theirs, and what each does to an image."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from quickdraw_kit.primer.operations import conv2d

__all__ = ["KERNELS", "NamedKernel", "apply_kernel"]


@dataclass(frozen=True, slots=True, eq=False)
class NamedKernel:
    """A kernel with its name and what it does."""

    name: str
    effect: str
    weights: npt.NDArray[np.float64]


KERNELS: dict[str, NamedKernel] = {
    name: NamedKernel(name, effect, np.array(weights, np.float64))
    for name, effect, weights in (
        ("identity", "leaves every pixel as it is", [[0, 0, 0], [0, 1, 0], [0, 0, 0]]),
        (
            "edge detection",
            "answers where a pixel differs from its neighbours",
            [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]],
        ),
        (
            "sharpening",
            "adds to each pixel what sets it apart from its neighbours",
            [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
        ),
        ("box blur", "puts the mean of nine pixels", np.full((3, 3), 1 / 9).tolist()),
        (
            "Sobel vertical",
            "answers to vertical edges: bright on the left, dark on the right",
            [[1, 0, -1], [2, 0, -2], [1, 0, -1]],
        ),
        (
            "Sobel horizontal",
            "answers to horizontal edges: bright above, dark below",
            [[1, 2, 1], [0, 0, 0], [-1, -2, -1]],
        ),
    )
}
"""By name, in the order in which they are explained."""


def apply_kernel(image: npt.NDArray[np.uint8], name: str) -> npt.NDArray[np.float64]:
    """Lay a kernel of the gallery over an image; the planes of a colour image apart."""
    weights = KERNELS[name].weights
    if image.ndim == 2:
        return np.asarray(conv2d(image.astype(np.float64), weights, padding="same"), np.float64)
    planes = [apply_kernel(image[..., plane], name) for plane in range(image.shape[2])]
    return np.stack(planes, axis=-1)
