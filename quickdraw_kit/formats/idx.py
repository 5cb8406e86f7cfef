"""IDX files, as of MNIST: images and labels in two files.

Fashion-MNIST has the same file names; it is recognized by ``fashion`` in the path.
"""

import math
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import DataError
from quickdraw_kit.formats.file_names import label_from_filename
from quickdraw_kit.formats.format import Format, ReadOptions
from quickdraw_kit.formats.record_batch import RecordBatch
from quickdraw_kit.storage.files import detect_compression, open_decompressed
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
            raise DataError(f"{path} is not an IDX file: it begins with {magic!r}")

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


def _read(path: Path, options: ReadOptions) -> Iterator[RecordBatch]:
    images = read_idx(path)
    labels_path = path.with_name(path.name.replace("images-idx3-ubyte", "labels-idx1-ubyte"))
    if not labels_path.exists():
        raise DataError(f"{path} has no labels: expected {labels_path.name} beside it")
    labels = read_idx(labels_path)
    if images.ndim != 3 or labels.shape != images.shape[:1]:
        raise DataError(
            f"{path} holds images {images.shape} and {labels_path.name} labels {labels.shape}: "
            "expected a label for each image"
        )
    if labels.size and labels.max() > 9:
        raise DataError(f"{labels_path} has label {labels.max()}, expected 0 to 9")

    is_fashion = "fashion" in str(path).lower()
    names = FASHION_NAMES if is_fashion else MNIST_NAMES
    data_set = "fashion-mnist" if is_fashion else "mnist"
    file_name = options.word or label_from_filename(path)
    number = len(images)
    batch = DrawingBatch.from_strokes([[]] * number, words=[names[0]] * number)
    batch = replace(
        batch,
        key_id=row_key_ids(f"{data_set}/{file_name}", 0, number),
        word_code=labels.astype(np.int32),
        words=names,
    )
    yield RecordBatch(batch, np.arange(number), images=images)


def _split_from_name(label: str) -> str:
    # t10k is what MNIST calls its 10,000 test images
    return "test" if label.startswith(("t10k", "test")) else "train"


IDX = Format(
    name="idx",
    suffixes=("-images-idx3-ubyte", "-images.idx3-ubyte"),
    compressible=True,
    bytes_per_drawing=28 * 28,
    fields=frozenset({"word"}),
    has_strokes=False,
    has_companion=True,
    split_from_name=_split_from_name,
    read=_read,
)
