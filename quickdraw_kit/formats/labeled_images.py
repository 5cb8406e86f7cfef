"""Images with labels of their own: MNIST and data sets like it, in whatever files they come.

The labels are numbers; the names of the classes, and whether images are stored on their side, are
known of a data set by the names of its files and folders.
"""

import functools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from quickdraw_kit.categories import label_of_word, label_order
from quickdraw_kit.errors import DataError
from quickdraw_kit.formats.file_names import strip_compression
from quickdraw_kit.formats.format import Format
from quickdraw_kit.formats.record_batch import SPLITS, RecordBatch
from quickdraw_kit.strokes.batch import DrawingBatch
from quickdraw_kit.strokes.key_ids import row_key_ids

MNIST_NAMES = tuple("0123456789")
# in the order of the labels in the files
FASHION_NAMES = (
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
KMNIST_NAMES = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")

_UPPER, _LOWER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz"
_EMNIST_NAMES = {  # by the part of the data set
    "letters": tuple(_LOWER),  # labels 1 to 26; upper and lower case are one class
    "balanced": (*MNIST_NAMES, *_UPPER, *"abdefghnqrt"),
    "bymerge": (*MNIST_NAMES, *_UPPER, *"abdefghnqrt"),
    "byclass": (*MNIST_NAMES, *_UPPER, *_LOWER),
}
_MAX_LABEL = 9999

Pixels: TypeAlias = npt.NDArray[np.uint8]

labeled_images_format = functools.partial(
    Format,
    bytes_per_drawing=28 * 28,
    fields=frozenset({"word"}),
    has_strokes=False,
    has_splits=True,
    has_own_labels=True,
)
"""Declare a format of images with labels of their own."""


@dataclass(frozen=True, slots=True)
class DataSetTraits:
    """What the names of a file and its folders say about the data set."""

    name: str
    label_names: tuple[str, ...]  # of labels from `first_label`; empty if they are not known
    first_label: int = 0
    transposed: bool = False


def traits_of(path: Path) -> DataSetTraits:
    """Return what is known of the data set that a file belongs to."""
    # the file, the folder and the folder around it, such as EMNIST/raw/...
    names = [part.lower() for part in path.absolute().parts[-3:]]
    if any(name.startswith("emnist") for name in names) or "emnist" in names[-1]:
        known = (kind for kind in _EMNIST_NAMES if kind in names[-1])
        label_names = _read_mapping(path) or _EMNIST_NAMES.get(next(known, ""), MNIST_NAMES)
        return DataSetTraits("emnist", label_names, "letters" in names[-1], transposed=True)
    if any("fashion" in name for name in names):
        return DataSetTraits("fashion-mnist", FASHION_NAMES)
    if any(name.startswith(("kmnist", "kuzushiji")) for name in names):
        return DataSetTraits("kmnist", KMNIST_NAMES)
    return DataSetTraits("mnist", MNIST_NAMES)


def split_of_name(name: str) -> str | None:
    """Return the split that the name of a file or an array says: train, validation or test."""
    parts = re.split(r"[^a-z0-9]+", name.lower())
    # t10k is what MNIST calls its 10,000 test images
    if any(part.startswith(("test", "t10k")) for part in parts):
        return "test"
    if any(part in ("val", "valid", "validation") for part in parts):
        return "validation"
    return "train" if any(part.startswith("train") for part in parts) else None


def image_side(shape: Sequence[int]) -> int:
    """Return the side of square images, one in each row of an array; 0 if it has another shape.

    Axes of length 1 do not count: (N, 784), (N, 1, 784), (N, 28, 28), (N, 28, 28, 1) and
    (N, 1, 28, 28) are the same images.
    """
    axes = [length for length in shape[1:] if length != 1]
    if len(axes) == 1:
        side = math.isqrt(axes[0])
        return side if side * side == axes[0] else 0
    return axes[0] if len(axes) == 2 and axes[0] == axes[1] else 0


def to_images(array: npt.NDArray[Any], where: str) -> Pixels:
    """Return images of shape (n, side, side) from an array of numbers from 0 to 255, or to 1."""
    side = image_side(array.shape)
    if array.dtype.kind not in "biuf" or not side:
        raise DataError(
            f"{where} holds {array.dtype} {array.shape}, expected images such as (N, 784) or "
            "(N, 28, 28)"
        )
    if array.dtype != np.uint8:
        low, high = array.min(initial=0), array.max(initial=0)
        # NaN fails, too: it is not between
        if not (low >= 0 and high <= 255):
            raise DataError(f"{where} has pixels from {low} to {high}, expected 0 to 255")
        # floats up to 1 are shares of white
        is_share = array.dtype.kind == "b" or (array.dtype.kind == "f" and high <= 1)
        array = np.rint(array * 255.0 if is_share else array).astype(np.uint8)
    return array.reshape(-1, side, side)


def label_records(
    images: Pixels,
    labels: npt.NDArray[Any] | None,
    path: Path,
    *,
    key: str,
    split: str | None = None,
    names: Sequence[str] | None = None,
    first_row: int = 0,
) -> RecordBatch:
    """Return images with their labels as a record batch.

    `key` is what key_ids are made of, and the row; `split` is that of all rows, if it is
    predefined; `names` are those of the labels from 0, if the file has them. Labels may be texts.
    Without labels, the word is empty.
    """
    traits = traits_of(path)
    no_words: tuple[str, ...] = ("",)
    if labels is None:
        words, codes = no_words, np.zeros(len(images), np.int64)
    elif labels.dtype.kind in "SU":
        texts, codes = np.unique(labels, return_inverse=True)
        decoded = [text.decode() if isinstance(text, bytes) else str(text) for text in texts]
        unique = label_order(map(label_of_word, decoded))
        codes = np.array([unique.index(label_of_word(text)) for text in decoded], np.int64)[codes]
        words = unique
    else:
        words, codes = _name_labels(labels, path, traits, names)
    if traits.transposed:
        images = np.ascontiguousarray(images.transpose(0, 2, 1))

    number = len(images)
    stop = first_row + number
    key_id = row_key_ids(f"{traits.name}/{key}", first_row, stop)
    batch = DrawingBatch.from_strokes([[]] * number, words=[words[0]] * number, key_id=key_id)
    batch = replace(batch, word_code=codes.astype(np.int32), words=words)
    codes_of_split = None if split is None else np.full(number, SPLITS.index(split), np.uint8)
    return RecordBatch(batch, np.arange(first_row, stop), images=images, split=codes_of_split)


def _name_labels(
    labels: npt.NDArray[Any], path: Path, traits: DataSetTraits, names: Sequence[str] | None
) -> tuple[tuple[str, ...], npt.NDArray[np.int64]]:
    """Return the names of the classes, and the index into them of each label."""
    values = np.asarray(labels, np.int64) if labels.dtype.kind in "biu" else np.rint(labels)
    low, high = (int(values.min(initial=0)), int(values.max(initial=0)))
    if labels.dtype.kind not in "biuf" or (values != labels).any() or low < 0 or high > _MAX_LABEL:
        raise DataError(
            f"{path} has labels from {low} to {high}, expected numbers of classes from 0"
        )
    values = values.astype(np.int64)
    if names is not None and high < len(names):
        return tuple(map(label_of_word, names)), values

    first = traits.first_label
    if high - first < len(traits.label_names) and not (first and (values < first).any()):
        return traits.label_names, values - first
    # another data set: its classes are the numbers, from 1 if there is no 0
    first = int(len(values) > 0 and bool((values > 0).all()))
    return tuple(map(str, range(first, high + 1))), values - first


def _read_mapping(path: Path) -> tuple[str, ...]:
    """Return the names of a mapping file of EMNIST beside a file; empty if there is none."""
    name = strip_compression(path).name.lower()
    start = re.split(r"[-_.](?:train|test)", name)[0]
    mapping = path.with_name(f"{start}-mapping.txt")
    try:
        # a label, then the codes of its characters: of letters the upper and the lower case
        lines = [line.split() for line in mapping.read_text("ascii").splitlines() if line.strip()]
        pairs = sorted((int(fields[0]), chr(int(fields[-1]))) for fields in lines)
    except (OSError, ValueError, IndexError, OverflowError):
        return ()
    labels = [label for label, _ in pairs]
    is_complete = bool(labels) and labels == list(range(labels[0], labels[0] + len(labels)))
    return tuple(name for _, name in pairs) if is_complete else ()
