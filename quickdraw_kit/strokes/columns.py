"""The columns of a drawing batch, and what can be done with them.

These functions take and return plain dictionaries of arrays, so that they, the conversions from
nested lists and Arrow, and the class `DrawingBatch` on top of them do not import each other in a
circle.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias, TypedDict, cast

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import DataError

Int64Array: TypeAlias = npt.NDArray[np.int64]
PointArray: TypeAlias = npt.NDArray[Any]

_COORDINATE_DTYPES = (np.dtype(np.uint8), np.dtype(np.int16), np.dtype(np.float64))

# the columns with one entry per drawing
_METADATA_DTYPES: dict[str, np.dtype[Any]] = {
    "key_id": np.dtype(np.uint64),
    "word_code": np.dtype(np.int32),
    "countrycode": np.dtype("S2"),
    "timestamp": np.dtype("datetime64[us]"),
    "recognized": np.dtype(np.bool_),
    "key_id_known": np.dtype(np.bool_),
    "recognized_known": np.dtype(np.bool_),
}
_MASKS = ("key_id_known", "recognized_known")  # None if nothing is unknown


class Columns(TypedDict):
    """The fields of a `DrawingBatch`, which documents them."""

    x: PointArray
    y: PointArray
    t: npt.NDArray[np.int32] | None
    stroke_offsets: Int64Array
    drawing_offsets: Int64Array
    key_id: npt.NDArray[np.uint64]
    word_code: npt.NDArray[np.int32]
    words: tuple[str | None, ...]
    countrycode: npt.NDArray[np.bytes_]
    timestamp: npt.NDArray[np.datetime64]
    recognized: npt.NDArray[np.bool_]
    key_id_known: npt.NDArray[np.bool_] | None
    recognized_known: npt.NDArray[np.bool_] | None


def lengths_to_offsets(lengths: npt.ArrayLike) -> Int64Array:
    """Turn n lengths into n + 1 offsets, of which the last is the total."""
    counts = np.asarray(lengths, dtype=np.int64)
    offsets = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=offsets[1:])
    return offsets


def check_columns(columns: Columns) -> None:
    """Raise `DataError` where lengths, dtypes, offsets or codes do not fit together."""
    x, y, t = columns["x"], columns["y"], columns["t"]
    if x.dtype not in _COORDINATE_DTYPES or y.dtype != x.dtype:
        raise DataError(f"x is {x.dtype} and y is {y.dtype}, expected both uint8, int16 or float64")
    if t is not None and t.dtype != np.int32:
        raise DataError(f"t is {t.dtype}, expected int32 milliseconds")
    if len(y) != len(x) or (t is not None and len(t) != len(x)):
        raise DataError("x, y and t differ in length")

    # Kernels index by offsets without checking bounds, so an offset that passed here out of order
    # would let them read and write outside of the arrays.
    drawing_offsets, stroke_offsets = columns["drawing_offsets"], columns["stroke_offsets"]
    _check_offsets("stroke_offsets", stroke_offsets, len(x))
    _check_offsets("drawing_offsets", drawing_offsets, len(stroke_offsets) - 1)

    drawings = len(drawing_offsets) - 1
    for name, dtype in _METADATA_DTYPES.items():
        column = _column(columns, name)
        if column is None and name in _MASKS:
            continue
        if column.dtype != dtype or column.shape != (drawings,):
            raise DataError(
                f"{name} is {column.dtype} {column.shape}, expected {dtype} ({drawings},)"
            )
    codes, words = columns["word_code"], columns["words"]
    if codes.size and not 0 <= codes.min() <= codes.max() < len(words):
        raise DataError(
            f"word_code runs from {codes.min()} to {codes.max()}, "
            f"expected indices of {len(words)} words"
        )
    known = columns["recognized_known"]
    if known is not None and (columns["recognized"] & ~known).any():
        raise DataError(
            "recognized is true where recognized_known is false: pass recognized_known=None if all "
            "are known"
        )


def take_columns(columns: Columns, indices: npt.ArrayLike) -> Columns:
    """Copy some drawings, in the order given."""
    # imported here because it loads numba, which a batch works without
    from quickdraw_kit.strokes.gather import gather

    indices = np.asarray(indices, dtype=np.int64)
    first_strokes = columns["drawing_offsets"][:-1][indices]
    drawing_offsets = lengths_to_offsets(np.diff(columns["drawing_offsets"])[indices])
    old_point_offsets = columns["stroke_offsets"][columns["drawing_offsets"]]
    first_points = old_point_offsets[:-1][indices]
    point_offsets = lengths_to_offsets(np.diff(old_point_offsets)[indices])

    # The strokes of a drawing keep their distances, so its offsets all move by the same amount.
    stroke_offsets = np.empty(drawing_offsets[-1] + 1, np.int64)
    stroke_offsets[:-1] = gather(columns["stroke_offsets"], first_strokes, drawing_offsets)
    stroke_offsets[:-1] += np.repeat(point_offsets[:-1] - first_points, np.diff(drawing_offsets))
    stroke_offsets[-1] = point_offsets[-1]

    t = columns["t"]
    return Columns(
        x=gather(columns["x"], first_points, point_offsets),
        y=gather(columns["y"], first_points, point_offsets),
        t=None if t is None else gather(t, first_points, point_offsets),
        stroke_offsets=stroke_offsets,
        drawing_offsets=drawing_offsets,
        key_id=columns["key_id"][indices],
        word_code=columns["word_code"][indices],
        words=columns["words"],
        countrycode=columns["countrycode"][indices],
        timestamp=columns["timestamp"][indices],
        recognized=columns["recognized"][indices],
        key_id_known=_rows(columns["key_id_known"], indices),
        recognized_known=_rows(columns["recognized_known"], indices),
    )


def slice_columns(columns: Columns, start: int, stop: int) -> Columns:
    """Return consecutive drawings; only offsets are copied, all else shares memory."""
    drawing_offsets = columns["drawing_offsets"][start : stop + 1]
    stroke_offsets = columns["stroke_offsets"][drawing_offsets[0] : drawing_offsets[-1] + 1]
    points = slice(stroke_offsets[0], stroke_offsets[-1])
    t = columns["t"]
    return Columns(
        x=columns["x"][points],
        y=columns["y"][points],
        t=None if t is None else t[points],
        stroke_offsets=stroke_offsets - stroke_offsets[0],
        drawing_offsets=drawing_offsets - drawing_offsets[0],
        key_id=columns["key_id"][start:stop],
        word_code=columns["word_code"][start:stop],
        words=columns["words"],
        countrycode=columns["countrycode"][start:stop],
        timestamp=columns["timestamp"][start:stop],
        recognized=columns["recognized"][start:stop],
        key_id_known=_rows(columns["key_id_known"], slice(start, stop)),
        recognized_known=_rows(columns["recognized_known"], slice(start, stop)),
    )


def concat_columns(batches: Sequence[Columns]) -> Columns:
    """Concatenate batches of the same dtypes; their vocabularies become one."""
    if not batches:
        raise DataError("no batches to concatenate, expected at least one")

    # numpy would convert uint8 to float64 without an error
    layouts = {(str(batch["x"].dtype), batch["t"] is not None) for batch in batches}
    if len(layouts) > 1:
        listing = ", ".join(
            f"{dtype} {'with' if timed else 'without'} times" for dtype, timed in sorted(layouts)
        )
        raise DataError(f"batches of different dtypes cannot be concatenated: {listing}")

    # words get the codes of the order in which the batches introduce them
    words = tuple(dict.fromkeys(word for batch in batches for word in batch["words"]))
    codes = {word: code for code, word in enumerate(words)}
    recoded = [
        np.array([codes[word] for word in batch["words"]], np.int32)[batch["word_code"]]
        for batch in batches
    ]
    times = [batch["t"] for batch in batches if batch["t"] is not None]
    return Columns(
        x=np.concatenate([batch["x"] for batch in batches]),
        y=np.concatenate([batch["y"] for batch in batches]),
        t=np.concatenate(times) if times else None,
        stroke_offsets=_concat_offsets([batch["stroke_offsets"] for batch in batches]),
        drawing_offsets=_concat_offsets([batch["drawing_offsets"] for batch in batches]),
        key_id=np.concatenate([batch["key_id"] for batch in batches]),
        word_code=np.concatenate(recoded),
        words=words,
        countrycode=np.concatenate([batch["countrycode"] for batch in batches]),
        timestamp=np.concatenate([batch["timestamp"] for batch in batches]),
        recognized=np.concatenate([batch["recognized"] for batch in batches]),
        key_id_known=_concat_masks(batches, "key_id_known"),
        recognized_known=_concat_masks(batches, "recognized_known"),
    )


def columns_equal(one: Columns, other: Columns) -> bool:
    """Whether two batches have the same drawings.

    The order of their vocabularies may differ, and so may key_ids that are not known.
    """
    if one["x"].dtype != other["x"].dtype or (one["t"] is None) != (other["t"] is None):
        return False
    names = ["x", "y", "t", "stroke_offsets", "drawing_offsets", *_METADATA_DTYPES]
    names.remove("word_code")
    for name in names:
        a, b = _column(one, name), _column(other, name)
        if a is None or b is None:
            if a is not b:
                return False
            continue
        if name == "key_id" and (known := one["key_id_known"]) is not None:
            a, b = a[known[: len(a)]], b[known[: len(b)]]
        if a.dtype.kind in "Mf":  # compare bits, so that NaT equals NaT
            a, b = (column.view(f"u{column.itemsize}") for column in (a, b))
        if not np.array_equal(a, b):
            return False
    # words, not codes: the same word may have different codes
    words, other_words = one["words"], other["words"]
    return all(
        words[code] == other_words[other_code]
        for code, other_code in zip(one["word_code"], other["word_code"], strict=True)
    )


def _check_offsets(name: str, offsets: Int64Array, end: int) -> None:
    if offsets.dtype != np.int64 or offsets.ndim != 1 or len(offsets) < 1:
        raise DataError(f"{name} is not a vector of int64 with at least one entry")
    if offsets[0] != 0 or offsets[-1] != end:
        raise DataError(f"{name} runs from {offsets[0]} to {offsets[-1]}, expected 0 to {end}")
    # compared, not subtracted: a difference of damaged offsets may overflow
    if (offsets[1:] < offsets[:-1]).any():
        raise DataError(f"{name} decreases at {int(np.argmin(np.diff(offsets)))}")


# mypy accepts only literal keys of a TypedDict
def _column(columns: Columns, name: str) -> Any:
    return cast("dict[str, Any]", columns)[name]


def _rows(
    mask: npt.NDArray[np.bool_] | None, rows: Int64Array | slice
) -> npt.NDArray[np.bool_] | None:
    return None if mask is None else mask[rows]


def _concat_masks(batches: Sequence[Columns], name: str) -> npt.NDArray[np.bool_] | None:
    masks = [_column(batch, name) for batch in batches]
    if all(mask is None for mask in masks):
        return None
    lengths = [len(batch["key_id"]) for batch in batches]
    return np.concatenate(
        [
            np.ones(length, np.bool_) if mask is None else mask
            for mask, length in zip(masks, lengths, strict=True)
        ]
    )


def _concat_offsets(offsets: list[Int64Array]) -> Int64Array:
    return lengths_to_offsets(np.concatenate([np.diff(each) for each in offsets]))
