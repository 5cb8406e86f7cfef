"""Selected lists are copied unchanged, for every dtype."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickdraw_kit.strokes.columns import lengths_to_offsets
from quickdraw_kit.strokes.gather import gather


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 14)), max_size=20),
    st.sampled_from(["u1", "i2", "f4", "i4", "i8"]),
)
def test_lists_are_copied_in_the_requested_order(lists, dtype):
    items = np.arange(64, dtype=dtype)
    starts = np.array([start for start, _ in lists], np.int64)
    offsets = lengths_to_offsets([length for _, length in lists])
    expected = [items[start : start + length] for start, length in lists]
    gathered = gather(items, starts, offsets)
    assert gathered.dtype == items.dtype
    assert np.array_equal(gathered, np.concatenate([items[:0], *expected]))


@pytest.mark.parametrize("change", ["read-only", "strided"])
def test_read_only_and_strided_arrays(change):
    items = np.arange(20)[::2] if change == "strided" else np.arange(10) * 2
    items.setflags(write=change != "read-only")
    assert gather(items, np.array([8, 0]), np.array([0, 2, 3])).tolist() == [16, 18, 0]
