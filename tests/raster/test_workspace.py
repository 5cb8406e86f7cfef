"""The kernels see the memory they work in by bare addresses: they must stay inside of it."""

import numpy as np
import pytest

from quickdraw_kit.raster import render
from quickdraw_kit.raster.style import RasterStyle
from quickdraw_kit.raster.workspace import Workspace, make_workspace
from quickdraw_kit.strokes.batch import DrawingBatch
from tests.raster.cases import hard_cases

MARGIN = 256
MARK = 0x5A
STYLES = [
    RasterStyle(),
    RasterStyle(side=1),
    RasterStyle(side=64, line_diameter=1, padding=8),
    RasterStyle(side=256),
    RasterStyle(side=100, line_diameter=256, padding=0),
]


@pytest.fixture
def margins(monkeypatch) -> list[np.ndarray]:
    """Give each array of a workspace a marked margin on either side; return the margins."""
    kept: list[np.ndarray] = []

    def with_margins(**sizes) -> Workspace:
        arrays = []
        for array in make_workspace(**sizes):
            wide = np.empty(array.size + 2 * MARGIN, array.dtype)
            wide.view(np.uint8)[:] = MARK
            wide[MARGIN:-MARGIN] = array
            kept.extend((wide[:MARGIN], wide[-MARGIN:]))
            arrays.append(wide[MARGIN:-MARGIN])
        return Workspace(*arrays)

    monkeypatch.setattr(render, "make_workspace", with_margins)
    return kept


@pytest.mark.parametrize("style", STYLES, ids=str)
@pytest.mark.parametrize("scale", [1, 3, 256])
def test_nothing_is_written_outside(margins, style, scale):
    drawings = [
        [(stroke - 128) * scale for stroke in drawing] for drawing in hard_cases(120, seed=8)
    ]
    batch = DrawingBatch.from_strokes(drawings, words=["line"] * 120, dtype="int16")
    render.rasterize(batch, style)
    assert len(margins) == 2 * len(Workspace._fields)
    for number, margin in enumerate(margins):
        assert (margin.view(np.uint8) == MARK).all(), Workspace._fields[number // 2]
