"""The fast way through ndjson: kernels that read the official layout, to the letter, from bytes.

Nearly every line of the official files looks exactly alike: the same six keys in the same order,
no white space, plain ASCII. A kernel that knows this layout reads straight into the columns of a
batch. At the first byte that it does not expect it stops before the line and leaves it to the
standard parser; it never guesses, so the outcome does not depend on which path a line took.

The kernels rely on two things instead of checking every index: each line that they enter ends in
a newline (no state of theirs accepts one, but the last), and the columns have room for whatever a
block of that size can hold.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from quickdraw_kit.kernels import kernel

__all__ = ["Columns", "Vocabulary", "scan_lines"]

_U1, _U2, _U3 = np.uint64(1), np.uint64(2), np.uint64(3)
_FAIL = np.uint64(0)

_WORD = np.frombuffer(b'{"word":"', np.uint8)
_COUNTRY = np.frombuffer(b'","countrycode":"', np.uint8)
_TIMESTAMP = np.frombuffer(b'","timestamp":"', np.uint8)
_UTC = np.frombuffer(b" UTC", np.uint8)
_RECOGNIZED = np.frombuffer(b'","recognized":', np.uint8)
_TRUE = np.frombuffer(b'true,"key_id":"', np.uint8)
_FALSE = np.frombuffer(b'false,"key_id":"', np.uint8)
_DRAWING = np.frombuffer(b'","drawing":[', np.uint8)

_NAT = np.iinfo(np.int64).min
_EXACT = np.uint64(2**53)
_POWERS = 10.0 ** np.arange(23)  # exact in double
_FRACTIONS = 10 ** np.arange(6, -1, -1)
_DAYS_BEFORE = np.array([0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334])
_DAYS_IN = np.array([0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])


class Columns(NamedTuple):
    """Room for the drawings of one block, filled by the scanner and cut to size afterwards."""

    x: npt.NDArray[Any]
    y: npt.NDArray[Any]
    t: npt.NDArray[np.int32]
    stroke_offsets: npt.NDArray[np.int64]
    drawing_offsets: npt.NDArray[np.int64]
    key_id: npt.NDArray[np.uint64]
    word_code: npt.NDArray[np.int32]
    countrycode: npt.NDArray[np.uint8]
    timestamp: npt.NDArray[np.int64]
    recognized: npt.NDArray[np.bool_]
    offset: npt.NDArray[np.int64]
    length: npt.NDArray[np.int64]
    line: npt.NDArray[np.int64]

    @property
    def is_raw(self) -> bool:
        """Whether the drawings have times."""
        return self.x.dtype == np.float32

    def fits(self, size: int) -> bool:
        """Whether a block of `size` bytes finds room."""
        return len(self.x) > size // 2

    @classmethod
    def for_block(cls, size: int, *, raw: bool) -> "Columns":
        """Reserve what a block of `size` bytes can hold at most; unused pages are never touched."""
        points, strokes, drawings = size // 2 + 1, size // 10 + 2, size // 100 + 2
        coordinate = np.float32 if raw else np.uint8
        return cls(
            x=np.empty(points, coordinate),
            y=np.empty(points, coordinate),
            t=np.empty(points if raw else 0, np.int32),
            stroke_offsets=np.zeros(strokes, np.int64),
            drawing_offsets=np.zeros(drawings, np.int64),
            key_id=np.empty(drawings, np.uint64),
            word_code=np.empty(drawings, np.int32),
            countrycode=np.empty((drawings, 2), np.uint8),
            timestamp=np.empty(drawings, np.int64),
            recognized=np.empty(drawings, np.bool_),
            offset=np.empty(drawings, np.int64),
            length=np.empty(drawings, np.int64),
            line=np.empty(drawings, np.int64),
        )


class Vocabulary:
    """The words met so far, as a hash table that the kernel reads.

    Examples
    --------
    >>> vocabulary = Vocabulary()
    >>> vocabulary.code("cat"), vocabulary.code("dog"), vocabulary.code("cat")
    (0, 1, 0)
    """

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._slots = np.full(64, -1, np.int32)
        self._begins = np.zeros(1, np.int64)
        self._text = np.zeros(0, np.uint8)

    def __len__(self) -> int:
        return len(self._codes)

    @property
    def table(self) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
        """The hash table, where each word begins, and all words one behind the other."""
        return self._slots, self._begins, self._text

    @property
    def words(self) -> tuple[str, ...]:
        """All words; a word's place is its code."""
        return tuple(self._codes)

    def code(self, word: str) -> int:
        """Return the code of a word, a new one for a new word."""
        code = self._codes.setdefault(word, len(self._codes))
        if code == len(self._begins) - 1:
            self._text = np.append(self._text, np.frombuffer(word.encode(), np.uint8))
            self._begins = np.append(self._begins, len(self._text))
            first = code
            if 2 * len(self._codes) > len(self._slots):
                self._slots = np.full(4 * len(self._slots), -1, np.int32)
                first = 0
            for each in range(first, code + 1):
                _enter(self._slots, self._begins, self._text, each)
        return code


