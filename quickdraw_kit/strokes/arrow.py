"""Drawings to and from Arrow and pandas, in shared memory.

A batch already has the layout of Arrow's nested lists, so nearly every column is passed on as it
is. Flags are packed into bits and country codes become strings, which copies a few bytes per
drawing; points, offsets, identifiers and timestamps are never copied.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from quickdraw_kit.errors import DataError
from quickdraw_kit.strokes.columns import Columns, Int64Array, PointArray
from quickdraw_kit.strokes.key_ids import fill_key_ids

if TYPE_CHECKING:
    import pandas as pd

_REQUIRED = ("x", "y")
_COORDINATE_TYPES = (pa.uint8(), pa.int16(), pa.float64(), pa.float32())
_TIMESTAMP = pa.timestamp("us", tz="UTC")
_NAT = np.datetime64("NaT", "us")


def to_table(columns: Columns) -> pa.Table:
    """Return the table that `DrawingBatch.to_arrow` documents."""
    arrays = {
        "key_id": _to_arrow(columns["key_id"], columns["key_id_known"]),
        "word": _words_to_arrow(columns["words"], columns["word_code"]),
        "countrycode": _to_arrow(columns["countrycode"], columns["countrycode"] != b"").cast(
            pa.string()
        ),
        "timestamp": _timestamps_to_arrow(columns["timestamp"]),
        "recognized": _to_arrow(columns["recognized"], columns["recognized_known"]),
    }

    # large lists have offsets of 64 bits, as batches do: nothing is converted
    drawing_offsets = pa.array(columns["drawing_offsets"])
    stroke_offsets = pa.array(columns["stroke_offsets"])
    for name, points in (("x", columns["x"]), ("y", columns["y"]), ("t", columns["t"])):
        if points is not None:
            strokes = pa.LargeListArray.from_arrays(stroke_offsets, pa.array(points))
            arrays[name] = pa.LargeListArray.from_arrays(drawing_offsets, strokes)
    return pa.table(arrays)


def from_table(table: pa.Table) -> Columns:
    """Return the columns of a table that `DrawingBatch.from_arrow` accepts."""
    missing = [name for name in _REQUIRED if name not in table.column_names]
    if missing:
        raise DataError(f"column {missing[0]!r} is missing, expected {', '.join(_REQUIRED)}")

    # Each of x, y and t comes with offsets of its own; a batch has one set of offsets for all.
    x, drawing_offsets, stroke_offsets = _points(table, "x", _COORDINATE_TYPES)
    others: dict[str, PointArray] = {}
    for name, types in (("y", _COORDINATE_TYPES), ("t", (pa.int32(),))):
        if name in table.column_names:
            others[name], *offsets = _points(table, name, types)
            for expected, actual in zip((drawing_offsets, stroke_offsets), offsets, strict=True):
                if not np.array_equal(expected, actual):
                    raise DataError(f"x and {name} differ in their strokes or points")

    words, codes = _strings(table, "word")
    key_id, key_id_known = _known(table, "key_id", pa.types.is_uint64, pa.uint64(), 0)
    recognized, recognized_known = _known(
        table, "recognized", pa.types.is_boolean, pa.bool_(), False
    )
    columns = Columns(
        x=x,
        y=others["y"],
        t=others.get("t"),
        stroke_offsets=stroke_offsets,
        drawing_offsets=drawing_offsets,
        key_id=key_id,
        word_code=codes,
        words=tuple(words),
        countrycode=_countries(table),
        timestamp=_timestamps(table),
        recognized=recognized,
        key_id_known=key_id_known,
        recognized_known=recognized_known,
    )
    return fill_key_ids(columns)


def to_frame(columns: Columns) -> "pd.DataFrame":
    """Return the data frame that `DrawingBatch.to_pandas` documents."""
    import pandas as pd

    # numpy dtypes would turn lists into Python objects
    frame: pd.DataFrame = to_table(columns).to_pandas(types_mapper=pd.ArrowDtype)
    return frame


def from_frame(frame: "pd.DataFrame") -> Columns:
    """Return the columns of a data frame that `DrawingBatch.from_pandas` accepts."""
    try:
        table = pa.Table.from_pandas(frame, preserve_index=False)
    except pa.ArrowException as error:
        raise DataError(f"the data frame cannot be converted to Arrow: {error}") from error
    return from_table(table)


def _column(
    table: pa.Table, name: str, accepts: Callable[[Any], bool], expected: str, nulls: bool = False
) -> Any:
    """Return a column as one array, after checking its type and that it has no nulls."""
    column = table[name]
    if not accepts(column.type) and not (nulls and pa.types.is_null(column.type)):
        raise DataError(f"column {name!r} is {column.type}, expected {expected}")
    if column.null_count and not nulls:
        raise DataError(f"column {name!r} has {column.null_count} nulls, expected none")
    if column.num_chunks == 1:
        return column.chunk(0)
    # the same code may be another word in the next chunk
    return column.unify_dictionaries().combine_chunks()


def _points(
    table: pa.Table, name: str, types: tuple[Any, ...]
) -> tuple[PointArray, Int64Array, Int64Array]:
    """Return the numbers of a nested column, its drawing offsets and its stroke offsets."""
    expected = f"lists of lists of {' or '.join(map(str, types))}"

    def accepts(type_: Any) -> bool:
        for _ in range(2):
            if not (pa.types.is_list(type_) or pa.types.is_large_list(type_)):
                return False
            type_ = type_.value_type
        return type_ in types

    drawings = _column(table, name, accepts, expected)
    strokes, drawing_offsets = _flatten(drawings)
    points, stroke_offsets = _flatten(strokes)
    if strokes.null_count or points.null_count:
        raise DataError(f"column {name!r} has nulls inside its lists, expected none")
    if points.type == pa.float32():
        points = points.cast(pa.float64())
    return points.to_numpy(), drawing_offsets, stroke_offsets


def _flatten(lists: Any) -> tuple[Any, Int64Array]:
    """Return the values of an array of lists, and offsets that start at 0.

    The `values` of a slice are those of the whole array: the offsets tell which belong to it.
    """
    offsets = lists.offsets.to_numpy()
    first, last = int(offsets[0]), int(offsets[-1])
    values = lists.values.slice(first, last - first)
    offsets = offsets.astype(np.int64, copy=False)
    return values, offsets - first if first else offsets


def _known(
    table: pa.Table, name: str, accepts: Callable[[Any], bool], type_: pa.DataType, unknown: object
) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_] | None]:
    """Return a column with `unknown` in place of nulls, and where it has none; None: nowhere."""
    if name not in table.column_names:
        column = pa.nulls(table.num_rows, type_)
    else:
        column = _column(table, name, accepts, str(type_), nulls=True).cast(type_)
    if not column.null_count:
        # bits in Arrow, bytes in numpy: flags are always copied
        return column.to_numpy(zero_copy_only=False), None
    known = column.is_valid().to_numpy(zero_copy_only=False)
    return column.fill_null(unknown).to_numpy(zero_copy_only=False), known


def _strings(table: pa.Table, name: str) -> tuple[list[str | None], npt.NDArray[np.int32]]:
    """Return the distinct strings of a column, and the index of each row's string; None is null."""

    def accepts(type_: Any) -> bool:
        if pa.types.is_dictionary(type_):
            type_ = type_.value_type
        return bool(pa.types.is_string(type_) or pa.types.is_large_string(type_))

    if name not in table.column_names:
        return [None], np.zeros(table.num_rows, np.int32)
    # a dictionary is the vocabulary of a batch already; encoding plain strings makes one
    column = _column(table, name, accepts, "strings or a dictionary of strings", nulls=True)
    if pa.types.is_null(column.type):
        return [None], np.zeros(table.num_rows, np.int32)
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    names, indices = column.dictionary.to_pylist(), column.indices
    if indices.null_count:
        indices = indices.fill_null(len(names))
        names.append(None)
    return names, indices.to_numpy().astype(np.int32, copy=False)


