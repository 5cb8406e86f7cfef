"""Conversion to Arrow and pandas and back, in shared memory."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickdraw_kit.errors import DataError
from quickdraw_kit.strokes.batch import DrawingBatch

from .strategies import batches

SHARED = ["x", "y", "t", "stroke_offsets", "drawing_offsets", "key_id", "word_code", "timestamp"]

any_batch = batches(words=("cat", None, "dog", "Ä"), empties=True, unknown=True)


def raw(batch: DrawingBatch) -> DrawingBatch:
    t = np.arange(len(batch.x), dtype=np.int32)
    return replace(batch, x=batch.x.astype("f8"), y=batch.y.astype("f8"), t=t)


@pytest.fixture
def batch() -> DrawingBatch:
    batch = DrawingBatch.from_strokes(
        [[([1, 2], [3, 4], [0, 5]), ([9], [8], [7])], [([5], [6], [7])], [([0], [1], [2])]],
        words=["cat", "dog", "cat"],
        key_id=[0, 1, 2],
    )
    return replace(
        batch,
        countrycode=np.array([b"DE", b"", b"US"]),
        timestamp=np.array(["2017-03-02T23:25:10.07453", "NaT", "1969-01-01"], "M8[us]"),
        recognized=np.array([True, False, True]),
        recognized_known=None,
    )


def address(column) -> int:
    return column.__array_interface__["data"][0]


def test_columns_and_types(batch):
    table = batch.to_arrow()
    assert str(table.schema.field("x").type).replace(": ", ":").count("large_list") == 2
    types = {name: str(table.schema.field(name).type) for name in table.column_names}
    assert types == {
        "key_id": "uint64",
        "word": "dictionary<values=string, indices=int32, ordered=0>",
        "countrycode": "string",
        "timestamp": "timestamp[us, tz=UTC]",
        "recognized": "bool",
        "x": "large_list<item: large_list<item: double>>",
        "y": "large_list<item: large_list<item: double>>",
        "t": "large_list<item: large_list<item: int32>>",
    }
    assert table["x"].to_pylist() == [[[1, 2], [9]], [[5]], [[0]]]
    assert table["word"].to_pylist() == ["cat", "dog", "cat"]
    assert table["countrycode"].to_pylist() == ["DE", None, "US"]
    assert table["timestamp"].null_count == 1
    assert table["recognized"].to_pylist() == [True, False, True]


@pytest.mark.parametrize("by", ["arrow", "pandas"])
def test_memory_is_shared_both_ways(batch, by):
    if by == "arrow":
        table = batch.to_arrow()
        back = DrawingBatch.from_arrow(table)
    else:
        frame = batch.to_pandas()
        assert all(isinstance(dtype, pd.ArrowDtype) for dtype in frame.dtypes)
        back = DrawingBatch.from_pandas(frame)
        table = pa.Table.from_pandas(frame)
    for name in SHARED:
        assert address(getattr(back, name)) == address(getattr(batch, name)), name
    x = table["x"].chunk(0)
    for buffer, column in (
        (x.values.values.buffers()[1], batch.x),
        (x.values.offsets.buffers()[1], batch.stroke_offsets),
        (x.offsets.buffers()[1], batch.drawing_offsets),
        (table["y"].chunk(0).values.values.buffers()[1], batch.y),
        (table["t"].chunk(0).values.values.buffers()[1], batch.t),
        (table["key_id"].chunk(0).buffers()[1], batch.key_id),
        (table["timestamp"].chunk(0).buffers()[1], batch.timestamp),
    ):
        assert buffer.address == address(column)


@given(any_batch, st.booleans(), st.sampled_from(["arrow", "pandas"]))
def test_round_trip(batch, timed, by):
    batch = raw(batch) if timed else batch
    if by == "arrow":
        assert DrawingBatch.from_arrow(batch.to_arrow()).equals(batch)
    else:
        assert DrawingBatch.from_pandas(batch.to_pandas()).equals(batch)


@given(any_batch, any_batch, st.integers(0, 5), st.integers(0, 5))
def test_chunked_and_sliced_tables(one, two, start, length):
    whole = DrawingBatch.concat([one, two])
    table = pa.concat_tables([one.to_arrow(), two.to_arrow()])
    assert DrawingBatch.from_arrow(table).equals(whole)
    sliced = DrawingBatch.from_arrow(table.slice(start, length))
    assert sliced.equals(whole[start : start + length])
    alone = DrawingBatch.from_arrow(one.to_arrow().slice(start, length))
    assert alone.equals(one[start : start + length])


def test_other_types_of_the_same_columns(batch):
    table = batch.to_arrow()
    small = pa.list_(pa.list_(pa.float32()))
    changed = table.set_column(5, "x", table["x"].cast(small))
    changed = changed.set_column(1, "word", changed["word"].cast(pa.large_string()))
    changed = changed.set_column(2, "countrycode", changed["countrycode"].dictionary_encode())
    changed = changed.append_column("extra", pa.nulls(3))
    assert DrawingBatch.from_arrow(changed).equals(batch)
    whole = replace(batch, timestamp=batch.timestamp.astype("M8[s]").astype("M8[us]"))
    seconds = whole.to_arrow()["timestamp"].cast(pa.timestamp("s", "America/New_York"))
    assert DrawingBatch.from_arrow(table.set_column(3, "timestamp", seconds)).equals(whole)


def test_values_under_nulls_do_not_matter(batch):
    values = pa.py_buffer(np.arange(3, dtype=np.int64))
    column = pa.Array.from_buffers(
        pa.timestamp("us", "UTC"), 3, [pa.py_buffer(b"\x05"), values], null_count=1
    )
    back = DrawingBatch.from_arrow(batch.to_arrow().set_column(3, "timestamp", column))
    assert np.isnat(back.timestamp).tolist() == [False, True, False]


def test_parquet(batch, tmp_path):
    pq.write_table(batch.to_arrow(), tmp_path / "batch.parquet")
    assert DrawingBatch.from_arrow(pq.read_table(tmp_path / "batch.parquet")).equals(batch)


def test_filtered_and_sorted_data_frames(batch):
    frame = batch.to_pandas()
    assert DrawingBatch.from_pandas(frame[frame.word == "cat"]).equals(batch.take([0, 2]))
    assert DrawingBatch.from_pandas(frame.sort_values("key_id", ascending=False)).equals(
        batch[::-1]
    )


def with_column(table: pa.Table, name: str, column) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, column)


X = "large_list<item: large_list<item: double>>"


@pytest.mark.parametrize(
    ("name", "column", "message"),
    [
        ("key_id", pa.array([1, 2, 3]), "'key_id' is int64, expected uint64"),
        ("word", pa.array([1, 2, 3]), "'word' is int64, expected strings"),
        ("countrycode", pa.array(["DE", "GER", ""]), "countrycode is 'GER', expected two"),
        ("timestamp", pa.array(["", "", ""]), "'timestamp' is string, expected timestamps"),
        ("timestamp", pa.array([1, 2, 3], pa.timestamp("ns")), "does not fit microseconds"),
        ("recognized", pa.array([1, 0, 1]), "'recognized' is int64, expected bool"),
        (
            "x",
            pa.array([[1.0], [2.0], [3.0]]),
            "'x' is list<item: double>, expected lists of lists",
        ),
        ("x", pa.array([[[1]]] * 3), "expected lists of lists of uint8 or int16 or double"),
        ("x", pa.array([[[1], [2]], None, [[3]]], pa.list_(pa.list_(pa.float32()))), "has 1 nulls"),
        ("x", pa.array([[[1], None]] * 3, pa.list_(pa.list_(pa.float32()))), "nulls inside"),
        ("y", pa.array([[[1, None]]] * 3, pa.list_(pa.list_(pa.float32()))), "nulls inside"),
        (
            "y",
            pa.array([[[1, 2], [9]], [[5]], [[0, 1]]], pa.list_(pa.list_(pa.float32()))),
            "x and y differ in their strokes or points",
        ),
        (
            "t",
            pa.array([[[1, 2, 9]], [[5]], [[0]]], pa.list_(pa.list_(pa.int32()))),
            "x and t differ",
        ),
        (
            "t",
            pa.array([[[1]]] * 3, pa.list_(pa.list_(pa.int64()))),
            "expected lists of lists of int32",
        ),
    ],
)
def test_invalid_columns(batch, name, column, message):
    with pytest.raises(DataError, match=message):
        DrawingBatch.from_arrow(with_column(batch.to_arrow(), name, column))


def test_a_null_in_a_dictionary(batch):
    column = pa.DictionaryArray.from_arrays(pa.array([0, 1, None]), pa.array(["a", None]))
    back = DrawingBatch.from_arrow(with_column(batch.to_arrow(), "word", column))
    assert back.words_of_drawings() == ["a", None, None]


METADATA = ["key_id", "word", "countrycode", "timestamp", "recognized"]


@pytest.mark.parametrize("name", ["x", "y"])
def test_missing_strokes(batch, name):
    with pytest.raises(DataError, match=f"'{name}' is missing"):
        DrawingBatch.from_arrow(batch.to_arrow().drop_columns([name]))


@given(any_batch, st.sets(st.sampled_from(METADATA)), st.booleans())
def test_missing_metadata_is_null(batch, names, as_nulls):
    """A column that is missing, has only nulls, or is of the type of nulls."""
    table = batch.to_arrow()
    for name in names:
        nulls = pa.nulls(len(batch))
        table = with_column(table, name, nulls) if as_nulls else table.drop_columns([name])
    back = DrawingBatch.from_arrow(table)
    for name in METADATA:
        expected = batch.to_arrow()[name].to_pylist()
        expected = [None] * len(batch) if name in names else expected
        assert back.to_arrow()[name].to_pylist() == expected, name
    assert DrawingBatch.from_arrow(back.to_arrow()).equals(back)


def test_a_data_frame_that_arrow_cannot_represent(batch):
    frame = batch.to_pandas().astype({"word": object})
    frame.loc[0, "word"] = object()
    with pytest.raises(DataError, match="cannot be converted to Arrow"):
        DrawingBatch.from_pandas(frame)
