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

# rounding a double to float32 drops its low bits; it is at the midpoint of two float32 if these are
_LOW_BITS, _MIDPOINT = 2**29 - 1, 2**28
_NEAR = 8  # in the double's last place; one conversion and one division are off by less than 3
_FRACTION_BITS, _IMPLICIT_BIT = 2**52 - 1, 2**52
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
def parse_float32_row(
    text: npt.NDArray[np.uint8], pos: np.uint64, row: npt.NDArray[np.float32], index: np.uint64
) -> tuple[np.uint64, np.uint64]:
    """Parse numbers without an exponent; each becomes ``float32(float(number))``."""
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

        # Up to 2**53 both operands of the division are exact, so its result is the double that
        # Python parses. Above, it can be off, which matters only near a midpoint of two float32.
        number = np.float64(value)
        if decimals > 0:
            number /= _TENS[decimals]
            if value > _EXACT:
                number = _round_to_float32(number, value, decimals)
                if number < 0:
                    return index, NO_MATCH

        row[index] = -number if negative else number
        index += _U1
        separator = text[pos]
        pos += _U1
        if separator != _COMMA:
            return index, pos if separator == _CLOSE else NO_MATCH


@kernel
def _round_to_float32(number: np.float64, value: np.uint64, decimals: np.uint64) -> np.float64:
    """Return a double that rounds to the same float32 as ``value / 10**decimals`` does.

    `number` is that quotient with an error of up to 2 units in the last place. The error matters
    only near the midpoint of two float32, where many coordinates of the real files are. There, the
    sign of

        D = value * 2**s - m * 10**decimals        with midpoint = m / 2**s and m of 25 bits

    decides. Both products may exceed 64 bits, but their difference does not: the quotient is within
    8 units of the midpoint, so D is below 2**(64 + 40 - 49), and arithmetic modulo 2**64 gives it
    exactly. The quotient, correctly rounded to double, is the midpoint itself if D is at most half
    a unit, which is 10**decimals / 2**29; the midpoint rounds half to even. Returns -1 where s is
    out of range.
    """
    bits = np.float64(number).view(np.int64)
    if abs((bits & _LOW_BITS) - _MIDPOINT) > _NEAR:
        return number
    midpoint = (bits & ~_LOW_BITS) | _MIDPOINT
    mantissa = ((midpoint & _FRACTION_BITS) | _IMPLICIT_BIT) >> 28
    shift = _BIAS - 28 - (midpoint >> 52)
    if shift < 0 or shift > 40:
        return np.float64(-1.0)

    tens = _UINT64_TENS[decimals]
    difference = np.int64((value << np.uint64(shift)) - np.uint64(mantissa) * tens)
    half = np.int64(tens >> np.uint64(29))
    if difference > half:
        midpoint += 1
    elif difference < -half:
        midpoint -= 1
    return np.int64(midpoint).view(np.float64)
