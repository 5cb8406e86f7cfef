"""Drawings to lines of the official layout, to the letter.

The metadata of a line is written by the `ndjson` package. The numbers, which are nearly all of it,
are printed by a kernel; it knows whole numbers only, and Python prints the others beforehand, as
the shortest decimals that read back exactly, which is how the official files have them.
"""

from collections.abc import Iterator

import ndjson
import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import DataError
from quickdraw_kit.strokes.batch import DrawingBatch
from quickdraw_kit.strokes.columns import Int64Array, lengths_to_offsets

__all__ = ["encode_lines"]

_PORTION = 4096
_WIDEST = len("-2147483648,")
_PRINTED = 2.0**31  # the kernel prints whole numbers below
_AS_TEXT = np.iinfo(np.int64).min


def encode_lines(batch: DrawingBatch, *, recognized: bool = True) -> Iterator[bytes]:
    """Write drawings as lines of the official layout."""
    from quickdraw_kit.formats.ndjson.print_kernels import print_lines

    _check(batch)
    for start in range(0, len(batch), _PORTION):
        portion = batch[start : start + _PORTION]
        heads, head_ends = _joined(_heads(portion, recognized))
        rows, odd = _rows(portion)
        text, text_ends = _joined(odd)
        strokes = len(portion.stroke_offsets) - 1
        marks = 4 * len(rows) * strokes + 4 * len(portion) + 4 * strokes
        out = np.empty(len(heads) + len(text) + _WIDEST * rows.size + marks, np.uint8)
        size = print_lines(
            out,
            heads,
            head_ends,
            portion.drawing_offsets,
            portion.stroke_offsets,
            rows,
            text,
            text_ends,
        )
        yield out[:size].tobytes()


def _check(batch: DrawingBatch) -> None:
    for what, counts in (
        ("strokes", batch.stroke_counts),
        ("points in a stroke", np.diff(batch.stroke_offsets)),
    ):
        if counts.min(initial=1) == 0:
            raise DataError(f"a drawing has no {what}, expected at least one of them")
    if "" in {batch.words[code] for code in np.unique(batch.word_code)}:
        raise DataError("a drawing has no word, expected one")
    for name, column in (("x", batch.x), ("y", batch.y)):
        if batch.t is None:
            good = (column >= 0) & (column <= 255) & (column % 1 == 0)
            expected = "whole numbers 0 to 255 in drawings without times"
        else:
            good = np.isfinite(column)
            expected = "finite numbers"
        if not good.all():
            raise DataError(f"{name} is {column[np.argmin(good)]}, expected {expected}")


def _heads(batch: DrawingBatch, recognized: bool) -> list[str]:
    """Return each line up to the brackets of its drawing."""
    times = np.datetime_as_string(batch.timestamp, unit="us").tolist()
    columns = zip(
        batch.words_of_drawings(),
        batch.countrycode.astype(str).tolist(),
        ["" if time == "NaT" else _official_time(time) for time in times],
        batch.recognized.tolist() if recognized else [None] * len(batch),
        batch.key_id.astype(str).tolist(),
        strict=True,
    )
    names = ("word", "countrycode", "timestamp", "recognized", "key_id")
    lines = [dict(zip(names, column, strict=True), drawing=0) for column in columns]
    text: str = ndjson.dumps(lines, separators=(",", ":"))
    return [line.removesuffix("0}") for line in text.split("\n")]


def _official_time(iso: str) -> str:
    return iso.replace("T", " ").rstrip("0").rstrip(".") + " UTC"


def _rows(batch: DrawingBatch) -> tuple[Int64Array, list[str]]:
    """Return x, y (and t) as whole numbers, and the texts of all others, in order."""
    columns = [batch.x, batch.y] if batch.t is None else [batch.x, batch.y, batch.t]
    rows = np.empty((len(columns), len(batch.x)), np.int64)
    odd = np.zeros(rows.shape, np.bool_)
    for row, column in enumerate(columns):
        if column.dtype == np.float32:
            minus_zero = np.signbit(column) & (column == 0)
            odd[row] = (column % 1 != 0) | (np.abs(column) >= _PRINTED) | minus_zero
            column = np.where(odd[row], 0, column)
        rows[row] = column
    rows[odd] = _AS_TEXT
    which, points = np.nonzero(odd)
    strokes = np.searchsorted(batch.stroke_offsets, points, side="right")
    order = np.lexsort((points, which, strokes))
    values = np.stack([batch.x, batch.y])[which[order], points[order]].tolist()
    return rows, [_shortest(value) for value in values]


def _shortest(value: float) -> str:
    return str(int(value)) if value and value % 1 == 0 else repr(value)


def _joined(texts: list[str]) -> tuple[npt.NDArray[np.uint8], Int64Array]:
    """Return ASCII texts one behind the other, and where each begins."""
    ends = lengths_to_offsets([len(text) for text in texts])
    return np.frombuffer("".join(texts).encode("ascii"), np.uint8), ends
