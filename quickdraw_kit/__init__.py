"""A toolkit for Google's Quick, Draw! dataset: strokes in, verified shards and models out."""

import importlib
from typing import TYPE_CHECKING

from quickdraw_kit.categories import CATEGORIES

if TYPE_CHECKING:
    from quickdraw_kit.acquire.download import download
    from quickdraw_kit.conversion import convert
    from quickdraw_kit.learn.config import TrainConfig
    from quickdraw_kit.learn.evaluate import evaluate
    from quickdraw_kit.learn.export import export_model, open_model
    from quickdraw_kit.learn.predict import predict
    from quickdraw_kit.learn.sources import open_splits
    from quickdraw_kit.learn.train import train
    from quickdraw_kit.raster.render import rasterize
    from quickdraw_kit.raster.style import RasterStyle
    from quickdraw_kit.shards.dataset import ShardDataset, open_shards
    from quickdraw_kit.shards.layout import Layout
    from quickdraw_kit.shards.manifest import Manifest
    from quickdraw_kit.shards.prepare import prepare
    from quickdraw_kit.shards.selection import Selection
    from quickdraw_kit.shards.verify import verify
    from quickdraw_kit.strokes.batch import Drawing, DrawingBatch
    from quickdraw_kit.strokes.binary import read_binary, write_binary
    from quickdraw_kit.strokes.ndjson import iter_ndjson, read_ndjson, write_ndjson
    from quickdraw_kit.strokes.simplify import simplify
    from quickdraw_kit.strokes.stroke3 import read_stroke3, write_stroke3
    from quickdraw_kit.trace.image import trace_image

__version__ = "0.1.0"

# Resolved on first use, so that `import quickdraw_kit` loads neither numba nor pyarrow nor torch.
_HOMES = {
    "Drawing": "strokes.batch",
    "DrawingBatch": "strokes.batch",
    "Layout": "shards.layout",
    "Manifest": "shards.manifest",
    "RasterStyle": "raster.style",
    "Selection": "shards.selection",
    "ShardDataset": "shards.dataset",
    "TrainConfig": "learn.config",
    "convert": "conversion",
    "download": "acquire.download",
    "evaluate": "learn.evaluate",
    "export_model": "learn.export",
    "iter_ndjson": "strokes.ndjson",
    "open_model": "learn.export",
    "open_shards": "shards.dataset",
    "open_splits": "learn.sources",
    "predict": "learn.predict",
    "prepare": "shards.prepare",
    "rasterize": "raster.render",
    "read_binary": "strokes.binary",
    "read_ndjson": "strokes.ndjson",
    "read_stroke3": "strokes.stroke3",
    "simplify": "strokes.simplify",
    "trace_image": "trace.image",
    "train": "learn.train",
    "verify": "shards.verify",
    "write_binary": "strokes.binary",
    "write_ndjson": "strokes.ndjson",
    "write_stroke3": "strokes.stroke3",
}

__all__ = [
    "CATEGORIES",
    "Drawing",
    "DrawingBatch",
    "Layout",
    "Manifest",
    "RasterStyle",
    "Selection",
    "ShardDataset",
    "TrainConfig",
    "__version__",
    "convert",
    "download",
    "evaluate",
    "export_model",
    "iter_ndjson",
    "open_model",
    "open_shards",
    "open_splits",
    "predict",
    "prepare",
    "rasterize",
    "read_binary",
    "read_ndjson",
    "read_stroke3",
    "simplify",
    "trace_image",
    "train",
    "verify",
    "write_binary",
    "write_ndjson",
    "write_stroke3",
]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
