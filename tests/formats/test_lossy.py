"""What a format cannot hold."""

import pytest

from quickdraw_kit.formats.lossy import describe_misfit
from quickdraw_kit.formats.registry import FORMATS
from quickdraw_kit.strokes.batch import DrawingBatch


@pytest.mark.parametrize("format", ["parquet", "arrow"])
def test_tables_hold_all_coordinates(format):
    half = DrawingBatch.from_strokes([[([0.1, -2], [3, 4], [0, 1])]], words=["line"])
    assert describe_misfit(half, FORMATS[format]) is None
    assert (
        describe_misfit(half, FORMATS["binary"])
        == "real-valued coordinates, expected whole ones from 0 to 255"
    )
