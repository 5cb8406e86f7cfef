"""How shards are laid out: their form, rendering, splits and size."""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from quickdraw_kit.errors import UsageError
from quickdraw_kit.raster.style import RasterStyle
from quickdraw_kit.shards.hashes import SPLITS, check_fractions

__all__ = ["PrepareOptions", "ShardFormat", "SplitRule"]

ShardFormat: TypeAlias = Literal["npy", "parquet"]

_SHARD_PIXELS = 65536 * 28 * 28


@dataclass(frozen=True, slots=True)
class SplitRule:
    """What decides into which split a drawing goes.

    Parameters
    ----------
    by : {"hash", "sketch-rnn", "ids"}
        The hash of its key_id; its position in the file of its category, as Sketch-RNN's data is
        divided: 70,000 for training, 2,500 for validation, 2,500 for testing, the rest left out;
        or a list of key_ids. Positions are counted over all lines (rows), whatever is filtered;
        Sketch-RNN's own files, whose drawings were chosen at random, keep the split they have.
    unlisted : {"filter", "train", "validation", "test"}
        What becomes of drawings that are not in the list.
    sha256 : str, optional
        Checksum of the list.

    Raises
    ------
    UsageError
        If a value is not one of these.

    Examples
    --------
    >>> SplitRule("sketch-rnn").by
    'sketch-rnn'
    """

    by: Literal["hash", "sketch-rnn", "ids"] = "hash"
    unlisted: str = "filter"
    sha256: str | None = None

    def __post_init__(self) -> None:
        if self.by not in ("hash", "sketch-rnn", "ids"):
            raise UsageError(f"split by {self.by!r}: expected hash, sketch-rnn or ids")
        if self.unlisted not in ("filter", *SPLITS):
            raise UsageError(f"unlisted is {self.unlisted!r}, expected filter, {', '.join(SPLITS)}")


@dataclass(frozen=True, slots=True)
class PrepareOptions:
    """How shards are laid out.

    Parameters
    ----------
    form : {"npy", "parquet"}
        NPY (images and labels as arrays, metadata as Parquet), or one Parquet table a shard, which
        Hugging Face ``datasets`` opens with its images decoded.
    style : RasterStyle
        How drawings are rendered.
    fractions : dict of str to float
        Share of each split, when a hash decides.
    salt : str
        Another salt gives another split and another order.
    rows_per_shard : int, optional
        Rows of a shard, about; by default as many as make 50 MB of pixels.
    strokes : bool
        Whether the strokes stand in the metadata too, as columns ``x``, ``y`` and, for raw
        drawings, ``t``.
    rule : SplitRule
        What decides into which split a drawing goes.
    quality : bool
        Whether the metadata has a column ``quality``, see `QUALITY_FLAGS`. Every drawing is then
        rendered twice, and duplicates are looked for among all of them.

    Raises
    ------
    UsageError
        If a value is out of its range.

    Examples
    --------
    >>> PrepareOptions().rows_of_a_shard
    65536
    """

    format: ShardFormat = "npy"
    style: RasterStyle = field(default_factory=RasterStyle)
    fractions: dict[str, float] = field(
        default_factory=lambda: {"train": 0.8, "validation": 0.1, "test": 0.1}
    )
    salt: str = ""
    rows_per_shard: int | None = None
    strokes: bool = False
    rule: SplitRule = field(default_factory=SplitRule)
    quality: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "fractions", check_fractions(self.fractions))
        if self.format not in ("npy", "parquet"):
            raise UsageError(f"form is {self.format!r}, expected npy or parquet")
        if self.rows_per_shard is not None and self.rows_per_shard < 1:
            raise UsageError(f"rows_per_shard is {self.rows_per_shard}, expected at least 1")

    @property
    def target_rows_per_shard(self) -> int:
        """Rows of a shard, about."""
        if self.rows_per_shard is not None:
            return self.rows_per_shard
        return max(1, _SHARD_PIXELS // self.style.side**2)
