"""Kernels that people designed, before networks learned theirs, and their effect on an image."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from quickdraw_kit.primer.operations import conv2d


@dataclass(frozen=True, slots=True, eq=False)
class NamedKernel:
    """A kernel, its name and its effect."""

    name: str
    effect: str
    weights: npt.NDArray[np.float64]  # shape (3, 3)


KERNELS: dict[str, NamedKernel] = {
    name: NamedKernel(name, effect, np.array(weights, np.float64))
    for name, effect, weights in (
        ("identity", "leaves every pixel as it is", [[0, 0, 0], [0, 1, 0], [0, 0, 0]]),
        (
            "edge detection",
            "responds where a pixel differs from its neighbors",
            [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]],
        ),
        (
            "sharpening",
            "adds to each pixel its difference from its neighbors",
            [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
        ),
        ("box blur", "takes the mean of nine pixels", np.full((3, 3), 1 / 9).tolist()),
        (
            "Sobel vertical",
            "responds to vertical edges: bright on the left, dark on the right",
            [[1, 0, -1], [2, 0, -2], [1, 0, -1]],
        ),
        (
            "Sobel horizontal",
            "responds to horizontal edges: bright above, dark below",
            [[1, 2, 1], [0, 0, 0], [-1, -2, -1]],
        ),
    )
}
"""Kernels by name, in the order of the lesson.

Those whose weights sum to 1 keep the brightness of a flat area; those that sum to 0 make it black.
"""


def apply_kernel(image: npt.NDArray[np.uint8], name: str) -> npt.NDArray[np.float64]:
    """Convolve an image with a kernel of `KERNELS`, each plane of a color image by itself.

    The result is not clipped: it may be below 0 and above 255.

    >>> apply_kernel(np.full((4, 4), 9, np.uint8), "edge detection")[1:3, 1:3]
    array([[0., 0.],
           [0., 0.]])
    """
    # float64: sums of bytes would overflow, and Sobel's are negative
    weights = KERNELS[name].weights
    if image.ndim == 2:
        return np.asarray(conv2d(image.astype(np.float64), weights, padding="same"), np.float64)
    planes = [apply_kernel(image[..., plane], name) for plane in range(image.shape[2])]
    return np.stack(planes, axis=-1)
