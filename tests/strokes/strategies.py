"""Hypothesis strategies for batches of drawings."""

import numpy as np
from hypothesis import strategies as st

from quickdraw_kit.strokes.batch import DrawingBatch
from quickdraw_kit.strokes.columns import Columns, lengths_to_offsets
from quickdraw_kit.strokes.key_ids import fill_key_ids

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@st.composite
def batches(
    draw,
    *,
    dtype=np.uint8,
    words=("cat",),
    whole_seconds=False,
    empties=False,
    low=0,
    high=255,
    max_drawings=5,
    unknown=False,
):
    """Batches without times; `empties` allows empty drawings and empty strokes.

    With `unknown`, any key_id and whether any drawing was recognized may be unknown. Countries and
    times always may, and words if None is among them.
    """
    min_size = 0 if empties else 1
    counts = draw(st.lists(st.integers(min_size, 4), max_size=max_drawings))
    lengths = draw(
        st.lists(st.integers(min_size, 20), min_size=sum(counts), max_size=sum(counts)).map(list)
    )
    points, number = sum(lengths), len(counts)
    coordinates = st.lists(st.integers(low, high), min_size=points, max_size=points)

    def column(elements):
        return draw(st.lists(elements, min_size=number, max_size=number))

    seconds = st.none() | st.integers(1, 2**32 - 1) | st.just(1488497110)
    fractions = column(st.integers(0, 10**6 - 1))
    timestamp = [
        np.datetime64("NaT") if second is None else 10**6 * second + (not whole_seconds) * fraction
        for second, fraction in zip(column(seconds), fractions, strict=True)
    ]
    flags = st.none() | st.booleans() if unknown else st.booleans()
    recognized = column(flags)
    has_key_id = np.array(column(st.booleans() if unknown else st.just(True)), np.bool_)
    columns = Columns(
        x=np.array(draw(coordinates), dtype),
        y=np.array(draw(coordinates), dtype),
        t=None,
        stroke_offsets=lengths_to_offsets(lengths),
        drawing_offsets=lengths_to_offsets(counts),
        key_id=np.array(column(st.integers(0, 2**64 - 1)), np.uint64),
        word_code=np.array(column(st.integers(0, len(words) - 1)), np.int32),
        words=tuple(words),
        countrycode=np.array(column(st.text(LETTERS, min_size=2, max_size=2) | st.just("")), "S2"),
        timestamp=np.array(timestamp, "datetime64[us]"),
        recognized=np.array([flag is True for flag in recognized], np.bool_),
        key_id_known=has_key_id,
        recognized_known=np.array([flag is not None for flag in recognized], np.bool_),
    )
    return DrawingBatch(**fill_key_ids(columns))
