"""Drawings as sequences: strokes packed for a network without a point of padding.

A drawing has 5 points or 300. Padded to the longest, most of a batch would be nothing. So the
points of a batch stand one behind the other in one long sequence, each with the number of its
drawing, and a convolution along the sequence sees no point of another drawing. A step is then a few
large matrix products, where a recurrent network needs one small one after the other: of two GRU
layers with fewer weights, an epoch took three times as long on a processor.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from quickdraw_kit.errors import DataError
from quickdraw_kit.learn.data.dataset import Labels, rank_rows
from quickdraw_kit.strokes.batch import DrawingBatch

__all__ = [
    "FEATURES",
    "PackedStrokes",
    "StrokeDataset",
    "pack_strokes",
    "transform_strokes",
]

FEATURES = 5
"""Numbers a point: x, y, the way from the point before in x and in y, and 1 where a stroke ends."""


@dataclass(frozen=True, slots=True, eq=False)
class StrokeDataset:
    """Drawings in memory, with their labels, in whole batches."""

    drawings: DrawingBatch
    labels: Labels
    label_names: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.labels.dtype != np.int64 or self.labels.shape != (len(self.drawings),):
            raise DataError(
                f"labels are {self.labels.dtype} {self.labels.shape}, "
                f"expected int64 ({len(self.drawings)},)"
            )
        names = len(self.label_names)
        if len(self.labels) and not 0 <= self.labels.min() <= self.labels.max() < names:
            raise DataError(
                f"labels run from {self.labels.min()} to {self.labels.max()}, expected 0 to "
                f"{names - 1}, for there are {names} names"
            )
        empty = np.flatnonzero(self.drawings.point_counts == 0)
        if len(empty):
            raise DataError(f"drawing {empty[0]} has no point: leave out drawings without strokes")

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def side(self) -> int:
        """Side of the frame, in units of the drawings."""
        return 256

    def batches(
        self,
        batch_size: int,
        *,
        shuffle: bool = False,
        seed: int = 0,
        skip: int = 0,
        rank: int = 0,
        world_size: int = 1,
    ) -> Iterator[tuple[DrawingBatch, Labels]]:
        """Yield whole batches."""
        order = np.random.default_rng(seed).permutation(len(self)) if shuffle else None
        for part in rank_rows(len(self), batch_size, skip=skip, rank=rank, world_size=world_size):
            if order is None:
                yield self.drawings[part], self.labels[part]
            else:
                yield self.drawings.take(order[part]), self.labels[order[part]]


class PackedStrokes(NamedTuple):
    """The points of some drawings, one drawing behind the other."""

    points: torch.Tensor
    drawing: torch.Tensor
    size: int


def pack_strokes(drawings: DrawingBatch, device: torch.device | str = "cpu") -> PackedStrokes:
    """Pack drawings for a network."""
    lengths = drawings.point_counts
    if len(lengths) == 0 or lengths.min() < 1:
        raise DataError("a drawing has no point: leave out drawings without strokes")
    drawing = np.repeat(np.arange(len(lengths)), lengths)
    return PackedStrokes(
        torch.from_numpy(_features(drawings)).to(device),
        torch.from_numpy(drawing).to(device),
        len(lengths),
    )


def transform_strokes(strokes: PackedStrokes, maps: torch.Tensor) -> PackedStrokes:
    """Move each drawing of a packed batch by a map of its own."""
    own, points = maps[strokes.drawing], strokes.points
    turn, translate = own[:, :, :2], own[:, :, 2]
    place = (turn @ points[:, :2, None]).squeeze(2) + translate
    way = (turn @ points[:, 2:4, None]).squeeze(2)
    return strokes._replace(points=torch.cat((place, way, points[:, 4:]), dim=1))


def _features(drawings: DrawingBatch) -> npt.NDArray[np.float32]:
    """Describe each point, shape (points, FEATURES), in the order of the drawings."""
    starts, lengths = drawings.point_offsets[:-1], drawings.point_counts
    points = np.empty((len(drawings.x), FEATURES), np.float32)
    ranges = []
    for column, values in enumerate((drawings.x, drawings.y)):
        values = values.astype(np.float32)
        low, high = np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)
        points[:, column] = values - np.repeat((low + high) / 2, lengths)
        ranges.append((high - low) / 2)
    size = np.maximum(np.maximum(*ranges), 1e-6)
    points[:, :2] /= np.repeat(size, lengths)[:, None]
    points[1:, 2:4] = np.diff(points[:, :2], axis=0)
    points[starts, 2:4] = 0
    points[:, 4] = 0
    points[drawings.stroke_offsets[1:] - 1, 4] = 1
    return points
