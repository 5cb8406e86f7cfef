"""The fast path through ndjson: kernels that parse the exact official layout.

Nearly all lines of the official files have the same layout: six keys in one order, no white space,
plain ASCII. A kernel that knows it parses text straight into the columns of a batch; keys between
the word and the drawing may be absent. At the first byte that differs it stops before the line,
which goes to the standard parser. It never guesses, so the result does not depend on the path that
a line took.

The kernels check no index; two invariants take the place of checks. Each line ends in a newline,
which no state before the last accepts, so that nothing is read far beyond it. And the buffers are
large enough for the most that a chunk of this size can contain.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from quickdraw_kit.formats.ndjson.buffers import (
    COUNTRY,
    KEY_ID,
    KEY_ID_KNOWN,
    LENGTH,
    LINE,
    OFFSET,
    RECOGNIZED,
    STROKES,
    TIMESTAMP,
    UNKNOWN,
    UNKNOWN_TIME,
    WORD,
    ColumnBuffers,
)
from quickdraw_kit.formats.ndjson.number_kernels import (
    NO_MATCH,
    parse_float64_row,
    parse_int32_row,
    parse_uint8_row,
)
from quickdraw_kit.formats.ndjson.vocabulary import Int64Array, Slots, Text, Vocabulary, find_word
from quickdraw_kit.kernels import kernel

_U1, _U2 = np.uint64(1), np.uint64(2)
_QUOTE, _BACKSLASH, _SPACE, _DELETE = b'"\\ \x7f'
_DASH, _COLON, _POINT, _ZERO, _NINE = b"-:.09"
_OPEN, _CLOSE, _COMMA, _END, _RETURN, _LINE_FEED = b"[],}\r\n"

# what a line has between its values
_WORD = np.frombuffer(b'{"word":"', np.uint8)
_COUNTRY = np.frombuffer(b',"countrycode":"', np.uint8)
_TIMESTAMP = np.frombuffer(b',"timestamp":"', np.uint8)
_UTC = np.frombuffer(b' UTC"', np.uint8)
_RECOGNIZED = np.frombuffer(b',"recognized":', np.uint8)
_TRUE = np.frombuffer(b"true", np.uint8)
_FALSE = np.frombuffer(b"false", np.uint8)
_KEY_ID = np.frombuffer(b',"key_id":"', np.uint8)
_DRAWING = np.frombuffer(b',"drawing":[', np.uint8)

_EPOCH_DAY = 719162  # days from January 1 of year 1 to January 1, 1970
_DAYS_BEFORE_MONTH = np.array([0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334])
_DAYS_IN_MONTH = np.array([0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])


@kernel
def _expect(text: Text, pos: np.uint64, expected: Text) -> np.uint64:
    """Return the position after the expected text, or `NO_MATCH` if the text differs."""
    for i in range(expected.size):
        if text[pos + np.uint64(i)] != expected[i]:
            return NO_MATCH
    return pos + np.uint64(expected.size)


@kernel
def _number(text: Text, pos: np.uint64, digits: int) -> np.int64:
    """Return the number that so many digits form, or -1 if one is not a digit."""
    value = np.int64(0)
    for i in range(digits):
        digit = np.int64(text[pos + np.uint64(i)]) - _ZERO
        if digit < 0 or digit > 9:
            return np.int64(-1)
        value = 10 * value + digit
    return value


@kernel
def _timestamp(text: Text, pos: np.uint64) -> tuple[int, np.uint64]:
    """Parse a timestamp: microseconds since 1970, and the position after its quote."""
    if text[pos] == _QUOTE:
        return UNKNOWN_TIME, pos + _U1

    # YYYY-MM-DD HH:MM:SS, all read before the first test: a valid one is the usual case
    year = _number(text, pos, 4)
    month = _number(text, pos + np.uint64(5), 2)
    day = _number(text, pos + np.uint64(8), 2)
    hour = _number(text, pos + np.uint64(11), 2)
    minute = _number(text, pos + np.uint64(14), 2)
    second = _number(text, pos + np.uint64(17), 2)
    dashes = text[pos + np.uint64(4)] == _DASH and text[pos + np.uint64(7)] == _DASH
    colons = text[pos + np.uint64(13)] == _COLON and text[pos + np.uint64(16)] == _COLON
    if not dashes or not colons or text[pos + np.uint64(10)] != _SPACE:
        return 0, NO_MATCH

    if year < 1 or month < 1 or month > 12 or day < 1 or day > _DAYS_IN_MONTH[month]:
        return 0, NO_MATCH
    if hour < 0 or hour > 23 or minute < 0 or minute > 59 or second < 0 or second > 59:
        return 0, NO_MATCH
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if month == 2 and day == 29 and not leap:
        return 0, NO_MATCH

    # days since 1970 in the Gregorian calendar, as Python counts them
    before = year - 1
    days = 365 * before + before // 4 - before // 100 + before // 400 - _EPOCH_DAY
    days += _DAYS_BEFORE_MONTH[month] + day - 1
    if leap and month > 2:
        days += 1
    value = ((days * 24 + hour) * 60 + minute) * 60 + second

    # up to six digits of fraction; those that are missing are zeros
    pos += np.uint64(19)
    missing = 6
    if text[pos] == _POINT:
        pos += _U1
        while missing > 0 and _ZERO <= text[pos] <= _NINE:
            value = 10 * value + np.int64(text[pos]) - _ZERO
            missing -= 1
            pos += _U1
        if missing == 6:
            return 0, NO_MATCH
    for _ in range(missing):
        value *= 10
    return value, _expect(text, pos, _UTC)


@kernel
def _metadata(
    text: Text,
    pos: np.uint64,
    last: Int64Array,
    slots: Slots,
    word_offsets: Int64Array,
    words: Text,
    records: Int64Array,
    drawing: int,
) -> np.uint64:
    """Parse a line up to its strokes, and return where they start.

    `last` has the position, the length and the code of the word of the line before.
    """
    pos = _expect(text, pos, _WORD)
    if pos == NO_MATCH:
        return NO_MATCH

    # Nearly all lines of a file have the same word, and comparing is cheaper than hashing.
    # A long word before a short line at the end could reach beyond the text, so its end is tested.
    length = last[1]
    end = pos + np.uint64(length)
    same = length > 0 and end < np.uint64(text.size) and text[end] == _QUOTE
    for i in range(length):  # ends at a quote at the latest, which no word contains
        if text[pos + np.uint64(i)] != text[last[0] + i]:
            same = False
            break
    if not same:
        # plain ASCII without escapes: any other word needs the standard parser to decode it
        end = pos
        while _SPACE <= text[end] < _DELETE and text[end] != _QUOTE and text[end] != _BACKSLASH:
            end += _U1
        last[0], last[1] = np.int64(pos), np.int64(end - pos)
        last[2] = find_word(slots, word_offsets, words, text, last[0], last[1])
        if last[2] < 0:
            return NO_MATCH
    records[drawing, WORD] = last[2]

    # Each key below may be absent. From here on `pos` is behind the value before, at a comma.
    pos += np.uint64(last[1])
    if text[pos] != _QUOTE:
        return NO_MATCH
    pos += _U1

    records[drawing, COUNTRY] = 0
    value = _expect(text, pos, _COUNTRY)
    if value != NO_MATCH:
        if text[value] != _QUOTE:
            # two letters of either case, packed as numpy stores "S2" on little-endian machines
            first, second = np.int64(text[value]), np.int64(text[value + _U1])
            if not (97 <= first | 32 <= 122 and 97 <= second | 32 <= 122):
                return NO_MATCH
            records[drawing, COUNTRY] = first | second << 8
            value += _U2
        if text[value] != _QUOTE:
            return NO_MATCH
        pos = value + _U1

    records[drawing, TIMESTAMP] = UNKNOWN_TIME
    value = _expect(text, pos, _TIMESTAMP)
    if value != NO_MATCH:
        records[drawing, TIMESTAMP], pos = _timestamp(text, value)
        if pos == NO_MATCH:
            return NO_MATCH

    records[drawing, RECOGNIZED] = UNKNOWN
    value = _expect(text, pos, _RECOGNIZED)
    if value != NO_MATCH:
        records[drawing, RECOGNIZED] = text[value] == _TRUE[0]
        pos = _expect(text, value, _TRUE if text[value] == _TRUE[0] else _FALSE)
        if pos == NO_MATCH:
            return NO_MATCH

    key_id = np.uint64(0)
    value = _expect(text, pos, _KEY_ID)
    records[drawing, KEY_ID_KNOWN] = value != NO_MATCH
    if value != NO_MATCH:
        # 19 digits always fit 64 bits; the few key_ids with 20 go to the standard parser
        pos = value
        while _ZERO <= text[pos] <= _NINE:
            key_id = np.uint64(10) * key_id + np.uint64(text[pos] - _ZERO)
            pos += _U1
        if pos == value or pos - value > np.uint64(19) or text[pos] != _QUOTE:
            return NO_MATCH
        pos += _U1
    records[drawing, KEY_ID] = np.int64(key_id)
    return _expect(text, pos, _DRAWING)


@kernel
def _strokes(
    text: Text,
    pos: np.uint64,
    x: npt.NDArray[Any],
    y: npt.NDArray[Any],
    t: npt.NDArray[np.int32] | None,
    stroke_offsets: Int64Array,
    stroke: int,
    point: np.uint64,
) -> tuple[int, np.uint64, np.uint64]:
    """Parse the strokes and the end of a line; return the counts and the newline's position."""
    while True:
        if text[pos] != _OPEN or text[pos + _U1] != _OPEN:  # of the stroke and of its row x
            return stroke, point, NO_MATCH

        # `t` is None or an array at compile time, so the branches below cost nothing
        if t is None:
            end, pos = parse_uint8_row(text, pos + _U2, x, point)
        else:
            end, pos = parse_float64_row(text, pos + _U2, x, point)
        if pos == NO_MATCH or text[pos] != _COMMA or text[pos + _U1] != _OPEN:
            return stroke, point, NO_MATCH

        if t is None:
            other, pos = parse_uint8_row(text, pos + _U2, y, point)
        else:
            other, pos = parse_float64_row(text, pos + _U2, y, point)
        if pos == NO_MATCH or other != end:
            return stroke, point, NO_MATCH

        if t is not None:
            if text[pos] != _COMMA or text[pos + _U1] != _OPEN:
                return stroke, point, NO_MATCH
            other, pos = parse_int32_row(text, pos + _U2, t, point)
            if pos == NO_MATCH or other != end:
                return stroke, point, NO_MATCH
        if text[pos] != _CLOSE:
            return stroke, point, NO_MATCH

        # the stroke is complete: all rows have the same length
        point = end
        stroke += 1
        stroke_offsets[stroke] = np.int64(point)
        separator = text[pos + _U1]
        pos += _U2
        if separator != _COMMA:
            break

    # ]} and the newline, before which there may be a carriage return
    if separator != _CLOSE or text[pos] != _END:
        return stroke, point, NO_MATCH
    pos += _U1
    if text[pos] == _RETURN:
        pos += _U1
    return stroke, point, pos if text[pos] == _LINE_FEED else NO_MATCH


