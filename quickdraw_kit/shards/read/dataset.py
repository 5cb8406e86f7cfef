"""Open a data set: images from disk, labels with their names, and whole batches.

There are two ways to read. ``dataset[i]`` gives one image and its label, as a torch ``DataLoader``
expects it; it is slow, because a batch of 512 takes 512 calls. The fast way is ``batches``, which
slices whole arrays. The rows are in shuffled order on disk, so an epoch need not read single rows
at random: it visits the shards in a random order and shuffles the rows within a buffer in memory,
and reads files from front to back.
"""

import bisect
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, overload

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import DataError, IntegrityError, UsageError
from quickdraw_kit.shards.formats.parquet import read_metadata
from quickdraw_kit.shards.keyed_hashes import SPLITS
from quickdraw_kit.shards.manifest import Manifest, load_manifest
from quickdraw_kit.shards.read.prefetch import prefetch_buffers
from quickdraw_kit.shards.read.readers import OpenShards, read_labels
from quickdraw_kit.storage.shard_cache import CACHE_BYTES, CachedFiles, Files, LocalFiles
from quickdraw_kit.storage.store import RetryingStore
from quickdraw_kit.storage.urls import parse_location

if TYPE_CHECKING:
    import pandas as pd

Transform: TypeAlias = Callable[[Any], Any]


def open_shards(
    location: str | os.PathLike[str],
    *,
    split: str | None = None,
    cache: str | os.PathLike[str] | None = None,
    cache_bytes: int = CACHE_BYTES,
    transform: Transform | None = None,
    target_transform: Transform | None = None,
    channel_axis: int | None = None,
) -> "ShardDataset":
    """Open a data set that `prepare` wrote, in a folder or in an object store.

    Parameters
    ----------
    location : str or path-like
        Folder of the data set, or a URL such as ``s3://bucket/shards``.
    split : {"train", "validation", "test"}, optional
        Open only this split; by default all of them, one after the other.
    cache : path-like, optional
        Folder of the shard cache, which keeps local copies of shards in a store; by default a
        folder in the data home.
    cache_bytes : int
        Size limit of the shard cache. The least recently used shards are removed first.
    transform, target_transform, channel_axis
        As for `ShardDataset`.

    Returns
    -------
    ShardDataset
        Only the manifest has been read.

    Raises
    ------
    UsageError
        If the split is unknown, the folder does not exist, or the driver of the store is not
        installed.
    DataError
        If the folder is not a finished data set.
    QuickdrawError
        If the store fails.

    Examples
    --------
    >>> from quickdraw_kit import open_shards, prepare, write_sample
    >>> _ = write_sample("drawings", drawings=60)
    >>> _ = prepare(["drawings"], "shards", workers=1)
    >>> dataset = open_shards("shards", split="train")
    >>> images, labels = dataset.take([0, 1, 2])
    >>> images.shape, images.dtype, labels.shape
    ((3, 28, 28), dtype('uint8'), (3,))
    """
    if split is not None and split not in SPLITS:
        raise UsageError(f"unknown split {split!r}, expected one of {', '.join(SPLITS)}")
    folder = parse_location(location)
    if isinstance(folder, Path):
        return ShardDataset(
            load_manifest(folder),
            LocalFiles(folder),
            split,
            transform=transform,
            target_transform=target_transform,
            channel_axis=channel_axis,
        )

    # imported here, because only stores need it
    from quickdraw_kit.acquire.cache_entry import get_data_home

    cache_folder = Path(cache) if cache is not None else get_data_home() / "cache"
    store = RetryingStore(folder)
    manifest = load_manifest(store)
    return ShardDataset(
        manifest,
        CachedFiles(store, cache_folder, cache_bytes),
        split,
        transform=transform,
        target_transform=target_transform,
        channel_axis=channel_axis,
    )


