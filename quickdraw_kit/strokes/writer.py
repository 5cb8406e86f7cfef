"""Drawings to lines of the official layout."""

import io
import itertools
from collections.abc import Iterator

import ndjson
import numpy as np

from quickdraw_kit.errors import DataError
from quickdraw_kit.strokes.batch import DrawingBatch, PointArray

__all__ = ["official_lines"]

_PORTION = 4096


def official_lines(batch: DrawingBatch) -> Iterator[bytes]:
    """Write drawings as lines of the official layout.

    Parameters
    ----------
    batch : DrawingBatch
        Drawings with times are written raw, without times simplified.

    Yields
    ------
    bytes
        Some lines, each with its newline.

    Raises
    ------
    DataError
        If a drawing cannot be written so that it could be read again.
    """
    _check(batch)
    times = _timestamps(batch)
    for start in range(0, len(batch), _PORTION):
        text = io.StringIO()
        writer = ndjson.writer(text, separators=(",", ":"))
        for row in range(start, min(start + _PORTION, len(batch))):
            first, last = batch.drawing_offsets[row : row + 2].tolist()
            bounds = batch.stroke_offsets[first : last + 1].tolist()
            begin, end = bounds[0], bounds[-1]
            columns = [_numbers(batch.x[begin:end]), _numbers(batch.y[begin:end])]
            if batch.t is not None:
                columns.append(batch.t[begin:end].tolist())
            writer.writerow(
                {
                    "word": batch.words[batch.word_code[row]],
                    "countrycode": batch.countrycode[row].decode("ascii"),
                    "timestamp": times[row],
                    "recognized": bool(batch.recognized[row]),
                    "key_id": str(batch.key_id[row]),
                    "drawing": [
                        [column[a - begin : b - begin] for column in columns]
                        for a, b in itertools.pairwise(bounds)
                    ],
                }
            )
        yield text.getvalue().encode()


def _check(batch: DrawingBatch) -> None:
    for counts, what in ((batch.stroke_counts, "strokes"), (batch.point_counts, "points")):
        if len(counts) and counts.min() == 0:
            raise DataError(f"drawing {int(counts.argmin())} has no {what}, expected at least one")
    if np.diff(batch.stroke_offsets).min(initial=1) == 0:
        raise DataError("a stroke has no points, expected at least one")
    if "" in {batch.words[code] for code in np.unique(batch.word_code)}:
        raise DataError("a drawing has no word, expected one")
    for name, column in (("x", batch.x), ("y", batch.y)):
        if batch.t is None:
            good = (column >= 0) & (column <= 255) & (column % 1 == 0)
            expected = "whole numbers 0 to 255, as simplified drawings have them"
        else:
            good = np.isfinite(column)
            expected = "finite numbers"
        if not good.all():
            raise DataError(f"{name} is {column[np.argmin(good)]}, expected {expected}")


def _timestamps(batch: DrawingBatch) -> list[str]:
    known = ~np.isnat(batch.timestamp)
    text = np.datetime_as_string(batch.timestamp, unit="us").tolist()
    return [
        each.replace("T", " ").rstrip("0").rstrip(".") + " UTC" if there else ""
        for each, there in zip(text, known, strict=True)
    ]


def _numbers(column: PointArray) -> list[float]:
    values: list[float] = column.tolist()
    if column.dtype != np.float32:
        return values
    whole = (column % 1 == 0) & ~((column == 0) & np.signbit(column))
    return [
        int(value) if flag else value for value, flag in zip(values, whole.tolist(), strict=True)
    ]
