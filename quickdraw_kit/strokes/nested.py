"""Columns from nested Python lists, as the official ndjson has them."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import DataError
from quickdraw_kit.strokes.columns import Columns, PointArray, lengths_to_offsets
from quickdraw_kit.strokes.key_ids import fill_key_ids


def columns_from_nested(
    drawings: Iterable[Sequence[Sequence[Sequence[float]] | PointArray]],
    words: Sequence[str | None] | None,
    key_id: npt.ArrayLike | None,
    dtype: npt.DTypeLike | None,
) -> Columns:
    """Return the columns of `DrawingBatch.from_strokes`, which documents the parameters."""
    strokes: list[PointArray] = []
    stroke_counts: list[int] = []
    for drawing in drawings:
        stroke_counts.append(len(drawing))
        strokes.extend(_stroke_rows(stroke) for stroke in drawing)
    if len({len(stroke) for stroke in strokes}) > 1:
        raise DataError("some strokes have times and others do not")

    rows = np.concatenate(strokes, axis=1) if strokes else np.zeros((2, 0))
    has_times = len(rows) == 3
    # times may have fractions; without times this is an empty slice
    rows[2:] = np.rint(rows[2:])
    target = np.dtype(dtype if dtype is not None else (np.float64 if has_times else np.uint8))
    if target.kind == "f":  # real coordinates are doubles
        target = np.dtype(np.float64)

    # The rows are doubles: what does not fit the target must be found before the cast wraps it.
    if target.kind in "iu" and rows[:2].size:
        limits = np.iinfo(target)
        fits = (rows[:2] >= limits.min) & (rows[:2] <= limits.max) & (rows[:2] % 1 == 0)
        if not fits.all():
            raise DataError(f"coordinates do not fit {target}: pass dtype='float64'")
    if has_times and not ((rows[2] >= -(2**31)) & (rows[2] < 2**31)).all():
        raise DataError("times do not fit int32, expected milliseconds")

    count = len(stroke_counts)
    words = [None] * count if words is None else words
    vocabulary = tuple(dict.fromkeys(words))
    codes = {word: code for code, word in enumerate(vocabulary)}
    unknown = np.zeros(count, np.bool_)
    columns = Columns(
        x=rows[0].astype(target),
        y=rows[1].astype(target),
        t=rows[2].astype(np.int32) if has_times else None,
        stroke_offsets=lengths_to_offsets([stroke.shape[1] for stroke in strokes]),
        drawing_offsets=lengths_to_offsets(stroke_counts),
        key_id=np.asarray(np.zeros(count) if key_id is None else key_id, dtype=np.uint64),
        word_code=np.array([codes[word] for word in words], np.int32),
        words=vocabulary,
        countrycode=np.zeros(count, "S2"),
        timestamp=np.full(count, np.datetime64("NaT", "us")),
        recognized=np.zeros(count, np.bool_),
        key_id_known=unknown if key_id is None else None,
        recognized_known=np.zeros(count, np.bool_),
    )
    return fill_key_ids(columns)


def _stroke_rows(stroke: Sequence[Sequence[float]] | PointArray) -> npt.NDArray[np.float64]:
    """Return a stroke as rows x, y and perhaps t."""
    try:
        rows = np.asarray(stroke, dtype=np.float64)
    except ValueError:  # rows of unequal length
        rows = np.empty(0)
    if rows.ndim != 2 or rows.shape[0] not in (2, 3) or rows.shape[1] == 0:
        raise DataError("a stroke must have rows x, y (and t) of the same length, at least 1")
    return rows
