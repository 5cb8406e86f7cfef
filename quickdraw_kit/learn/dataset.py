"""What the trainer asks of its data: images in whole batches, and labels with their names."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import DataError

__all__ = ["ArrayDataset", "Batch", "ImageDataset", "Images", "Labels"]

Images: TypeAlias = npt.NDArray[np.uint8]
Labels: TypeAlias = npt.NDArray[np.int64]
Batch: TypeAlias = tuple[Images, Labels]


class ImageDataset(Protocol):
    """Images and labels in whole batches, as `open_shards` gives them."""

    @property
    def label_names(self) -> tuple[str, ...]:
        """Names in label order."""

    @property
    def side(self) -> int:
        """Side of the images, in pixels."""

    def __len__(self) -> int: ...

    def batches(self, batch_size: int, *, shuffle: bool = False, seed: int = 0) -> Iterator[Batch]:
        """Yield uint8 images of shape (n, side, side) and int64 labels of shape (n,)."""


@dataclass(frozen=True, slots=True, eq=False)
class ArrayDataset:
    """Images in memory or in a memory map.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, side, side)
        Ink is bright, paper is 0, as in the official bitmaps.
    labels : ndarray of int64, shape (n,)
        Indices into `label_names`.
    label_names : tuple of str
        Names in label order.

    Raises
    ------
    DataError
        If shapes, dtypes or labels do not fit together.

    Examples
    --------
    >>> images, labels = np.zeros((5, 28, 28), np.uint8), np.array([0, 1, 0, 1, 1])
    >>> dataset = ArrayDataset(images, labels, ("cat", "dog"))
    >>> [len(labels) for _, labels in dataset.batches(2)]
    [2, 2, 1]
    """

    images: Images
    labels: Labels
    label_names: tuple[str, ...]

    def __post_init__(self) -> None:
        shape = self.images.shape
        if self.images.dtype != np.uint8 or len(shape) != 3 or shape[1] != shape[2]:
            raise DataError(
                f"images are {self.images.dtype} {shape}, expected uint8 (n, side, side)"
            )
        if self.labels.dtype != np.int64 or self.labels.shape != shape[:1]:
            raise DataError(
                f"labels are {self.labels.dtype} {self.labels.shape}, expected int64 {shape[:1]}"
            )
        if len(self.labels) and not 0 <= self.labels.min() <= self.labels.max() < len(
            self.label_names
        ):
            raise DataError(
                f"labels run from {self.labels.min()} to {self.labels.max()}, expected 0 to "
                f"{len(self.label_names) - 1}, for there are {len(self.label_names)} names"
            )

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def side(self) -> int:
        """Side of the images, in pixels."""
        return int(self.images.shape[1])

    def batches(self, batch_size: int, *, shuffle: bool = False, seed: int = 0) -> Iterator[Batch]:
        """Yield whole batches.

        Parameters
        ----------
        batch_size : int
            Rows of a batch; the last one may have fewer.
        shuffle : bool
            Draw an order.
        seed : int
            What the order is drawn with: the same seed gives the same order.

        Yields
        ------
        images : ndarray of uint8, shape (n, side, side)
        labels : ndarray of int64, shape (n,)
        """
        order = np.random.default_rng(seed).permutation(len(self)) if shuffle else None
        for start in range(0, len(self), batch_size):
            part = slice(start, start + batch_size)
            rows = part if order is None else order[part]
            yield self.images[rows], self.labels[rows]
