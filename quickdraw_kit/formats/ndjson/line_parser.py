"""One line of ndjson, by the standard JSON parser: the definition of a valid line.

The compiled scanner recognizes only the exact official layout; every other line is parsed here, so
this module alone decides what is a drawing and what is rejected. A valid line is a JSON object in
UTF-8. Only the drawing is required; what else is absent, null or not valid is not known. Other keys
are ignored, order and white space are free, and if a key is repeated, the last one counts:

=============  =====================================================================================
drawing        or ``strokes``: at least one stroke, in any shape of `stroke_shapes`, also as JSON in
               a string; or the columns x, y and t of `DrawingBatch.to_pandas`
word           or ``label``, ``category``, ``class``: nonempty string
countrycode    or ``country_code``, ``country``: string of two ASCII letters, or empty
timestamp      or ``time``, ``date``: ``YYYY-MM-DD HH:MM:SS[.f] UTC``, ISO 8601, JavaScript's dates,
               or a number since 1970: its size tells seconds, milli-, micro- or nanoseconds
recognized     true or false, 1 or 0, also in a string
key_id         or ``id``: digits in a string, or integer, that fits unsigned 64 bits
=============  =====================================================================================

A drawing with times is raw. One without is simplified if all coordinates are whole numbers from 0
to 255 (1.0 and 1e1 are whole), and otherwise raw without times. Raw coordinates are
doubles below 3.4e38, where float32, in which drawings are rendered, ends; times are milliseconds
that fit int32, rounded half to even; those since 1970 become those since the first point.
"""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from quickdraw_kit.formats.ndjson.metadata import parse_metadata
from quickdraw_kit.formats.ndjson.stroke_shapes import (
    DRAWING_NAMES,
    ShapeError,
    StrokeLayout,
    strokes_to_rows,
)

_FLOAT32_END = float(2.0**128 - 2.0**103)  # the smallest double that rounds to infinity
_INT32 = np.iinfo(np.int32)


class LineError(ValueError):
    """A line is not a valid drawing; the message is the reason."""


@dataclass(frozen=True, slots=True, eq=False)
class ParsedLine:
    """The drawing of one line; None is what is not known."""

    word: str | None
    countrycode: str  # empty where it is not known
    timestamp: int | None  # microseconds since 1970, UTC
    recognized: bool | None
    key_id: int | None
    x: npt.NDArray[Any]  # uint8 (simplified) or float64 (raw)
    y: npt.NDArray[Any]
    t: npt.NDArray[np.int32] | None
    point_counts: list[int]  # of each stroke
    dropped: tuple[str, ...] = ()  # fields that are not valid; "stroke": one without points
    layout: StrokeLayout | None = None  # of the strokes; None if both are possible

    @property
    def is_raw(self) -> bool:
        """Whether the drawing is raw, with or without times."""
        return self.x.dtype == np.float64


def parse_line(
    line: bytes, *, raw: bool | None = None, timed: bool = True, points: bool = False
) -> ParsedLine:
    """Parse a line of one variant, or of any; raise `LineError` if it is not a drawing.

    `timed` is whether raw drawings have times, and `points` how ambiguous strokes are read.
    """
    fields = _decode(line)
    metadata, dropped = parse_metadata(fields)
    try:
        strokes, layout, empty = strokes_to_rows(_strokes(fields), points=points)
    except ShapeError as error:
        raise LineError(str(error)) from None

    rows, counts = _concat(strokes)
    _check_variant(len(rows), raw, timed)
    x, y = (_numbers(name, row, counts) for name, row in zip("xy", rows, strict=False))
    if len(rows) == 2 and raw is None:
        raw = not all(_is_simplified(numbers).all() for numbers in (x, y))
    elif len(rows) == 3:
        raw = True
    coordinates = _raw_coordinates if raw else _simplified_coordinates
    return ParsedLine(
        word=metadata["word"],
        countrycode=metadata["countrycode"] or "",
        timestamp=metadata["timestamp"],
        recognized=metadata["recognized"],
        key_id=metadata["key_id"],
        x=coordinates("x", x, rows[0], counts),
        y=coordinates("y", y, rows[1], counts),
        t=_times(rows[2], counts) if len(rows) == 3 else None,
        point_counts=counts,
        dropped=dropped + ("stroke",) * empty,
        layout=layout,
    )


def _decode(line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line.decode())
    except UnicodeDecodeError as error:
        raise LineError(
            f"byte 0x{line[error.start]:02x} at column {error.start + 1} is not UTF-8"
        ) from None
    except json.JSONDecodeError as error:
        column = len(line.decode()[: error.pos].encode()) + 1
        raise LineError(f"not JSON: {error.msg} at column {column} of {len(line)}") from None
    except RecursionError:
        raise LineError("not a drawing: lists are nested too deeply") from None
    except ValueError:  # an integer of thousands of digits
        raise LineError("a number has too many digits") from None
    if not isinstance(value, dict):
        raise LineError(f"the line is {_show(value)}, expected a JSON object")
    return value


