"""How good a model is on rows that have something in common, such as the country."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import UsageError
from quickdraw_kit.learn.data.dataset import Dataset
from quickdraw_kit.learn.data.sequences import StrokeDataset
from quickdraw_kit.learn.evaluate import Evaluation
from quickdraw_kit.shards.read.dataset import ShardDataset

__all__ = ["Group", "groups_of", "metadata_of"]

_UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Group:
    """How good a model is on the rows that have something in common."""

    name: str
    drawings: int
    loss: float
    top1: float
    top3: float


def metadata_of(dataset: Dataset) -> dict[str, npt.NDArray[np.str_]]:
    """Return what is known of each row besides its label."""
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
    """Measure each group of rows by itself."""
    if len(values) != len(result):
        raise UsageError(f"{len(values)} values for {len(result)} rows, expected one for each")
    names, place, counts = np.unique(values, return_inverse=True, return_counts=True)

    def means(numbers: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        return np.bincount(place, numbers.astype(np.float64), len(names)) / counts

    columns = (counts, means(result.losses), means(result.ranks < 1), means(result.ranks < 3))
    rows = zip(names.tolist(), *(column.tolist() for column in columns), strict=True)
    return tuple(sorted((Group(*row) for row in rows), key=lambda g: (-g.drawings, g.name)))
