"""IDX files, as of MNIST: images and labels in two files.

Kaggle's copies have dots in their names, EMNIST and QMNIST have prefixes, and QMNIST's labels have
eight columns; see `quickdraw_kit.formats.labeled_images` for the names of the classes.
"""

import math
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import DataError
from quickdraw_kit.formats.file_names import strip_compression
from quickdraw_kit.formats.foreign import describe_foreign
from quickdraw_kit.formats.format import ReadOptions
from quickdraw_kit.formats.labeled_images import (
    label_records,
    labeled_images_format,
    split_of_name,
    to_images,
)
from quickdraw_kit.formats.record_batch import RecordBatch
from quickdraw_kit.storage.files import detect_compression, open_decompressed

_TYPE = re.compile(r"[-._]idx\d(?:[-._](?:ubyte|byte|int))?$", re.IGNORECASE)
_LABELS_NAME = re.compile(r"labels?[-._]idx[12](?:[-._](?:ubyte|byte|int))?$")
_HEAD_BYTES = 4096
_READ_BYTES = 1 << 20
_MAX_SMALL_CONTENT = 1 << 26  # bytes that a file may decompress to, whatever its ratio
_MAX_RATIO = 100  # of a larger file; the ratio of MNIST is 5
_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: str | os.PathLike[str]) -> npt.NDArray[Any]:
    """Read an IDX file: images or labels of MNIST, Fashion-MNIST, EMNIST and similar data sets.

    Parameters
    ----------
    path : str or path-like
        The file, uncompressed or compressed with gzip or zstd.

    Returns
    -------
    ndarray
        Read-only array of the type and shape that the file declares: uint8 (N, 28, 28) for images,
        uint8 (N,) for labels.

    Raises
    ------
    DataError
        If it is not an IDX file or does not have as many bytes as it declares. Nothing is allocated
        before the size has been checked.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> from pathlib import Path
    >>> from quickdraw_kit import read_idx
    >>> _ = Path("labels-idx1-ubyte").write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 5, 0, 4]))
    >>> read_idx("labels-idx1-ubyte")
    array([5, 0, 4], dtype=uint8)
    """
    path = Path(path)
    with open_decompressed(path) as file:
        magic = file.read(4)
        if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _TYPES or not magic[3]:
            foreign = describe_foreign(magic + file.read(_HEAD_BYTES))
            what = foreign or f"is not an IDX file: it begins with {magic!r}"
            raise DataError(f"{path} {what}")

        lengths = file.read(4 * magic[3])
        # a header that is cut off may end within a number, which frombuffer refuses
        shape = tuple(np.frombuffer(lengths[: len(lengths) // 4 * 4], ">u4").tolist())
        dtype = np.dtype(_TYPES[magic[2]])
        size, file_size = math.prod(shape) * dtype.itemsize, path.stat().st_size
        is_compressed = detect_compression(path) is not None
        if len(shape) != magic[3] or len(lengths) != 4 * magic[3]:
            raise DataError(f"{path} ends within its header. It is cut off: download it again.")

        # how much a compressed file holds is known only after decompressing it
        limit = max(_MAX_SMALL_CONTENT, _MAX_RATIO * file_size) if is_compressed else file_size
        if size > limit:
            raise DataError(
                f"{path} declares {shape}, {size} bytes, more than its {file_size} bytes can hold"
            )

        # One byte more than declared is enough to see that there are too many.
        content = bytearray()
        while data := file.read(min(_READ_BYTES, size + 1 - len(content))):
            content += data
    if len(content) != size:
        actual = f"holds {len(content)}" if len(content) < size else "holds more than that"
        raise DataError(f"{path} declares {shape}, {size} bytes, but {actual}. Download it again.")
    # bytes, not a bytearray: the array must be read-only
    return np.frombuffer(bytes(content), dtype).reshape(shape)


def find_labels(path: Path) -> Path | None:
    """Return the file of labels beside one of images, in whatever spelling; None if it is gone."""
    wanted = _family(path).replace("images", "labels")
    beside = [
        other
        for other in sorted(path.parent.iterdir())
        if _LABELS_NAME.search(strip_compression(other).name.lower()) and _family(other) == wanted
    ]
    # of several, the one that is spelled as the images are
    alike = [other for other in beside if other.suffix == path.suffix]
    return next(iter(alike or beside), None)


def _family(path: Path) -> str:
    """Return what the names of images and of their labels have in common, but for that word."""
    name = _TYPE.sub("", strip_compression(path).name.lower())
    return re.sub(r"[-._ ]+", "-", name)


def _read(path: Path, options: ReadOptions) -> Iterator[RecordBatch]:
    images = read_idx(path)
    labels_path = find_labels(path)
    labels = None if labels_path is None else read_idx(labels_path)
    if labels is None and options.needs_labels:
        name = _TYPE.sub("", strip_compression(path).name)
        expected = re.sub("images", "labels", name, flags=re.IGNORECASE)
        raise DataError(
            f"{path} has images without labels: expected {expected}-idx1-ubyte beside it"
        )
    # QMNIST has eight columns, of which the first is the class
    if labels is not None and labels.ndim == 2:
        labels = labels[:, 0]
    if images.ndim != 3 or (labels is not None and labels.shape != images.shape[:1]):
        of_labels = "none" if labels is None else labels.shape
        raise DataError(
            f"{path} holds images {images.shape} and labels {of_labels}: expected images "
            "(n, side, side) and a label for each"
        )
    name = strip_compression(path).name.replace(".idx3", "-idx3")
    yield label_records(
        to_images(images, str(path)),
        labels,
        path,
        key=name,
        split=split_of_name(name) or "train",
    )


def _sniff(head: bytes) -> bool:
    return head.startswith(b"\0\0\x08\x03")


IDX = labeled_images_format(
    name="idx",
    suffixes=("-images-idx3-ubyte", "-images.idx3-ubyte"),
    name_pattern=re.compile(r"[-._]idx3(?:[-._]ubyte)?$", re.IGNORECASE),
    sniff=_sniff,
    compressible=True,
    companion=find_labels,
    read=_read,
)
