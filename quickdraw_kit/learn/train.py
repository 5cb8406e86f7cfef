"""`train`: a network learns a data set.

One loop: AdamW under a one-cycle schedule, batches sliced whole from memory maps and turned into
numbers on the device, a line of metrics and the model on disk after every epoch. The weights are a
function of the configuration and the data: the same on the same machine with as many threads.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import OneCycleLR

from quickdraw_kit.errors import UsageError
from quickdraw_kit.files import atomic_write
from quickdraw_kit.learn.config import TrainConfig
from quickdraw_kit.learn.dataset import ImageDataset
from quickdraw_kit.learn.evaluate import evaluate
from quickdraw_kit.learn.model import Model, save_model

__all__ = ["EpochMetrics", "TrainConfig", "TrainResult", "train"]


@dataclass(frozen=True, slots=True)
class EpochMetrics:
    """How an epoch went.

    Parameters
    ----------
    epoch : int
        From 1.
    train_loss, train_accuracy : float
        Means over the steps, while the weights were changing.
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


@dataclass(frozen=True, slots=True, eq=False)
class TrainResult:
    """A trained model and the way there.

    Parameters
    ----------
    model : Model
        With the weights of the last epoch, which the schedule makes the best one.
    history : tuple of EpochMetrics
        One for each epoch.

    See Also
    --------
    train : with an example.
    """

    model: Model
    history: tuple[EpochMetrics, ...]


def train(
    config: TrainConfig,
    splits: Mapping[str, ImageDataset] | None = None,
    *,
    on_epoch: Callable[[EpochMetrics], None] | None = None,
) -> TrainResult:
    """Train a network.

    Parameters
    ----------
    config : TrainConfig
        What and how.
    splits : mapping of str to ImageDataset, optional
        ``train`` and, if there is one, ``validation``; by default those of ``config.data``.
    on_epoch : callable, optional
        Called with the metrics of each epoch.

    Returns
    -------
    TrainResult
        The model and its history.

    Raises
    ------
    UsageError
        If there is no data or no such network or device.
    DataError
        If the data set is not finished or its images do not fit.

    Examples
    --------
    >>> from quickdraw_kit.learn.dataset import ArrayDataset
    >>> images = np.zeros((64, 28, 28), np.uint8)
    >>> images[32:, 14:] = 255
    >>> dataset = ArrayDataset(images, np.repeat([0, 1], 32), ("blank", "half"))
    >>> result = train(TrainConfig(epochs=4, batch_size=8), {"train": dataset})
    >>> [row.epoch for row in result.history], result.history[-1].train_accuracy
    ([1, 2, 3, 4], 1.0)
    """
    splits = _open(config) if splits is None else splits
    data, validation = splits["train"], splits.get("validation")
    if len(data) == 0:
        raise UsageError("the training split is empty: prepare more drawings")
    device = _device(config.device)
    history: list[EpochMetrics] = []
    with _settings(config, device):
        model = Model.new(config.network, tuple(data.label_names), side=data.side)
        model.network.to(device)
        optimizer = torch.optim.AdamW(
            model.network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        steps = config.epochs * -(-len(data) // config.batch_size)
        schedule = OneCycleLR(optimizer, config.learning_rate, total_steps=steps)
        for epoch in range(1, config.epochs + 1):
            start = time.perf_counter()
            loss, accuracy = _epoch(model, data, optimizer, schedule, config, epoch)
            checked = evaluate(model, validation) if validation else None
            metrics = EpochMetrics(
                epoch=epoch,
                train_loss=loss,
                train_accuracy=accuracy,
                validation_loss=checked.loss if checked else None,
                validation_accuracy=checked.top1 if checked else None,
                learning_rate=float(schedule.get_last_lr()[0]),
                seconds=time.perf_counter() - start,
            )
            history.append(metrics)
            if config.out is not None:
                _save(Path(config.out), model, history)
            if on_epoch is not None:
                on_epoch(metrics)
    model.network.eval()
    return TrainResult(model, tuple(history))


@contextmanager
def _settings(config: TrainConfig, device: torch.device) -> Iterator[None]:
    """Seed and threads for the while; callers get their own back."""
    threads = torch.get_num_threads()
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(config.seed)
        if config.threads is not None:
            torch.set_num_threads(config.threads)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


def _epoch(
    model: Model,
    data: ImageDataset,
    optimizer: torch.optim.Optimizer,
    schedule: OneCycleLR,
    config: TrainConfig,
    epoch: int,
) -> tuple[float, float]:
    """Pass over the training split once; return the mean loss and the accuracy."""
    model.network.train()
    order = int(np.random.SeedSequence([config.seed, epoch]).generate_state(1)[0])
    losses, right = [], []  # they stay on the device: reading one would wait for it
    for images, labels in data.batches(config.batch_size, shuffle=True, seed=order):
        logits = model.logits(images)
        target = torch.from_numpy(np.array(labels)).to(logits.device)
        loss = cross_entropy(logits, target, label_smoothing=config.label_smoothing)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        losses.append(loss.detach() * len(labels))
        right.append((logits.detach().argmax(dim=1) == target).sum())
    return float(sum(losses)) / len(data), float(sum(right)) / len(data)


def _open(config: TrainConfig) -> dict[str, ImageDataset]:
    from quickdraw_kit.shards.dataset import open_shards

    if config.data is None:
        raise UsageError("there is no data to train on: give the folder of a data set")
    return {name: open_shards(config.data, split=name) for name in ("train", "validation")}


def _device(name: str) -> torch.device:
    if name == "auto":
        if torch.cuda.is_available():
            name = "cuda"
        else:
            name = "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        return torch.empty(0, device=name).device
    except (AssertionError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"device {name!r} is not there ({reason}): try auto or cpu") from error


def _save(folder: Path, model: Model, history: list[EpochMetrics]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    save_model(model, folder / "model.safetensors")
    with atomic_write(folder / "metrics.jsonl") as file:
        for metrics in history:
            file.write(json.dumps(asdict(metrics)).encode() + b"\n")
