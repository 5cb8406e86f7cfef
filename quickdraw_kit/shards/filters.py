"""Which drawings to keep: the filters of `prepare`, each counted under its name."""

from dataclasses import dataclass
from typing import Annotated, TypeAlias

import numpy as np
import numpy.typing as npt

from quickdraw_kit.categories import check_categories, label_order
from quickdraw_kit.errors import UsageError
from quickdraw_kit.options import check, option
from quickdraw_kit.shards.quality import QUALITY_FLAGS, check_flags
from quickdraw_kit.strokes.batch import DrawingBatch

Bounds: TypeAlias = tuple[int, int | None]
"""The smallest and the largest allowed count, both included; None for no upper bound."""

_GROUP = "Filters"


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters of `prepare`; the defaults keep everything.

    Parameters
    ----------
    categories : tuple of str, optional
        Keep only these categories. All of them become labels, even those without a drawing.
    recognized_only : bool
        Keep only drawings that the game recognized; those for which this is not known are dropped
        and counted apart.
    countries : tuple of str, optional
        Keep only drawings from these countries, two letters each.
    max_per_category : int, optional
        Keep at most this many drawings of a category. A hash of the key_id decides which ones, so
        the choice depends neither on the order of the files nor on the number of workers.
    strokes : tuple of (int, int or None)
        The smallest and largest number of strokes of a drawing; None for no upper bound.
    points : tuple of (int, int or None)
        The smallest and largest number of points of a drawing.
    allow_unknown_labels : bool
        Accept words that are not among the 345 categories, instead of rejecting their lines.
    exclude_flags : tuple of str
        Drop drawings that have one of these `QUALITY_FLAGS`; of duplicates the original is kept.

    Raises
    ------
    UsageError
        If a category or a flag is unknown, a number is out of range, or bounds are not in order.

    Examples
    --------
    >>> from quickdraw_kit import Filters
    >>> filters = Filters(categories=("dog", "cat"), countries=("us",), max_per_category=100)
    >>> filters.categories, filters.countries
    (('cat', 'dog'), ('US',))
    """

    categories: (
        Annotated[
            tuple[str, ...],
            option(
                "Only these categories: 'cat,hot air balloon'.",
                group=_GROUP,
                flags=("--categories", "-c"),
            ),
        ]
        | None
    ) = None
    recognized_only: Annotated[
        bool, option("Only drawings that the game recognized.", group=_GROUP)
    ] = False
    countries: (
        Annotated[
            tuple[str, ...],
            option("Only these countries, two letters each: 'US,BR'.", group=_GROUP),
        ]
        | None
    ) = None
    max_per_category: (
        Annotated[int, option("At most this many drawings per category.", ge=1, group=_GROUP)]
        | None
    ) = None
    strokes: Annotated[
        Bounds, option("Strokes per drawing: '2:50', '2:' or ':50'.", group=_GROUP)
    ] = (0, None)
    points: Annotated[
        Bounds, option("Points per drawing: '2:500', '2:' or ':500'.", group=_GROUP)
    ] = (0, None)
    allow_unknown_labels: Annotated[
        bool, option("Accept words outside the 345 categories.", group=_GROUP)
    ] = False
    exclude_flags: Annotated[
        tuple[str, ...],
        option(
            f"Drop drawings with one of these flags: {', '.join(QUALITY_FLAGS)}.",
            group=_GROUP,
            flags=("--exclude-flag",),
        ),
    ] = ()

    def __post_init__(self) -> None:
        check(self)
        # one order for each set of values: equal filters give equal manifests
        if self.categories is not None:
            in_order = label_order if self.allow_unknown_labels else check_categories
            object.__setattr__(self, "categories", in_order(self.categories))
        if self.countries is not None:
            object.__setattr__(self, "countries", _check_countries(self.countries))
        object.__setattr__(self, "exclude_flags", check_flags(self.exclude_flags))
        _check_bounds("strokes", self.strokes)
        _check_bounds("points", self.points)

    @property
    def excludes_duplicates(self) -> bool:
        """Whether all drawings must be read to know which ones pass."""
        return any(name.endswith("duplicate") for name in self.exclude_flags)

    def keep(self, batch: DrawingBatch) -> tuple[npt.NDArray[np.bool_], dict[str, int]]:
        """Apply all filters but those that need other drawings too.

        These are `max_per_category`, and the flags for which there is `keep_unflagged`.

        Parameters
        ----------
        batch : DrawingBatch
            The drawings.

        Returns
        -------
        keep : ndarray of bool, shape (drawings,)
            True for drawings that pass.
        filtered : dict of str to int
            How many drawings each filter dropped; a drawing counts at the first filter it fails.

        Examples
        --------
        >>> from quickdraw_kit import DrawingBatch, Filters
        >>> batch = DrawingBatch.from_strokes([[([0, 1], [0, 1])], [([5], [5])]], words=["a", "b"])
        >>> Filters(points=(2, None)).keep(batch)
        (array([ True, False]), {'points': 1})
        """
        # in the order in which failures count; filters that keep everything are not computed
        passes: dict[str, npt.NDArray[np.bool_]] = {}
        if self.categories is not None:
            # once per word, not per drawing; with a dtype, which an empty list does not give
            wanted = np.array([word in self.categories for word in batch.words], np.bool_)
            passes["category"] = wanted[batch.word_code]
        if self.recognized_only:
            # what is not known is not a reason by itself: it is counted apart
            passes["unrecognized"] = batch.recognition != 0
            passes["recognized unknown"] = batch.recognized
        if self.countries is not None:
            # bytes, as in the column: no code is decoded
            codes = np.array([country.encode() for country in self.countries], "S2")
            is_unknown = batch.countrycode == b""
            passes["country"] = np.isin(batch.countrycode, codes) | is_unknown
            passes["country unknown"] = ~is_unknown
        if self.strokes != (0, None):
            passes["strokes"] = _within(batch.stroke_counts, self.strokes)
        if self.points != (0, None):
            passes["points"] = _within(batch.point_counts, self.points)
        return _apply(passes, len(batch))

    def keep_unflagged(
        self, flags: npt.NDArray[np.uint8]
    ) -> tuple[npt.NDArray[np.bool_], dict[str, int]]:
        """Keep drawings that have none of the excluded flags.

        Parameters
        ----------
        flags : ndarray of uint8, shape (drawings,)
            Sums of bits of `QUALITY_FLAGS`.

        Returns
        -------
        keep : ndarray of bool, shape (drawings,)
            True for drawings that pass.
        filtered : dict of str to int
            How many drawings each flag dropped; a drawing counts at its first.

        Examples
        --------
        >>> import numpy as np
        >>> from quickdraw_kit import Filters
        >>> Filters(exclude_flags=("dot",)).keep_unflagged(np.array([1, 2], np.uint8))
        (array([False,  True]), {'flag dot': 1})
        """
        passes = {f"flag {name}": flags & QUALITY_FLAGS[name] == 0 for name in self.exclude_flags}
        return _apply(passes, len(flags))


def _apply(
    passes: dict[str, npt.NDArray[np.bool_]], drawings: int
) -> tuple[npt.NDArray[np.bool_], dict[str, int]]:
    """Combine filters, and count each drawing at the first that it fails."""
    keep = np.ones(drawings, np.bool_)
    filtered: dict[str, int] = {}
    for name, passed in passes.items():
        # among those that passed so far: the counts add up to what was dropped, as in the manifest
        if failed := int(np.count_nonzero(keep & ~passed)):
            filtered[name] = failed
        keep &= passed
    return keep, filtered


def _within(counts: npt.NDArray[np.int64], bounds: Bounds) -> npt.NDArray[np.bool_]:
    smallest, largest = bounds
    return (counts >= smallest) & (
        counts <= (np.iinfo(np.int64).max if largest is None else largest)
    )


def _check_countries(codes: tuple[str, ...]) -> tuple[str, ...]:
    countries = tuple(sorted({code.upper() for code in codes}))
    if wrong := [c for c in countries if not (len(c) == 2 and c.isascii() and c.isalpha())]:
        raise UsageError(f"countries {', '.join(wrong)}: expected two letters each, such as US")
    return countries


def _check_bounds(name: str, bounds: Bounds) -> None:
    smallest, largest = bounds
    # a largest count of 0 would keep only drawings without strokes: a mistake
    if smallest < 0 or (largest is not None and largest < max(smallest, 1)):
        given = f"{smallest}:{'' if largest is None else largest}"
        raise UsageError(f"{name} {given}: expected 0 <= smallest <= largest, and largest > 0")
