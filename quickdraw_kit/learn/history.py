"""How a training run went, epoch by epoch: as lines of JSON, and for TensorBoard."""

import importlib.util
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from quickdraw_kit.errors import UsageError
from quickdraw_kit.files import atomic_write

__all__ = ["EpochMetrics", "check_tensorboard", "write_events", "write_history"]


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


def write_history(folder: Path, history: Sequence[EpochMetrics]) -> None:
    """Write ``metrics.jsonl``, a line for each epoch, whole or not at all.

    Parameters
    ----------
    folder : Path
        Where to; it must exist.
    history : sequence of EpochMetrics
        All epochs so far.

    Raises
    ------
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> folder = getfixture("tmp_path")
    >>> write_history(folder, [EpochMetrics(1, 0.7, 0.5, None, None, 0.003, 2.0)])
    >>> json.loads((folder / "metrics.jsonl").read_text())["train_loss"]
    0.7
    """
    with atomic_write(folder / "metrics.jsonl") as file:
        for metrics in history:
            file.write(json.dumps(asdict(metrics)).encode() + b"\n")


def check_tensorboard() -> None:
    """Refuse to start where TensorBoard is not installed.

    Raises
    ------
    UsageError
        With the command that installs it.
    """
    if importlib.util.find_spec("tensorboard") is None:
        raise UsageError("tensorboard is not here: run: pip install 'quickdraw-kit[tensorboard]'")


def write_events(folder: Path, metrics: EpochMetrics) -> None:
    """Add an epoch to the events that TensorBoard reads.

    Parameters
    ----------
    folder : Path
        Where to; every epoch adds a file.
    metrics : EpochMetrics
        The epoch.
    """
    from torch.utils.tensorboard import SummaryWriter

    values = asdict(metrics)
    epoch = values.pop("epoch")
    with SummaryWriter(str(folder)) as writer:
        for name, value in values.items():
            if value is not None:  # train_loss becomes train/loss: one figure for each kind
                writer.add_scalar(name.replace("_", "/", 1), value, epoch)