@kernel
def _hash(data, start, stop):  # type: ignore[no-untyped-def]
    value = np.uint64(14695981039346656037)  # FNV-1a
    for i in range(start, stop):
        value = (value ^ np.uint64(data[i])) * np.uint64(1099511628211)
    return value ^ (value >> np.uint64(32))


@kernel
def _enter(slots, begins, text, code):  # type: ignore[no-untyped-def]
    mask = np.uint64(slots.size - 1)
    slot = _hash(text, begins[code], begins[code + 1]) & mask
    while slots[slot] >= 0:
        slot = (slot + _U1) & mask
    slots[slot] = code


@kernel
def _find(table, data, start, length):  # type: ignore[no-untyped-def]
    """Return the code of the word that stands in the data, or -1."""
    slots, begins, text = table
    mask = np.uint64(slots.size - 1)
    slot = _hash(data, start, start + length) & mask
    while slots[slot] >= 0:
        code = slots[slot]
        begin = begins[code]
        if begins[code + 1] - begin == length:
            same = True
            for i in range(length):
                same &= text[begin + i] == data[start + i]
            if same:
                return code
        slot = (slot + _U1) & mask
    return np.int32(-1)


@kernel
def _stands(data, at, text):  # type: ignore[no-untyped-def]
    for i in range(text.size):
        if data[at + np.uint64(i)] != text[i]:
            return False
    return True


@kernel
def _digits(data, at, count):  # type: ignore[no-untyped-def]
    """Return a number of so many digits, or a negative one when they are not digits."""
    value = 0
    for i in range(count):
        digit = np.int64(data[at + np.uint64(i)]) - 48
        if digit < 0 or digit > 9:
            return -1
        value = 10 * value + digit
    return value


@kernel
def _timestamp(data, at):  # type: ignore[no-untyped-def]
    """Return microseconds since 1970 and where the text ends, or _FAIL for the latter."""
    if data[at] == 34:
        return _NAT, at
    year = _digits(data, at, 4)
    month = _digits(data, at + np.uint64(5), 2)
    day = _digits(data, at + np.uint64(8), 2)
    hour = _digits(data, at + np.uint64(11), 2)
    minute = _digits(data, at + np.uint64(14), 2)
    second = _digits(data, at + np.uint64(17), 2)
    marks = (
        data[at + np.uint64(4)] == 45
        and data[at + np.uint64(7)] == 45
        and data[at + np.uint64(10)] == 32
        and data[at + np.uint64(13)] == 58
        and data[at + np.uint64(16)] == 58
    )
    if not marks or year < 1 or month < 1 or month > 12 or day < 1 or day > _DAYS_IN[month]:
        return 0, _FAIL
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if month == 2 and day == 29 and not leap:
        return 0, _FAIL
    if hour < 0 or hour > 23 or minute < 0 or minute > 59 or second < 0 or second > 59:
        return 0, _FAIL
    before = year - 1
    days = 365 * before + before // 4 - before // 100 + before // 400 - 719162
    days += _DAYS_BEFORE[month] + day - 1
    if month > 2 and leap:
        days += 1
    micros = (((days * 24 + hour) * 60 + minute) * 60 + second) * 1000000
    at += np.uint64(19)
    if data[at] == 46:
        start = at + _U1
        at = start
        fraction = 0
        while 48 <= data[at] <= 57 and at - start < np.uint64(7):
            fraction = 10 * fraction + np.int64(data[at]) - 48
            at += _U1
        count = np.int64(at - start)
        if count < 1 or count > 6:
            return 0, _FAIL
        micros += fraction * _FRACTIONS[count]
    if not _stands(data, at, _UTC):
        return 0, _FAIL
    return micros, at + np.uint64(_UTC.size)


