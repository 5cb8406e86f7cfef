"""Batches from nested Python lists, as the official ndjson has them: for a handful of drawings."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import DataError
from quickdraw_kit.strokes.batch import DrawingBatch, PointArray, lengths_to_offsets

__all__ = ["from_strokes"]


def from_strokes(
    drawings: Iterable[Sequence[Sequence[Sequence[float]] | PointArray]],
    *,
    words: Sequence[str],
    key_id: npt.ArrayLike | None = None,
    dtype: npt.DTypeLike | None = None,
) -> DrawingBatch:
    """Build a batch from nested Python lists, for a handful of drawings."""
    strokes: list[PointArray] = []
    counts: list[int] = []
    for drawing in drawings:
        counts.append(len(drawing))
        strokes.extend(_rows(stroke) for stroke in drawing)
    if len({len(stroke) for stroke in strokes}) > 1:
        raise DataError("some strokes have times and others have not")
    rows = np.concatenate(strokes, axis=1) if strokes else np.zeros((2, 0))
    timed = len(rows) == 3
    rows[2:] = np.rint(rows[2:])
    target = np.dtype(dtype if dtype is not None else (np.float32 if timed else np.uint8))
    if target.kind in "iu" and rows[:2].size:
        limits = np.iinfo(target)
        fits = (rows[:2] >= limits.min) & (rows[:2] <= limits.max) & (rows[:2] % 1 == 0)
        if not fits.all():
            raise DataError(f"coordinates do not fit {target}: pass dtype='float32'")
    if timed and not ((rows[2] >= -(2**31)) & (rows[2] < 2**31)).all():
        raise DataError("times do not fit int32: expected milliseconds")
    number = len(counts)
    vocabulary, codes = _encode(words)
    return DrawingBatch(
        x=rows[0].astype(target),
        y=rows[1].astype(target),
        t=rows[2].astype(np.int32) if timed else None,
        stroke_offsets=lengths_to_offsets([stroke.shape[1] for stroke in strokes]),
        drawing_offsets=lengths_to_offsets(counts),
        key_id=np.asarray(np.arange(number) if key_id is None else key_id, dtype=np.uint64),
        word_code=codes,
        words=vocabulary,
        countrycode=np.zeros(number, "S2"),
        timestamp=np.full(number, np.datetime64("NaT", "us")),
        recognized=np.zeros(number, np.bool_),
    )


def _rows(stroke: Sequence[Sequence[float]] | PointArray) -> npt.NDArray[np.float64]:
    try:
        rows = np.asarray(stroke, dtype=np.float64)
    except ValueError:  # of unequal length
        rows = np.empty(0)
    if rows.ndim != 2 or rows.shape[0] not in (2, 3) or rows.shape[1] == 0:
        raise DataError("each stroke takes rows x, y (and t) of the same length, at least 1")
    return rows


def _encode(words: Sequence[str]) -> tuple[tuple[str, ...], npt.NDArray[np.int32]]:
    vocabulary = tuple(dict.fromkeys(words))
    place = {word: code for code, word in enumerate(vocabulary)}
    return vocabulary, np.array([place[word] for word in words], np.int32)
