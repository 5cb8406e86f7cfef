"""Open a data set: memory-mapped images, labels that never lose their names, whole batches.

Two ways to read. ``dataset[i]`` gives one image and its label, as a torch ``DataLoader`` wants it;
it is there because everybody expects it, and it is slow, because a batch of 512 is 512 calls. The
fast way is ``batches``, which slices whole arrays. The shards are shuffled on disk, so an epoch
need not draw single rows at random: it visits the shards in a drawn order and shuffles rows within
a window of memory, reading the disk from front to back.
"""

import bisect
import functools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import DataError, IntegrityError, UsageError
from quickdraw_kit.shards.manifest import Manifest, ShardEntry, load_manifest
from quickdraw_kit.shards.order import SPLITS

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ShardDataset", "open_shards"]


def open_shards(path: str | os.PathLike[str], *, split: str | None = None) -> "ShardDataset":
    """Open a data set that `prepare` wrote.

    Parameters
    ----------
    path : str or path-like
        Folder of the data set.
    split : {"train", "validation", "test"}, optional
        Only this split; by default all, one behind the other.

    Returns
    -------
    ShardDataset
        Nothing is read yet but the manifest.

    Raises
    ------
    UsageError
        If there is no such split.
    DataError
        If the folder is not a finished data set.

    Examples
    --------
    >>> open_shards(getfixture("tmp_path"))
    Traceback (most recent call last):
    ...
    quickdraw_kit.errors.DataError: ...manifest.json does not exist: ...
    """
    if split is not None and split not in SPLITS:
        raise UsageError(f"no split {split!r}, expected {', '.join(SPLITS)}")
    folder = Path(path)
    manifest = load_manifest(folder)
    return ShardDataset(folder, manifest, split)


class ShardDataset:
    """A data set, or one split of it; a torch-style ``Dataset`` of (image, label).

    Parameters
    ----------
    folder : Path
        Where it lies.
    manifest : Manifest
        What it is.
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
    >>> from quickdraw_kit.shards.prepare import prepare
    >>> from quickdraw_kit.strokes.batch import DrawingBatch
    >>> from quickdraw_kit.strokes.ndjson import write_ndjson
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

    def __init__(self, folder: Path, manifest: Manifest, split: str | None = None) -> None:
        self.folder = folder
        self.manifest = manifest
        self.split = split
        self.label_names = manifest.categories
        self.side = manifest.layout.style.side
        self._shards = [
            shard for shard in manifest.shards if shard.rows and split in (None, shard.split)
        ]
        self._ends = np.cumsum([shard.rows for shard in self._shards], dtype=np.int64).tolist()

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, index: int) -> tuple[npt.NDArray[np.uint8], int]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"drawing {index} of {len(self)}")
        index %= len(self)
        number = bisect.bisect_right(self._ends, index)
        row = index - (self._ends[number - 1] if number else 0)
        images, labels = self._open(number)
        return images[row], int(labels[row])

    def __getstate__(self) -> dict[str, Any]:
        """Leave the open maps behind, so that workers of a DataLoader open their own."""
        return {name: value for name, value in self.__dict__.items() if name != "_open"}

    @functools.cached_property
    def _open(self):  # type: ignore[no-untyped-def]
        """Open a shard: images of shape (rows, side, side), uint8, and labels, int64."""
        # NPY shards are maps and cost nothing to keep; decoded Parquet ones are memory
        keep = None if self.manifest.layout.form == "npy" else 2
        return functools.lru_cache(keep)(
            lambda number: (
                images_of(self.folder, self.manifest, self._shards[number]),
                labels_of(self.folder, self.manifest, self._shards[number]),
            )
        )

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """All labels, int64, shape (len,)."""
        parts = [self._open(number)[1] for number in range(len(self._shards))]
        return np.concatenate([np.zeros(0, np.int64), *parts])

    def batches(
        self,
        batch_size: int,
        *,
        shuffle: bool = False,
        seed: int = 0,
        drop_last: bool = False,
        window: int = 1 << 18,
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
        window : int
            Rows that are shuffled together; memory for a copy of them is needed.

        Yields
        ------
        images : ndarray of uint8, shape (n, side, side)
            A view of the map when that is possible: copy before you write.
        labels : ndarray of int64, shape (n,)
            Indices into `label_names`.

        Raises
        ------
        UsageError
            If a size is below 1.
        """
        if batch_size < 1 or window < 1:
            raise UsageError(f"batch_size {batch_size} and window {window} must be at least 1")
        window = max(window // batch_size, 1) * batch_size
        stretches = self._stretches(batch_size, shuffle, seed, window)
        for images, labels in stretches:
            for start in range(0, len(labels), batch_size):
                part = slice(start, start + batch_size)
                if drop_last and len(labels) - start < batch_size:
                    return
                yield images[part], labels[part]

    def to_pandas(self) -> "pd.DataFrame":
        """Return the metadata as a data frame: a row a drawing, in the order of the images.

        Returns
        -------
        pandas.DataFrame
            ``key_id``, ``word``, ``countrycode``, ``timestamp``, ``recognized`` (and ``x``, ``y``,
            ``t`` where strokes were kept), and ``split`` and ``label``; Arrow-backed.
        """
        import pandas as pd
        import pyarrow as pa
        import pyarrow.parquet as pq

        tables = []
        for number, shard in enumerate(self._shards):
            path = self.folder / _named(shard, ".parquet").name
            table = pq.read_table(path, columns=_metadata_columns(path))
            splits = pa.array([shard.split] * shard.rows, pa.string()).dictionary_encode()
            labels = pa.array(np.asarray(self._open(number)[1]))
            table = table.append_column("split", splits).append_column("label", labels)
            tables.append(table.replace_schema_metadata())
        if not tables:
            raise DataError(f"{self.folder} has no drawing in split {self.split!r}")
        frame: pd.DataFrame = pa.concat_tables(tables).to_pandas(types_mapper=pd.ArrowDtype)
        return frame

    def _stretches(
        self, batch_size: int, shuffle: bool, seed: int, window: int
    ) -> Iterator[tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]]:
        """Yield runs of rows whose length is a multiple of batch_size, but for the last."""
        rng = np.random.default_rng(seed)
        numbers = rng.permutation(len(self._shards)) if shuffle else range(len(self._shards))
        held: list[tuple[Any, Any]] = []
        rows = 0
        for number in numbers:
            images, labels = self._open(int(number))
            start = 0
            while start < len(labels):
                stop = min(start + window - rows, len(labels))
                held.append((images[start:stop], labels[start:stop]))
                rows += stop - start
                start = stop
                # without shuffling there is nothing to gain by holding more than it takes
                # to fill batches that straddle two shards
                whole = (
                    rows if rows == window else (0 if shuffle else rows // batch_size * batch_size)
                )
                if whole:
                    yield from self._release(held, whole, rng if shuffle else None)
                    rows -= whole
        if rows:
            yield from self._release(held, rows, rng if shuffle else None)

    @staticmethod
    def _release(
        held: list[tuple[Any, Any]], rows: int, rng: np.random.Generator | None
    ) -> Iterator[tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]]:
        if len(held) > 1:
            parts = [np.concatenate(column) for column in zip(*held, strict=True)]
        else:
            parts = list(held[0])
        images, labels = parts
        held.clear()
        if rows < len(labels):
            held.append((images[rows:], labels[rows:]))
        images, labels = images[:rows], labels[:rows]
        if rng is not None:
            order = rng.permutation(rows)
            images, labels = np.asarray(images)[order], np.asarray(labels)[order]
        yield images, labels


