"""Options of `prepare`: the format of shards, the style of bitmaps, splits and shard size."""

from dataclasses import dataclass, field
from typing import Annotated, Literal, TypeAlias

from quickdraw_kit.errors import UsageError
from quickdraw_kit.options import check, option
from quickdraw_kit.raster.style import RasterStyle
from quickdraw_kit.shards.keyed_hashes import check_fractions

ShardFormatName: TypeAlias = Literal["npy", "parquet"]

_PIXELS_PER_SHARD = 65536 * 28 * 28  # 50 MB


@dataclass(frozen=True, slots=True)
class SplitRule:
    """The rule that assigns a split to a drawing.

    Parameters
    ----------
    by : {"hash", "sketch-rnn", "ids"}
        ``hash``: by a hash of the key_id. ``sketch-rnn``: by the position in the file of its
        category, as the data of Sketch-RNN is split: the first 70,000 drawings for training, then
        2,500 for validation and 2,500 for testing, and the rest is left out. ``ids``: by a list of
        key_ids.
        Positions count all lines or rows, whether a filter drops them or not. The ``.npz`` files
        of Sketch-RNN, whose drawings were sampled at random, keep the splits that they have.
    unlisted : {"filter", "train", "validation", "test"}
        What happens to drawings that are not in the list: they are left out, or go to a split.
    sha256 : str, optional
        Checksum of the list; `prepare` sets it.
    sizes : tuple of int
        Drawings in the training, validation and test split of a category, for ``sketch-rnn``.

    Raises
    ------
    UsageError
        If a value is not one of the choices.

    Examples
    --------
    >>> from quickdraw_kit import PrepareOptions, SplitRule
    >>> PrepareOptions(split_rule=SplitRule("sketch-rnn")).split_rule.by
    'sketch-rnn'
    """

    by: Annotated[
        Literal["hash", "sketch-rnn", "ids"],
        option("Split by a hash, by the position in the file, or by a list.", cli=False),
    ] = "hash"
    unlisted: Annotated[
        Literal["filter", "train", "validation", "test"],
        option("What happens to drawings that --split-ids does not list.", group="Splits"),
    ] = "filter"
    sha256: Annotated[str, option("Checksum of the list.", cli=False)] | None = None
    sizes: Annotated[
        tuple[int, int, int], option("Drawings per category and split, by position.", cli=False)
    ] = (70_000, 2_500, 2_500)

    def __post_init__(self) -> None:
        check(self)
        if len(self.sizes) != 3 or min(self.sizes) < 0:
            raise UsageError(f"sizes are {self.sizes}, expected three numbers of at least 0")


@dataclass(frozen=True, slots=True)
class PrepareOptions:
    """What shards are like: format, style, splits and size.

    Parameters
    ----------
    format : {"npy", "parquet"}
        ``npy``: images and labels as arrays, metadata as Parquet. ``parquet``: one table per shard,
        which Hugging Face ``datasets`` opens with decoded images.
    style : RasterStyle
        How drawings are rendered.
    fractions : dict of str to float
        Fraction of the drawings in each split, where a hash assigns them.
    salt : str
        Another salt gives other splits and another order.
    rows_per_shard : int, optional
        Approximate number of rows of a shard; by default as many as make 50 MB of pixels.
    keep_strokes : bool
        Also store the strokes in the metadata, as columns ``x``, ``y`` and, for raw drawings,
        ``t``.
    split_rule : SplitRule
        What assigns the splits.
    quality : bool
        Add a column ``quality`` to the metadata, see `QUALITY_FLAGS`. Every drawing is then
        rendered twice, and all drawings are searched for duplicates.

    Raises
    ------
    UsageError
        If a value is out of range.

    Examples
    --------
    >>> from quickdraw_kit import PrepareOptions
    >>> PrepareOptions(fractions={"train": 0.9, "test": 0.1}).fractions
    {'train': 0.9, 'validation': 0.0, 'test': 0.1}
    """

    format: Annotated[
        ShardFormatName,
        option("Format of the shards: NumPy arrays, or tables with PNG images.", group="Shards"),
    ] = "npy"
    style: RasterStyle = field(default_factory=RasterStyle)
    fractions: Annotated[
        dict[str, float], option("Fraction of the drawings in each split.", cli=False)
    ] = field(default_factory=lambda: {"train": 0.8, "validation": 0.1, "test": 0.1})
    salt: Annotated[
        str, option("Another salt gives other splits and another order.", group="Splits")
    ] = ""
    rows_per_shard: (
        Annotated[
            int,
            option("Approximate rows per shard; by default 50 MB of pixels.", ge=1, group="Shards"),
        ]
        | None
    ) = None
    keep_strokes: Annotated[
        bool, option("Also store the strokes in the metadata.", group="Shards")
    ] = False
    split_rule: SplitRule = field(default_factory=SplitRule)
    quality: Annotated[
        bool, option("Add a column of quality flags; renders twice.", group="Shards")
    ] = False

    def __post_init__(self) -> None:
        check(self)
        # all splits are named, so equal options give equal manifests
        object.__setattr__(self, "fractions", check_fractions(self.fractions))

    @property
    def target_rows_per_shard(self) -> int:
        """The approximate number of rows of a shard, default applied."""
        if self.rows_per_shard is not None:
            return self.rows_per_shard
        return max(1, _PIXELS_PER_SHARD // self.style.side**2)
