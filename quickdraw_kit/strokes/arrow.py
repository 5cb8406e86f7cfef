"""Drawings to and from Arrow and pandas, in the memory they are in.

A batch has the layout of Arrow's nested lists already, so nearly every column is handed over as it
is. Flags are packed into bits and country codes into strings, which is a copy of a few bytes a
drawing; points, offsets, identifiers and timestamps are never copied.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from quickdraw_kit.errors import DataError
from quickdraw_kit.strokes.batch import DrawingBatch, Int64Array, PointArray

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["from_arrow", "from_pandas", "to_arrow", "to_pandas"]

_REQUIRED = ("key_id", "word", "countrycode", "timestamp", "recognized", "x", "y")
_COORDINATES = (pa.uint8(), pa.int16(), pa.float32())
_TIMESTAMP = pa.timestamp("us", tz="UTC")
_NAT = np.datetime64("NaT", "us")


def to_arrow(batch: DrawingBatch) -> pa.Table:
    """Return a batch as an Arrow table with a row a drawing."""
    columns = {
        "key_id": pa.array(batch.key_id),
        "word": pa.DictionaryArray.from_arrays(
            pa.array(batch.word_code), pa.array(batch.words, pa.string())
        ),
        "countrycode": pa.array(batch.countrycode).cast(pa.string()),
        "timestamp": _timestamps(batch.timestamp),
        "recognized": pa.array(batch.recognized),
    }
    drawing_offsets, stroke_offsets = (
        pa.array(batch.drawing_offsets),
        pa.array(batch.stroke_offsets),
    )
    for name, points in (("x", batch.x), ("y", batch.y), ("t", batch.t)):
        if points is not None:
            strokes = pa.LargeListArray.from_arrays(stroke_offsets, pa.array(points))
            columns[name] = pa.LargeListArray.from_arrays(drawing_offsets, strokes)
    return pa.table(columns)


def from_arrow(table: pa.Table) -> DrawingBatch:
    """Make a batch of an Arrow table."""
    missing = [name for name in _REQUIRED if name not in table.column_names]
    if missing:
        raise DataError(f"column {missing[0]!r} is missing, expected {', '.join(_REQUIRED)}")
    x, drawing_offsets, stroke_offsets = _points(table, "x", _COORDINATES)
    others: dict[str, PointArray] = {}
    for name, types in (("y", _COORDINATES), ("t", (pa.int32(),))):
        if name in table.column_names:
            others[name], *offsets = _points(table, name, types)
            for ours, theirs in zip((drawing_offsets, stroke_offsets), offsets, strict=True):
                if not np.array_equal(ours, theirs):
                    raise DataError(f"x and {name} differ in their strokes or points")
    words, codes = _strings(table, "word")
    return DrawingBatch(
        x=x,
        y=others["y"],
        t=others.get("t"),
        stroke_offsets=stroke_offsets,
        drawing_offsets=drawing_offsets,
        key_id=_column(table, "key_id", pa.types.is_uint64, "uint64").to_numpy(),
        word_code=codes,
        words=tuple(words),
        countrycode=_countries(table),
        timestamp=_moments(table),
        recognized=_column(table, "recognized", pa.types.is_boolean, "bool").to_numpy(
            zero_copy_only=False
        ),
    )


def to_pandas(batch: DrawingBatch) -> "pd.DataFrame":
    """Return a data frame with a row a drawing."""
    import pandas as pd

    frame: pd.DataFrame = to_arrow(batch).to_pandas(types_mapper=pd.ArrowDtype)
    return frame


def from_pandas(frame: "pd.DataFrame") -> DrawingBatch:
    """Make a batch of a data frame."""
    try:
        table = pa.Table.from_pandas(frame, preserve_index=False)
    except pa.ArrowException as error:
        raise DataError(f"the data frame cannot be had as Arrow: {error}") from error
    return from_arrow(table)


def _column(table: pa.Table, name: str, accepts: Any, expected: str, nulls: bool = False) -> Any:
    column = table[name]
    if not accepts(column.type):
        raise DataError(f"column {name!r} is {column.type}, expected {expected}")
    if column.null_count and not nulls:
        raise DataError(f"column {name!r} has {column.null_count} nulls, expected none")
    return _one_chunk(column)


def _one_chunk(column: pa.ChunkedArray) -> Any:
    if column.num_chunks == 1:
        return column.chunk(0)
    return column.unify_dictionaries().combine_chunks()


def _points(
    table: pa.Table, name: str, types: tuple[Any, ...]
) -> tuple[PointArray, Int64Array, Int64Array]:
    """Return the numbers of a nested column with the offsets of drawings and strokes."""
    expected = f"lists of lists of {' or '.join(map(str, types))}"

    def accepts(type_: Any) -> bool:
        for _ in range(2):
            if not (pa.types.is_list(type_) or pa.types.is_large_list(type_)):
                return False
            type_ = type_.value_type
        return type_ in types

    drawings = _column(table, name, accepts, expected)
    strokes, drawing_offsets = _unwrap(drawings)
    points, stroke_offsets = _unwrap(strokes)
    if strokes.null_count or points.null_count:
        raise DataError(f"column {name!r} has nulls inside its lists, expected none")
    return points.to_numpy(), drawing_offsets, stroke_offsets


def _unwrap(lists: Any) -> tuple[Any, Int64Array]:
    """Return the items of lists, those of a slice only, and offsets from 0."""
    offsets = lists.offsets.to_numpy()
    first, last = int(offsets[0]), int(offsets[-1])
    items = lists.values.slice(first, last - first)
    offsets = offsets.astype(np.int64, copy=False)
    return items, offsets - first if first else offsets


def _strings(table: pa.Table, name: str) -> tuple[list[str], npt.NDArray[np.int32]]:
    """Return the different strings of a column, and for each row which one it is."""

    def accepts(type_: Any) -> bool:
        if pa.types.is_dictionary(type_):
            type_ = type_.value_type
        return bool(pa.types.is_string(type_) or pa.types.is_large_string(type_))

    column = _column(table, name, accepts, "strings or a dictionary of strings")
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    if column.dictionary.null_count:
        raise DataError(f"column {name!r} has a null in its dictionary, expected none")
    return column.dictionary.to_pylist(), column.indices.to_numpy().astype(np.int32, copy=False)


def _countries(table: pa.Table) -> npt.NDArray[np.bytes_]:
    names, codes = _strings(table, "countrycode")
    for name in names:
        if len(name) not in (0, 2) or not name.isascii():
            raise DataError(f"countrycode is {name!r}, expected two ASCII letters or none")
    return np.array([*names, ""], "S2")[codes]


def _timestamps(moments: npt.NDArray[np.datetime64]) -> pa.Array:
    known = ~np.isnat(moments)
    bits = None if known.all() else pa.py_buffer(np.packbits(known, bitorder="little"))
    values = pa.py_buffer(np.ascontiguousarray(moments).view(np.int64))
    return pa.Array.from_buffers(_TIMESTAMP, len(moments), [bits, values])


def _moments(table: pa.Table) -> npt.NDArray[np.datetime64]:
    column = _column(table, "timestamp", pa.types.is_timestamp, "timestamps", nulls=True)
    try:
        column = column.cast(pa.timestamp("us", tz=column.type.tz))
    except pa.ArrowInvalid as error:
        raise DataError(f"column 'timestamp' does not fit microseconds: {error}") from error
    values = pa.Array.from_buffers(
        pa.int64(), len(column), [None, column.buffers()[1]], offset=column.offset
    )
    moments: npt.NDArray[np.datetime64] = values.to_numpy().view("M8[us]")
    unknown = column.is_null().to_numpy(zero_copy_only=False)
    if not np.isnat(moments[unknown]).all():  # what stands under a null is anyone's guess
        moments = np.where(unknown, _NAT, moments)
    return moments
