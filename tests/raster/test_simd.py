"""Sixteen int32 side by side do, lane by lane, what one int does."""

import math
from typing import Any, NamedTuple

import numba
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from quickdraw_kit.raster._simd import (
    LANES,
    addresses,
    crossings,
    leading_zeros,
    load,
    max_lane,
    maximum,
    min_lane,
    minimum,
    minus,
    plus,
    splat,
    store,
    sum_lanes,
    trailing_zeros,
    zero_where_equal,
)


class Memory(NamedTuple):
    a: Any
    b: Any
    out: Any


@numba.njit
def _all_operations(memory, value):
    at = addresses(memory)
    a, b = load(at.a, 0), load(at.b, 0)
    store(at.out, 0, plus(a, b))
    store(at.out, LANES, minus(a, b))
    store(at.out, 2 * LANES, minimum(a, b))
    store(at.out, 3 * LANES, maximum(a, b))
    store(at.out, 4 * LANES, zero_where_equal(a, b))
    store(at.out, 5 * LANES, splat(value))
    return sum_lanes(a), min_lane(a), max_lane(a)


@numba.njit
def _copy(memory, source, target):
    at = addresses(memory)
    store(at.out, target, load(at.a, source))


@numba.njit
def _cross(memory, base, slope, place, bits):
    at = addresses(memory)
    store(at.out, 0, crossings(base, slope, place, bits, load(at.a, 0)))


@numba.njit
def _zeros(value):
    return trailing_zeros(value), leading_zeros(value)


numbers = hnp.arrays(np.int32, LANES, elements=st.integers(-(2**31), 2**31 - 1))
some = hnp.arrays(np.int32, LANES, elements=st.integers(-2, 2))


@given(numbers | some, numbers | some, st.integers(-(2**31), 2**31 - 1))
def test_operations_are_those_of_one_int(a, b, value):
    out = np.zeros((6, LANES), np.int32)
    over_all = _all_operations(Memory(a, b, out.ravel()), value)
    pairs = [(int(p), int(q)) for p, q in zip(a, b, strict=True)]
    expected = [
        [(p + q + 2**31) % 2**32 - 2**31 for p, q in pairs],
        [(p - q + 2**31) % 2**32 - 2**31 for p, q in pairs],
        [min(p, q) for p, q in pairs],
        [max(p, q) for p, q in pairs],
        [0 if p == q else p for p, q in pairs],
        [value] * LANES,
    ]
    assert out.tolist() == expected
    ps = [p for p, _ in pairs]
    assert over_all == ((sum(ps) + 2**31) % 2**32 - 2**31, min(ps), max(ps))


@given(st.integers(0, 20), st.integers(0, 20))
def test_load_and_store_begin_at_any_index_and_touch_sixteen(source, target):
    a = np.arange(40, dtype=np.int32)
    out = np.full(40, -1, np.int32)
    _copy(Memory(a, a, out), source, target)
    expected = [-1] * 40
    expected[target : target + LANES] = range(source, source + LANES)
    assert out.tolist() == expected


@given(
    st.floats(0, 2**18),
    st.floats(-15, 15),
    st.integers(0, 2**14),
    st.integers(0, 2**LANES - 1),
)
def test_crossings_are_floors_where_the_bit_is_set(base, slope, place, bits):
    old = np.arange(-LANES, 0, dtype=np.int32)
    out = np.zeros(LANES, np.int32)
    floors = [math.floor(base + slope * (place + 512.0 * lane)) for lane in range(LANES)]
    bits &= sum(1 << lane for lane, floor in enumerate(floors) if floor >= 0)
    _cross(Memory(old, old, out), base, slope, float(place), bits)
    assert out.tolist() == [
        floor if bits >> lane & 1 else lane - LANES for lane, floor in enumerate(floors)
    ]


@given(st.integers(-(2**63), 2**63 - 1) | st.integers(0, 63).map(lambda n: (1 << n) - 2**63))
def test_zeros_are_counted_of_64_bits(value):
    text = f"{value % 2**64:064b}"
    expected = (len(text) - len(text.rstrip("0")), len(text) - len(text.lstrip("0")))
    assert _zeros(value) == expected


def test_zero_has_64_zeros_at_either_end():
    assert _zeros(0) == (64, 64)
