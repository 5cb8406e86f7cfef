"""What training asks of a data set: whole batches of rows, and labels with their names."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import DataError

Images: TypeAlias = npt.NDArray[np.uint8]
Labels: TypeAlias = npt.NDArray[np.int64]
Batch: TypeAlias = tuple[Images, Labels]

_FETCH_ROWS = 1 << 14  # rows that are read from bitmap files at once


class Dataset(Protocol):
    """Rows, images or strokes, and their labels, in whole batches."""

    @property
    def label_names(self) -> tuple[str, ...]:
        """Names in label order."""

    @property
    def side(self) -> int:
        """Side of the images, in pixels."""

    @property
    def labels(self) -> Labels:
        """All labels, in row order."""

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

        The first `skip` batches are left out without being read. A rank gets its share of the rows
        of every batch: all ranks together see the batches of a single process.
        """


@dataclass(frozen=True, slots=True, eq=False)
class ArrayDataset:
    """Images in memory or in a memory map, with labels.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, side, side)
        White on black: ink is 255 and paper is 0, as in the official bitmaps.
    labels : ndarray of int64, shape (n,)
        Indices into `label_names`.
    label_names : tuple of str
        Names in label order.

    Raises
    ------
    DataError
        If shapes, dtypes or labels do not match.

    Examples
    --------
    >>> import numpy as np
    >>> from quickdraw_kit import ArrayDataset
    >>> images, labels = np.zeros((5, 28, 28), np.uint8), np.array([0, 1, 0, 1, 1])
    >>> dataset = ArrayDataset(images, labels, ("cat", "dog"))
    >>> len(dataset), dataset.side
    (5, 28)
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
        check_labels(self.labels, self.label_names, rows=len(self.images))

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
        """Yield images and labels in batches.

        Parameters
        ----------
        batch_size : int
            Rows of a batch; the last one may have fewer.
        shuffle : bool
            Yield the rows in a random order.
        seed : int
            Seed of that order: the same seed gives the same order.
        skip : int
            Number of batches to leave out at the beginning, without reading them.
        rank, world_size : int
            Yield only the rows of one of several processes; all ranks together see the batches of
            a single process.

        Yields
        ------
        images : ndarray of uint8, shape (n, side, side)
            Without `shuffle`, a view.
        labels : ndarray of int64, shape (n,)

        Examples
        --------
        >>> import numpy as np
        >>> from quickdraw_kit import ArrayDataset
        >>> images, labels = np.zeros((5, 28, 28), np.uint8), np.array([0, 1, 0, 1, 1])
        >>> dataset = ArrayDataset(images, labels, ("cat", "dog"))
        >>> [images.shape for images, labels in dataset.batches(2)]
        [(2, 28, 28), (2, 28, 28), (1, 28, 28)]
        """
        for rows in batch_rows(
            len(self), batch_size, shuffle, seed, skip=skip, rank=rank, world_size=world_size
        ):
            yield self.images[rows], self.labels[rows]


@dataclass(frozen=True, slots=True, eq=False)
class BitmapDataset:
    """Selected rows of several bitmap files in memory maps; each file has one label.

    Shuffling is over all files, so a batch has rows of many of them. Rows are fetched for many
    batches at once, file by file: one call per file instead of one per row.
    """

    files: Sequence[Images]  # in label order, each of shape (rows, side * side)
    rows: Sequence[Labels]  # the selected rows of each file
    label_names: tuple[str, ...]
    file_labels: Sequence[int] | None = None  # of each file; by default they are in label order

    def __post_init__(self) -> None:
        labels = len(self.label_names) if self.file_labels is None else len(self.file_labels)
        if not len(self.files) == len(self.rows) == labels > 0:
            raise DataError(
                f"{len(self.files)} files, {len(self.rows)} row selections and "
                f"{labels} labels: expected the same number of each"
            )
        sizes = sorted({file.shape[1] for file in self.files})
        if len(sizes) > 1:
            raise DataError(f"the files have bitmaps of {sizes} pixels, expected one size")

    def __len__(self) -> int:
        return sum(len(rows) for rows in self.rows)

    @property
    def side(self) -> int:
        """Side of the images, in pixels."""
        return math.isqrt(self.files[0].shape[1])

    @property
    def labels(self) -> Labels:
        """All labels, in the order of the files."""
        return self._labels_of_files[self._file_of_row]

    @property
    def _file_of_row(self) -> Labels:
        return np.repeat(np.arange(len(self.rows)), [len(rows) for rows in self.rows])

    @property
    def _labels_of_files(self) -> Labels:
        labels = range(len(self.files)) if self.file_labels is None else self.file_labels
        return np.array(labels, np.int64)

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
        """Yield images and labels in batches, as `ArrayDataset.batches` does."""
        # positions count the rows of all files
        files, rows = self._file_of_row, np.concatenate(self.rows)
        labels = self._labels_of_files
        selections = batch_rows(
            len(rows), batch_size, shuffle, seed, skip=skip, rank=rank, world_size=world_size
        )

        # the pixels of many batches are read at once, and cut into batches again
        while batches := list(itertools.islice(selections, max(_FETCH_ROWS // batch_size, 1))):
            batch_files = [files[selection] for selection in batches]
            images = self._fetch(
                np.concatenate(batch_files),
                np.concatenate([rows[selection] for selection in batches]),
            )
            ends = np.cumsum([len(part) for part in batch_files])[:-1]
            batch_labels = [labels[part] for part in batch_files]
            yield from zip(np.split(images, ends), batch_labels, strict=True)

    def _fetch(self, files: Labels, rows: Labels) -> Images:
        """Read rows of some files, in the given order."""
        # front to back through each file: sequential reads are fast
        order = np.lexsort((rows, files))
        bounds = np.searchsorted(files[order], np.arange(len(self.files) + 1))
        pixels = np.empty((len(rows), self.files[0].shape[1]), np.uint8)
        for file, (start, stop) in zip(self.files, itertools.pairwise(bounds), strict=True):
            positions = order[start:stop]  # of the rows of this file in the result
            pixels[positions] = np.asarray(file)[rows[positions]]
        return pixels.reshape(len(rows), self.side, self.side)


def batch_rows(
    total: int,
    batch_size: int,
    shuffle: bool = False,
    seed: int = 0,
    *,
    skip: int = 0,
    rank: int = 0,
    world_size: int = 1,
) -> Iterator[slice | npt.NDArray[np.int64]]:
    """Yield the rows of each batch of a pass that belong to a rank: a slice, or shuffled indices.

    Every rank draws the same order, so their rows are disjoint and the sizes differ by one at most.
    """
    order = np.random.default_rng(seed).permutation(total) if shuffle else None
    for start in range(skip * batch_size, total, batch_size):
        # each batch is divided, not the pass: with any world size, a step has the same rows
        size = min(batch_size, total - start)
        rows = slice(start + size * rank // world_size, start + size * (rank + 1) // world_size)
        yield rows if order is None else order[rows]


def check_labels(labels: Labels, label_names: tuple[str, ...], *, rows: int) -> None:
    """Raise `DataError` unless there is one int64 label per row, each with a name."""
    if labels.dtype != np.int64 or labels.shape != (rows,):
        raise DataError(f"labels are {labels.dtype} {labels.shape}, expected int64 ({rows},)")
    names = len(label_names)
    if len(labels) and not 0 <= labels.min() <= labels.max() < names:
        raise DataError(
            f"labels are from {labels.min()} to {labels.max()}, expected 0 to {names - 1}: "
            f"there are {names} label names"
        )
