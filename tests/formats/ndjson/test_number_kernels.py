"""Numbers are parsed as Python does, to the bit; rows of anything else do not match."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from quickdraw_kit.formats.ndjson.number_kernels import (
    NO_MATCH,
    parse_float32_row,
    parse_int32_row,
    parse_uint8_row,
)
from tests.conftest import examples

ROWS = {np.uint8: parse_uint8_row, np.int32: parse_int32_row, np.float32: parse_float32_row}


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
        (np.float32, [0, -1, 255, 2755, -1013.25, 0.5, 2**31, 10**18, 16777217]),
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
        ("1.0000000000000000000]", np.float32),
    ],
)
def test_values_out_of_range_do_not_match(text, dtype):
    assert read(text, dtype) is None


def test_minus_zero():
    assert np.signbit(read("-0.0,0.0,-0]", np.float32)).tolist() == [True, False, False]
    assert read("-0]", np.int32).tolist() == [0]


@st.composite
def midpoints(draw):
    """The text of a number at the midpoint of two float32, or very close to it."""
    low = draw(st.floats(2**-9, 2**24, width=32))
    high = float(np.nextafter(np.float32(low), np.float32(np.inf)))
    number = Decimal((low + high) / 2)
    number += Decimal(draw(st.integers(-6, 6))) * Decimal(float(np.spacing(low))) / 4
    whole = len(str(int(number)))
    return format(round(number, draw(st.sampled_from([16, 17, 18, 19])) - whole), "f")


decimals = st.decimals(0, 10**9, places=6) | st.decimals(0, 1, places=17)
plain = st.floats(2**-30, 2**40).map(lambda value: format(Decimal(repr(value)), "f"))


@examples(2000)
@given(midpoints() | plain | decimals.map(str), st.sampled_from(["", "-"]))
@example("130.66666412353516", "")  # a midpoint, from the real files
@example("1.0000000596046447754", "")  # close to a midpoint: rounded to double, it is the midpoint
def test_real_numbers_are_rounded_as_in_python(text, sign):
    digits = text.replace(".", "")
    row = read(f"{sign}{text}]", np.float32)
    if len(digits) > 19:
        assert row is None
        return
    if row is None:  # only where the midpoint has more than 40 binary places, or very few
        assert not 2**-9 <= float(text) < 2**25
        return
    assert row[0].tobytes() == np.float32(float(sign + text)).tobytes()
