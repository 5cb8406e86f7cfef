"""Which drawings to keep: the filters of `prepare`, each counted under its name."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from quickdraw_kit.categories import check_categories, label_order
from quickdraw_kit.errors import UsageError
from quickdraw_kit.shards.quality import QUALITY_FLAGS, check_flags
from quickdraw_kit.strokes.batch import DrawingBatch

__all__ = ["Filters"]


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters of `prepare`; the defaults keep everything.

    Parameters
    ----------
    categories : tuple of str, optional
        Only these categories. They become the labels, also those without a drawing.
    recognized_only : bool
        Only drawings that the game recognised.
    countries : tuple of str, optional
        Only drawings from these countries, two letters each.
    limit : int, optional
        At most so many drawings of a category. Which ones, a hash of their key_id decides, so that
        the choice depends neither on the order of the files nor on the number of workers.
    strokes : tuple of (int, int or None)
        Least and most strokes of a drawing; None for no bound.
    points : tuple of (int, int or None)
        Least and most points of a drawing.
    allow_unknown_labels : bool
        Accept words that are not among the 345 categories, instead of rejecting their lines.
    exclude_flags : tuple of str
        Leave out drawings that have one of these `QUALITY_FLAGS`; of duplicates the original
        stays.

    Raises
    ------
    UsageError
        If a category or flag is unknown, a bound is negative or the wrong way round.

    Examples
    --------
    >>> Filters(categories=("dog", "cat"), countries=("us",), limit=100)
    Selection(categories=('cat', 'dog'), recognized_only=False, countries=('US',), limit=100, ...)
    """

    categories: tuple[str, ...] | None = None
    recognized_only: bool = False
    countries: tuple[str, ...] | None = None
    max_per_category: int | None = None
    strokes: tuple[int, int | None] = (0, None)
    points: tuple[int, int | None] = (0, None)
    allow_unknown_labels: bool = False
    exclude_flags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.categories is not None:
            in_order = label_order if self.allow_unknown_labels else check_categories
            object.__setattr__(self, "categories", in_order(self.categories))
        if self.countries is not None:
            countries = tuple(sorted({country.upper() for country in self.countries}))
            if wrong := [c for c in countries if not (len(c) == 2 and c.isascii() and c.isalpha())]:
                raise UsageError(f"countries {', '.join(wrong)}: expected two letters each, as US")
            object.__setattr__(self, "countries", countries)
        if self.max_per_category is not None and self.max_per_category < 1:
            raise UsageError(
                f"limit is {self.max_per_category}, expected at least 1 drawing of a category"
            )
        object.__setattr__(self, "exclude_flags", check_flags(self.exclude_flags))
        for name in ("strokes", "points"):
            least, most = getattr(self, name)
            if least < 0 or (most is not None and most < max(least, 1)):
                end = "" if most is None else most
                raise UsageError(f"{name} {least}:{end}: expected 0 <= least <= most, and most > 0")

    @property
    def excludes_duplicates(self) -> bool:
        """Whether it takes all drawings to know which pass."""
        return any(name.endswith("duplicate") for name in self.exclude_flags)

    def keep_unflagged(
        self, flags: npt.NDArray[np.uint8]
    ) -> tuple[npt.NDArray[np.bool_], dict[str, int]]:
        """Tell which drawings have none of the flags that are excluded.

        Parameters
        ----------
        flags : ndarray of uint8, shape (drawings,)
            Sums of bits of `QUALITY_FLAGS`.

        Returns
        -------
        keep : ndarray of bool, shape (drawings,)
        filtered : dict of str to int
            How many each flag left out; a drawing counts at its first.

        Examples
        --------
        >>> Filters(exclude_flags=("dot",)).keep_unflagged(np.array([1, 2], np.uint8))
        (array([False,  True]), {'flag dot': 1})
        """
        keep = np.ones(len(flags), np.bool_)
        filtered: dict[str, int] = {}
        for name in self.exclude_flags:
            failed = keep & (flags & QUALITY_FLAGS[name] != 0)
            if failed.any():
                filtered[f"flag {name}"] = int(np.count_nonzero(failed))
            keep &= ~failed
        return keep, filtered

    def keep(self, batch: DrawingBatch) -> tuple[npt.NDArray[np.bool_], dict[str, int]]:
        """Tell which drawings pass, `limit` aside, which no single batch can decide.

        Parameters
        ----------
        batch : DrawingBatch
            Drawings.

        Returns
        -------
        keep : ndarray of bool, shape (drawings,)
            True for those that pass.
        filtered : dict of str to int
            How many each filter left out; a drawing counts at the first filter it fails.

        Examples
        --------
        >>> batch = DrawingBatch.from_strokes([[([0, 1], [0, 1])], [([5], [5])]], words=["a", "b"])
        >>> Filters(points=(2, None)).keep(batch)
        (array([ True, False]), {'points': 1})
        """
        tests: dict[str, npt.NDArray[np.bool_]] = {}
        if self.categories is not None:
            wanted = np.array([word in self.categories for word in batch.words], np.bool_)
            tests["category"] = wanted[batch.word_code]
        if self.recognized_only:
            tests["unrecognized"] = batch.recognized
        if self.countries is not None:
            codes = np.array([country.encode() for country in self.countries], "S2")
            tests["country"] = np.isin(batch.countrycode, codes)
        if self.strokes != (0, None):
            tests["strokes"] = _within(batch.stroke_counts, self.strokes)
        if self.points != (0, None):
            tests["points"] = _within(batch.point_counts, self.points)
        keep = np.ones(len(batch), np.bool_)
        filtered: dict[str, int] = {}
        for name, passed in tests.items():
            failed = int(np.count_nonzero(keep & ~passed))
            if failed:
                filtered[name] = failed
            keep &= passed
        return keep, filtered


def _within(counts: npt.NDArray[np.int64], bounds: tuple[int, int | None]) -> npt.NDArray[np.bool_]:
    least, most = bounds
    return (counts >= least) & (counts <= (np.iinfo(np.int64).max if most is None else most))