def labels_of(folder: Path, manifest: Manifest, shard: ShardEntry) -> npt.NDArray[np.int64]:
    """Return the labels of a shard.

    Parameters
    ----------
    folder : Path
        Folder of the data set.
    manifest : Manifest
        What it is.
    shard : ShardEntry
        Which shard.

    Returns
    -------
    ndarray of int64, shape (rows,)
        Indices into the categories.

    Raises
    ------
    IntegrityError
        If the file is missing or not what the manifest says.
    """
    if manifest.layout.form == "npy":
        return _map(folder / _named(shard, ".labels.npy").name, np.dtype("<i8"), (shard.rows,))
    import pyarrow.parquet as pq

    path = folder / _named(shard, ".parquet").name
    labels: npt.NDArray[np.int64] = pq.read_table(path, columns=["label"])["label"].to_numpy()
    return labels


def images_of(folder: Path, manifest: Manifest, shard: ShardEntry) -> npt.NDArray[np.uint8]:
    """Return the images of a shard: a memory map of NPY, decoded from Parquet.

    Parameters
    ----------
    folder : Path
        Folder of the data set.
    manifest : Manifest
        What it is.
    shard : ShardEntry
        Which shard.

    Returns
    -------
    ndarray of uint8, shape (rows, side, side)
        Read-only.

    Raises
    ------
    IntegrityError
        If the file is missing or not what the manifest says.
    """
    side = manifest.layout.style.side
    if manifest.layout.form == "npy":
        path = folder / _named(shard, ".images.npy").name
        return _map(path, np.dtype(np.uint8), (shard.rows, side, side))
    import io

    import pyarrow.parquet as pq
    from PIL import Image

    path = folder / _named(shard, ".parquet").name
    column = pq.read_table(path, columns=["image"])["image"].combine_chunks()
    images = np.empty((shard.rows, side, side), np.uint8)
    for row, encoded in enumerate(column.field("bytes")):
        images[row] = np.asarray(Image.open(io.BytesIO(encoded.as_py())))
    images.flags.writeable = False
    return images


def _named(shard: ShardEntry, suffix: str) -> Any:
    return next(file for file in shard.files if file.name.endswith(suffix))


def _metadata_columns(path: Path) -> list[str]:
    import pyarrow.parquet as pq

    return [name for name in pq.read_schema(path).names if name not in ("image", "label")]


def _map(path: Path, dtype: np.dtype[Any], shape: Sequence[int]) -> npt.NDArray[Any]:
    try:
        mode: Literal["r"] | None = "r" if 0 not in shape else None
        array: npt.NDArray[Any] = np.load(path, mmap_mode=mode, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise IntegrityError(
            f"{path} cannot be opened: {error}. Run: quickdraw-kit verify"
        ) from error
    if array.dtype != dtype or array.shape != tuple(shape):
        raise IntegrityError(
            f"{path} holds {array.dtype} {array.shape}, expected {dtype} {tuple(shape)}: "
            "it is not the file that the manifest describes"
        )
    return array
