"""Drawings as sequences: strokes packed for a network without padding.

A drawing has 5 points or 300. Padded to the longest one, most of a batch would be zeros. So the
points of all drawings of a batch are concatenated into one long sequence, each with the number of
its drawing, and a convolution along the sequence leaves out the points of other drawings.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from quickdraw_kit.errors import DataError
from quickdraw_kit.learn.data.dataset import Labels, batch_rows, check_labels
from quickdraw_kit.strokes.batch import DrawingBatch

FEATURES = 5
"""Numbers per point: x, y, their differences from the previous point, and 1 at a stroke's end."""


@dataclass(frozen=True, slots=True, eq=False)
class StrokeDataset:
    """Drawings in memory, with labels; every drawing has at least one point."""

    drawings: DrawingBatch
    labels: Labels
    label_names: tuple[str, ...]

    def __post_init__(self) -> None:
        check_labels(self.labels, self.label_names, rows=len(self.drawings))
        empty = np.flatnonzero(self.drawings.point_counts == 0)
        if len(empty):
            raise DataError(f"drawing {empty[0]} has no points: leave out drawings without strokes")

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def side(self) -> int:
        """Side of the frame, in units of the coordinates."""
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
        """Yield drawings and labels in batches, as `ArrayDataset.batches` does."""
        for rows in batch_rows(
            len(self), batch_size, shuffle, seed, skip=skip, rank=rank, world_size=world_size
        ):
            drawings = self.drawings
            batch = drawings[rows] if isinstance(rows, slice) else drawings.take(rows)
            yield batch, self.labels[rows]


class PackedStrokes(NamedTuple):
    """The points of several drawings, one drawing after the other."""

    points: torch.Tensor  # float32, shape (points, FEATURES)
    drawing: torch.Tensor  # int64, shape (points,): the drawing of each point, from 0
    size: int  # number of drawings


def pack_strokes(drawings: DrawingBatch, device: torch.device | str = "cpu") -> PackedStrokes:
    """Pack drawings for a network; size and position in the frame do not matter."""
    lengths = drawings.point_counts
    if len(lengths) == 0 or lengths.min() < 1:
        raise DataError("a drawing has no points: leave out drawings without strokes")
    drawing = np.repeat(np.arange(len(lengths)), lengths)
    return PackedStrokes(
        torch.from_numpy(_features(drawings)).to(device),
        torch.from_numpy(drawing).to(device),
        len(lengths),
    )


def transform_strokes(strokes: PackedStrokes, maps: torch.Tensor) -> PackedStrokes:
    """Apply an affine map to each drawing; `maps` has shape (n, 2, 3)."""
    map_of_point, points = maps[strokes.drawing], strokes.points
    linear, offset = map_of_point[:, :, :2], map_of_point[:, :, 2]
    position = (linear @ points[:, :2, None]).squeeze(2) + offset

    # differences between points do not depend on the offset
    difference = (linear @ points[:, 2:4, None]).squeeze(2)
    return strokes._replace(points=torch.cat((position, difference, points[:, 4:]), dim=1))


def _features(drawings: DrawingBatch) -> npt.NDArray[np.float32]:
    """Compute the features of each point, shape (points, FEATURES)."""
    starts, lengths = drawings.point_offsets[:-1], drawings.point_counts
    points = np.empty((len(drawings.x), FEATURES), np.float32)

    # center each drawing and scale its longer side to -1 .. 1; a dot stays at 0
    half_sides = []
    for column, values in enumerate((drawings.x, drawings.y)):
        values = values.astype(np.float32)
        low, high = np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)
        points[:, column] = values - np.repeat((low + high) / 2, lengths)
        half_sides.append((high - low) / 2)
    scale = np.maximum(np.maximum(*half_sides), 1e-6)
    points[:, :2] /= np.repeat(scale, lengths)[:, None]

    # the first point of a drawing has no previous one
    points[1:, 2:4] = np.diff(points[:, :2], axis=0)
    points[starts, 2:4] = 0

    points[:, 4] = 0
    points[drawings.stroke_offsets[1:] - 1, 4] = 1
    return points
