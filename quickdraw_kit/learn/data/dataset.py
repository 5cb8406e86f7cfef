"""What the trainer asks of its data: images in whole batches, and labels with their names."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import DataError

__all__ = [
    "ArrayDataset",
    "Batch",
    "BitmapDataset",
    "Dataset",
    "ImageDataset",
    "Images",
    "Labels",
    "rank_rows",
]

Images: TypeAlias = npt.NDArray[np.uint8]
Labels: TypeAlias = npt.NDArray[np.int64]
Batch: TypeAlias = tuple[Images, Labels]

_BLOCK = 1 << 14  # rows that are fetched at once


def rank_rows(
    total: int, batch_size: int, *, skip: int = 0, rank: int = 0, world_size: int = 1
) -> Iterator[slice]:
    """Yield which rows of a pass one of several processes takes, batch by batch."""
    for start in range(skip * batch_size, total, batch_size):
        rows = min(batch_size, total - start)
        yield slice(start + rows * rank // world_size, start + rows * (rank + 1) // world_size)


class Dataset(Protocol):
    """Rows and their labels in whole batches."""

    @property
    def label_names(self) -> tuple[str, ...]:
        """Names in label order."""

    @property
    def side(self) -> int:
        """Side of the images, in pixels."""

    @property
    def labels(self) -> Labels:
        """All labels, in the order of the data set."""

    def __len__(self) -> int: ...

    def batches(
        self,
        batch_size: int,
        *,
        shuffle: bool = False,
        seed: int = 0,
        skip: int = 0,
        rank: int = 0,
        world_size: int = 1,
    ) -> Iterator[tuple[Any, Labels]]:
        """Yield images or a DrawingBatch, and int64 labels of shape (n,).

        After `skip` batches, which are not read; and of every batch the rows of one of several
        processes, that together see the batches of a single one.
        """


class ImageDataset(Dataset, Protocol):
    """Images and labels in whole batches, as `open_shards` gives them."""

    def batches(
        self,
        batch_size: int,
        *,
        shuffle: bool = False,
        seed: int = 0,
        skip: int = 0,
        rank: int = 0,
        world_size: int = 1,
    ) -> Iterator[Batch]:
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

    def batches(
        self,
        batch_size: int,
        *,
        shuffle: bool = False,
        seed: int = 0,
        skip: int = 0,
        rank: int = 0,
        world_size: int = 1,
    ) -> Iterator[Batch]:
        """Yield whole batches.

        Parameters
        ----------
        batch_size : int
            Rows of a batch; the last one may have fewer.
        shuffle : bool
            Draw an order.
        seed : int
            What the order is drawn with: the same seed gives the same order.
        skip : int
            Leave out so many batches at the beginning, without reading them.
        rank, world_size : int
            Yield only the rows of one of several processes, see `rank_rows`.

        Yields
        ------
        images : ndarray of uint8, shape (n, side, side)
        labels : ndarray of int64, shape (n,)
        """
        order = np.random.default_rng(seed).permutation(len(self)) if shuffle else None
        for part in rank_rows(len(self), batch_size, skip=skip, rank=rank, world_size=world_size):
            rows = part if order is None else order[part]
            yield self.images[rows], self.labels[rows]


@dataclass(frozen=True, slots=True, eq=False)
class BitmapDataset:
    """Chosen rows of several files of bitmaps, each the file of a label, in memory maps.

    The files are sorted by label, so an order that is drawn goes to all of them. Rows are fetched
    for many batches at once, file by file, which costs a call a file and not a call a row.
    """

    files: Sequence[Images]
    rows: Sequence[Labels]
    label_names: tuple[str, ...]

    def __post_init__(self) -> None:
        if not len(self.files) == len(self.rows) == len(self.label_names) > 0:
            raise DataError(
                f"{len(self.files)} files, {len(self.rows)} choices of rows and "
                f"{len(self.label_names)} labels: expected as many of each"
            )
        sizes = sorted({file.shape[1] for file in self.files})
        if len(sizes) > 1:
            raise DataError(f"the files hold bitmaps of {sizes} pixels: expected one size")

    def __len__(self) -> int:
        return sum(len(rows) for rows in self.rows)

    @property
    def side(self) -> int:
        """Side of the images, in pixels."""
        return math.isqrt(self.files[0].shape[1])

    @property
    def labels(self) -> Labels:
        """All labels, in the order of the files."""
        return np.repeat(np.arange(len(self.rows)), [len(rows) for rows in self.rows])

    def batches(
        self,
        batch_size: int,
        *,
        shuffle: bool = False,
        seed: int = 0,
        skip: int = 0,
        rank: int = 0,
        world_size: int = 1,
    ) -> Iterator[Batch]:
        """Yield whole batches."""
        labels, rows = self.labels, np.concatenate(self.rows)
        if shuffle:
            order = np.random.default_rng(seed).permutation(len(rows))
            labels, rows = labels[order], rows[order]
        parts = rank_rows(len(rows), batch_size, skip=skip, rank=rank, world_size=world_size)
        while block := list(itertools.islice(parts, max(_BLOCK // batch_size, 1))):
            places = np.concatenate([np.arange(part.start, part.stop) for part in block])
            images, ours = self._fetch(labels[places], rows[places]), labels[places]
            ends = np.cumsum([part.stop - part.start for part in block])[:-1]
            yield from zip(np.split(images, ends), np.split(ours, ends), strict=True)

    def _fetch(self, labels: Labels, rows: Labels) -> Images:
        flat = np.empty((len(rows), self.files[0].shape[1]), np.uint8)
        order = np.lexsort((rows, labels))  # front to back through each file
        bounds = np.searchsorted(labels[order], np.arange(len(self.files) + 1))
        for file, (start, stop) in zip(self.files, itertools.pairwise(bounds), strict=True):
            places = order[start:stop]
            flat[places] = np.asarray(file)[rows[places]]
        return flat.reshape(len(rows), self.side, self.side)