class ShardDataset:
    """A data set, or one split of it; a torch-style ``Dataset`` of (image, label).

    Use `open_shards` to open one. It can be pickled, and shared by threads.

    Parameters
    ----------
    manifest : Manifest
        The manifest of the data set.
    files : LocalFiles or CachedFiles
        Where its files are.
    split : {"train", "validation", "test"}, optional
        Only this split.
    transform, target_transform : callable, optional
        Applied to the image and to the label of ``dataset[i]``, as in torchvision. Batches are
        arrays, and are not transformed.
    channel_axis : {0, -1}, optional
        Give images an axis of length 1 for the channel: 0 for (1, side, side), -1 for
        (side, side, 1). In batches it follows, or ends, the axis of the rows.

    Attributes
    ----------
    label_names : tuple of str
        Names in label order; `classes` and `class_to_idx` are those of torchvision.
    side : int
        Width and height of the images in pixels.

    Examples
    --------
    >>> from quickdraw_kit import open_shards, prepare, write_sample
    >>> _ = write_sample("drawings", drawings=60, categories=["star"])
    >>> _ = prepare(["drawings"], "shards", workers=1)
    >>> dataset = open_shards("shards", split="train")
    >>> image, label = dataset[0]
    >>> image.shape, image.dtype, dataset.label_names[label]
    ((28, 28), dtype('uint8'), 'star')
    >>> sum(len(labels) for _, labels in dataset.batches(16)) == len(dataset)
    True
    """

    def __init__(
        self,
        manifest: Manifest,
        files: Files,
        split: str | None = None,
        *,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        channel_axis: int | None = None,
    ) -> None:
        if channel_axis not in (None, 0, -1):
            raise UsageError(f"channel_axis is {channel_axis}, expected 0, -1 or None")
        self.manifest = manifest
        self.files = files
        self.split = split
        self.transform = transform
        self.target_transform = target_transform
        self.channel_axis = channel_axis
        self.label_names = manifest.categories
        self.side = manifest.options.style.side
        self._shards = [
            shard for shard in manifest.shards if shard.rows and split in (None, shard.split)
        ]
        # a list, in which bisect finds a single row faster than in an array
        self._ends = np.cumsum([shard.rows for shard in self._shards], dtype=np.int64).tolist()
        self._open = OpenShards(files, manifest, self._shards)

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    @overload
    def __getitem__(self, index: int) -> tuple[Any, Any]: ...
    @overload
    def __getitem__(
        self, index: slice | Sequence[int] | npt.NDArray[Any]
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]: ...
    def __getitem__(self, index: int | slice | Sequence[int] | npt.NDArray[Any]) -> tuple[Any, Any]:
        if isinstance(index, slice):
            return self.take(range(*index.indices(len(self))))
        if isinstance(index, Sequence | np.ndarray):
            return self.take(index)
        if not -len(self) <= index < len(self):
            raise IndexError(f"row {index} is out of range for {len(self)} drawings")
        index %= len(self)
        number = bisect.bisect_right(self._ends, index)
        row = index - (self._ends[number - 1] if number else 0)

        # copies: writing to them does not change what others read
        images, labels = self._open.get(number)
        image, label = np.empty((1, self.side, self.side), np.uint8), np.empty(1, np.int64)
        images.read(row, image)
        labels.read(row, label)
        image, target = self._with_channel(image)[0], int(label[0])
        return (
            image if self.transform is None else self.transform(image),
            target if self.target_transform is None else self.target_transform(target),
        )

    def _with_channel(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        if self.channel_axis is None:
            return images
        return np.expand_dims(images, 1 if self.channel_axis == 0 else -1)

    @property
    def classes(self) -> list[str]:
        """The label names as a list, as in torchvision."""
        return list(self.label_names)

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The label of each name, as in torchvision."""
        return {name: label for label, name in enumerate(self.label_names)}

    @property
    def targets(self) -> list[int]:
        """The labels as a list, as in torchvision; `labels` is the array."""
        return [int(label) for label in self.labels]

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """All labels, int64, shape (len,)."""
        parts = [read_labels(self.files, self.manifest, shard) for shard in self._shards]
        # the empty array is for a split without shards
        return np.concatenate([np.zeros(0, np.int64), *parts])

    def take(self, rows: npt.ArrayLike) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
        """Return some rows, in any order.

        Parameters
        ----------
        rows : array_like of int, shape (n,), or of bool, shape (len,)
            Row numbers, of which negative ones count from the end; a number may occur more than
            once. Or a mask of the rows to return.

        Returns
        -------
        images : ndarray of uint8, shape (n, side, side)
        labels : ndarray of int64, shape (n,)

        Raises
        ------
        IndexError
            If a number is out of range, or a mask has another length.
        IntegrityError
            If a file is missing, or is not the one that the manifest describes.

        Examples
        --------
        >>> from quickdraw_kit import open_shards, prepare, write_sample
        >>> _ = write_sample("drawings", drawings=60)
        >>> _ = prepare(["drawings"], "shards", workers=1)
        >>> images, labels = open_shards("shards").take([5, 0])
        >>> images.shape
        (2, 28, 28)
        """
        chosen = np.asarray(rows)
        if chosen.dtype == np.bool_:
            if chosen.shape != (len(self),):
                raise IndexError(f"the mask has shape {chosen.shape}, expected ({len(self)},)")
            chosen = np.flatnonzero(chosen)
        wanted = chosen.astype(np.int64)
        if len(wanted) and not -len(self) <= wanted.min() <= wanted.max() < len(self):
            raise IndexError(
                f"rows {wanted.min()} to {wanted.max()} are out of range for {len(self)} drawings"
            )
        wanted = np.where(wanted < 0, wanted + len(self), wanted)
        images = np.empty((len(wanted), self.side, self.side), np.uint8)
        labels = np.empty(len(wanted), np.int64)

        # shard by shard, so that each is opened once
        numbers = np.searchsorted(np.asarray(self._ends), wanted, side="right")
        for number in np.unique(numbers).tolist():
            selected = numbers == number
            rows_in_shard = wanted[selected] - (self._ends[number - 1] if number else 0)
            shard_images, shard_labels = self._open.get(number)
            images[selected] = shard_images.take(rows_in_shard)
            labels[selected] = shard_labels.take(rows_in_shard)
        return self._with_channel(images), labels

    def batches(
        self,
        batch_size: int,
        *,
        shuffle: bool = False,
        seed: int = 0,
        drop_last: bool = False,
        shuffle_buffer: int = 1 << 18,
        skip: int = 0,
        rank: int = 0,
        world_size: int = 1,
    ) -> Iterator[tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]]:
        """Yield batches as pairs of arrays.

        Parameters
        ----------
        batch_size : int
            Rows of a batch; the last batch may have fewer.
        shuffle : bool
            Visit the shards in a random order, and shuffle rows within `shuffle_buffer`.
        seed : int
            Seed of the order: the same seed gives the same order.
        drop_last : bool
            Drop the last batch if it is not full.
        shuffle_buffer : int
            Rows that are shuffled together, and the most that are read ahead. Twice as many rows
            are in memory, because the next buffer is read while the current one is used.
        skip : int
            Skip this many batches without reading them, to resume a pass that was interrupted.
        rank, world_size : int
            As in ``torch.distributed``: each process gets a part of every batch, so that together
            the processes see the batches that a single one would.

        Yields
        ------
        images : ndarray of uint8, shape (n, side, side)
            Writable; batches do not overlap in memory.
        labels : ndarray of int64, shape (n,)
            Indices into `label_names`.

        Raises
        ------
        UsageError
            If an argument is out of range.
        IntegrityError
            If a file is missing, or is not the one that the manifest describes.

        Examples
        --------
        >>> from quickdraw_kit import open_shards, prepare, write_sample
        >>> _ = write_sample("drawings", drawings=60)
        >>> _ = prepare(["drawings"], "shards", workers=1)
        >>> dataset = open_shards("shards")
        >>> [len(labels) for _, labels in dataset.batches(25, shuffle=True)]
        [25, 25, 10]
        """
        if batch_size < 1 or shuffle_buffer < 1 or skip < 0:
            raise UsageError(
                f"batch_size is {batch_size}, shuffle_buffer {shuffle_buffer} and skip {skip}: "
                "expected at least 1, 1 and 0"
            )
        if not 0 <= rank < world_size:
            raise UsageError(f"rank is {rank}, expected 0 to {world_size - 1}")

        # whole batches per buffer: the batches do not depend on where buffers end
        buffer_rows = max(shuffle_buffer // batch_size, 1) * batch_size
        # buffers that end before this row are not read
        first_row = skip * batch_size
        for buffer_start, images, labels in prefetch_buffers(
            self._open,
            batch_size,
            shuffle=shuffle,
            seed=seed,
            buffer_rows=buffer_rows,
            first_row=first_row,
        ):
            for start in range(max(first_row - buffer_start, 0), len(labels), batch_size):
                part = slice(start, min(start + batch_size, len(labels)))
                rows = part.stop - part.start
                if drop_last and rows < batch_size:
                    return
                # ranks divide each batch, so any number of them sees the same batches
                if world_size > 1:
                    begin, end = rows * rank // world_size, rows * (rank + 1) // world_size
                    part = slice(start + begin, start + end)
                yield self._with_channel(images[part]), labels[part]
            del images, labels  # freed before the next buffer is waited for

    def to_pandas(self) -> "pd.DataFrame":
        """Return the metadata as a data frame with one row per drawing, in the order of the images.

        Returns
        -------
        pandas.DataFrame
            ``key_id``, ``word``, ``countrycode``, ``timestamp`` and ``recognized`` (also ``x``,
            ``y`` and ``t`` where strokes were kept, and ``quality`` where flags were asked for),
            then ``split`` and ``label``; columns are backed by Arrow.

        Raises
        ------
        DataError
            If there is no drawing.
        IntegrityError
            If a file is missing or damaged, or does not have the columns of the other files.

        Examples
        --------
        >>> from quickdraw_kit import open_shards, prepare, write_sample
        >>> _ = write_sample("drawings", drawings=60)
        >>> _ = prepare(["drawings"], "shards", workers=1)
        >>> frame = open_shards("shards").to_pandas()
        >>> len(frame), list(frame.columns[-2:])
        (60, ['split', 'label'])
        """
        import pandas as pd
        import pyarrow as pa

        tables = []
        for shard in self._shards:
            path, table = read_metadata(self.files, shard)
            # both are in the names of files and in other files, not in the metadata
            splits = pa.array([shard.split] * shard.rows, pa.string()).dictionary_encode()
            labels = pa.array(read_labels(self.files, self.manifest, shard))
            table = table.append_column("split", splits).append_column("label", labels)
            # the features in the schema do not describe the two new columns
            tables.append(table.replace_schema_metadata())
            if tables[-1].schema != tables[0].schema:
                raise IntegrityError(
                    f"{path} has columns {', '.join(tables[-1].column_names)}, expected "
                    f"{', '.join(tables[0].column_names)} of the same types, as in the other "
                    "shards. Run: quickdraw-kit verify"
                )
        if not tables:
            raise DataError(f"the data set has no drawing in split {self.split!r}")
        frame: pd.DataFrame = pa.concat_tables(tables).to_pandas(types_mapper=pd.ArrowDtype)
        return frame
