"""The two forms of a shard on disk, NPY and Parquet; checksums are taken as the bytes go by."""

import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from quickdraw_kit.storage.hashing import FileEntry, HashedFile, hashed_write

__all__ = ["write_npy_shard", "write_parquet_shard"]

_ROW_GROUP = 4096


def write_npy_shard(
    folder: Path,
    stem: str,
    images: Iterable[npt.NDArray[np.uint8]],
    side: int,
    labels: npt.NDArray[np.int64],
    metadata: pa.Table,
) -> tuple[FileEntry, ...]:
    """Write a shard as ``.images.npy``, ``.labels.npy`` and ``.meta.parquet``."""
    with hashed_write(folder, f"{stem}.images.npy") as image_file:
        _npy_header(image_file, np.dtype(np.uint8), (len(labels), side, side))
        for stretch in images:
            image_file.write(np.ascontiguousarray(stretch).reshape(-1))
    with hashed_write(folder, f"{stem}.labels.npy") as label_file:
        _npy_header(label_file, np.dtype("<i8"), (len(labels),))
        label_file.write(np.ascontiguousarray(labels, "<i8"))
    with hashed_write(folder, f"{stem}.meta.parquet") as meta_file:
        pq.write_table(metadata, meta_file, compression="zstd", write_statistics=False)
    return image_file.entry, label_file.entry, meta_file.entry


def write_parquet_shard(
    folder: Path,
    stem: str,
    images: Iterable[npt.NDArray[np.uint8]],
    labels: npt.NDArray[np.int64],
    metadata: pa.Table,
    categories: tuple[str, ...],
) -> tuple[FileEntry, ...]:
    """Write a shard as one table that Hugging Face ``datasets`` opens as it is."""
    image_type = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    fields = [pa.field("image", image_type), pa.field("label", pa.int64()), *metadata.schema]
    schema = pa.schema(fields, metadata={"huggingface": _features(fields, categories)})
    with (
        hashed_write(folder, f"{stem}.parquet") as file,
        pq.ParquetWriter(file, schema, compression="zstd", write_statistics=False) as writer,
    ):
        start = 0
        for stretch in _in_row_groups(images):
            stop = start + len(stretch)
            encoded = [{"bytes": _png(image), "path": None} for image in stretch]
            columns = [
                pa.array(encoded, image_type),
                pa.array(labels[start:stop]),
                *(metadata.column(name)[start:stop] for name in metadata.column_names),
            ]
            writer.write_table(pa.table(columns, schema=schema), row_group_size=_ROW_GROUP)
            start = stop
    return (file.entry,)


def _in_row_groups(
    images: Iterable[npt.NDArray[np.uint8]],
) -> Iterator[npt.NDArray[np.uint8]]:
    for stretch in images:
        for start in range(0, len(stretch), _ROW_GROUP):
            yield stretch[start : start + _ROW_GROUP]


def _png(image: npt.NDArray[np.uint8]) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()


def _npy_header(file: HashedFile, dtype: np.dtype[np.generic], shape: tuple[int, ...]) -> None:
    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)


def _features(fields: list[pa.Field], categories: tuple[str, ...]) -> str:
    """Describe the columns in the words of the ``datasets`` library."""
    features: dict[str, object] = {
        "image": {"_type": "Image"},
        "label": {"names": list(categories), "_type": "ClassLabel"},
    }
    for field in fields[2:]:
        features[field.name] = _feature(field.type)
    return json.dumps({"info": {"features": features}})


def _feature(arrow_type: pa.DataType) -> dict[str, object]:
    if pa.types.is_large_list(arrow_type):
        return {"feature": _feature(arrow_type.value_type), "_type": "LargeList"}
    names = {"float": "float32", "timestamp[us, tz=UTC]": "timestamp[us, tz=UTC]"}
    return {"dtype": names.get(str(arrow_type), str(arrow_type)), "_type": "Value"}
