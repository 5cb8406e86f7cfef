"""Images as CSV: MNIST and Kaggle's Digit Recognizer, a row of label and pixels for each image.

The label is the first column or the last one, with or without a header; a table for predictions
has pixels only.
"""

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import DataError
from quickdraw_kit.formats.file_names import strip_compression
from quickdraw_kit.formats.format import ReadOptions
from quickdraw_kit.formats.labeled_images import (
    label_records,
    labeled_images_format,
    split_of_name,
    to_images,
)
from quickdraw_kit.formats.record_batch import RecordBatch
from quickdraw_kit.storage.files import open_decompressed

_HEAD_BYTES = 1 << 16  # a line of 784 pixels takes 4,000 bytes at most
_MIN_PIXELS = 16
_BATCH_BYTES = 16 << 20
_LABEL_NAMES = frozenset({"label", "labels", "class", "target", "y", "digit", "word"})
_NUMBER = re.compile(rb"-?\d+(?:\.\d*)?(?:e[+-]?\d+)?")


class _Layout:
    """Which columns a table has, from its first lines."""

    def __init__(self, head: bytes) -> None:
        lines = head.removeprefix(b"\xef\xbb\xbf").splitlines()
        first, second = [*lines, b"", b""][:2]
        self.delimiter = max(b",;\t", key=lambda mark: first.count(bytes([mark])))
        self.names = [f.strip(b' "').lower() for f in first.split(bytes([self.delimiter]))]
        self.columns = len(self.names)
        values = second.split(bytes([self.delimiter]))

        # a header names its columns; one that pandas wrote of a table without names has numbers
        in_order = [b"%d" % number for number in range(self.columns)]
        self.has_header = (
            not all(_NUMBER.fullmatch(name) for name in self.names[1:-1])
            or self.names == in_order
            or self.names[1:] == in_order[1:]
            or (b"." in first and b"." not in second)
        )
        self.label_column: int | None = None
        # pandas writes an index, which has no name
        self.has_index = self.has_header and self.names[0] in (b"", b"unnamed: 0", b"index", b"id")
        pixels = self.columns - self.has_index
        named = [n for n, name in enumerate(self.names) if name.decode("latin-1") in _LABEL_NAMES]
        if self.has_header and named:
            self.label_column, pixels = named[0], pixels - 1
        elif not _is_square(pixels) and _is_square(pixels - 1):
            # in front, unless the last column alone is not a number
            fields = values if self.has_header else self.names
            last_is_text = not _NUMBER.fullmatch(fields[-1].strip(b' "')) if fields else False
            front = int(self.has_index)
            self.label_column, pixels = (self.columns - 1 if last_is_text else front), pixels - 1
        self.is_table = (
            pixels >= _MIN_PIXELS and _is_square(pixels) and b"drawing" not in self.names
        )


def _is_square(number: int) -> bool:
    return number > 0 and math.isqrt(number) ** 2 == number


def _sniff(head: bytes) -> bool:
    # a line that is longer than the head cannot be seen whole
    return b"\n" in head and _Layout(head).is_table


def _holds(path: Path) -> bool:
    with open_decompressed(path) as file:
        return _sniff(file.read(_HEAD_BYTES))


def _read(path: Path, options: ReadOptions) -> Iterator[RecordBatch]:
    import pyarrow as pa
    from pyarrow import csv

    with open_decompressed(path) as file:
        layout = _Layout(file.read(_HEAD_BYTES))
    label = layout.label_column
    if label is None and options.needs_labels:
        raise DataError(
            f"{path} has no labels: its {layout.columns} columns are pixels. Only predict "
            "takes such a file: give the others by name"
        )

    name = strip_compression(path).name
    split = split_of_name(name)
    columns = [f"c{number}" for number in range(layout.columns)]
    types = {column: pa.float32() for column in columns}
    if label is not None:
        types[columns[label]] = pa.string()
    first = 0
    try:
        with (
            open_decompressed(path) as file,
            csv.open_csv(
                file,
                csv.ReadOptions(
                    column_names=columns,
                    skip_rows=int(layout.has_header),
                    block_size=_BATCH_BYTES,
                ),
                csv.ParseOptions(delimiter=chr(layout.delimiter)),
                csv.ConvertOptions(column_types=types),
            ) as reader,
        ):
            for table in reader:
                labels = None
                if label is not None:
                    labels = _labels(table.column(label).to_pylist(), path, first)
                pixels = [
                    table.column(number).to_numpy(zero_copy_only=False)
                    for number in range(int(layout.has_index), layout.columns)
                    if number != label
                ]
                images = to_images(np.stack(pixels, axis=1), str(path))
                yield label_records(
                    images,
                    labels,
                    path,
                    key=name,
                    split=split,
                    first_row=first,
                )
                first += len(images)
    except pa.ArrowInvalid as error:
        raise DataError(
            f"{path}, after row {first}: a row does not have {layout.columns} columns of numbers, "
            "as the first one does"
        ) from error


def _labels(texts: list[str | None], path: Path, first: int) -> npt.NDArray[Any]:
    """Return labels as whole numbers, if all of them are numbers, or as texts."""
    if None in texts or "" in texts:
        row = next(number for number, text in enumerate(texts) if not text)
        raise DataError(f"{path}, row {first + row + 1}: the label is missing")
    try:
        return np.array(texts, np.float64)
    except ValueError:
        return np.array(texts, np.str_)


IMAGE_TABLE = labeled_images_format(
    name="image-table",
    suffixes=(".csv",),
    sniff=_sniff,
    holds=_holds,
    compressible=True,
    bytes_per_drawing=1900,
    read=_read,
)
