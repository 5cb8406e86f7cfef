"""Requests of a browser: every point of a valid drawing is read, everything else is rejected."""

import contextlib
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickdraw_kit.errors import DataError
from quickdraw_kit.serve.requests import MAX_BODY_BYTES, read_drawing, read_saved
from tests.conftest import examples

WORDS = frozenset({"cat"})
numbers = st.floats(-1e5, 1e5, width=32)
times = st.integers(0, 20_000)
strokes = st.lists(
    st.integers(1, 20).flatmap(
        lambda n: st.tuples(
            st.lists(numbers, min_size=n, max_size=n),
            st.lists(numbers, min_size=n, max_size=n),
            st.lists(times, min_size=n, max_size=n),
        )
    ),
    min_size=1,
    max_size=5,
)


def encode(drawing, **more) -> bytes:
    return json.dumps({"strokes": drawing, **more}).encode()


@examples(60)
@given(strokes)
def test_every_point_is_read(drawing):
    batch = read_drawing(encode(drawing))
    assert batch.is_float
    assert len(batch) == 1
    for stroke, (x, y, t) in zip(batch[0].strokes, drawing, strict=True):
        assert np.array_equal(stroke[:, 0], x)
        assert np.array_equal(stroke[:, 1], y)
        assert stroke[:, 2].tolist() == t


@examples(200)
@given(st.binary(max_size=200) | st.from_type(str).map(str.encode) | st.builds(
    lambda value: json.dumps({"strokes": value}).encode(),
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=3),
        lambda inner: st.lists(inner, max_size=3),
    ),
))  # fmt: skip
def test_anything_else_is_a_data_error(body):
    with contextlib.suppress(DataError):
        assert len(read_drawing(body)) == 1


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (encode([]), "0 strokes"),
        (encode([[[0], [0]]]), "expected x, y and t"),
        (encode([[[0, 1], [0], [0]]]), "of the same length"),
        (encode([[[], [], []]]), "not empty"),
        (encode([[[1e9], [0], [0]]]), "beyond"),
        (b'{"strokes": [[[NaN], [0], [0]]]}', "not a drawing"),
        (b'{"s\x8ctrokes": []}', "not a drawing"),
        (encode([[[0], [0], [-1]]]), "a time is not"),
        (encode([[[0] * 20001] * 3]), "more than 20000 points"),
        (encode([[[0], [0], [0]]] * 1001), "1001 strokes"),
        (encode([[[0], [0], [0]]], more=1), "unknown field"),
        (b"x" * (MAX_BODY_BYTES + 1), "at most"),
    ],
)
def test_invalid_drawings(body, message):
    with pytest.raises(DataError, match=message):
        read_drawing(body)


def test_saved_drawing_has_word_key_id_and_timestamp():
    first, second = (
        read_saved(encode([[[0], [0], [0]]], word="cat", recognized=True), WORDS) for _ in range(2)
    )
    assert first.words_of_drawings() == ["cat"]
    assert first.recognized[0]
    assert first.key_id[0] != second.key_id[0]
    assert not np.isnat(first.timestamp[0])


@pytest.mark.parametrize("word", ["../up", "dog", "", "cat/../../x"])
def test_other_words_are_rejected(word):
    with pytest.raises(DataError, match="not a word of the game"):
        read_saved(encode([[[0], [0], [0]]], word=word, recognized=True), WORDS)
