"""A toolkit for Google's Quick, Draw! dataset: strokes in, verified shards and models out."""

import importlib
from typing import TYPE_CHECKING

from quickdraw_kit.categories import CATEGORIES

if TYPE_CHECKING:
    from quickdraw_kit.raster.style import RasterStyle
    from quickdraw_kit.strokes.batch import Drawing, DrawingBatch

__version__ = "0.1.0"

# Resolved on first use, so that `import quickdraw_kit` loads neither numba nor pyarrow nor torch.
_HOMES = {
    "Drawing": "quickdraw_kit.strokes.batch",
    "DrawingBatch": "quickdraw_kit.strokes.batch",
    "RasterStyle": "quickdraw_kit.raster.style",
}

__all__ = ["CATEGORIES", "Drawing", "DrawingBatch", "RasterStyle", "__version__"]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)
