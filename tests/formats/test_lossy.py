"""What a format cannot hold, and what reading has rounded."""

import json

import numpy as np
import pytest

from quickdraw_kit.formats.lossy import Rounding, describe_misfit
from quickdraw_kit.formats.ndjson.files import read_ndjson
from quickdraw_kit.formats.registry import FORMATS
from quickdraw_kit.strokes.batch import DrawingBatch
from tests.conftest import official_line


def test_max_error_is_an_upper_bound():
    xs = [[404.9000015258789, 7.0], [1.5, 0.0], [3.0, 4.0], [2.0**24 + 1, 0.0]]
    lines = [official_line(i, drawing=[[x, [0, 0], [0, 1]]]) for i, x in enumerate(xs)]
    batch = read_ndjson(b"".join(lines))
    rounding = Rounding(FORMATS["ndjson"])
    rounding.add(batch[:1])
    assert rounding.drawings == 1
    change = abs(float(batch.x[0]) - xs[0][0])
    assert 0 < change <= rounding.max_error < 2e-5
    rounding.add(batch[1:])
    assert (rounding.drawings, rounding.max_error) == (3, 1.0)


def test_max_error_is_an_upper_bound_for_real_drawings(real_data):
    path = real_data / "quickdraw" / "raw" / "square.ndjson"
    rounding, batch = Rounding(FORMATS["ndjson"]), read_ndjson(path)
    rounding.add(batch)
    documents = [json.loads(line) for line in path.read_bytes().splitlines()]
    strokes = [stroke for document in documents for stroke in document["drawing"]]
    exact = np.concatenate([np.array(stroke[:2]) for stroke in strokes], axis=1)
    stored = np.stack([batch.x, batch.y]).astype(float)
    assert 0 < np.abs(exact - stored).max() <= rounding.max_error


def test_counts_only_text_that_float32_does_not_hold():
    whole = DrawingBatch.from_strokes([[([1, 2], [3, 4], [0, 1])]], words=["line"])
    half = DrawingBatch.from_strokes([[([0.1, 2], [3, 4], [0, 1])]], words=["line"])
    for format, batch in (("ndjson", whole), ("parquet", half), ("arrow", half)):
        rounding = Rounding(FORMATS[format])
        rounding.add(batch)
        assert rounding.drawings == 0


@pytest.mark.parametrize("format", ["parquet", "arrow"])
def test_tables_hold_all_coordinates(format):
    half = DrawingBatch.from_strokes([[([0.1, -2], [3, 4], [0, 1])]], words=["line"])
    assert describe_misfit(half, FORMATS[format]) is None
    assert (
        describe_misfit(half, FORMATS["binary"])
        == "real-valued coordinates, expected whole ones from 0 to 255"
    )
