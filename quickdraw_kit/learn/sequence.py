"""Drawings as sequences: strokes packed for a recurrent network without a point of padding.

A drawing has 5 points or 300. Padded to the longest, most of a batch is nothing; packed, the first
points of all drawings stand together, then the second points of those that have one, and so on.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence

from quickdraw_kit.errors import DataError
from quickdraw_kit.learn.dataset import Labels
from quickdraw_kit.strokes.batch import DrawingBatch

__all__ = ["FEATURES", "StrokeDataset", "StrokeNetwork", "pack_strokes", "transform_strokes"]

FEATURES = 5
"""Numbers a point: x, y, the way from the point before in x and in y, and 1 where a stroke ends."""


@dataclass(frozen=True, slots=True, eq=False)
class StrokeDataset:
    """Drawings in memory, with their labels, in whole batches.

    Parameters
    ----------
    drawings : DrawingBatch
        Simplified drawings.
    labels : ndarray of int64, shape (n,)
        Indices into `label_names`.
    label_names : tuple of str
        Names in label order.

    Raises
    ------
    DataError
        If a label is missing or has no name, or a drawing has no point.

    Examples
    --------
    >>> drawings = DrawingBatch.from_strokes([[([0, 255], [0, 9])]] * 3, words=["line"] * 3)
    >>> dataset = StrokeDataset(drawings, np.zeros(3, np.int64), ("line",))
    >>> [len(batch) for batch, _ in dataset.batches(2)]
    [2, 1]
    """

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
        self, batch_size: int, *, shuffle: bool = False, seed: int = 0
    ) -> Iterator[tuple[DrawingBatch, Labels]]:
        """Yield whole batches.

        Parameters
        ----------
        batch_size : int
            Drawings of a batch; the last one may have fewer.
        shuffle : bool
            Draw an order.
        seed : int
            What the order is drawn with: the same seed gives the same order.

        Yields
        ------
        drawings : DrawingBatch
        labels : ndarray of int64, shape (n,)
        """
        order = np.random.default_rng(seed).permutation(len(self)) if shuffle else None
        for start in range(0, len(self), batch_size):
            part = slice(start, start + batch_size)
            if order is None:
                yield self.drawings[part], self.labels[part]
            else:
                yield self.drawings.take(order[part]), self.labels[order[part]]


def pack_strokes(drawings: DrawingBatch, device: torch.device | str = "cpu") -> PackedSequence:
    """Pack drawings for a recurrent network.

    Parameters
    ----------
    drawings : DrawingBatch
        Each of at least a point. Each is moved to the middle of its bounds, and scaled so that the
        longer side goes from -1 to 1.
    device : torch.device or str
        Where to.

    Returns
    -------
    PackedSequence
        Of `FEATURES` numbers a point, float32.

    Raises
    ------
    DataError
        If a drawing has no point.

    Examples
    --------
    >>> batch = DrawingBatch.from_strokes([[([0, 4], [0, 2])], [([7], [7])]], words=["a", "b"])
    >>> packed = pack_strokes(batch)
    >>> packed.batch_sizes
    tensor([2, 1])
    >>> packed.data[[0, 2]]
    tensor([[-1.0000, -0.5000,  0.0000,  0.0000,  0.0000],
            [ 1.0000,  0.5000,  2.0000,  1.0000,  1.0000]])
    """
    lengths = drawings.point_counts
    if len(lengths) == 0 or lengths.min() < 1:
        raise DataError("a drawing has no point: leave out drawings without strokes")
    points = _features(drawings)
    order = np.argsort(-lengths, kind="stable")
    sizes = np.bincount(lengths)[::-1].cumsum()[::-1][1:]  # drawings of at least so many points
    # point t of the drawing at rank r goes to place starts[t] + r
    starts = np.concatenate([[0], np.cumsum(sizes)])
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    nth = np.arange(len(points)) - np.repeat(drawings.point_offsets[:-1], lengths)
    packed = np.empty_like(points)
    packed[starts[nth] + np.repeat(rank, lengths)] = points
    return PackedSequence(
        torch.from_numpy(packed).to(device),
        torch.from_numpy(sizes.astype(np.int64)),
        torch.from_numpy(order).to(device),
        torch.from_numpy(rank).to(device),
    )


def transform_strokes(strokes: PackedSequence, maps: torch.Tensor) -> PackedSequence:
    """Move each drawing of a packed batch by a map of its own.

    Parameters
    ----------
    strokes : PackedSequence
        As of `pack_strokes`.
    maps : torch.Tensor of float32, shape (n, 2, 3)
        One for each drawing, in the order before packing; acts on (x, y, 1).

    Returns
    -------
    PackedSequence
        Positions moved; the ways between points turned and scaled alike.
    """
    own = maps[_drawing_of_point(strokes)]
    data = strokes.data
    place = torch.einsum("nij,nj->ni", own[:, :, :2], data[:, :2]) + own[:, :, 2]
    way = torch.einsum("nij,nj->ni", own[:, :, :2], data[:, 2:4])
    return strokes._replace(data=torch.cat((place, way, data[:, 4:]), dim=1))


class StrokeNetwork(nn.Module):
    """Two bidirectional GRU layers over the points, their mean and maximum, and a linear layer.

    Parameters
    ----------
    classes : int
        How many labels there are.
    width : int
        Units a direction.

    Examples
    --------
    >>> batch = DrawingBatch.from_strokes([[([0, 4], [0, 2])], [([7], [7])]], words=["a", "b"])
    >>> StrokeNetwork(3)(pack_strokes(batch)).shape
    torch.Size([2, 3])
    """

    def __init__(self, classes: int, *, width: int = 96) -> None:
        super().__init__()
        self.first = nn.GRU(FEATURES, width, bidirectional=True)
        self.between = nn.Dropout(0.2)
        self.second = nn.GRU(2 * width, width, bidirectional=True)
        self.dropout = nn.Dropout(0.3)
        self.head = nn.Linear(4 * width, classes)

    def forward(self, strokes: PackedSequence) -> torch.Tensor:
        """Return logits of shape (n, classes), in the order before packing.

        Parameters
        ----------
        strokes : PackedSequence
            As of `pack_strokes`.

        Returns
        -------
        torch.Tensor of float32, shape (n, classes)
        """
        hidden, _ = self.first(strokes)
        hidden, _ = self.second(hidden._replace(data=self.between(hidden.data)))
        data, drawing = hidden.data, _drawing_of_point(strokes)
        count = int(strokes.batch_sizes[0])
        index = drawing[:, None].expand_as(data)
        empty = data.new_zeros(count, data.shape[1])
        mean = empty.scatter_reduce(0, index, data, "mean", include_self=False)
        most = empty.scatter_reduce(0, index, data, "amax", include_self=False)
        logits: torch.Tensor = self.head(self.dropout(torch.cat((mean, most), dim=1)))
        return logits


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


def _drawing_of_point(strokes: PackedSequence) -> torch.Tensor:
    """Return the drawing of each packed point, int64, by its number before packing."""
    sizes = strokes.batch_sizes.to(strokes.data.device)
    starts = torch.repeat_interleave(sizes.cumsum(0) - sizes, sizes)
    rank = torch.arange(len(strokes.data), device=strokes.data.device) - starts
    return rank if strokes.sorted_indices is None else strokes.sorted_indices[rank]
