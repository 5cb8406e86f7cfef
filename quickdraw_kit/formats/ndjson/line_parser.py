"""One line of the official ndjson, by the standard JSON parser: the definition of a valid line.

The fast scanner recognises the official layout to the letter and nothing else; whatever it does
not recognise comes here, so this module alone decides what is a drawing and what is refused.
A valid line is a JSON object in UTF-8 with six keys (others are ignored, order and white space are
free, of a key that is given twice the last counts):

=============  =====================================================================================
word           string, not empty
countrycode    string of two ASCII letters, or empty
timestamp      string ``YYYY-MM-DD HH:MM:SS[.f] UTC`` with one to six digits of fraction, or empty
recognized     true or false; null, where it is not known, is taken as false
key_id         string of digits, or integer, that fits 64 bits without sign
drawing        list of strokes, at least one; every stroke holds the rows x, y (simplified) or
               x, y, t (raw), all of the same length, at least 1
=============  =====================================================================================

Simplified coordinates are whole numbers from 0 to 255; 1.0 and 1e1 are whole. Raw coordinates are
finite and fit float32, to which they are rounded by way of double; times are milliseconds that fit
int32, rounded half to even.
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

__all__ = ["LineError", "ParsedLine", "parse_line"]

_KEYS = ("word", "countrycode", "timestamp", "recognized", "key_id", "drawing")
_COUNTRY = re.compile(r"(?:[A-Za-z]{2})?")
_TIMESTAMP = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2}) ([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,6}))? UTC"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_UINT64_MAX = 2**64 - 1
_FLOAT32_END = float(2.0**128 - 2.0**103)  # the least double that rounds to infinity
_INT32 = np.iinfo(np.int32)
_ROWS = {2: "simplified", 3: "raw"}


class LineError(ValueError):
    """A line is not a drawing; the message is the reason."""


@dataclass(frozen=True, slots=True, eq=False)
class ParsedLine:
    """A drawing as its line gives it."""

    word: str
    countrycode: str
    timestamp: int | None
    recognized: bool
    key_id: int
    x: npt.NDArray[Any]
    y: npt.NDArray[Any]
    t: npt.NDArray[np.int32] | None
    counts: list[int]

    @property
    def is_raw(self) -> bool:
        """Whether the strokes have times."""
        return self.t is not None


def parse_line(line: bytes, *, raw: bool | None = None) -> ParsedLine:
    """Parse a line, or say why it is not a drawing."""
    drawing = _object(line)
    for key in _KEYS:
        if key not in drawing:
            raise LineError(f"key {key!r} is missing")
    word = drawing["word"]
    if not isinstance(word, str) or not word:
        raise LineError(f"word is {_show(word)}, expected a string that is not empty")
    try:
        word.encode()
    except UnicodeEncodeError:
        raise LineError(f"word is {_show(word)}, which has half of a surrogate pair") from None
    country = drawing["countrycode"]
    if not isinstance(country, str) or not _COUNTRY.fullmatch(country):
        raise LineError(f"countrycode is {_show(country)}, expected two ASCII letters or none")
    recognized = drawing["recognized"]
    if recognized is not None and not isinstance(recognized, bool):
        raise LineError(f"recognized is {_show(recognized)}, expected true or false")
    timestamp, key_id = _timestamp(drawing["timestamp"]), _key_id(drawing["key_id"])
    rows, counts = _rows(drawing["drawing"], raw)
    coordinates = _raw_coordinates if len(rows) == 3 else _simplified_coordinates
    return ParsedLine(
        word=word,
        countrycode=country,
        timestamp=timestamp,
        recognized=bool(recognized),
        key_id=key_id,
        x=coordinates("x", rows[0], counts),
        y=coordinates("y", rows[1], counts),
        t=_times(rows[2], counts) if len(rows) == 3 else None,
        counts=counts,
    )


def _object(line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line.decode(), parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise LineError(
            f"byte 0x{line[error.start]:02x} at column {error.start + 1} is not UTF-8"
        ) from None
    except json.JSONDecodeError as error:
        column = len(line.decode()[: error.pos].encode()) + 1
        raise LineError(f"not JSON: {error.msg} at column {column} of {len(line)}") from None
    except RecursionError:
        raise LineError("not a drawing: lists within lists without end") from None
    except LineError:
        raise
    except ValueError:  # an integer of thousands of digits
        raise LineError("a number has too many digits") from None
    if not isinstance(value, dict):
        raise LineError(f"the line is {_show(value)}, expected a JSON object")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise LineError(f"{name} is not a number that JSON or a drawing has")


def _timestamp(value: object) -> int | None:
    if value == "":
        return None
    match = _TIMESTAMP.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise LineError(f"timestamp is {_show(value)}, expected YYYY-MM-DD HH:MM:SS.ffffff UTC")
    *fields, fraction = match.groups()
    try:
        moment = datetime(*map(int, fields), tzinfo=UTC)  # type: ignore[arg-type, misc]
    except ValueError as error:
        raise LineError(f"timestamp is {_show(value)}: {error}") from None
    return (moment - _EPOCH) // _MICROSECOND + int((fraction or "").ljust(6, "0"))


def _key_id(value: object) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 1000:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _UINT64_MAX:
        raise LineError(f"key_id is {_show(value)}, expected digits that fit 64 bits")
    return value


def _rows(drawing: object, raw: bool | None) -> tuple[list[list[Any]], list[int]]:
    """Return the rows x, y (and t) of all strokes one behind the other, and the points of each."""
    if not isinstance(drawing, list) or not drawing:
        raise LineError(f"drawing is {_show(drawing)}, expected a list of at least one stroke")
    rows: list[list[Any]] = []
    counts: list[int] = []
    for number, stroke in enumerate(drawing, 1):
        if not isinstance(stroke, list) or not all(isinstance(row, list) for row in stroke):
            raise LineError(f"stroke {number} is {_show(stroke)}, expected lists x, y or x, y, t")
        if not counts:
            _check_kind(stroke, raw)
            rows = [[] for _ in stroke]
        if len(stroke) != len(rows):
            raise LineError(
                f"stroke {number} has {len(stroke)} rows and stroke 1 has {len(rows)}, "
                "expected x, y or x, y, t throughout"
            )
        lengths = [len(row) for row in stroke]
        if len(set(lengths)) > 1:
            named = [f"{n} {name}" for n, name in zip(lengths, "xyt", strict=False)]
            raise LineError(f"stroke {number} has {', '.join(named[:-1])} and {named[-1]}")
        if lengths[0] == 0:
            raise LineError(f"stroke {number} has no points")
        for row, values in zip(rows, stroke, strict=True):
            row.extend(values)
        counts.append(lengths[0])
    return rows, counts


def _check_kind(stroke: list[Any], raw: bool | None) -> None:
    kind = _ROWS.get(len(stroke))
    if kind is None:
        raise LineError(f"stroke 1 has {len(stroke)} rows, expected x, y or x, y, t")
    if raw is not None and raw != (kind == "raw"):
        expected = _ROWS[3 if raw else 2]
        raise LineError(f"the drawing is {kind} ({len(stroke)} rows), expected {expected} ones")


def _simplified_coordinates(
    name: str, values: list[Any], counts: list[int]
) -> npt.NDArray[np.uint8]:
    numbers = _numbers(name, values, counts)
    good = (numbers >= 0) & (numbers <= 255) & (numbers == np.floor(numbers))
    _check(good, name, values, counts, "expected whole numbers 0 to 255")
    return numbers.astype(np.uint8)


def _raw_coordinates(name: str, values: list[Any], counts: list[int]) -> npt.NDArray[np.float32]:
    numbers = _numbers(name, values, counts)
    good = np.abs(numbers) < _FLOAT32_END
    _check(good, name, values, counts, "expected numbers that fit float32")
    return numbers.astype(np.float32)


def _times(values: list[Any], counts: list[int]) -> npt.NDArray[np.int32]:
    numbers = np.rint(_numbers("t", values, counts))
    good = (numbers >= _INT32.min) & (numbers <= _INT32.max)
    _check(good, "t", values, counts, "expected milliseconds that fit int32")
    return numbers.astype(np.int32)


def _numbers(name: str, values: list[Any], counts: list[int]) -> npt.NDArray[np.float64]:
    if not set(map(type, values)) <= {int, float}:
        good = np.array([type(value) in (int, float) for value in values])
        _check(good, name, values, counts, "expected a number")
    try:
        return np.array(values, np.float64)
    except OverflowError:
        good = np.array([abs(value) < _FLOAT32_END for value in values])
        _check(good, name, values, counts, "expected a smaller number")
        raise


def _check(
    good: npt.NDArray[np.bool_], name: str, values: list[Any], counts: list[int], expected: str
) -> None:
    if not good.all():
        first = int(np.argmin(good))
        stroke = int(np.searchsorted(np.cumsum(counts), first, side="right")) + 1
        raise LineError(f"{name} {_show(values[first])} in stroke {stroke}, {expected}")


def _show(value: object) -> str:
    """Return JSON for the message, cut short."""
    if isinstance(value, list | dict) and value:
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, str):
        value = value[:40] + ("..." if len(value) > 40 else "")
    if isinstance(value, int) and abs(value) > 10**40:
        return "an integer of more than 40 digits"
    return json.dumps(value)
