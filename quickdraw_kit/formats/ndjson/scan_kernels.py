"""The fast way through ndjson: kernels that read the official layout, to the letter, from bytes.

Nearly every line of the official files looks exactly alike: the same six keys in the same order,
no white space, plain ASCII. A kernel that knows this layout reads straight into the columns of a
batch. At the first byte that it does not expect it stops before the line and leaves it to the
standard parser; it never guesses, so the outcome does not depend on which path a line took.

The kernels rely on two things instead of checking every index: each line that they enter ends in
a newline (no state of theirs accepts one, but the last), and the columns have room for whatever a
block of that size can hold.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from quickdraw_kit.formats.ndjson.buffers import (
    COUNTRY,
    KEY_ID,
    LENGTH,
    LINE,
    OFFSET,
    RECOGNIZED,
    STROKES,
    TIMESTAMP,
    UNKNOWN_TIME,
    WORD,
)
from quickdraw_kit.formats.ndjson.number_kernels import NOWHERE, real_row, small_row, time_row
from quickdraw_kit.formats.ndjson.vocabulary import Int64Array, Slots, Text, find_word
from quickdraw_kit.kernels import kernel

__all__ = ["scan_lines"]

_U1, _U2 = np.uint64(1), np.uint64(2)
_QUOTE, _BACKSLASH, _SPACE, _DELETE = b'"\\ \x7f'
_DASH, _COLON, _POINT, _ZERO, _NINE = b"-:.09"
_OPEN, _CLOSE, _COMMA, _END, _RETURN, _LINE_FEED = b"[],}\r\n"

_WORD = np.frombuffer(b'{"word":"', np.uint8)
_COUNTRY = np.frombuffer(b'","countrycode":"', np.uint8)
_TIMESTAMP = np.frombuffer(b'","timestamp":"', np.uint8)
_UTC = np.frombuffer(b" UTC", np.uint8)
_RECOGNIZED = np.frombuffer(b'","recognized":', np.uint8)
_TRUE = np.frombuffer(b'true,"key_id":"', np.uint8)
_FALSE = np.frombuffer(b'false,"key_id":"', np.uint8)
_DRAWING = np.frombuffer(b'","drawing":[', np.uint8)

_DAY_ONE = 719162  # days from the first of January of the year 1 to that of 1970
_DAYS_BEFORE = np.array([0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334])
_DAYS_IN = np.array([0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])


@kernel
def _after(text: Text, at: np.uint64, expected: Text) -> np.uint64:
    """Return the place behind the expected text, or NOWHERE when another stands there."""
    for i in range(expected.size):
        if text[at + np.uint64(i)] != expected[i]:
            return NOWHERE
    return at + np.uint64(expected.size)


@kernel
def _number(text: Text, at: np.uint64, digits: int) -> np.int64:
    """Return a number of so many digits, or -1."""
    value = np.int64(0)
    for i in range(digits):
        digit = np.int64(text[at + np.uint64(i)]) - _ZERO
        if digit < 0 or digit > 9:
            return np.int64(-1)
        value = 10 * value + digit
    return value


@kernel
def _moment(text: Text, at: np.uint64) -> tuple[int, np.uint64]:
    """Read a timestamp: microseconds since 1970, and the place of the quote behind it."""
    if text[at] == _QUOTE:
        return UNKNOWN_TIME, at
    year = _number(text, at, 4)
    month = _number(text, at + np.uint64(5), 2)
    day = _number(text, at + np.uint64(8), 2)
    hour = _number(text, at + np.uint64(11), 2)
    minute = _number(text, at + np.uint64(14), 2)
    second = _number(text, at + np.uint64(17), 2)
    dashes = text[at + np.uint64(4)] == _DASH and text[at + np.uint64(7)] == _DASH
    colons = text[at + np.uint64(13)] == _COLON and text[at + np.uint64(16)] == _COLON
    if not dashes or not colons or text[at + np.uint64(10)] != _SPACE:
        return 0, NOWHERE
    if year < 1 or month < 1 or month > 12 or day < 1 or day > _DAYS_IN[month]:
        return 0, NOWHERE
    if hour < 0 or hour > 23 or minute < 0 or minute > 59 or second < 0 or second > 59:
        return 0, NOWHERE
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if month == 2 and day == 29 and not leap:
        return 0, NOWHERE
    before = year - 1
    days = 365 * before + before // 4 - before // 100 + before // 400 - _DAY_ONE
    days += _DAYS_BEFORE[month] + day - 1
    if leap and month > 2:
        days += 1
    value = ((days * 24 + hour) * 60 + minute) * 60 + second
    at += np.uint64(19)
    missing = 6
    if text[at] == _POINT:
        at += _U1
        while missing > 0 and _ZERO <= text[at] <= _NINE:
            value = 10 * value + np.int64(text[at]) - _ZERO
            missing -= 1
            at += _U1
        if missing == 6:
            return 0, NOWHERE
    for _ in range(missing):
        value *= 10
    return value, _after(text, at, _UTC)


@kernel
def _metadata(
    text: Text,
    at: np.uint64,
    last: Int64Array,
    slots: Slots,
    begins: Int64Array,
    words: Text,
    rows: Int64Array,
    drawing: int,
) -> np.uint64:
    """Read a line up to its strokes, and return where they begin.

    `last` holds the place, the length and the code of the word of the line before.
    """
    at = _after(text, at, _WORD)
    if at == NOWHERE:
        return NOWHERE
    length = last[1]
    same = length > 0 and text[at + np.uint64(length)] == _QUOTE
    for i in range(length):
        if text[at + np.uint64(i)] != text[last[0] + i]:
            same = False
            break
    if not same:
        end = at
        while _SPACE <= text[end] < _DELETE and text[end] != _QUOTE and text[end] != _BACKSLASH:
            end += _U1
        last[0], last[1] = np.int64(at), np.int64(end - at)
        last[2] = find_word(slots, begins, words, text, last[0], last[1])
        if last[2] < 0:
            return NOWHERE
    rows[drawing, WORD] = last[2]
    at = _after(text, at + np.uint64(last[1]), _COUNTRY)
    if at == NOWHERE:
        return NOWHERE
    rows[drawing, COUNTRY] = 0
    if text[at] != _QUOTE:
        first, second = np.int64(text[at]), np.int64(text[at + _U1])
        if not (97 <= first | 32 <= 122 and 97 <= second | 32 <= 122):
            return NOWHERE
        rows[drawing, COUNTRY] = first | second << 8
        at += _U2
    at = _after(text, at, _TIMESTAMP)
    if at == NOWHERE:
        return NOWHERE
    rows[drawing, TIMESTAMP], at = _moment(text, at)
    if at == NOWHERE:
        return NOWHERE
    at = _after(text, at, _RECOGNIZED)
    if at == NOWHERE:
        return NOWHERE
    rows[drawing, RECOGNIZED] = text[at] == _TRUE[0]
    at = _after(text, at, _TRUE if text[at] == _TRUE[0] else _FALSE)
    if at == NOWHERE:
        return NOWHERE
    start = at
    key_id = np.uint64(0)
    while _ZERO <= text[at] <= _NINE:
        key_id = np.uint64(10) * key_id + np.uint64(text[at] - _ZERO)
        at += _U1
    if at == start or at - start > np.uint64(19):
        return NOWHERE
    rows[drawing, KEY_ID] = np.int64(key_id)
    return _after(text, at, _DRAWING)


@kernel
def _strokes(
    text: Text,
    at: np.uint64,
    x: npt.NDArray[Any],
    y: npt.NDArray[Any],
    t: npt.NDArray[np.int32] | None,
    stroke_offsets: Int64Array,
    stroke: int,
    point: np.uint64,
) -> tuple[int, np.uint64, np.uint64]:
    """Read strokes to the end of the line; return the counts and the place of the newline."""
    while True:
        if text[at] != _OPEN or text[at + _U1] != _OPEN:
            return stroke, point, NOWHERE
        if t is None:
            end, at = small_row(text, at + _U2, x, point)
        else:
            end, at = real_row(text, at + _U2, x, point)
        if at == NOWHERE or text[at] != _COMMA or text[at + _U1] != _OPEN:
            return stroke, point, NOWHERE
        if t is None:
            other, at = small_row(text, at + _U2, y, point)
        else:
            other, at = real_row(text, at + _U2, y, point)
        if at == NOWHERE or other != end:
            return stroke, point, NOWHERE
        if t is not None:
            if text[at] != _COMMA or text[at + _U1] != _OPEN:
                return stroke, point, NOWHERE
            other, at = time_row(text, at + _U2, t, point)
            if at == NOWHERE or other != end:
                return stroke, point, NOWHERE
        if text[at] != _CLOSE:
            return stroke, point, NOWHERE
        point = end
        stroke += 1
        stroke_offsets[stroke] = np.int64(point)
        mark = text[at + _U1]
        at += _U2
        if mark != _COMMA:
            break
    if mark != _CLOSE or text[at] != _END:
        return stroke, point, NOWHERE
    at += _U1
    if text[at] == _RETURN:
        at += _U1
    return stroke, point, at if text[at] == _LINE_FEED else NOWHERE


@kernel
def scan_lines(
    text: Text,
    start: int,
    stop: int,
    slots: Slots,
    begins: Int64Array,
    words: Text,
    x: npt.NDArray[Any],
    y: npt.NDArray[Any],
    t: npt.NDArray[np.int32] | None,
    stroke_offsets: Int64Array,
    rows: Int64Array,
    counts: Int64Array,
) -> np.int64:
    """Read lines from `start` on while they begin before `stop`, and return where that ended.

    The line at the place that is returned, when it lies before `stop`, is not in the official
    layout. `counts` (lines, drawings, strokes, points) goes on from what it holds.
    """
    at = np.uint64(start)
    line, drawing, stroke, point = counts[0], counts[1], counts[2], np.uint64(counts[3])
    last = np.zeros(3, np.int64)
    while at < np.uint64(stop):
        drawing_at = _metadata(text, at, last, slots, begins, words, rows, drawing)
        if drawing_at == NOWHERE:
            break
        stroke_end, point_end, newline = _strokes(
            text, drawing_at, x, y, t, stroke_offsets, stroke, point
        )
        if newline == NOWHERE:
            break
        stroke, point = stroke_end, point_end
        line += 1
        rows[drawing, STROKES] = stroke
        rows[drawing, OFFSET] = np.int64(at)
        rows[drawing, LENGTH] = np.int64(newline - at) - (text[newline - _U1] == _RETURN)
        rows[drawing, LINE] = line
        drawing += 1
        at = newline + _U1
    counts[0], counts[1], counts[2], counts[3] = line, drawing, stroke, np.int64(point)
    return np.int64(at)