def _strokes(fields: dict[str, Any]) -> list[Any]:
    """Return the strokes of a line."""
    name = next((name for name in DRAWING_NAMES if name in fields), None)
    if name is None and all(isinstance(fields.get(axis), list) for axis in "xy"):
        return _strokes_of_columns(fields)
    if name is None:
        raise LineError("key 'drawing' is missing")
    drawing = fields[name]
    # tables hold lists as text
    if isinstance(drawing, str) and drawing.lstrip()[:1] == "[":
        try:
            drawing = json.loads(drawing)
        except (ValueError, RecursionError):
            raise LineError(f"{name} is a string that is not JSON, expected lists") from None
    if not isinstance(drawing, list) or not drawing:
        raise LineError(f"{name} is {_show(drawing)}, expected a list of at least one stroke")
    return drawing


def _strokes_of_columns(fields: dict[str, Any]) -> list[Any]:
    axes = [fields[name] for name in "xyt" if fields.get(name) is not None]
    if len({len(axis) if isinstance(axis, list) else -1 for axis in axes}) > 1:
        raise LineError("x, y and t do not have the same number of strokes")
    if any(not isinstance(row, list) for axis in axes for row in axis):
        raise LineError("x, y or t is not a list of rows, expected one for each stroke")
    # by name: two strokes of two points are not ambiguous here
    return [dict(zip("xyt", rows, strict=False)) for rows in zip(*axes, strict=True)]


def _concat(strokes: list[list[list[Any]]]) -> tuple[list[list[Any]], list[int]]:
    """Return the rows x, y (and t) of all strokes concatenated, and the points of each stroke."""
    rows: list[list[Any]] = [[] for _ in strokes[0]]
    counts: list[int] = []
    for number, stroke in enumerate(strokes, 1):
        if len(stroke) != len(rows):
            raise LineError(
                f"stroke {number} has {len(stroke)} rows and stroke 1 has {len(rows)}, "
                "expected x, y or x, y, t throughout"
            )
        for row, values in zip(rows, stroke, strict=True):
            row.extend(values)
        counts.append(len(stroke[0]))
    return rows, counts


def _check_variant(rows: int, raw: bool | None, timed: bool) -> None:
    if raw is None:
        return
    expected = 3 if raw and timed else 2
    if rows != expected:
        names = {2: "simplified", 3: "raw"} if timed or not raw else {2: "untimed", 3: "timed"}
        raise LineError(
            f"the drawing is {names[rows]} ({rows} rows), expected {names[expected]} ones"
        )


def _is_simplified(numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    valid: npt.NDArray[np.bool_] = (
        (numbers >= 0) & (numbers <= 255) & (numbers == np.floor(numbers))
    )
    return valid


def _simplified_coordinates(
    name: str, numbers: npt.NDArray[np.float64], values: list[Any], counts: list[int]
) -> npt.NDArray[np.uint8]:
    expected = "expected whole numbers 0 to 255"
    _check(_is_simplified(numbers), name, values, counts, expected)
    return numbers.astype(np.uint8)


def _raw_coordinates(
    name: str, numbers: npt.NDArray[np.float64], values: list[Any], counts: list[int]
) -> npt.NDArray[np.float64]:
    valid = np.abs(numbers) < _FLOAT32_END
    _check(valid, name, values, counts, "expected numbers below 3.4e38")
    return numbers


def _times(values: list[Any], counts: list[int]) -> npt.NDArray[np.int32]:
    numbers = _numbers("t", values, counts)
    if numbers.min() > _INT32.max:
        numbers -= numbers[0]
    numbers = np.rint(numbers)
    valid = (numbers >= _INT32.min) & (numbers <= _INT32.max)
    _check(valid, "t", values, counts, "expected milliseconds that fit int32")
    return numbers.astype(np.int32)


def _numbers(name: str, values: list[Any], counts: list[int]) -> npt.NDArray[np.float64]:
    # exact types, because True is an int and numpy would parse strings
    if not set(map(type, values)) <= {int, float}:
        valid = np.array([type(value) in (int, float) for value in values])
        _check(valid, name, values, counts, "expected a number")
    try:
        return np.array(values, np.float64)
    except OverflowError:  # an integer beyond double
        valid = np.array([abs(value) < _FLOAT32_END for value in values])
        _check(valid, name, values, counts, "expected a smaller number")
        raise


def _check(
    valid: npt.NDArray[np.bool_], name: str, values: list[Any], counts: list[int], expected: str
) -> None:
    """Raise `LineError` for the first value that is not valid, with its stroke."""
    if not valid.all():
        first = int(np.argmin(valid))
        stroke = int(np.searchsorted(np.cumsum(counts), first, side="right")) + 1
        raise LineError(f"{name} {_show(values[first])} in stroke {stroke}, {expected}")


def _show(value: object) -> str:
    """Return a value as JSON for a message, shortened."""
    if isinstance(value, list | dict) and value:
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, str):
        value = value[:40] + ("..." if len(value) > 40 else "")
    if isinstance(value, int) and abs(value) > 10**40:
        return "an integer of more than 40 digits"
    return json.dumps(value)
