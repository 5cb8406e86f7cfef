"""How a training run went, epoch by epoch: as lines of JSON, and for TensorBoard."""

import importlib.util
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from quickdraw_kit.errors import DataError, UsageError
from quickdraw_kit.storage.files import atomic_write, parse_json

__all__ = [
    "EpochMetrics",
    "check_tensorboard",
    "chosen_epoch",
    "is_over",
    "read_history",
    "write_events",
    "write_history",
]

_FILE = "metrics.jsonl"


@dataclass(frozen=True, slots=True)
class EpochMetrics:
    """How an epoch went.

    Parameters
    ----------
    epoch : int
        From 1.
    train_loss, train_accuracy : float
        Means over the steps, while the weights were changing, on augmented images.
    validation_loss, validation_accuracy : float or None
        After the epoch; None without a validation split.
    learning_rate : float
        At its end.
    seconds : float
        How long it took, validation included.

    Examples
    --------
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

    def measures(self) -> dict[str, Any]:
        """Return all of it but how long it took, which differs from run to run."""
        return {name: value for name, value in asdict(self).items() if name != "seconds"}


def chosen_epoch(history: Sequence[EpochMetrics], early_stopping_patience: int | None) -> int:
    """Return the place in a history of the epoch whose weights are taken."""
    if early_stopping_patience is None:
        return len(history) - 1
    losses = [row.validation_loss for row in history if row.validation_loss is not None]
    return losses.index(min(losses))


def is_over(
    history: Sequence[EpochMetrics], epochs: int, early_stopping_patience: int | None
) -> bool:
    """Tell whether a run with such a history has made its last epoch."""
    if not history or early_stopping_patience is None or len(history) >= epochs:
        return len(history) >= epochs
    return (
        len(history) - 1 - chosen_epoch(history, early_stopping_patience) >= early_stopping_patience
    )


def write_history(folder: Path, history: Sequence[EpochMetrics]) -> None:
    """Write ``metrics.jsonl``, a line for each epoch, whole or not at all."""
    with atomic_write(folder / _FILE) as file:
        for metrics in history:
            file.write(json.dumps(asdict(metrics)).encode() + b"\n")


def read_history(folder: Path) -> list[EpochMetrics]:
    """Read ``metrics.jsonl``."""
    path = folder / _FILE
    if not path.exists():
        return []
    try:
        return [EpochMetrics(**parse_json(line)) for line in path.read_bytes().splitlines()]
    except (TypeError, ValueError) as error:
        raise DataError(f"{path} is no history of a training ({error}): remove it") from error


def check_tensorboard() -> None:
    """Refuse to start where TensorBoard is not installed."""
    if importlib.util.find_spec("tensorboard") is None:
        raise UsageError("tensorboard is not here: run: pip install 'quickdraw-kit[tensorboard]'")


def write_events(folder: Path, metrics: EpochMetrics) -> None:
    """Add an epoch to the events that TensorBoard reads."""
    from torch.utils.tensorboard import SummaryWriter

    values = asdict(metrics)
    epoch = values.pop("epoch")
    with SummaryWriter(str(folder)) as writer:
        for name, value in values.items():
            if value is not None:  # train_loss becomes train/loss: one figure for each kind
                writer.add_scalar(name.replace("_", "/", 1), value, epoch)
