"""Shards as one Parquet table each, with PNG images, which Hugging Face ``datasets`` opens.

A table is decoded as a whole. It is read in the thread that asks for it: if a thread of Arrow still
holds a Python file when the interpreter ends, the interpreter aborts.
"""

import contextlib
import io
import json
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import IntegrityError
from quickdraw_kit.shards.formats.base import file_of, open_file
from quickdraw_kit.shards.manifest import ShardEntry
from quickdraw_kit.storage.hashing import FileEntry, hashed_write
from quickdraw_kit.storage.shard_cache import Files

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIXES: tuple[str, ...] = (".parquet",)
_ROW_GROUP = 4096


def estimate_row_bytes(side: int) -> int:
    """Return about how many bytes a row takes on disk; a PNG has about half the size of pixels."""
    return side**2 // 2 + 140


def write_shard(
    folder: Path,
    stem: str,
    images: Iterable[npt.NDArray[np.uint8]],
    labels: npt.NDArray[np.int64],
    metadata: "pa.Table",
    *,
    side: int,
    categories: tuple[str, ...],
) -> tuple[FileEntry, ...]:
    """Write a shard from groups of images that follow one another."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    # the type and the metadata by which `datasets` knows images and labels
    image_type = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    fields = [pa.field("image", image_type), pa.field("label", pa.int64()), *metadata.schema]
    schema = pa.schema(fields, metadata={"huggingface": _features(metadata.schema, categories)})

    with (
        hashed_write(folder, f"{stem}.parquet") as file,
        pq.ParquetWriter(file, schema, compression="zstd", write_statistics=False) as writer,
    ):
        # one row group at a time: encoded images of a whole shard would not fit into memory
        start = 0
        for group in _row_groups(images):
            stop = start + len(group)
            encoded = [{"bytes": _encode_png(image), "path": None} for image in group]
            columns = [
                pa.array(encoded, image_type),
                pa.array(labels[start:stop]),
                *(metadata.column(name)[start:stop] for name in metadata.column_names),
            ]
            writer.write_table(pa.table(columns, schema=schema), row_group_size=_ROW_GROUP)
            start = stop
    return (file.entry,)


def open_images(
    files: Files, shard: ShardEntry, side: int, stop: threading.Event | None = None
) -> "ArrayRows":
    """Decode the images, uint8, shape (rows, side, side)."""
    from PIL import Image

    with _open_table(files, shard, stop) as file:
        column = _read_columns(file, ["image"], shard.rows)["image"].combine_chunks()
        images = np.empty((shard.rows, side, side), np.uint8)
        for row, encoded in enumerate(column.field("bytes")):
            image = Image.open(io.BytesIO(encoded.as_py()))
            # before decoding: a damaged header may declare a huge image
            if image.size != (side, side) or image.mode != "L":
                raise ValueError(
                    f"an image has size {image.size} and mode {image.mode}, expected "
                    f"{(side, side)} and L"
                )
            images[row] = np.asarray(image)
    return ArrayRows(images)


def open_labels(
    files: Files, shard: ShardEntry, categories: int, stop: threading.Event | None = None
) -> "ArrayRows":
    """Read the labels, int64, shape (rows,)."""
    with _open_table(files, shard, stop) as file:
        column = _read_columns(file, ["label"], shard.rows)["label"]
        # no checksum is verified here, and a label is used as an index
        labels: npt.NDArray[np.int64] = column.to_numpy()
        in_range = not len(labels) or 0 <= labels.min() <= labels.max() < categories
        if labels.dtype != np.int64 or not in_range:
            raise ValueError(f"labels are not integers from 0 to {categories - 1}")
    return ArrayRows(labels)


def read_metadata(files: Files, shard: ShardEntry) -> tuple[str, "pa.Table"]:
    """Return the path and the metadata table of a shard, of either format."""
    import pyarrow.parquet as pq

    with _open_table(files, shard, None) as file:
        names = [name for name in pq.read_schema(file).names if name not in ("image", "label")]
        return str(file.name), _read_columns(file, names, shard.rows)


class ArrayRows:
    """The rows of an array in memory."""

    def __init__(self, array: npt.NDArray[Any]) -> None:
        self._array = array

    def read(self, start: int, out: npt.NDArray[Any]) -> None:
        """Fill an array with the rows from `start` on."""
        out[:] = self._array[start : start + len(out)]

    def take(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """Return some rows, in any order."""
        taken: npt.NDArray[Any] = self._array[rows]
        return taken


@contextlib.contextmanager
def _open_table(
    files: Files, shard: ShardEntry, stop: threading.Event | None
) -> Iterator[io.FileIO]:
    """Open the Parquet file; whatever Arrow and Pillow raise on damage becomes `IntegrityError`."""
    import pyarrow as pa

    # in NPY shards, this suffix finds the metadata
    with open_file(files, file_of(shard, ".parquet"), stop) as file:
        try:
            yield file
        except (
            pa.ArrowException,
            OSError,
            ValueError,
            KeyError,
            TypeError,
            SyntaxError,  # from Pillow
            MemoryError,
        ) as error:
            raise IntegrityError(
                f"{file.name} cannot be read: {error}. Run: quickdraw-kit verify"
            ) from error


def _read_columns(file: io.FileIO, names: list[str], rows: int) -> Any:
    import pyarrow.parquet as pq

    # neither option may start a thread, see the module
    table = pq.ParquetFile(file, pre_buffer=False).read(names, use_threads=False)
    # `_open_table` turns it into an IntegrityError
    if table.num_rows != rows:
        raise ValueError(f"{table.num_rows} rows, expected {rows}")
    return table


def _row_groups(images: Iterable[npt.NDArray[np.uint8]]) -> Iterator[npt.NDArray[np.uint8]]:
    for group in images:
        for start in range(0, len(group), _ROW_GROUP):
            yield group[start : start + _ROW_GROUP]


def _encode_png(image: npt.NDArray[np.uint8]) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    # the level is given: another default of Pillow would change the checksums of shards
    Image.fromarray(image).save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()


def _features(metadata: "pa.Schema", categories: tuple[str, ...]) -> str:
    """Describe the columns as the ``datasets`` library does, in JSON."""
    features: dict[str, object] = {
        "image": {"_type": "Image"},
        "label": {"names": list(categories), "_type": "ClassLabel"},
    }
    for field in metadata:
        features[field.name] = _feature(field.type)
    return json.dumps({"info": {"features": features}})


def _feature(arrow_type: "pa.DataType") -> dict[str, object]:
    import pyarrow as pa

    if pa.types.is_large_list(arrow_type):
        return {"feature": _feature(arrow_type.value_type), "_type": "LargeList"}

    # Arrow calls float64 "double", `datasets` does not
    name = str(arrow_type)
    return {"dtype": "float64" if name == "double" else name, "_type": "Value"}
