"""Kernels that parse a row of numbers in JSON text: ``12,7,255]`` up to its bracket.

Each takes the text, the position of the first number, the array to fill and the index to fill it
from, and returns the index after the last number and the position after the bracket. That position
is `NO_MATCH` when the row has anything else than plain numbers of the type; the line then goes to
the standard parser. Loops do not check for the end of the text: each ends at a byte that is not a
digit, and the newline after every line is one.

Positions are unsigned, because numba tests every signed index for counting from the end.
"""

import numpy as np
import numpy.typing as npt

from quickdraw_kit.kernels import kernel

NO_MATCH = np.uint64(0)  # no row starts at the first byte, so none ends there

_U1 = np.uint64(1)
_ZERO, _COMMA, _MINUS, _POINT, _CLOSE = b"0,-.]"
_INT32_MIN, _INT32_MAX = -(2**31), 2**31 - 1

_MAX_DIGITS = np.uint64(19)  # any number of so many digits fits 64 bits
_EXACT = np.uint64(2**53)  # a double holds all whole numbers up to here
_TENS = 10.0 ** np.arange(20)  # exact in double
_UINT64_TENS = np.array([10**k for k in range(20)], np.uint64)

_MANTISSA, _IMPLICIT_BIT = 2**52 - 1, 2**52
_BIAS = 1075


@kernel
def parse_uint8_row(
    text: npt.NDArray[np.uint8], pos: np.uint64, row: npt.NDArray[np.uint8], index: np.uint64
) -> tuple[np.uint64, np.uint64]:
    """Parse whole numbers from 0 to 255."""
    while True:
        start = pos
        value = np.uint64(0)
        digit = np.uint64(text[pos]) - np.uint64(_ZERO)
        while digit < np.uint64(10):
            value = np.uint64(10) * value + digit
            pos += _U1
            digit = np.uint64(text[pos]) - np.uint64(_ZERO)
        # the value may have overflowed if there are many digits, so the count is tested too
        count = pos - start
        if count == 0 or count > np.uint64(3) or value > np.uint64(255):
            return index, NO_MATCH
        if count > _U1 and text[start] == _ZERO:
            return index, NO_MATCH
        row[index] = value
        index += _U1
        separator = text[pos]
        pos += _U1
        if separator != _COMMA:
            return index, pos if separator == _CLOSE else NO_MATCH


@kernel
def parse_int32_row(
    text: npt.NDArray[np.uint8], pos: np.uint64, row: npt.NDArray[np.int32], index: np.uint64
) -> tuple[np.uint64, np.uint64]:
    """Parse whole numbers that fit int32."""
    while True:
        negative = text[pos] == _MINUS
        if negative:
            pos += _U1
        start = pos
        value = np.int64(0)
        digit = np.uint64(text[pos]) - np.uint64(_ZERO)
        while digit < np.uint64(10):
            value = 10 * value + np.int64(digit)
            pos += _U1
            digit = np.uint64(text[pos]) - np.uint64(_ZERO)
        count = pos - start
        if count == 0 or count > np.uint64(10) or (count > _U1 and text[start] == _ZERO):
            return index, NO_MATCH
        if negative:
            value = -value
        if value < _INT32_MIN or value > _INT32_MAX:
            return index, NO_MATCH
        row[index] = value
        index += _U1
        separator = text[pos]
        pos += _U1
        if separator != _COMMA:
            return index, pos if separator == _CLOSE else NO_MATCH


@kernel
def parse_float64_row(
    text: npt.NDArray[np.uint8], pos: np.uint64, row: npt.NDArray[np.float64], index: np.uint64
) -> tuple[np.uint64, np.uint64]:
    """Parse numbers without an exponent; each becomes the double that Python parses."""
    while True:
        # all digits are read as one whole number, which is then divided by a power of ten
        negative = text[pos] == _MINUS
        if negative:
            pos += _U1
        start = pos
        value = np.uint64(0)
        digit = np.uint64(text[pos]) - np.uint64(_ZERO)
        while digit < np.uint64(10):
            value = np.uint64(10) * value + digit
            pos += _U1
            digit = np.uint64(text[pos]) - np.uint64(_ZERO)
        digits = pos - start
        if digits == 0 or (digits > _U1 and text[start] == _ZERO):
            return index, NO_MATCH

        decimals = np.uint64(0)
        if text[pos] == _POINT:
            pos += _U1
            start = pos
            digit = np.uint64(text[pos]) - np.uint64(_ZERO)
            while digit < np.uint64(10):
                value = np.uint64(10) * value + digit
                pos += _U1
                digit = np.uint64(text[pos]) - np.uint64(_ZERO)
            decimals = pos - start
            if decimals == 0:
                return index, NO_MATCH
        elif value == 0:
            negative = False  # the whole number -0 has no sign
        if digits + decimals > _MAX_DIGITS:
            return index, NO_MATCH

        # Up to 2**53 both operands of the division are exact, so its result is the nearest double.
        number = np.float64(value)
        if decimals > 0:
            number /= _TENS[decimals]
            if value > _EXACT:
                number = _nearest(number, value, decimals)
                if number < 0:
                    return index, NO_MATCH

        row[index] = -number if negative else number
        index += _U1
        separator = text[pos]
        pos += _U1
        if separator != _COMMA:
            return index, pos if separator == _CLOSE else NO_MATCH


@kernel
def _nearest(number: np.float64, value: np.uint64, decimals: np.uint64) -> np.float64:
    """Return the double that is nearest to ``value / 10**decimals``.

    `number` is that quotient, off by less than 2 units in the last place. With `number` equal to
    m / 2**s, m of 53 bits, the error is

        D = value * 2**s - m * 10**decimals

    in units of 10**decimals to the last place. Both products may exceed 64 bits, but D does not, so
    arithmetic modulo 2**64 gives it exactly. Returns -1 where s is out of range, at the end of a
    binade, where the unit changes, and where the quotient is halfway between two doubles.
    """
    bits = np.float64(number).view(np.int64)
    shift = _BIAS - (bits >> 52)
    mantissa = bits & _MANTISSA
    if shift < 0 or shift > 63 or mantissa == 0 or mantissa == _MANTISSA:
        return np.float64(-1.0)

    tens = _UINT64_TENS[decimals]
    difference = np.int64((value << np.uint64(shift)) - np.uint64(mantissa | _IMPLICIT_BIT) * tens)
    half = np.int64(tens >> _U1)
    if difference > half:
        bits += 1
        difference -= np.int64(tens)
    elif difference < -half:
        bits -= 1
        difference += np.int64(tens)
    if difference >= half or difference <= -half:
        return np.float64(-1.0)
    return np.int64(bits).view(np.float64)
