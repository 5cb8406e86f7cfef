"""The steps of a recipe, and their options.

A step is a section of a recipe and a command of the same name, with the same options. `[train]`
takes those of `TrainConfig`, except for `data` and `out`, which a recipe sets itself.
"""

from dataclasses import dataclass, field, replace
from typing import Annotated, Literal, TypeAlias

from quickdraw_kit.acquire.catalog import Variant
from quickdraw_kit.errors import UsageError
from quickdraw_kit.options import check, option
from quickdraw_kit.shards.filters import Filters
from quickdraw_kit.shards.options import PrepareOptions

Split: TypeAlias = dict[str, float] | Literal["sketch-rnn"]

_SOURCES, _SPLITS, _RUN = "Sources", "Splits", "Execution"


@dataclass(frozen=True, slots=True)
class SampleStep:
    """``[sample]``: generate drawings into ``{out}/sample``."""

    drawings: Annotated[
        int, option("Number of drawings in total.", ge=1, flags=("--drawings", "-n"))
    ] = 1200
    categories: (
        Annotated[
            tuple[str, ...],
            option("Only these categories: 'star,house'.", flags=("--categories", "-c")),
        ]
        | None
    ) = None
    seed: Annotated[int, option("Another seed gives other drawings.")] = 0
    raw: Annotated[bool, option("Raw drawings, which have times, instead of simplified ones.")] = (
        False
    )

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, slots=True)
class PrepareStep:
    """``[prepare]``: make shards in ``{out}/shards``."""

    sources: Annotated[
        tuple[str, ...], option("Files, folders, globs, URLs of these, or categories.")
    ] = ()
    variant: Annotated[
        Variant,
        option("Variant of the categories.", flags=("--variant", "-k"), group=_SOURCES),
    ] = "simplified"
    download: Annotated[
        bool,
        option("Download categories while others are being read.", group=_SOURCES),
    ] = False
    keep_source: Annotated[
        bool,
        option("Keep downloaded files after they have been read.", group=_SOURCES),
    ] = True
    mirror: (
        Annotated[
            str,
            option(
                "Download from this http(s)://, file://, gs:// or s3:// URL, or folder.",
                group=_SOURCES,
            ),
        ]
        | None
    ) = None
    filters: Filters = field(default_factory=Filters)
    # one option for two of `PrepareOptions`: its fractions, or its split rule
    split: Annotated[
        Split,
        option(
            "Fraction of each split. Or sketch-rnn: the first 70,000 drawings of each file for "
            "training, the next 2,500 for validation and 2,500 for testing.",
            group=_SPLITS,
        ),
    ] = field(default_factory=lambda: PrepareOptions().fractions)
    split_ids: (
        Annotated[
            str,
            option("Splits from a list: .csv with key_id and split, or .json.", group=_SPLITS),
        ]
        | None
    ) = None
    options: PrepareOptions = field(default_factory=PrepareOptions)
    max_reject_rate: Annotated[
        float,
        option("Fraction of the drawings that may be rejected.", ge=0, le=1, group=_RUN),
    ] = 0.01
    workers: (
        Annotated[int, option("Processes; by default one per CPU.", ge=1, group=_RUN)] | None
    ) = None

    def __post_init__(self) -> None:
        check(self)
        # only what was downloaded may be deleted, never a file of the user
        if not self.keep_source and not self.download:
            raise UsageError("keep_source = false (--no-keep-source) needs download (--download)")
        if self.options.split_rule.unlisted != "filter" and self.split_ids is None:
            raise UsageError("unlisted (--unlisted) needs split_ids (--split-ids)")
        _ = self.prepare_options  # an invalid split is an error now, not when the step runs

    @property
    def prepare_options(self) -> PrepareOptions:
        """The options, with the split; flags that are filtered by have to be computed."""
        options = replace(
            self.options, quality=self.options.quality or bool(self.filters.exclude_flags)
        )
        if isinstance(self.split, dict):
            return replace(options, fractions=self.split)
        return replace(options, split_rule=replace(options.split_rule, by=self.split))


@dataclass(frozen=True, slots=True)
class ReportStep:
    """``[report]``: write a page with the results, ``{out}/index.html``."""

    title: Annotated[str, option("Heading of the page.")] | None = None