@kernel
def _metadata(data, at, last, table, columns, row):  # type: ignore[no-untyped-def]
    """Read a line up to its strokes; return where they begin, or _FAIL.

    `last` holds the place, the length and the code of the word of the line before.
    """
    if not _stands(data, at, _WORD):
        return _FAIL
    at += np.uint64(_WORD.size)
    same = last[1] > 0
    for i in range(last[1]):
        if data[at + np.uint64(i)] != data[last[0] + i]:
            same = False
            break
    if same and data[at + np.uint64(last[1])] == 34:
        at += np.uint64(last[1])
    else:
        start = at
        while 32 <= data[at] < 127 and data[at] != 34 and data[at] != 92:
            at += _U1
        code = _find(table, data, np.int64(start), np.int64(at - start))
        if code < 0:
            return _FAIL
        last[0], last[1], last[2] = np.int64(start), np.int64(at - start), code
    columns.word_code[row] = last[2]
    if not _stands(data, at, _COUNTRY):
        return _FAIL
    at += np.uint64(_COUNTRY.size)
    if data[at] == 34:
        columns.countrycode[row, 0] = 0
        columns.countrycode[row, 1] = 0
    else:
        for i in range(2):
            letter = data[at]
            if not (65 <= letter <= 90 or 97 <= letter <= 122):
                return _FAIL
            columns.countrycode[row, i] = letter
            at += _U1
    if not _stands(data, at, _TIMESTAMP):
        return _FAIL
    columns.timestamp[row], at = _timestamp(data, at + np.uint64(_TIMESTAMP.size))
    if at == _FAIL or not _stands(data, at, _RECOGNIZED):
        return _FAIL
    at += np.uint64(_RECOGNIZED.size)
    if _stands(data, at, _TRUE):
        columns.recognized[row] = True
        at += np.uint64(_TRUE.size)
    elif _stands(data, at, _FALSE):
        columns.recognized[row] = False
        at += np.uint64(_FALSE.size)
    else:
        return _FAIL
    start = at
    key_id = np.uint64(0)
    while 48 <= data[at] <= 57:
        key_id = np.uint64(10) * key_id + np.uint64(data[at] - 48)
        at += _U1
    if at == start or at - start > np.uint64(19):
        return _FAIL
    columns.key_id[row] = key_id
    if not _stands(data, at, _DRAWING):
        return _FAIL
    return at + np.uint64(_DRAWING.size)


@kernel
def _small_row(data, at, row, first):  # type: ignore[no-untyped-def]
    """Read numbers 0 to 255 up to the bracket; return the end of the row and what follows it."""
    place = first
    while True:
        start = at
        value = np.uint64(0)
        digit = np.uint64(data[at]) - np.uint64(48)
        while digit < np.uint64(10):
            value = np.uint64(10) * value + digit
            at += _U1
            digit = np.uint64(data[at]) - np.uint64(48)
        count = at - start
        if count == _FAIL or count > _U3 or value > np.uint64(255):
            return place, _FAIL
        if count > _U1 and data[start] == 48:
            return place, _FAIL
        row[place] = value
        place += 1
        mark = data[at]
        at += _U1
        if mark != 44:
            return place, at if mark == 93 else _FAIL


@kernel
def _real_row(data, at, row, first):  # type: ignore[no-untyped-def]
    """Read float32 numbers up to the bracket; return the end of the row and what follows it."""
    place = first
    while True:
        negative = data[at] == 45
        if negative:
            at += _U1
        start = at
        value = np.uint64(0)
        digit = np.uint64(data[at]) - np.uint64(48)
        while digit < np.uint64(10):
            value = np.uint64(10) * value + digit
            at += _U1
            digit = np.uint64(data[at]) - np.uint64(48)
        digits = at - start
        if digits == _FAIL or (digits > _U1 and data[start] == 48):
            return place, _FAIL
        if data[at] == 46:
            at += _U1
            point = at
            digit = np.uint64(data[at]) - np.uint64(48)
            while digit < np.uint64(10):
                value = np.uint64(10) * value + digit
                at += _U1
                digit = np.uint64(data[at]) - np.uint64(48)
            decimals = at - point
            digits += decimals
            if decimals == _FAIL or digits > np.uint64(19):
                return place, _FAIL
            number = np.float64(value) / _POWERS[decimals]
            if value > _EXACT:
                # within 2 units of the double that the text means: enough, unless the two could
                # lie on different sides of the middle between two float32
                low = np.float64(number).view(np.int64) & 0x1FFFFFFF
                if abs(low - 0x10000000) < 8:
                    return place, _FAIL
        elif digits > np.uint64(19):
            return place, _FAIL
        else:
            number = np.float64(value)
            negative = negative and value > _FAIL  # the integer -0 has no sign
        row[place] = -number if negative else number
        place += 1
        mark = data[at]
        at += _U1
        if mark != 44:
            return place, at if mark == 93 else _FAIL


