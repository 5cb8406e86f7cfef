"""Images and labels as arrays of numpy: a ``.npz`` of several, or a ``.npy`` of each.

``mnist.npz`` and files like it have x_train, y_train, x_test and y_test. Other names are in use,
too: an array of images is called x, images, data or something similar, and its labels y or labels,
with or without the name of a split.
"""

import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy.typing as npt

from quickdraw_kit.errors import DataError
from quickdraw_kit.formats.format import ReadOptions
from quickdraw_kit.formats.labeled_images import (
    label_records,
    labeled_images_format,
    split_of_name,
    to_images,
)
from quickdraw_kit.formats.npy_header import parse_npy
from quickdraw_kit.formats.record_batch import RecordBatch
from quickdraw_kit.formats.stroke3 import STROKE3_SPLITS, read_member

_IMAGES = frozenset({"x", "images", "image", "imgs", "img", "data", "features", "pixels", "arr"})
_LABELS = frozenset({"y", "labels", "label", "targets", "target"})
_NAMES = frozenset({"names", "classes", "categories", "labelnames", "classnames", "targetnames"})


def _role(name: str) -> str | None:
    """Return whether an array is called images or labels; None if neither."""
    words = set(re.split(r"[^a-z]+", name.lower()))
    # labels first: image_labels are labels
    if words & _LABELS:
        return "labels"
    return "images" if words & _IMAGES else None


def _stem(name: str) -> str:
    """Return what the names of images and of their labels have in common."""
    parts = re.split(r"[^a-z0-9]+", name.lower())
    return "-".join(part for part in parts if part not in _IMAGES | _LABELS)


def _read_npz(path: Path, options: ReadOptions) -> Iterator[RecordBatch]:
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            names = _members(archive)
            images = [name for name in names if _role(name) == "images"]
            label_of_stem = {_stem(name): name for name in names if _role(name) == "labels"}
            class_names = _class_names(archive, path, names)
            beside = find_label_array(path) if len(names) == 1 else None
            first = 0
            for name in images:
                labels_name = label_of_stem.get(_stem(name))
                if labels_name is None and beside is None and options.needs_labels:
                    raise DataError(f"{path} has no labels for {name}: it has {', '.join(names)}")
                pixels = to_images(_load(archive, path, name), f"{path}, {name}")
                labels = None if labels_name is None else _load(archive, path, labels_name)
                if beside is not None:
                    labels = _only_array(beside)
                # without a split in the name, all rows can go to any of them
                split = split_of_name(name) or (split_of_name(path.stem) if beside else None)
                if len(images) > 1:
                    split = split or "train"
                yield label_records(
                    pixels,
                    _check_labels(labels, len(pixels), str(beside or f"{path}, {labels_name}")),
                    path,
                    key=f"{path.name}/{name}",
                    split=split,
                    names=class_names,
                    first_row=first,
                )
                first += len(pixels)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError,
            UnicodeDecodeError) as error:  # fmt: skip
        raise DataError(f"{path} is not a complete .npz. Download it again.") from error


def _only_array(path: Path) -> npt.NDArray[Any]:
    with path.open("rb") as file, zipfile.ZipFile(file) as archive:
        names = _members(archive)
        if len(names) != 1:
            raise DataError(f"{path} has {', '.join(names)}, expected one array of labels")
        return _load(archive, path, names[0])


def _holds_images(path: Path) -> bool:
    """Whether a .npz has arrays of images, and not drawings as Sketch-RNN's."""
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            names = _members(archive)
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError):
        return False
    is_stroke3 = not set(names).isdisjoint(STROKE3_SPLITS)
    return not is_stroke3 and any(_role(name) == "images" for name in names)


def _members(archive: zipfile.ZipFile) -> list[str]:
    return [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]


def _load(archive: zipfile.ZipFile, path: Path, name: str) -> npt.NDArray[Any]:
    return parse_npy(read_member(archive, path, name), f"{path}, {name}")


def _class_names(
    archive: zipfile.ZipFile, path: Path, names: Iterable[str]
) -> tuple[str, ...] | None:
    name = next((n for n in names if re.sub(r"[^a-z]", "", n.lower()) in _NAMES), None)
    if name is None:
        return None
    values = _load(archive, path, name)
    if values.ndim != 1 or values.dtype.kind not in "US":
        return None
    return tuple(v.decode() if isinstance(v, bytes) else str(v) for v in values.tolist())


def _check_labels(
    labels: npt.NDArray[Any] | None, rows: int, where: str
) -> npt.NDArray[Any] | None:
    """Return labels with one axis: one number or text for each image."""
    if labels is None:
        return None
    if labels.ndim == 2 and labels.shape[1] > 1 and labels.dtype.kind in "biuf":
        labels = labels.argmax(axis=1)  # one-hot
    labels = labels.reshape(len(labels), -1)[:, 0] if labels.ndim == 2 else labels
    if labels.shape != (rows,):
        raise DataError(f"{where} holds {labels.shape}, expected a label for each of {rows} images")
    return labels


def find_label_array(path: Path) -> Path | None:
    """Return the ``y.npy`` beside an ``X.npy``; None if there is none.

    KMNIST has such pairs of ``.npz``, with one array each.
    """
    if _role(path.stem) != "images":
        return None
    return next(
        (
            other
            for other in sorted(path.parent.iterdir())
            if other.suffix == path.suffix
            and _role(other.stem) == "labels"
            and _stem(other.stem) == _stem(path.stem)
        ),
        None,
    )


def _is_pair(path: Path) -> bool:
    return find_label_array(path) is not None


def _read_pair(path: Path, options: ReadOptions) -> Iterator[RecordBatch]:
    labels_path = find_label_array(path)
    if labels_path is None:
        raise DataError(f"{path} has no labels beside it any more")
    images = to_images(parse_npy(path.read_bytes(), str(path)), str(path))
    labels = parse_npy(labels_path.read_bytes(), str(labels_path))
    yield label_records(
        images,
        _check_labels(labels, len(images), str(labels_path)),
        path,
        key=path.name,
        split=split_of_name(path.stem),
    )


IMAGE_ARRAYS = labeled_images_format(
    name="image-arrays",
    suffixes=(".npz",),
    holds=_holds_images,
    companion=find_label_array,
    read=_read_npz,
)
IMAGE_LABEL_PAIR = labeled_images_format(
    name="image-label-pair",
    suffixes=(".npy",),
    holds=_is_pair,
    companion=find_label_array,
    read=_read_pair,
)
