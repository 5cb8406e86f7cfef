"""Open a data set: images from the disk, labels that never lose their names, whole batches.

Two ways to read. ``dataset[i]`` gives one image and its label, as a torch ``DataLoader`` wants it;
it is there because everybody expects it, and it is slow, because a batch of 512 is 512 calls. The
fast way is ``batches``, which slices whole arrays. The shards are shuffled on disk, so an epoch
need not draw single rows at random: it visits the shards in a drawn order and shuffles rows within
a shuffle_buffer of memory, reading the disk from front to back.
"""

import bisect
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import DataError, IntegrityError, UsageError
from quickdraw_kit.shards.hashes import SPLITS
from quickdraw_kit.shards.manifest import (
    Manifest,
    load_manifest,
)
from quickdraw_kit.shards.read.handles import OpenShards
from quickdraw_kit.shards.read.prefetch import stretches
from quickdraw_kit.shards.read.readers import all_labels, metadata_of
from quickdraw_kit.storage.cache import CACHE_BYTES, CachedFiles, Files, LocalFiles
from quickdraw_kit.storage.store import RetryingStore
from quickdraw_kit.storage.urls import parse_location

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ShardDataset", "open_shards"]


def open_shards(
    path: str | os.PathLike[str],
    *,
    split: str | None = None,
    cache: str | os.PathLike[str] | None = None,
    cache_bytes: int = CACHE_BYTES,
) -> "ShardDataset":
    """Open a data set that `prepare` wrote, here or in an object store.

    Parameters
    ----------
    path : str or path-like
        Folder of the data set, or a URL such as ``s3://bucket/shards``.
    split : {"train", "validation", "test"}, optional
        Only this split; by default all, one behind the other.
    cache : path-like, optional
        Folder for local copies of shards of a store; by default one in the folder of downloads.
    cache_bytes : int
        What the copies may take; those that were not used for the longest time go first.

    Returns
    -------
    ShardDataset
        Nothing is read yet but the manifest.

    Raises
    ------
    UsageError
        If there is no such split, or the driver of the store is not installed.
    DataError
        If the folder is not a finished data set.
    QuickdrawError
        If the store fails.

    Examples
    --------
    >>> open_shards(getfixture("tmp_path"))
    Traceback (most recent call last):
    ...
    quickdraw_kit.errors.DataError: ...manifest.json does not exist: ...
    """
    if split is not None and split not in SPLITS:
        raise UsageError(f"no split {split!r}, expected {', '.join(SPLITS)}")
    place = parse_location(path)
    if isinstance(place, Path):
        return ShardDataset(load_manifest(place), LocalFiles(place), split)
    from quickdraw_kit.acquire.cache_entry import get_data_home

    store = RetryingStore(place)
    manifest = load_manifest(store)
    copies = Path(cache) if cache is not None else get_data_home() / "cache"
    return ShardDataset(manifest, CachedFiles(store, copies, cache_bytes), split)


