"""Metrics by group: how good a model is on the rows of one country, or recognized by the game."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import UsageError
from quickdraw_kit.learn.data.dataset import Dataset
from quickdraw_kit.learn.data.sequences import StrokeDataset
from quickdraw_kit.learn.evaluate import Evaluation
from quickdraw_kit.shards.read.dataset import ShardDataset

_UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class GroupMetrics:
    """The metrics of one group of rows."""

    name: str
    drawings: int
    loss: float
    top1: float
    top3: float


def group_columns(dataset: Dataset) -> dict[str, npt.NDArray[np.str_]]:
    """Return the metadata columns to group by, in row order: ``countrycode``, ``recognized``.

    A row without a value is ``unknown``; a column without any value is left out, so that data sets
    without metadata, such as bitmaps, have no columns.
    """
    # missing values become "" and 2, which are `unknown` below
    if isinstance(dataset, ShardDataset):
        frame = dataset.to_pandas()
        country = frame["countrycode"].fillna("").to_numpy(np.str_)
        recognized = frame["recognized"].astype("Int8").fillna(2).to_numpy(np.int64)
    elif isinstance(dataset, StrokeDataset):
        country = dataset.drawings.countrycode.astype(np.str_)
        recognized = dataset.drawings.recognition.astype(np.int64)
    else:
        return {}

    columns = {
        "countrycode": np.where(country == "", _UNKNOWN, country),
        "recognized": np.array(["no", "yes", _UNKNOWN])[recognized],
    }
    return {name: values for name, values in columns.items() if (values != _UNKNOWN).any()}


def metrics_by_group(
    evaluation: Evaluation, values: npt.NDArray[np.str_]
) -> tuple[GroupMetrics, ...]:
    """Return the metrics of the rows of each value, the largest group first."""
    if len(values) != len(evaluation):
        raise UsageError(f"{len(values)} values for {len(evaluation)} rows, expected one per row")
    names, group_of_row, counts = np.unique(values, return_inverse=True, return_counts=True)

    # one bincount per metric, for there may be 200 countries and millions of rows
    def means(of_rows: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        return np.bincount(group_of_row, of_rows.astype(np.float64), len(names)) / counts

    columns = (
        counts,
        means(evaluation.losses),
        means(evaluation.ranks < 1),
        means(evaluation.ranks < 3),
    )
    rows = zip(names.tolist(), *(column.tolist() for column in columns), strict=True)
    groups = (GroupMetrics(*row) for row in rows)
    return tuple(sorted(groups, key=lambda group: (-group.drawings, group.name)))
