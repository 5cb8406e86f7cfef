"""Numbers in a row are what Python reads them as, to the bit; everything else is left alone."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from quickdraw_kit.formats.ndjson.number_kernels import NOWHERE, real_row, small_row, time_row

ROWS = {np.uint8: small_row, np.int32: time_row, np.float32: real_row}


def read(text: str, dtype):
    """The row that the kernel reads, or None when it leaves it alone."""
    data = np.frombuffer((text + "\n").encode(), np.uint8)
    row = np.zeros(len(text) + 3, dtype)
    end, place = ROWS[dtype](data, np.uint64(0), row, np.uint64(2))
    if place == NOWHERE:
        return None
    assert place == len(text)
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
def test_what_is_not_such_a_row_is_left_alone(dtype, text):
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
def test_what_does_not_fit_is_left_alone(text, dtype):
    assert read(text, dtype) is None


def test_minus_zero():
    assert np.signbit(read("-0.0,0.0,-0]", np.float32)).tolist() == [True, False, False]
    assert read("-0]", np.int32).tolist() == [0]


@st.composite
def middles(draw):
    """The text of a number at the middle between two float32, or hard by it."""
    low = draw(st.floats(2**-9, 2**24, width=32))
    high = float(np.nextafter(np.float32(low), np.float32(np.inf)))
    number = Decimal((low + high) / 2)
    number += Decimal(draw(st.integers(-6, 6))) * Decimal(float(np.spacing(low))) / 4
    whole = len(str(int(number)))
    return format(round(number, draw(st.sampled_from([16, 17, 18, 19])) - whole), "f")


decimals = st.decimals(0, 10**9, places=6) | st.decimals(0, 1, places=17)
plain = st.floats(2**-30, 2**40).map(lambda value: format(Decimal(repr(value)), "f"))


@settings(max_examples=2000)
@given(middles() | plain | decimals.map(str), st.sampled_from(["", "-"]))
@example("130.66666412353516", "")  # a middle, from the real files
@example("1.0000000596046447754", "")  # hard by a middle: to double it is the middle
def test_real_numbers_are_rounded_as_by_python(text, sign):
    digits = text.replace(".", "")
    row = read(f"{sign}{text}]", np.float32)
    if len(digits) > 19:
        assert row is None
        return
    if row is None:  # only where the middle has more than 40 binary places, or hardly any
        assert not 2**-9 <= float(text) < 2**25
        return
    assert row[0].tobytes() == np.float32(float(sign + text)).tobytes()
