"""The networks, by name; their numbers of parameters are part of the contract.

`mnist-cnn` and `quickdraw-cnn` are the layouts that courses and papers on these data sets use, so
that results can be compared. `mnist-tiny` and `quickdraw-resnet` are more accurate with fewer
parameters: small kernels, batch normalization, and an average over the last feature map instead of
a wide linear layer, where the layouts above have most of their parameters. `stroke-cnn` reads
points instead of pixels. `tiny-cnn` learns the bundled sample in seconds on one core.
"""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn.functional import relu

from quickdraw_kit.errors import UsageError
from quickdraw_kit.learn.models.stroke_network import StrokeNetwork


def _mnist_cnn(classes: int, side: int) -> nn.Sequential:
    final_side = ((side - 4) // 2 - 4) // 2  # two convolutions without padding, two poolings
    return nn.Sequential(
        nn.Conv2d(1, 8, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16 * final_side * final_side, 128),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(128, classes),
    )


def _quickdraw_cnn(classes: int, side: int) -> nn.Sequential:
    final_side = side // 8
    return nn.Sequential(
        nn.Conv2d(1, 32, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64 * final_side * final_side, 512),
        nn.ReLU(),
        nn.Linear(512, classes),
    )


def _tiny_cnn(classes: int, side: int) -> nn.Sequential:
    final_side = side // 8
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * final_side * final_side, classes),
    )


class Residual(nn.Module):
    """A residual block of one 3 x 3 convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return feature maps of the same shape."""
        return relu(features + self.norm(self.conv(features)))


def _convolution(in_channels: int, out_channels: int) -> list[nn.Module]:
    """Return a 3 x 3 convolution with batch normalization and ReLU."""
    # no bias: batch normalization would subtract it again
    return [
        nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
    ]


def _mnist_tiny(classes: int, side: int) -> nn.Sequential:
    return nn.Sequential(
        *_convolution(1, 8),
        *_convolution(8, 12),
        nn.MaxPool2d(2),
        *_convolution(12, 16),
        Residual(16),
        nn.MaxPool2d(2),
        Residual(16),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(16, classes),
    )


def _quickdraw_resnet(classes: int, side: int) -> nn.Sequential:
    return nn.Sequential(
        *_convolution(1, 16),  # few: at full size, channels cost most of the time
        nn.MaxPool2d(2),
        *_convolution(16, 64),
        Residual(64),
        nn.MaxPool2d(2),
        *_convolution(64, 128),
        Residual(128),
        Residual(128),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(0.1),
        nn.Linear(128, classes),
    )


def _stroke_cnn(classes: int, side: int) -> nn.Module:
    return StrokeNetwork(classes)


NETWORKS: dict[str, Callable[[int, int], nn.Module]] = {
    "mnist-cnn": _mnist_cnn,
    "mnist-tiny": _mnist_tiny,
    "quickdraw-cnn": _quickdraw_cnn,
    "quickdraw-resnet": _quickdraw_resnet,
    "stroke-cnn": _stroke_cnn,
    "tiny-cnn": _tiny_cnn,
}
"""Networks by name, as functions of the number of labels and the side of the images."""
STROKE_NETWORKS = frozenset({"stroke-cnn"})
"""Networks that read strokes; the others read images."""


def check_network(name: str) -> None:
    """Raise `UsageError` for an unknown network."""
    if name not in NETWORKS:
        raise UsageError(f"there is no network {name!r}, expected one of {', '.join(NETWORKS)}")


def build_network(
    name: str, classes: int, *, side: int = 28, dropout: float | None = None
) -> nn.Module:
    """Build a network with random weights.

    Parameters
    ----------
    name : str
        One of `NETWORKS`.
    classes : int
        Number of labels.
    side : int
        Side of the images, at least 16 pixels. Networks that read strokes do not use it.
    dropout : float, optional
        Dropout rate of its dropout layers; by default that of the network.

    Returns
    -------
    torch.nn.Module
        On the CPU, in training mode. It maps a batch to logits of shape (n, classes).

    Raises
    ------
    UsageError
        If there is no network of that name, or a number is too small.

    Examples
    --------
    >>> from quickdraw_kit import build_network
    >>> network = build_network("mnist-cnn", 10)
    >>> sum(weights.numel() for weights in network.parameters())
    37610
    """
    check_network(name)
    if classes < 2 or side < 16:
        raise UsageError(
            f"a network cannot have {classes} classes of {side} x {side} pixels: expected at least "
            "2 classes of at least 16 x 16 pixels"
        )
    network = NETWORKS[name](classes, side)

    # set afterwards: the rate does not change which random weights are drawn
    for module in network.modules():
        if isinstance(module, nn.Dropout) and dropout is not None:
            module.p = dropout
    return network


def count_parameters(network: nn.Module) -> int:
    """Return the number of trainable parameters of a network."""
    return sum(weights.numel() for weights in network.parameters() if weights.requires_grad)
