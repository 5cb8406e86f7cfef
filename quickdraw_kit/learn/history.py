"""The history of a training run: metrics of each epoch, as lines of JSON and for TensorBoard."""

import importlib.util
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from quickdraw_kit.errors import DataError, MissingPackageError
from quickdraw_kit.storage.files import atomic_write, parse_json

_HISTORY_NAME = "metrics.jsonl"


@dataclass(frozen=True, slots=True)
class EpochMetrics:
    """Metrics of an epoch.

    Parameters
    ----------
    epoch : int
        Counted from 1.
    train_loss, train_accuracy : float
        Means over the rows, measured while the weights were changing, on augmented images.
    validation_loss, validation_accuracy : float or None
        Measured after the epoch. None without a validation split.
    learning_rate : float
        Of the last step.
    seconds : float
        Duration, including validation.

    Examples
    --------
    >>> from quickdraw_kit import EpochMetrics
    >>> EpochMetrics(1, 0.7, 0.5, None, None, 0.003, 2.0).train_accuracy
    0.5
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    validation_loss: float | None
    validation_accuracy: float | None
    learning_rate: float
    seconds: float

    def without_seconds(self) -> dict[str, Any]:
        """Return everything but the duration, which differs between equal runs.

        Returns
        -------
        dict of str to int, float or None

        Examples
        --------
        >>> from quickdraw_kit import EpochMetrics
        >>> metrics = EpochMetrics(1, 0.7, 0.5, None, None, 0.003, 2.0).without_seconds()
        >>> "seconds" in metrics
        False
        """
        return {name: value for name, value in asdict(self).items() if name != "seconds"}


def selected_epoch(history: Sequence[EpochMetrics], early_stopping_patience: int | None) -> int:
    """Return the index, in a history, of the epoch whose weights the model has."""
    if early_stopping_patience is None:
        return len(history) - 1  # where the schedule has brought the learning rate to zero
    # of equal losses the first, as patience counts from it
    losses = [row.validation_loss for row in history if row.validation_loss is not None]
    return losses.index(min(losses))


def is_complete(
    history: Sequence[EpochMetrics], epochs: int, early_stopping_patience: int | None
) -> bool:
    """Return whether a training run with this history has made its last epoch."""
    if len(history) >= epochs:
        return True
    if not history or early_stopping_patience is None:
        return False
    best = selected_epoch(history, early_stopping_patience)
    return len(history) - 1 - best >= early_stopping_patience


def write_history(folder: Path, history: Sequence[EpochMetrics]) -> None:
    """Write ``metrics.jsonl``, one line for each epoch, atomically."""
    with atomic_write(folder / _HISTORY_NAME) as file:
        for metrics in history:
            file.write(json.dumps(asdict(metrics)).encode() + b"\n")


def read_history(folder: Path) -> list[EpochMetrics]:
    """Read ``metrics.jsonl``; without the file, the history is empty."""
    path = folder / _HISTORY_NAME
    if not path.exists():
        return []
    try:
        return [EpochMetrics(**parse_json(line)) for line in path.read_bytes().splitlines()]
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{path} is not the history of a training run ({error}): remove it"
        ) from error


def check_tensorboard() -> None:
    """Raise `MissingPackageError` if TensorBoard is not installed."""
    if importlib.util.find_spec("tensorboard") is None:
        raise MissingPackageError("tensorboard")


def write_tensorboard(folder: Path, metrics: EpochMetrics) -> None:
    """Append the metrics of an epoch to TensorBoard's event files."""
    from torch.utils.tensorboard import SummaryWriter

    values = asdict(metrics)
    epoch = values.pop("epoch")
    with SummaryWriter(str(folder)) as writer:
        for name, value in values.items():
            if value is not None:  # train_loss becomes train/loss: TensorBoard groups by prefix
                writer.add_scalar(name.replace("_", "/", 1), value, epoch)