def _scan_examples() -> Iterator[tuple[Any, ...]]:
    text, counts = np.zeros(1, np.uint8), np.zeros(4, np.int64)
    for raw in (False, True):
        arrays = ColumnBuffers.for_chunk(0, raw=raw).arrays
        yield (text, 0, 0, *Vocabulary().table, *arrays, counts)


@kernel(examples=_scan_examples)
def scan_lines(
    text: Text,
    start: int,
    stop: int,
    slots: Slots,
    word_offsets: Int64Array,
    words: Text,
    x: npt.NDArray[Any],
    y: npt.NDArray[Any],
    t: npt.NDArray[np.int32] | None,
    stroke_offsets: Int64Array,
    records: Int64Array,
    counts: Int64Array,
) -> np.int64:
    """Parse lines from `start` on that start before `stop`, and return where that ended.

    If the position returned is before `stop`, the line there is not in the official layout.
    `counts` (lines, drawings, strokes, points) is continued.
    """
    pos = np.uint64(start)
    line, drawing, stroke, point = counts[0], counts[1], counts[2], np.uint64(counts[3])
    last = np.zeros(3, np.int64)  # position, length and code; a length of 0 matches no word
    while pos < np.uint64(stop):
        strokes_pos = _metadata(text, pos, last, slots, word_offsets, words, records, drawing)
        if strokes_pos == NO_MATCH:
            break
        stroke_end, point_end, newline = _strokes(
            text, strokes_pos, x, y, t, stroke_offsets, stroke, point
        )
        if newline == NO_MATCH:
            break

        # Only here does the line count: what a line that failed has written is overwritten.
        stroke, point = stroke_end, point_end
        line += 1
        records[drawing, STROKES] = stroke
        records[drawing, OFFSET] = np.int64(pos)
        records[drawing, LENGTH] = np.int64(newline - pos) - (text[newline - _U1] == _RETURN)
        records[drawing, LINE] = line
        drawing += 1
        pos = newline + _U1
    counts[0], counts[1], counts[2], counts[3] = line, drawing, stroke, np.int64(point)
    return np.int64(pos)
