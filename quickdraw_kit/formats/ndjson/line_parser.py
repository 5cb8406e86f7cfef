"""One line of the official ndjson, by the standard JSON parser: the definition of a valid line.

The compiled scanner recognizes only the exact official layout; every other line is parsed here, so
this module alone decides what is a drawing and what is rejected. A valid line is a JSON object in
UTF-8. Only the drawing is required; what else is absent or null is not known. Other keys are
ignored, order and white space are free, and if a key is repeated, the last one counts:

=============  =====================================================================================
word           nonempty string
countrycode    string of two ASCII letters, or empty
timestamp      string ``YYYY-MM-DD HH:MM:SS[.f] UTC`` with one to six digits of fraction, or empty
recognized     true or false
key_id         string of digits, or integer, that fits unsigned 64 bits
drawing        list of at least one stroke; every stroke is a list of the rows x, y (simplified)
               or x, y, t (raw), all of the same length, at least 1
=============  =====================================================================================

Simplified coordinates are whole numbers from 0 to 255; 1.0 and 1e1 are whole. Raw coordinates are
doubles below 3.4e38, where float32, in which drawings are rendered, ends; times are milliseconds
that fit int32, rounded half to even.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

_COUNTRY = re.compile(r"(?:[A-Za-z]{2})?")
_TIMESTAMP = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2}) ([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,6}))? UTC"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_UINT64_MAX = 2**64 - 1
_FLOAT32_END = float(2.0**128 - 2.0**103)  # the smallest double that rounds to infinity
_INT32 = np.iinfo(np.int32)
_VARIANTS = {2: "simplified", 3: "raw"}  # by the rows of a stroke


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

    @property
    def is_raw(self) -> bool:
        """Whether the strokes have times."""
        return self.t is not None


def parse_line(line: bytes, *, raw: bool | None = None) -> ParsedLine:
    """Parse a line of one variant, or of either; raise `LineError` if it is not a drawing."""
    fields = _decode(line)
    if "drawing" not in fields:
        raise LineError("key 'drawing' is missing")
    metadata = {
        name: None if fields.get(name) is None else decode(fields[name])
        for name, decode in _METADATA.items()
    }

    rows, counts = _concat_strokes(fields["drawing"], raw)
    coordinates = _raw_coordinates if len(rows) == 3 else _simplified_coordinates
    return ParsedLine(
        word=metadata["word"],
        countrycode=metadata["countrycode"] or "",
        timestamp=metadata["timestamp"],
        recognized=metadata["recognized"],
        key_id=metadata["key_id"],
        x=coordinates("x", rows[0], counts),
        y=coordinates("y", rows[1], counts),
        t=_times(rows[2], counts) if len(rows) == 3 else None,
        point_counts=counts,
    )


def _decode(line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line.decode(), parse_constant=_reject_constant)
    except UnicodeDecodeError as error:
        raise LineError(
            f"byte 0x{line[error.start]:02x} at column {error.start + 1} is not UTF-8"
        ) from None
    except json.JSONDecodeError as error:
        column = len(line.decode()[: error.pos].encode()) + 1
        raise LineError(f"not JSON: {error.msg} at column {column} of {len(line)}") from None
    except RecursionError:
        raise LineError("not a drawing: lists are nested too deeply") from None
    except LineError:  # of _reject_constant: a ValueError as well
        raise
    except ValueError:  # an integer of thousands of digits
        raise LineError("a number has too many digits") from None
    if not isinstance(value, dict):
        raise LineError(f"the line is {_show(value)}, expected a JSON object")
    return value


def _reject_constant(name: str) -> NoReturn:
    raise LineError(f"{name} is not a valid JSON number")


def _word(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise LineError(f"word is {_show(value)}, expected a nonempty string")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise LineError(f"word is {_show(value)}, which has half of a surrogate pair") from None
    return value


def _country(value: object) -> str:
    if not isinstance(value, str) or not _COUNTRY.fullmatch(value):
        raise LineError(f"countrycode is {_show(value)}, expected two ASCII letters or none")
    return value


def _recognized(value: object) -> bool:
    if not isinstance(value, bool):
        raise LineError(f"recognized is {_show(value)}, expected true or false")
    return value


def _timestamp(value: object) -> int | None:
    if value == "":
        return None
    match = _TIMESTAMP.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise LineError(f"timestamp is {_show(value)}, expected YYYY-MM-DD HH:MM:SS.ffffff UTC")
    *fields, fraction = match.groups()
    try:
        seconds = datetime(*map(int, fields), tzinfo=UTC)  # type: ignore[arg-type, misc]
    except ValueError as error:
        raise LineError(f"timestamp is {_show(value)}: {error}") from None
    return (seconds - _EPOCH) // _MICROSECOND + int((fraction or "").ljust(6, "0"))


def _key_id(value: object) -> int:
    # isdigit also accepts other scripts, and Python does not convert thousands of digits
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 1000:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _UINT64_MAX:
        raise LineError(f"key_id is {_show(value)}, expected digits that fit 64 bits")
    return value


# how values that are not null are decoded
_METADATA: dict[str, Callable[[object], Any]] = {
    "word": _word,
    "countrycode": _country,
    "timestamp": _timestamp,
    "recognized": _recognized,
    "key_id": _key_id,
}


def _concat_strokes(drawing: object, raw: bool | None) -> tuple[list[list[Any]], list[int]]:
    """Return the rows x, y (and t) of all strokes concatenated, and the points of each stroke."""
    if not isinstance(drawing, list) or not drawing:
        raise LineError(f"drawing is {_show(drawing)}, expected a list of at least one stroke")
    rows: list[list[Any]] = []
    counts: list[int] = []
    for number, stroke in enumerate(drawing, 1):
        if not isinstance(stroke, list) or not all(isinstance(row, list) for row in stroke):
            raise LineError(f"stroke {number} is {_show(stroke)}, expected lists x, y or x, y, t")

        # the first stroke decides how many rows all of them have
        if not counts:
            _check_variant(stroke, raw)
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


def _check_variant(stroke: list[Any], raw: bool | None) -> None:
    variant = _VARIANTS.get(len(stroke))
    if variant is None:
        raise LineError(f"stroke 1 has {len(stroke)} rows, expected x, y or x, y, t")
    if raw is not None and raw != (variant == "raw"):
        expected = _VARIANTS[3 if raw else 2]
        raise LineError(f"the drawing is {variant} ({len(stroke)} rows), expected {expected} ones")


def _simplified_coordinates(
    name: str, values: list[Any], counts: list[int]
) -> npt.NDArray[np.uint8]:
    numbers = _numbers(name, values, counts)
    valid = (numbers >= 0) & (numbers <= 255) & (numbers == np.floor(numbers))
    _check(valid, name, values, counts, "expected whole numbers 0 to 255")
    return numbers.astype(np.uint8)


def _raw_coordinates(name: str, values: list[Any], counts: list[int]) -> npt.NDArray[np.float64]:
    numbers = _numbers(name, values, counts)
    valid = np.abs(numbers) < _FLOAT32_END
    _check(valid, name, values, counts, "expected numbers below 3.4e38")
    return numbers


def _times(values: list[Any], counts: list[int]) -> npt.NDArray[np.int32]:
    numbers = np.rint(_numbers("t", values, counts))
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