class ShardDataset:
    """A data set, or one split of it; a torch-style ``Dataset`` of (image, label).

    Parameters
    ----------
    manifest : Manifest
        What it is.
    files : LocalFiles or CachedFiles
        Where its files are.
    split : str, optional
        Only this split.

    Attributes
    ----------
    label_names : tuple of str
        Names in label order.
    side : int
        Side of the images.

    Examples
    --------
    >>> from quickdraw_kit.shards.prepare.pipeline import prepare
    >>> from quickdraw_kit.strokes.batch import DrawingBatch
    >>> from quickdraw_kit.formats.ndjson.files import write_ndjson
    >>> folder = getfixture("tmp_path")
    >>> batch = DrawingBatch.from_strokes([[([0, 255], [0, 255])]] * 50, words=["line"] * 50)
    >>> write_ndjson(batch, folder / "line.ndjson")
    >>> _ = prepare([folder / "line.ndjson"], folder / "shards", workers=1)
    >>> dataset = open_shards(folder / "shards", split="train")
    >>> image, label = dataset[0]
    >>> image.shape, image.dtype, dataset.label_names[label]
    ((28, 28), dtype('uint8'), 'line')
    >>> sum(len(labels) for _, labels in dataset.batches(16)) == len(dataset)
    True
    """

    def __init__(self, manifest: Manifest, files: Files, split: str | None = None) -> None:
        self.manifest = manifest
        self.files = files
        self.split = split
        self.label_names = manifest.categories
        self.side = manifest.options.style.side
        self._shards = [
            shard for shard in manifest.shards if shard.rows and split in (None, shard.split)
        ]
        self._ends = np.cumsum([shard.rows for shard in self._shards], dtype=np.int64).tolist()
        self._open = OpenShards(files, manifest, self._shards)

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, index: int) -> tuple[npt.NDArray[np.uint8], int]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"drawing {index} of {len(self)}")
        index %= len(self)
        number = bisect.bisect_right(self._ends, index)
        row = index - (self._ends[number - 1] if number else 0)
        images, labels = self._open.get(number)
        image, label = np.empty((1, self.side, self.side), np.uint8), np.empty(1, np.int64)
        images.read(row, image)
        labels.read(row, label)
        return image[0], int(label[0])

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """All labels, int64, shape (len,)."""
        parts = [all_labels(self.files, self.manifest, shard) for shard in self._shards]
        return np.concatenate([np.zeros(0, np.int64), *parts])

    def take(self, rows: npt.ArrayLike) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
        """Copy some rows, in any order.

        Parameters
        ----------
        rows : array_like of int, shape (n,)
            From 0.

        Returns
        -------
        images : ndarray of uint8, shape (n, side, side)
        labels : ndarray of int64, shape (n,)

        Raises
        ------
        IndexError
            If there is no such row.
        IntegrityError
            If a file is missing or not what the manifest says, from the beginning or by now.
        """
        wanted = np.asarray(rows, np.int64)
        if len(wanted) and not 0 <= wanted.min() <= wanted.max() < len(self):
            raise IndexError(f"rows {wanted.min()} to {wanted.max()} of {len(self)} drawings")
        images = np.empty((len(wanted), self.side, self.side), np.uint8)
        labels = np.empty(len(wanted), np.int64)
        numbers = np.searchsorted(np.asarray(self._ends), wanted, side="right")
        for number in np.unique(numbers).tolist():
            here = numbers == number
            inside = wanted[here] - (self._ends[number - 1] if number else 0)
            shard_images, shard_labels = self._open.get(number)
            images[here], labels[here] = shard_images.take(inside), shard_labels.take(inside)
        return images, labels

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
        """Yield whole batches, each a pair of arrays.

        Parameters
        ----------
        batch_size : int
            Rows of a batch; the last one may have fewer.
        shuffle : bool
            Visit the shards in a drawn order, and shuffle the rows within windows.
        seed : int
            What the order is drawn with: the same seed gives the same order.
        drop_last : bool
            Leave out a last batch that is not full.
        shuffle_buffer : int
            Rows that are shuffled together, and the most that are read at once; there is memory
            for twice as many, for the next ones are read while these are used.
        skip : int
            Leave out so many batches at the beginning, without reading them: the rest are those of
            a pass that was interrupted there.
        rank, world_size : int
            Yield only the rows of one of several processes: of every batch each takes its part, so
            that together they see the batches of a single one, in any number.

        Yields
        ------
        images : ndarray of uint8, shape (n, side, side)
            Yours to change.
        labels : ndarray of int64, shape (n,)
            Indices into `label_names`.

        Raises
        ------
        UsageError
            If a size is below 1, or there is no such rank.
        IntegrityError
            If a file is missing or not what the manifest says, from the beginning or by now.
        """
        if batch_size < 1 or shuffle_buffer < 1 or skip < 0:
            raise UsageError(
                f"batch_size {batch_size} and shuffle_buffer {shuffle_buffer} must be at least 1, skip {skip} 0"
            )
        if not 0 <= rank < world_size:
            raise UsageError(f"rank {rank} of {world_size}, expected 0 to {world_size - 1}")
        shuffle_buffer = max(shuffle_buffer // batch_size, 1) * batch_size
        first = skip * batch_size
        for begin, images, labels in stretches(
            self._open, batch_size, shuffle=shuffle, seed=seed, window=shuffle_buffer, first=first
        ):
            for start in range(max(first - begin, 0), len(labels), batch_size):
                part = slice(start, min(start + batch_size, len(labels)))
                rows = part.stop - part.start
                if drop_last and rows < batch_size:
                    return
                if world_size > 1:
                    part = slice(
                        start + rows * rank // world_size, start + rows * (rank + 1) // world_size
                    )
                yield images[part], labels[part]
            del images, labels  # not held while the next are waited for

    def to_pandas(self) -> "pd.DataFrame":
        """Return the metadata as a data frame: a row a drawing, in the order of the images.

        Returns
        -------
        pandas.DataFrame
            ``key_id``, ``word``, ``countrycode``, ``timestamp``, ``recognized`` (and ``x``, ``y``,
            ``t`` where strokes were kept), and ``split`` and ``label``; Arrow-backed.

        Raises
        ------
        DataError
            If there is no drawing.
        IntegrityError
            If a file is missing or damaged, or has other columns than the others.
        """
        import pandas as pd
        import pyarrow as pa

        tables = []
        for shard in self._shards:
            path, table = metadata_of(self.files, shard)
            splits = pa.array([shard.split] * shard.rows, pa.string()).dictionary_encode()
            labels = pa.array(all_labels(self.files, self.manifest, shard))
            table = table.append_column("split", splits).append_column("label", labels)
            tables.append(table.replace_schema_metadata())
            if tables[-1].schema != tables[0].schema:
                raise IntegrityError(
                    f"{path} has columns {', '.join(tables[-1].column_names)}, expected "
                    f"{', '.join(tables[0].column_names)} as in the other shards, and of the same "
                    "types. Run: quickdraw-kit verify"
                )
        if not tables:
            raise DataError(f"the data set has no drawing in split {self.split!r}")
        frame: pd.DataFrame = pa.concat_tables(tables).to_pandas(types_mapper=pd.ArrowDtype)
        return frame
