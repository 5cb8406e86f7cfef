"""How good a model is on rows that have something in common, such as the country."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import UsageError
from quickdraw_kit.learn.dataset import Dataset
from quickdraw_kit.learn.evaluate import Evaluation
from quickdraw_kit.learn.sequence import StrokeDataset
from quickdraw_kit.shards.dataset import ShardDataset

__all__ = ["Group", "groups_of", "metadata_of"]

_UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Group:
    """How good a model is on the rows that have something in common.

    Parameters
    ----------
    name : str
        What they have in common.
    drawings : int
        How many there are.
    loss, top1, top3 : float
        As of `quickdraw_kit.learn.evaluate.Evaluation`.

    Examples
    --------
    >>> Group("DE", 120, 0.31, 0.9, 0.97).name
    'DE'
    """

    name: str
    drawings: int
    loss: float
    top1: float
    top3: float


def metadata_of(dataset: Dataset) -> dict[str, npt.NDArray[np.str_]]:
    """Return what is known of each row besides its label.

    Parameters
    ----------
    dataset : Dataset
        Shards and drawings know something, bitmaps nothing.

    Returns
    -------
    dict of str to ndarray of str, shape (n,)
        ``countrycode`` and ``recognized`` (``yes`` or ``no``), each if it is known of any row; of
        the others, such as bitmaps among drawings, it is ``unknown``.

    Examples
    --------
    >>> from quickdraw_kit.strokes.batch import DrawingBatch
    >>> drawings = DrawingBatch.from_strokes([[([0, 255], [0, 9])]], words=["line"])
    >>> metadata_of(StrokeDataset(drawings, np.zeros(1, np.int64), ("line",)))["recognized"]
    array(['no'], dtype='<U7')
    """
    if isinstance(dataset, ShardDataset):
        frame = dataset.to_pandas()
        country = frame["countrycode"].fillna("").to_numpy(np.str_)
        recognized = frame["recognized"].astype("Int8").fillna(2).to_numpy(np.int64)
    elif isinstance(dataset, StrokeDataset):
        country = dataset.drawings.countrycode.astype(np.str_)
        recognized = dataset.drawings.recognized.astype(np.int64)
    else:
        return {}
    known = {
        "countrycode": np.where(country == "", _UNKNOWN, country),
        "recognized": np.array(["no", "yes", _UNKNOWN])[recognized],
    }
    return {name: values for name, values in known.items() if (values != _UNKNOWN).any()}


def groups_of(result: Evaluation, values: npt.NDArray[np.str_]) -> tuple[Group, ...]:
    """Measure each group of rows by itself.

    Parameters
    ----------
    result : Evaluation
        Of all rows.
    values : ndarray of str, shape (n,)
        The group of each row, such as those of `metadata_of`.

    Returns
    -------
    tuple of Group
        The largest first.

    Raises
    ------
    UsageError
        If there is not one value for each row.

    Examples
    --------
    >>> truth, ranks = np.array([0, 0, 1]), np.array([0, 1, 0])
    >>> zeros = np.zeros(3, np.float32)
    >>> result = Evaluation(("cat", "dog"), truth, truth, zeros, ranks, zeros)
    >>> [(group.name, group.top1) for group in groups_of(result, np.array(["DE", "DE", "FR"]))]
    [('DE', 0.5), ('FR', 1.0)]
    """
    if len(values) != len(result):
        raise UsageError(f"{len(values)} values for {len(result)} rows, expected one for each")
    names, place, counts = np.unique(values, return_inverse=True, return_counts=True)

    def means(numbers: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        return np.bincount(place, numbers.astype(np.float64), len(names)) / counts

    columns = (counts, means(result.losses), means(result.ranks < 1), means(result.ranks < 3))
    rows = zip(names.tolist(), *(column.tolist() for column in columns), strict=True)
    return tuple(sorted((Group(*row) for row in rows), key=lambda g: (-g.drawings, g.name)))
