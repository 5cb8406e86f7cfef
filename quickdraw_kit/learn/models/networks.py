"""The networks, by name; the counts of their parameters are part of the contract.

`mnist-cnn` and `quickdraw-cnn` are the layouts that courses and papers on these data sets use, so
that results can be compared. `mnist-tiny` and `quickdraw-resnet` do better with less: small
kernels, batch normalisation, and an average over the last map in place of a wide dense layer, which
is where the layouts above have most of their parameters. `stroke-cnn` reads points in place of
pixels. `tiny-cnn` learns the bundled sample in seconds on one core.
"""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn.functional import relu

from quickdraw_kit.errors import UsageError
from quickdraw_kit.learn.models.stroke_network import StrokeNetwork

__all__ = [
    "NETWORKS",
    "STROKE_NETWORKS",
    "Residual",
    "build_network",
    "check_network",
    "count_parameters",
]


def _mnist_cnn(classes: int, side: int) -> nn.Sequential:
    small = ((side - 4) // 2 - 4) // 2
    return nn.Sequential(
        nn.Conv2d(1, 8, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16 * small * small, 128),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(128, classes),
    )


def _quickdraw_cnn(classes: int, side: int) -> nn.Sequential:
    small = side // 8
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
        nn.Linear(64 * small * small, 512),
        nn.ReLU(),
        nn.Linear(512, classes),
    )


def _tiny_cnn(classes: int, side: int) -> nn.Sequential:
    small = side // 8
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
        nn.Linear(32 * small * small, classes),
    )


class Residual(nn.Module):
    """A 3 x 3 convolution whose result is added to what it was given."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.normalisation = nn.BatchNorm2d(channels)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return maps of the same shape."""
        return relu(images + self.normalisation(self.convolution(images)))


def _convolution(before: int, after: int) -> list[nn.Module]:
    """Return a 3 x 3 convolution with batch normalisation."""
    return [
        nn.Conv2d(before, after, 3, padding=1, bias=False),
        nn.BatchNorm2d(after),
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
        *_convolution(1, 16),  # maps of the full size are most of the time: few of them
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
STROKE_NETWORKS = frozenset({"stroke-cnn"})
"""Those that read strokes; the others read images."""


def check_network(name: str) -> None:
    """Refuse the name of a network that does not exist."""
    if name not in NETWORKS:
        raise UsageError(f"no network {name!r}, expected one of {', '.join(NETWORKS)}")


def build_network(
    name: str, classes: int, *, side: int = 28, dropout: float | None = None
) -> nn.Module:
    """Build a network with random weights that maps a batch to (n, classes).

    Parameters
    ----------
    name : str
        One of `NETWORKS`.
    classes : int
        How many labels there are.
    side : int
        Side of the images, at least 16 pixels; networks that read strokes do not care.
    dropout : float, optional
        Share that its dropout layers drop; by default as the network says.

    Returns
    -------
    torch.nn.Module
        On the processor, in training mode.

    Raises
    ------
    UsageError
        If there is no such network, or a number is too small.

    Examples
    --------
    >>> count_parameters(build_network("mnist-cnn", 10))
    37610
    """
    check_network(name)
    if classes < 2 or side < 16:
        raise UsageError(
            f"{classes} classes of {side} x {side} pixels: expected at least 2 of at least 16 x 16"
        )
    network = NETWORKS[name](classes, side)
    for module in network.modules():
        if isinstance(module, nn.Dropout) and dropout is not None:
            module.p = dropout
    return network


def count_parameters(network: nn.Module) -> int:
    """Count the trainable parameters of a network."""
    return sum(weights.numel() for weights in network.parameters() if weights.requires_grad)