def _countries(table: pa.Table) -> npt.NDArray[np.bytes_]:
    names, codes = _strings(table, "countrycode")
    for name in names:
        if name and (len(name) != 2 or not name.isascii()):
            raise DataError(f"countrycode is {name!r}, expected two ASCII letters or none")
    # the extra entry gives the array an element, and so a dtype, when the table has no rows
    return np.array([*(name or "" for name in names), ""], "S2")[codes]


def _to_arrow(values: npt.NDArray[Any], known: npt.NDArray[np.bool_] | None) -> pa.Array:
    # with a mask, even one without nulls, values are copied
    if known is None or known.all():
        return pa.array(values)
    return pa.array(values, mask=~known)


def _words_to_arrow(words: tuple[str | None, ...], codes: npt.NDArray[np.int32]) -> pa.Array:
    is_known = np.array([word is not None for word in words], np.bool_)
    indices = pa.array(codes)
    if not is_known.all():
        # a null is not an entry of the dictionary: those behind it move up
        moved = (np.cumsum(is_known) - 1).astype(np.int32)[codes]
        indices = pa.array(np.maximum(moved, 0), mask=~is_known[codes])
    dictionary = pa.array([word for word in words if word is not None], pa.string())
    return pa.DictionaryArray.from_arrays(indices, dictionary)


def _timestamps_to_arrow(timestamps: npt.NDArray[np.datetime64]) -> pa.Array:
    # built from buffers, because pa.array copies where it looks for NaT
    known = ~np.isnat(timestamps)
    validity = None if known.all() else pa.py_buffer(np.packbits(known, bitorder="little"))
    values = pa.py_buffer(np.ascontiguousarray(timestamps).view(np.int64))
    return pa.Array.from_buffers(_TIMESTAMP, len(timestamps), [validity, values])


def _timestamps(table: pa.Table) -> npt.NDArray[np.datetime64]:
    if "timestamp" not in table.column_names or pa.types.is_null(table["timestamp"].type):
        return np.full(table.num_rows, _NAT)
    column = _column(table, "timestamp", pa.types.is_timestamp, "timestamps", nulls=True)
    try:
        column = column.cast(pa.timestamp("us", tz=column.type.tz))
    except pa.ArrowInvalid as error:
        raise DataError(f"column 'timestamp' does not fit microseconds: {error}") from error

    # Read the values without the nulls, which is the only way that does not copy. Arrow does not
    # define what a value under a null is: it is NaT already in tables from `to_arrow` only.
    values = pa.Array.from_buffers(
        pa.int64(), len(column), [None, column.buffers()[1]], offset=column.offset
    )
    timestamps: npt.NDArray[np.datetime64] = values.to_numpy().view("M8[us]")
    unknown = column.is_null().to_numpy(zero_copy_only=False)
    if not np.isnat(timestamps[unknown]).all():
        timestamps = np.where(unknown, _NAT, timestamps)
    return timestamps
