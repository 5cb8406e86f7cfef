"""The network that reads strokes: dilated convolutions along the points of packed drawings.

A network without recurrence: a step is a few large matrix products, where a recurrent network needs
a small one for every point, one after the other. Two GRU layers with fewer weights took three times
as long for an epoch on a CPU.
"""

import torch
from torch import nn
from torch.nn.functional import pad, relu

from quickdraw_kit.learn.data.sequences import FEATURES, PackedStrokes


class StrokeBlock(nn.Module):
    """A residual block: a convolution over three points that are `dilation` apart.

    A neighbor that belongs to another drawing counts as zeros.
    """

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.linear = nn.Linear(3 * width, width, bias=False)
        self.norm = nn.BatchNorm1d(width)

    def forward(self, points: torch.Tensor, drawing: torch.Tensor) -> torch.Tensor:
        """Return features of the same shape (points, width)."""
        step = self.dilation
        padding = min(step, len(points))  # a batch may have fewer points than the dilation
        same_drawing = (drawing[step:] == drawing[:-step]).to(points.dtype)[:, None]
        previous = pad(points[:-step] * same_drawing, (0, 0, padding, 0))
        following = pad(points[step:] * same_drawing, (0, 0, 0, padding))

        # three shifted copies and one product are a convolution of width three
        mixed = self.linear(torch.cat((previous, points, following), dim=1))
        return points + relu(self.norm(mixed))


class StrokeNetwork(nn.Module):
    """Blocks of growing dilation, then mean and maximum over each drawing, then a linear layer."""

    def __init__(
        self, classes: int, *, width: int = 128, dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 32)
    ) -> None:
        super().__init__()
        self.stem = nn.Linear(FEATURES, width)
        self.blocks = nn.ModuleList(StrokeBlock(width, dilation) for dilation in dilations)
        self.dropout = nn.Dropout(0.2)
        self.head = nn.Linear(2 * width, classes)

    def forward(self, strokes: PackedStrokes) -> torch.Tensor:
        """Return logits of shape (n, classes)."""
        points = self.stem(strokes.points)
        for block in self.blocks:
            points = block(points, strokes.drawing)

        # pool the points of each drawing; every drawing has at least one
        index = strokes.drawing[:, None].expand_as(points)
        zeros = points.new_zeros(strokes.size, points.shape[1])
        mean = zeros.scatter_reduce(0, index, points, "mean", include_self=False)
        maximum = zeros.scatter_reduce(0, index, points, "amax", include_self=False)
        logits: torch.Tensor = self.head(self.dropout(torch.cat((mean, maximum), dim=1)))
        return logits
