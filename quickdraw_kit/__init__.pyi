"""The public names. They are declared here only; `__init__.py` resolves them on first use."""

from .acquire.cache_entry import get_data_home as get_data_home
from .acquire.download import (
    download as download,
    DownloadOptions as DownloadOptions,
)
from .acquire.results import (
    DownloadedFile as DownloadedFile,
    DownloadError as DownloadError,
    DownloadReport as DownloadReport,
)
from .categories import (
    CATEGORIES as CATEGORIES,
    search_categories as search_categories,
)
from .conversion import (
    Conversion as Conversion,
    convert as convert,
)
from .errors import (
    DataError as DataError,
    IntegrityError as IntegrityError,
    MalformedLineError as MalformedLineError,
    QuickdrawError as QuickdrawError,
    UsageError as UsageError,
)
from .executors import ray_executor as ray_executor
from .formats.binary import (
    iter_binary as iter_binary,
    read_binary as read_binary,
    write_binary as write_binary,
)
from .formats.bitmaps import (
    read_bitmaps as read_bitmaps,
    write_bitmaps as write_bitmaps,
)
from .formats.gif import write_gif as write_gif
from .formats.idx import read_idx as read_idx
from .formats.ndjson.files import (
    iter_ndjson as iter_ndjson,
    read_ndjson as read_ndjson,
    write_ndjson as write_ndjson,
)
from .formats.ndjson.scanner import Reject as Reject
from .formats.png import write_png as write_png
from .formats.registry import iter_drawings as iter_drawings
from .formats.stroke3 import (
    read_stroke3 as read_stroke3,
    write_stroke3 as write_stroke3,
)
from .formats.svg import (
    read_svg as read_svg,
    write_svg as write_svg,
)
from .learn.config import TrainConfig as TrainConfig
from .learn.data.dataset import ArrayDataset as ArrayDataset
from .learn.data.splits import (
    open_splits as open_splits,
    Splits as Splits,
)
from .learn.evaluate import (
    evaluate as evaluate,
    Evaluation as Evaluation,
)
from .learn.export import (
    export_model as export_model,
    open_model as open_model,
)
from .learn.history import EpochMetrics as EpochMetrics
from .learn.infer.predict import (
    iter_predict as iter_predict,
    predict as predict,
    Prediction as Prediction,
)
from .learn.models.model import Model as Model
from .learn.models.networks import (
    build_network as build_network,
    NETWORKS as NETWORKS,
)
from .learn.train import (
    train as train,
    TrainResult as TrainResult,
)
from .raster.render import rasterize as rasterize
from .raster.style import RasterStyle as RasterStyle
from .recipe.load import (
    load_recipe as load_recipe,
    Recipe as Recipe,
)
from .recipe.run import run_recipe as run_recipe
from .shards.filters import Filters as Filters
from .shards.histogram import (
    HistogramRow as HistogramRow,
    read_histogram as read_histogram,
)
from .shards.inspect import (
    inspect as inspect,
    inspect_quality as inspect_quality,
    Inspection as Inspection,
)
from .shards.manifest import Manifest as Manifest
from .shards.options import (
    PrepareOptions as PrepareOptions,
    SplitRule as SplitRule,
)
from .shards.prepare.pipeline import prepare as prepare
from .shards.prepare.plan import Progress as Progress
from .shards.quality import QUALITY_FLAGS as QUALITY_FLAGS
from .shards.read.dataset import (
    open_shards as open_shards,
    ShardDataset as ShardDataset,
)
from .shards.verify import (
    Verification as Verification,
    verify as verify,
)
from .show.report import write_report as write_report
from .show.sheet import contact_sheet as contact_sheet
from .storage.retry import RetryPolicy as RetryPolicy
from .strokes.batch import (
    Drawing as Drawing,
    DrawingBatch as DrawingBatch,
)
from .strokes.normalize import normalize as normalize
from .strokes.simplify import simplify as simplify
from .synthetic.generator import (
    generate_drawings as generate_drawings,
    write_sample as write_sample,
)
from .trace.image import trace_image as trace_image

__version__: str
