"""The metadata of a line: the names and spellings that official files, pandas and JavaScript use.

Metadata is optional. What is absent, null or NaN is unknown; a value that cannot be read is unknown
as well, and counted.
"""

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

WORD_NAMES = ("word", "label", "category", "class")
NAMES = {  # of columns and keys, the official one first
    "word": WORD_NAMES,
    "countrycode": ("countrycode", "country_code", "country"),
    "timestamp": ("timestamp", "time", "date"),
    "recognized": ("recognized",),
    "key_id": ("key_id", "id"),
}

_COUNTRY = re.compile(r"(?:[A-Za-z]{2})?")
_TIMESTAMP = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,9}))?)?"
    r" ?(?:(UTC|GMT|Z)|([+-])([0-9]{2}):?([0-9]{2})?)?)?"
)
# Date.toString and Date.toUTCString of JavaScript
_JAVASCRIPT = re.compile(
    r"[A-Z][a-z]{2},? (?:([A-Z][a-z]{2}) ([0-9]{2})|([0-9]{2}) ([A-Z][a-z]{2})) ([0-9]{4}) "
    r"([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT(?:([+-])([0-9]{2})([0-9]{2}))?(?: \(.*\))?"
)
_EPOCH_NUMBER = re.compile(r"-?[0-9]{9,19}(?:\.[0-9]*)?")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_KEY_ID = re.compile(r"([0-9]{1,999})(?:\.0)?")
_FLAGS = {
    "true": True, "t": True, "yes": True, "1": True, "1.0": True,
    "false": False, "f": False, "no": False, "0": False, "0.0": False,
}  # fmt: skip
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_UINT64_MAX = 2**64 - 1
_EXACT_FLOAT = 2**53
_YEAR_1, _YEAR_10000 = -62135596800 * 10**6, 253402300800 * 10**6


def parse_metadata(fields: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the metadata, None where it is not known, and the fields that are not valid."""
    values: dict[str, Any] = {}
    dropped = []
    for name, decode in _DECODERS.items():
        value = next((fields[n] for n in NAMES[name] if not _is_unknown(fields.get(n))), None)
        try:
            values[name] = None if value is None else decode(value)
        except ValueError:
            values[name] = None
            dropped.append(name)
    return values, tuple(dropped)


def _is_unknown(value: object) -> bool:
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def _word(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError
    value.encode()  # raises for half of a surrogate pair
    return value


def _country(value: object) -> str:
    if not isinstance(value, str) or not _COUNTRY.fullmatch(value):
        raise ValueError
    return value


def _recognized(value: object) -> bool:
    if isinstance(value, str):
        value = _FLAGS.get(value.lower())
    if isinstance(value, bool | int | float) and value in (0, 1):
        return bool(value)
    raise ValueError


def _key_id(value: object) -> int:
    if isinstance(value, str) and (match := _KEY_ID.fullmatch(value)):
        value = int(match[1])
    # a float that is not exact would be the key_id of another drawing
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT_FLOAT:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _UINT64_MAX:
        raise ValueError
    return value


def _timestamp(value: object) -> int:
    """Return microseconds since 1970."""
    if isinstance(value, str) and _EPOCH_NUMBER.fullmatch(value):
        value = float(value) if "." in value else int(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _epoch_number(value)
    if not isinstance(value, str):
        raise ValueError
    if match := _TIMESTAMP.fullmatch(value):
        year, month, day, hour, minute, second, fraction, _, sign, hours, minutes = match.groups()
    elif match := _JAVASCRIPT.fullmatch(value):
        name, day, other_day, other_name, year, hour, minute, second, sign, hours, minutes = (
            match.groups()
        )
        day, fraction = day or other_day, ""
        month = _MONTHS.index(name or other_name) + 1
    else:
        raise ValueError
    numbers = (int(n or 0) for n in (year, month, day, hour, minute, second))
    seconds = datetime(*numbers, tzinfo=UTC)  # type: ignore[arg-type, misc]
    microseconds = (seconds - _EPOCH) // _MICROSECOND + int((fraction or "")[:6].ljust(6, "0"))
    offset = (int(hours or 0) * 60 + int(minutes or 0)) * 60 * 10**6
    return microseconds + (offset if sign == "-" else -offset)


def _epoch_number(value: float) -> int:
    # seconds, milliseconds, microseconds or nanoseconds: each is a year from 1973 to 5138
    size = abs(value)
    if not size < 10**20:
        raise ValueError
    for limit, factor in ((10**11, 10**6), (10**14, 10**3), (10**17, 1)):
        if size < limit:
            microseconds = value * factor if isinstance(value, int) else round(value * factor)
            break
    else:
        microseconds = int(value) // 1000
    if not _YEAR_1 <= microseconds < _YEAR_10000:
        raise ValueError
    return microseconds


_DECODERS: dict[str, Callable[[object], Any]] = {
    "word": _word,
    "countrycode": _country,
    "timestamp": _timestamp,
    "recognized": _recognized,
    "key_id": _key_id,
}
