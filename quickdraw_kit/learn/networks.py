"""The networks, by name; the counts of their parameters are part of the contract.

`mnist-cnn` and `quickdraw-cnn` are the layouts that courses and papers on these data sets use, so
that results can be compared. `tiny-cnn` learns the bundled sample in seconds on one core.
"""

from collections.abc import Callable

from torch import nn

from quickdraw_kit.errors import UsageError

__all__ = ["NETWORKS", "build_network", "count_parameters"]


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


NETWORKS: dict[str, Callable[[int, int], nn.Sequential]] = {
    "mnist-cnn": _mnist_cnn,
    "quickdraw-cnn": _quickdraw_cnn,
    "tiny-cnn": _tiny_cnn,
}


def build_network(name: str, classes: int, *, side: int = 28) -> nn.Sequential:
    """Build a network that maps (n, 1, side, side) to (n, classes), with random weights.

    Parameters
    ----------
    name : str
        One of `NETWORKS`.
    classes : int
        How many labels there are.
    side : int
        Side of the images, at least 16 pixels.

    Returns
    -------
    torch.nn.Sequential
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
    if name not in NETWORKS:
        raise UsageError(f"no network {name!r}, expected one of {', '.join(NETWORKS)}")
    if classes < 2 or side < 16:
        raise UsageError(
            f"{classes} classes of {side} x {side} pixels: expected at least 2 of at least 16 x 16"
        )
    return NETWORKS[name](classes, side)


def count_parameters(network: nn.Module) -> int:
    """Count the trainable parameters of a network.

    Parameters
    ----------
    network : torch.nn.Module
        Any network.

    Returns
    -------
    int
        Numbers that training changes.

    Examples
    --------
    >>> count_parameters(build_network("quickdraw-cnn", 345))
    500985
    """
    return sum(weights.numel() for weights in network.parameters() if weights.requires_grad)