@kernel
def _time_row(data, at, row, first):  # type: ignore[no-untyped-def]
    """Read int32 numbers up to the bracket; return the end of the row and what follows it."""
    place = first
    while True:
        negative = data[at] == 45
        if negative:
            at += _U1
        start = at
        value = np.int64(0)
        digit = np.uint64(data[at]) - np.uint64(48)
        while digit < np.uint64(10):
            value = 10 * value + np.int64(digit)
            at += _U1
            digit = np.uint64(data[at]) - np.uint64(48)
        count = at - start
        if count == _FAIL or count > np.uint64(10) or (count > _U1 and data[start] == 48):
            return place, _FAIL
        if negative:
            value = -value
        if value < -0x80000000 or value > 0x7FFFFFFF:
            return place, _FAIL
        row[place] = value
        place += 1
        mark = data[at]
        at += _U1
        if mark != 44:
            return place, at if mark == 93 else _FAIL


@kernel
def _strokes(data, at, columns, stroke, point, raw):  # type: ignore[no-untyped-def]
    """Read strokes up to the end of the line; return counts and the newline's place, or _FAIL."""
    while True:
        if data[at] != 91 or data[at + _U1] != 91:
            return stroke, point, _FAIL
        at += _U2
        if raw:
            end, at = _real_row(data, at, columns.x, point)
        else:
            end, at = _small_row(data, at, columns.x, point)
        if at == _FAIL or data[at] != 44 or data[at + _U1] != 91:
            return stroke, point, _FAIL
        at += _U2
        if raw:
            other, at = _real_row(data, at, columns.y, point)
        else:
            other, at = _small_row(data, at, columns.y, point)
        if at == _FAIL or other != end:
            return stroke, point, _FAIL
        if raw:
            if data[at] != 44 or data[at + _U1] != 91:
                return stroke, point, _FAIL
            at += _U2
            other, at = _time_row(data, at, columns.t, point)
            if at == _FAIL or other != end:
                return stroke, point, _FAIL
        if data[at] != 93:
            return stroke, point, _FAIL
        point = end
        stroke += 1
        columns.stroke_offsets[stroke] = point
        mark = data[at + _U1]
        at += _U2
        if mark == 93:
            break
        if mark != 44:
            return stroke, point, _FAIL
    if data[at] != 125:
        return stroke, point, _FAIL
    at += _U1
    if data[at] == 13:
        at += _U1
    return stroke, point, at if data[at] == 10 else _FAIL


@kernel
def scan_lines(data, start, limit, table, columns, counts):  # type: ignore[no-untyped-def]
    """Read lines from `start` while they begin before `limit`; return where the reading ended.

    `counts` (lines, drawings, strokes, points) goes on from what it holds. The line at the place
    that is returned, when that is before `limit`, is not in the official layout.
    """
    raw = columns.t.size > 0
    last = np.zeros(3, np.int64)
    at, stop = np.uint64(start), np.uint64(limit)
    line, row, stroke, point = counts[0], counts[1], counts[2], counts[3]
    while at < stop:
        strokes_at = _metadata(data, at, last, table, columns, row)
        if strokes_at == _FAIL:
            break
        next_stroke, next_point, end = _strokes(data, strokes_at, columns, stroke, point, raw)
        if end == _FAIL:
            break
        stroke, point = next_stroke, next_point
        columns.offset[row] = np.int64(at)
        columns.length[row] = np.int64(end - at) - (data[end - _U1] == 13)
        line += 1
        columns.line[row] = line
        row += 1
        columns.drawing_offsets[row] = stroke
        at = end + _U1
    counts[0], counts[1], counts[2], counts[3] = line, row, stroke, point
    return np.int64(at)
