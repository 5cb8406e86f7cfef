"""Drawings to lines in the exact official layout.

The metadata of a line is written by the `ndjson` package, or without it by `json`. The numbers,
which are nearly all of the text, are printed by a kernel. It prints whole numbers only; Python
formats all others beforehand, as the shortest decimals that read back exactly, which is how the
official files have them.
"""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import DataError
from quickdraw_kit.strokes.batch import DrawingBatch
from quickdraw_kit.strokes.columns import Int64Array, lengths_to_offsets

_DRAWINGS_PER_CHUNK = 4096
_MAX_NUMBER_BYTES = len("-2147483648,")
_MAX_PRINTED = 2.0**31  # the kernel prints whole numbers below


def encode_lines(batch: DrawingBatch) -> Iterator[bytes]:
    """Encode drawings, some lines at a time.

    Raises `DataError` for drawings that could not be read back.
    """
    from quickdraw_kit.formats.ndjson.print_kernels import print_lines
    from quickdraw_kit.kernels import read_only

    _check(batch)
    for start in range(0, len(batch), _DRAWINGS_PER_CHUNK):
        drawings = batch[start : start + _DRAWINGS_PER_CHUNK]
        heads, head_offsets = _concat_texts(_heads(drawings))
        rows, formatted = _rows(drawings)
        text, text_offsets = _concat_texts(formatted)

        # the most that the kernel can print: brackets and commas of every row, stroke and line
        strokes = len(drawings.stroke_offsets) - 1
        marks = 4 * len(rows) * strokes + 4 * len(drawings) + 4 * strokes
        out = np.empty(len(heads) + len(text) + _MAX_NUMBER_BYTES * rows.size + marks, np.uint8)
        columns: tuple[npt.NDArray[Any], ...] = (
            heads,
            head_offsets,
            drawings.drawing_offsets,
            drawings.stroke_offsets,
            rows,
            text,
            text_offsets,
        )
        size = print_lines(out, *map(read_only, columns))
        yield out[:size].tobytes()


def _check(batch: DrawingBatch) -> None:
    for name, counts in (
        ("strokes", batch.stroke_counts),
        ("points in a stroke", np.diff(batch.stroke_offsets)),
    ):
        if counts.min(initial=1) == 0:
            raise DataError(f"a drawing has no {name}, expected at least one")
    if "" in {batch.words[code] for code in np.unique(batch.word_code)}:
        raise DataError("a drawing has no word, expected one")
    for name, column in (("x", batch.x), ("y", batch.y)):
        if batch.t is None:
            valid = (column >= 0) & (column <= 255) & (column % 1 == 0)
            expected = "whole numbers 0 to 255 in drawings without times"
        else:
            valid = np.isfinite(column)
            expected = "finite numbers"
        if not valid.all():
            raise DataError(f"{name} is {column[np.argmin(valid)]}, expected {expected}")


def _heads(batch: DrawingBatch) -> list[str]:
    """Return each line up to the brackets of its drawing; what is not known is left out."""
    times = np.datetime_as_string(batch.timestamp, unit="us").tolist()
    columns = zip(
        batch.words_of_drawings(),
        batch.countrycode.astype(str).tolist(),
        ["" if time == "NaT" else _format_time(time) for time in times],
        _or_none(batch.recognized, batch.recognized_known),
        _or_none(batch.key_id.astype(str), batch.key_id_known),
        strict=True,
    )
    names = ("word", "countrycode", "timestamp", "recognized", "key_id")
    # the drawing is a placeholder, cut off again: the kernel prints it
    lines = [dict(zip(names, column, strict=True), drawing=0) for column in columns]
    for line in lines:
        if None in line.values():
            # an official line has all keys, and an empty country or time
            for name in names:
                if not line[name] and line[name] is not False:
                    del line[name]
    return [line.removesuffix("0}") for line in _dumps(lines).split("\n")]


def _dumps(lines: list[dict[str, Any]]) -> str:
    """Return a line of JSON for each object; `ndjson` and `json` write the same."""
    try:
        import ndjson
    except ModuleNotFoundError:  # nobody needs to install a package that is under the GPL
        return "\n".join(json.dumps(line, separators=(",", ":")) for line in lines)
    text: str = ndjson.dumps(lines, separators=(",", ":"))
    return text


def _or_none(values: npt.NDArray[Any], known: npt.NDArray[np.bool_] | None) -> list[Any]:
    items: list[Any] = values.tolist()
    if known is None:
        return items
    return [item if is_known else None for item, is_known in zip(items, known, strict=True)]


def _format_time(iso: str) -> str:
    return iso.replace("T", " ").rstrip("0").rstrip(".") + " UTC"


def _rows(batch: DrawingBatch) -> tuple[Int64Array, list[str]]:
    """Return x, y (and t) as whole numbers, and the texts of all other numbers.

    The texts are in the order of printing: by stroke, then x before y, then by point.
    """
    from quickdraw_kit.formats.ndjson.print_kernels import AS_TEXT

    columns = [batch.x, batch.y] if batch.t is None else [batch.x, batch.y, batch.t]
    rows = np.empty((len(columns), len(batch.x)), np.int64)
    as_text = np.zeros(rows.shape, np.bool_)
    for row, column in enumerate(columns):
        if column.dtype == np.float64:
            # a whole number to the kernel, which would print it without its sign
            minus_zero = np.signbit(column) & (column == 0)
            as_text[row] = (column % 1 != 0) | (np.abs(column) >= _MAX_PRINTED) | minus_zero
            column = np.where(as_text[row], 0, column)
        rows[row] = column
    rows[as_text] = AS_TEXT

    axis, points = np.nonzero(as_text)
    strokes = np.searchsorted(batch.stroke_offsets, points, side="right")
    order = np.lexsort((points, axis, strokes))
    values = np.stack([batch.x, batch.y])[axis[order], points[order]].tolist()
    return rows, [_shortest(value) for value in values]


def _shortest(value: float) -> str:
    # whole numbers beyond the kernel have no exponent in the official files; -0 keeps its sign
    return str(int(value)) if value and value % 1 == 0 else repr(value)


def _concat_texts(texts: list[str]) -> tuple[npt.NDArray[np.uint8], Int64Array]:
    """Return the concatenated ASCII texts, and their offsets."""
    offsets = lengths_to_offsets([len(text) for text in texts])
    return np.frombuffer("".join(texts).encode("ascii"), np.uint8), offsets
