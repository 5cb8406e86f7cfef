"""Numbers are parsed as Python does, to the bit; rows of anything else do not match."""

import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from quickdraw_kit.formats.ndjson.number_kernels import (
    NO_MATCH,
    parse_float64_row,
    parse_int32_row,
    parse_uint8_row,
)
from tests.conftest import examples

ROWS = {np.uint8: parse_uint8_row, np.int32: parse_int32_row, np.float64: parse_float64_row}


def read(text: str, dtype):
    """Return the row that the kernel parses, or None if it does not match."""
    data = np.frombuffer((text + "\n").encode(), np.uint8)
    row = np.zeros(len(text) + 3, dtype)
    end, pos = ROWS[dtype](data, np.uint64(0), row, np.uint64(2))
    if pos == NO_MATCH:
        return None
    assert pos == len(text)
    assert not row[:2].any()
    return row[2:end]


@pytest.mark.parametrize(
    ("dtype", "values"),
    [
        (np.uint8, list(range(256))),
        (np.int32, [0, 1, -1, 10, -99, 100, 2**31 - 1, -(2**31)]),
        (np.float64, [0, -1, 255, 2755, -1013.25, 0.5, 2**31, 10**18, 16777217]),
    ],
)
def test_plain_rows(dtype, values):
    text = ",".join(map(str, values)) + "]"
    assert read(text, dtype).tobytes() == np.array(values, np.float64).astype(dtype).tobytes()


@pytest.mark.parametrize("dtype", ROWS)
@pytest.mark.parametrize(
    "text",
    [
        *("]", ",1]", "1,]", "1", "1,", "1}", "1 ]", " 1]", "1\n]", "1" * 20 + "]"),
        *("01]", "00]", "-01]", "-]", "--1]", "+1]", "1e1]", "1.]", ".5]", "-.5]", "1.5.5]"),
        *("NaN]", "null]", '"1"]'),
    ],
)
def test_invalid_rows_do_not_match(dtype, text):
    assert read(text, dtype) is None


@pytest.mark.parametrize(
    ("text", "dtype"),
    [
        ("256]", np.uint8),
        ("-1]", np.uint8),
        ("1.0]", np.uint8),
        ("1000]", np.uint8),
        ("18446744073709551626]", np.uint8),
        ("2147483648]", np.int32),
        ("-2147483649]", np.int32),
        ("0.5]", np.int32),
        ("1.0000000000000000000]", np.float64),
    ],
)
def test_values_out_of_range_do_not_match(text, dtype):
    assert read(text, dtype) is None


def test_minus_zero():
    assert np.signbit(read("-0.0,0.0,-0]", np.float64)).tolist() == [True, False, False]
    assert read("-0]", np.int32).tolist() == [0]


@st.composite
def midpoints(draw):
    """The text of a number at the midpoint of two doubles, or as close as 19 digits come to it."""
    low = draw(st.floats(2**-9, 2**53))
    number = (Decimal(low) + Decimal(float(np.nextafter(low, np.inf)))) / 2
    number += Decimal(draw(st.integers(-6, 6))) * Decimal(float(np.spacing(low))) / 4
    whole = len(str(int(number)))
    return format(round(number, draw(st.sampled_from([16, 17, 18, 19])) - whole), "f")


decimals = st.decimals(0, 10**9, places=6) | st.decimals(0, 1, places=17)
digits = st.tuples(st.integers(0, 10**19 - 1), st.integers(1, 18)).map(
    lambda pair: format(Decimal(pair[0]).scaleb(-pair[1]), "f")
)
plain = st.floats(2**-30, 2**40).map(lambda value: format(Decimal(repr(value)), "f"))


@examples(2000)
@given(midpoints() | plain | digits | decimals.map(str), st.sampled_from(["", "-"]))
@example("130.66666412353516", "")  # from the real files
@example("9007199254740993.0", "")  # a midpoint
@example("9007199254740993.1", "")  # just above it
@example("4503599627370497.500", "")
def test_real_numbers_are_those_of_python(text, sign):
    row = read(f"{sign}{text}]", np.float64)
    if len(text.replace(".", "")) > 19:
        assert row is None
    elif row is None:  # left to the standard parser: midpoints, ends of binades, very large ones
        if "E" in text:  # exponents are for the standard parser
            return
        number = abs(float(text))
        mantissa, _ = math.frexp(number)
        unit = Decimal(float(np.spacing(number)))
        off = abs(abs(Decimal(text) - Decimal(number)) / unit - Decimal("0.5"))
        is_end = mantissa in (0, 0.5, 1 - 2.0**-53)
        assert off < Decimal("1e-3") or is_end or number >= 2**52
    else:
        assert row[0].tobytes() == np.float64(float(sign + text)).tobytes()
