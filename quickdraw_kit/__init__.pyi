"""The public names. They are declared here only; `__init__.py` resolves them on first use."""

from .acquire.cache_entry import get_data_home as get_data_home
from .acquire.download import (
    DownloadOptions as DownloadOptions,
)
from .acquire.download import (
    download as download,
)
from .acquire.results import (
    DownloadedFile as DownloadedFile,
)
from .acquire.results import (
    DownloadError as DownloadError,
)
from .acquire.results import (
    DownloadReport as DownloadReport,
)
from .categories import (
    CATEGORIES as CATEGORIES,
)
from .categories import (
    search_categories as search_categories,
)
from .conversion import (
    Conversion as Conversion,
)
from .conversion import (
    convert as convert,
)
from .errors import (
    DataError as DataError,
)
from .errors import (
    IntegrityError as IntegrityError,
)
from .errors import (
    MalformedLineError as MalformedLineError,
)
from .errors import (
    MissingPackageError as MissingPackageError,
)
from .errors import (
    QuickdrawError as QuickdrawError,
)
from .errors import (
    UsageError as UsageError,
)
from .executors import ray_executor as ray_executor
from .formats.binary import (
    iter_binary as iter_binary,
)
from .formats.binary import (
    read_binary as read_binary,
)
from .formats.binary import (
    write_binary as write_binary,
)
from .formats.bitmaps import (
    read_bitmaps as read_bitmaps,
)
from .formats.bitmaps import (
    write_bitmaps as write_bitmaps,
)
from .formats.gif import write_gif as write_gif
from .formats.idx import read_idx as read_idx
from .formats.ndjson.files import (
    iter_ndjson as iter_ndjson,
)
from .formats.ndjson.files import (
    read_ndjson as read_ndjson,
)
from .formats.ndjson.files import (
    write_ndjson as write_ndjson,
)
from .formats.ndjson.scanner import Reject as Reject
from .formats.picture_export import FolderOptions as FolderOptions
from .formats.picture_style import PictureStyle as PictureStyle
from .formats.png import write_png as write_png
from .formats.registry import iter_drawings as iter_drawings
from .formats.stroke3 import (
    read_stroke3 as read_stroke3,
)
from .formats.stroke3 import (
    write_stroke3 as write_stroke3,
)
from .formats.svg import (
    read_svg as read_svg,
)
from .formats.svg import (
    write_svg as write_svg,
)
from .learn.config import TrainConfig as TrainConfig
from .learn.data.dataset import ArrayDataset as ArrayDataset
from .learn.data.splits import (
    Splits as Splits,
)
from .learn.data.splits import (
    open_splits as open_splits,
)
from .learn.evaluate import (
    Evaluation as Evaluation,
)
from .learn.evaluate import (
    evaluate as evaluate,
)
from .learn.export import (
    export_model as export_model,
)
from .learn.export import (
    open_model as open_model,
)
from .learn.history import EpochMetrics as EpochMetrics
from .learn.infer.predict import (
    Prediction as Prediction,
)
from .learn.infer.predict import (
    iter_predict as iter_predict,
)
from .learn.infer.predict import (
    predict as predict,
)
from .learn.models.model import Model as Model
from .learn.models.networks import (
    NETWORKS as NETWORKS,
)
from .learn.models.networks import (
    build_network as build_network,
)
from .learn.train import (
    TrainResult as TrainResult,
)
from .learn.train import (
    train as train,
)
from .raster.render import rasterize as rasterize
from .raster.style import RasterStyle as RasterStyle
from .recipe.load import (
    Recipe as Recipe,
)
from .recipe.load import (
    load_recipe as load_recipe,
)
from .recipe.run import run_recipe as run_recipe
from .shards.filters import Filters as Filters
from .shards.histogram import (
    HistogramRow as HistogramRow,
)
from .shards.histogram import (
    read_histogram as read_histogram,
)
from .shards.inspect import (
    Inspection as Inspection,
)
from .shards.inspect import (
    inspect as inspect,
)
from .shards.inspect import (
    inspect_quality as inspect_quality,
)
from .shards.manifest import Manifest as Manifest
from .shards.options import (
    PrepareOptions as PrepareOptions,
)
from .shards.options import (
    SplitRule as SplitRule,
)
from .shards.prepare.pipeline import prepare as prepare
from .shards.prepare.plan import Progress as Progress
from .shards.quality import QUALITY_FLAGS as QUALITY_FLAGS
from .shards.read.dataset import (
    ShardDataset as ShardDataset,
)
from .shards.read.dataset import (
    open_shards as open_shards,
)
from .shards.verify import (
    Verification as Verification,
)
from .shards.verify import (
    verify as verify,
)
from .show.report import write_report as write_report
from .show.sheet import contact_sheet as contact_sheet
from .storage.retry import RetryPolicy as RetryPolicy
from .strokes.batch import (
    Drawing as Drawing,
)
from .strokes.batch import (
    DrawingBatch as DrawingBatch,
)
from .strokes.normalize import normalize as normalize
from .strokes.simplify import simplify as simplify
from .synthetic.generator import (
    generate_drawings as generate_drawings,
)
from .synthetic.generator import (
    write_sample as write_sample,
)
from .trace.image import trace_image as trace_image

__version__: str
