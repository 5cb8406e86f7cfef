"""A toolkit for Google's Quick, Draw! dataset: strokes in, verified shards and models out."""

import importlib
from typing import TYPE_CHECKING

from quickdraw_kit.categories import CATEGORIES

if TYPE_CHECKING:
    from quickdraw_kit.acquire.download import download
    from quickdraw_kit.conversion import convert
    from quickdraw_kit.formats.binary import read_binary, write_binary
    from quickdraw_kit.formats.ndjson.files import iter_ndjson, read_ndjson, write_ndjson
    from quickdraw_kit.formats.stroke3 import read_stroke3, write_stroke3
    from quickdraw_kit.learn.config import TrainConfig
    from quickdraw_kit.learn.data.splits import open_splits
    from quickdraw_kit.learn.evaluate import evaluate
    from quickdraw_kit.learn.export import export_model, open_model
    from quickdraw_kit.learn.infer.predict import predict
    from quickdraw_kit.learn.train import train
    from quickdraw_kit.raster.render import rasterize
    from quickdraw_kit.raster.style import RasterStyle
    from quickdraw_kit.shards.filters import Filters
    from quickdraw_kit.shards.manifest import Manifest
    from quickdraw_kit.shards.options import PrepareOptions
    from quickdraw_kit.shards.prepare.pipeline import prepare
    from quickdraw_kit.shards.read.dataset import ShardDataset, open_shards
    from quickdraw_kit.shards.verify import verify
    from quickdraw_kit.strokes.batch import Drawing, DrawingBatch
    from quickdraw_kit.strokes.simplify import simplify
    from quickdraw_kit.trace.image import trace_image

__version__ = "0.1.0"

# Resolved on first use, so that `import quickdraw_kit` loads neither numba nor pyarrow nor torch.
_HOMES = {
    "Drawing": "strokes.batch",
    "DrawingBatch": "strokes.batch",
    "PrepareOptions": "shards.options",
    "Manifest": "shards.manifest",
    "RasterStyle": "raster.style",
    "Filters": "shards.filters",
    "ShardDataset": "shards.read.dataset",
    "TrainConfig": "learn.config",
    "convert": "conversion",
    "download": "acquire.download",
    "evaluate": "learn.evaluate",
    "export_model": "learn.export",
    "iter_ndjson": "formats.ndjson.files",
    "open_model": "learn.export",
    "open_shards": "shards.read.dataset",
    "open_splits": "learn.data.splits",
    "predict": "learn.infer.predict",
    "prepare": "shards.prepare.pipeline",
    "rasterize": "raster.render",
    "read_binary": "formats.binary",
    "read_ndjson": "formats.ndjson.files",
    "read_stroke3": "formats.stroke3",
    "simplify": "strokes.simplify",
    "trace_image": "trace.image",
    "train": "learn.train",
    "verify": "shards.verify",
    "write_binary": "formats.binary",
    "write_ndjson": "formats.ndjson.files",
    "write_stroke3": "formats.stroke3",
}

__all__ = [
    "CATEGORIES",
    "Drawing",
    "DrawingBatch",
    "Filters",
    "Manifest",
    "PrepareOptions",
    "RasterStyle",
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
    data_home = _HOMES.get(name)
    if data_home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{data_home}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
