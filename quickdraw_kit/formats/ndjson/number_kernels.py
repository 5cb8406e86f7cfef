"""Kernels that read a row of numbers from JSON text: ``12,7,255]`` up to its bracket.

Each takes the text, the place of the first number, the array to fill and the index to fill it
from, and returns the index after the last number and the place after the bracket; that place is
`NOWHERE` when the row is not what the kernel knows, and the line then belongs to the standard
parser. Every loop ends at a byte that is no digit, so a row must be followed by one: a newline.

Places are unsigned, because numba looks at every signed index whether it counts from the end.
"""

import numpy as np
import numpy.typing as npt

from quickdraw_kit.kernels import kernel

__all__ = ["NOWHERE", "real_row", "small_row", "time_row"]

NOWHERE = np.uint64(0)

_U1 = np.uint64(1)
_ZERO, _COMMA, _MINUS, _POINT, _CLOSE = b"0,-.]"
_INT32_MIN, _INT32_MAX = -(2**31), 2**31 - 1

_MAX_DIGITS = np.uint64(19)  # fit 64 bits, whatever they are
_EXACT = np.uint64(2**53)  # up to here a double holds every whole number
_TENS = 10.0 ** np.arange(20)  # exact in double
_WHOLE_TENS = np.array([10**k for k in range(20)], np.uint64)

# a double and the float32 that it is rounded to: the bits that go, and their middle
_LOW_BITS, _MIDDLE = 2**29 - 1, 2**28
_NEAR = 8  # units of the double; the error of one conversion and one division is below 3
_FRACTION_BITS, _IMPLICIT_BIT = 2**52 - 1, 2**52
_BIAS = 1075


@kernel
def small_row(
    text: npt.NDArray[np.uint8], at: np.uint64, row: npt.NDArray[np.uint8], index: np.uint64
) -> tuple[np.uint64, np.uint64]:
    """Read whole numbers from 0 to 255."""
    while True:
        start = at
        value = np.uint64(0)
        digit = np.uint64(text[at]) - np.uint64(_ZERO)
        while digit < np.uint64(10):
            value = np.uint64(10) * value + digit
            at += _U1
            digit = np.uint64(text[at]) - np.uint64(_ZERO)
        count = at - start
        if count == 0 or count > np.uint64(3) or value > np.uint64(255):
            return index, NOWHERE
        if count > _U1 and text[start] == _ZERO:
            return index, NOWHERE
        row[index] = value
        index += _U1
        mark = text[at]
        at += _U1
        if mark != _COMMA:
            return index, at if mark == _CLOSE else NOWHERE


@kernel
def time_row(
    text: npt.NDArray[np.uint8], at: np.uint64, row: npt.NDArray[np.int32], index: np.uint64
) -> tuple[np.uint64, np.uint64]:
    """Read whole numbers that fit int32."""
    while True:
        negative = text[at] == _MINUS
        if negative:
            at += _U1
        start = at
        value = np.int64(0)
        digit = np.uint64(text[at]) - np.uint64(_ZERO)
        while digit < np.uint64(10):
            value = 10 * value + np.int64(digit)
            at += _U1
            digit = np.uint64(text[at]) - np.uint64(_ZERO)
        count = at - start
        if count == 0 or count > np.uint64(10) or (count > _U1 and text[start] == _ZERO):
            return index, NOWHERE
        if negative:
            value = -value
        if value < _INT32_MIN or value > _INT32_MAX:
            return index, NOWHERE
        row[index] = value
        index += _U1
        mark = text[at]
        at += _U1
        if mark != _COMMA:
            return index, at if mark == _CLOSE else NOWHERE


@kernel
def real_row(
    text: npt.NDArray[np.uint8], at: np.uint64, row: npt.NDArray[np.float32], index: np.uint64
) -> tuple[np.uint64, np.uint64]:
    """Read numbers without an exponent, each as ``float32(float(number))`` would have it."""
    while True:
        negative = text[at] == _MINUS
        if negative:
            at += _U1
        start = at
        value = np.uint64(0)
        digit = np.uint64(text[at]) - np.uint64(_ZERO)
        while digit < np.uint64(10):
            value = np.uint64(10) * value + digit
            at += _U1
            digit = np.uint64(text[at]) - np.uint64(_ZERO)
        digits = at - start
        if digits == 0 or (digits > _U1 and text[start] == _ZERO):
            return index, NOWHERE
        decimals = np.uint64(0)
        if text[at] == _POINT:
            at += _U1
            start = at
            digit = np.uint64(text[at]) - np.uint64(_ZERO)
            while digit < np.uint64(10):
                value = np.uint64(10) * value + digit
                at += _U1
                digit = np.uint64(text[at]) - np.uint64(_ZERO)
            decimals = at - start
            if decimals == 0:
                return index, NOWHERE
        elif value == 0:
            negative = False  # the whole number -0 has no sign
        if digits + decimals > _MAX_DIGITS:
            return index, NOWHERE
        number = np.float64(value)
        if decimals > 0:
            number /= _TENS[decimals]
            if value > _EXACT:
                number = _settle(number, value, decimals)
                if number < 0:
                    return index, NOWHERE
        row[index] = -number if negative else number
        index += _U1
        mark = text[at]
        at += _U1
        if mark != _COMMA:
            return index, at if mark == _CLOSE else NOWHERE


@kernel
def _settle(number: np.float64, value: np.uint64, decimals: np.uint64) -> np.float64:
    """Return a double that rounds to the same float32 as ``value / 10**decimals`` does.

    `number` is that quotient, but for 2 units in its last place. This matters only near the middle
    between two float32, and there are many such coordinates in the real files. There the sign of

        D = value * 2**s - m * 10**decimals        with the middle = m / 2**s and m of 25 bits

    decides. Both products may exceed 64 bits, their difference does not: as it is below 8 units of
    the double, D is below 2**(64 + 40 - 49), so arithmetic modulo 2**64 has it exactly. The
    quotient correctly rounded to double is the middle itself when D is at most half a unit, which
    is 10**decimals / 2**29; the middle rounds half to even. Returns -1 for numbers out of range.
    """
    bits = np.float64(number).view(np.int64)
    if abs((bits & _LOW_BITS) - _MIDDLE) > _NEAR:
        return number
    middle = (bits & ~_LOW_BITS) | _MIDDLE
    mantissa = ((middle & _FRACTION_BITS) | _IMPLICIT_BIT) >> 28
    shift = _BIAS - 28 - (middle >> 52)
    if shift < 0 or shift > 40:
        return np.float64(-1.0)
    tens = _WHOLE_TENS[decimals]
    difference = np.int64((value << np.uint64(shift)) - np.uint64(mantissa) * tens)
    half = np.int64(tens >> np.uint64(29))
    if difference > half:
        middle += 1
    elif difference < -half:
        middle -= 1
    return np.int64(middle).view(np.float64)
