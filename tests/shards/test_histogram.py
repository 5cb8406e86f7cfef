"""The histogram: cells are added, damage is an error, and a store is read as a folder is."""

import fsspec
import pyarrow.parquet as pq
import pytest

from quickdraw_kit.errors import DataError, IntegrityError
from quickdraw_kit.shards.histogram import HistogramRow, read_histogram, write_histogram

COUNTS = [("train", 0, 1, 3), ("test", 1, 2, 4), ("train", 0, 1, 2)]
ROWS = [
    HistogramRow("cat", "train", "yes", 5),
    HistogramRow('my "new,\ndog"', "test", "unknown", 4),
]


@pytest.fixture
def folder(tmp_path):
    write_histogram(tmp_path, tuple(row.category for row in ROWS), COUNTS)
    return tmp_path


def test_it_is_read_as_it_was_written(folder):
    assert read_histogram(folder) == ROWS
    assert pq.read_table(folder / "histogram.parquet").to_pylist() == [
        {name: getattr(row, name) for name in HistogramRow.__slots__} for row in ROWS
    ]


def test_it_is_read_from_a_store(folder):
    fsspec.filesystem("memory").pipe(
        "/histogram/histogram.csv", (folder / "histogram.csv").read_bytes()
    )
    assert read_histogram("memory://histogram") == ROWS
    with pytest.raises(DataError, match=r"memory://nowhere/histogram\.csv does not exist"):
        read_histogram("memory://nowhere")


def test_no_drawings(tmp_path):
    write_histogram(tmp_path, ("cat",), [])
    assert read_histogram(tmp_path) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "expected the columns category, split, recognized, drawings"),
        (b"category,split\n", "expected the columns"),
        (b"category,split,recognized,drawings\ncat,train,yes,many\n", "'many'"),
        (b"category,split,recognized,drawings\ncat,train,yes\n", "not enough values"),
        (b"category,split,recognized,drawings\n\xff,train,yes,1\n", "utf-8"),
    ],
)
def test_a_damaged_file(folder, text, message):
    (folder / "histogram.csv").write_bytes(text)
    with pytest.raises(IntegrityError, match=rf"histogram\.csv is damaged: .*{message}"):
        read_histogram(folder)


def test_a_missing_file(tmp_path):
    with pytest.raises(DataError, match="not a finished data set"):
        read_histogram(tmp_path)
