"""`train`: a network learns a data set.

One loop: whole batches are read ahead from the disk, converted and augmented on the device, and
used for a step of AdamW. After every epoch, metrics, the model and a checkpoint are written. The
weights are a function of the configuration and the data: the same on the same machine with the same
number of threads, whether or not the run was killed and resumed.
"""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from quickdraw_kit.errors import UsageError
from quickdraw_kit.learn.checkpoint import save_checkpoint
from quickdraw_kit.learn.config import TrainConfig
from quickdraw_kit.learn.data.dataset import Dataset, Labels
from quickdraw_kit.learn.data.fingerprint import fingerprint
from quickdraw_kit.learn.data.splits import Splits, open_splits
from quickdraw_kit.learn.device import resolve_device, torch_settings
from quickdraw_kit.learn.distributed import ProcessGroup, join_process_group
from quickdraw_kit.learn.evaluate import evaluate
from quickdraw_kit.learn.export import open_model
from quickdraw_kit.learn.history import (
    EpochMetrics,
    check_tensorboard,
    is_complete,
    selected_epoch,
    write_history,
    write_tensorboard,
)
from quickdraw_kit.learn.models.model import Model, dump_model, save_model
from quickdraw_kit.learn.models.networks import count_parameters
from quickdraw_kit.learn.resume import (
    CHECKPOINT_NAME,
    MODEL_NAME,
    FinishedRun,
    ShorterRun,
    UnfinishedRun,
    find_previous_run,
)
from quickdraw_kit.learn.state import TrainState, copy_weights


@dataclass(frozen=True, slots=True, eq=False)
class TrainResult:
    """A trained model and the history of its training.

    Parameters
    ----------
    model : Model
        With the weights of the last epoch; with early stopping, those of the epoch with the lowest
        validation loss.
    history : tuple of EpochMetrics
        One for each epoch.
    resumed_from_step : int
        Number of steps that an earlier call made; 0 if there was none.
    was_finished : bool
        Whether the run was finished already, so that nothing was trained.

    See Also
    --------
    train : with an example.
    """

    model: Model
    history: tuple[EpochMetrics, ...]
    resumed_from_step: int = 0
    was_finished: bool = False


def train(
    config: TrainConfig,
    splits: Mapping[str, Dataset] | None = None,
    *,
    on_epoch: Callable[[EpochMetrics], None] | None = None,
    on_step: Callable[[int, int, int], None] | None = None,
    resume: bool | None = None,
    overwrite: bool = False,
) -> TrainResult:
    """Train a network; under ``torchrun``, with all its processes.

    Parameters
    ----------
    config : TrainConfig
        What to train, on which data, and how.
    splits : mapping of str to Dataset, optional
        ``train`` and, optionally, ``validation``. By default those of ``config.data``.
    on_epoch : callable, optional
        Called with the metrics of each epoch, in the process of rank 0.
    on_step : callable, optional
        Called after each step with the epoch, the number of its steps that are done and the number
        of all its steps, in the process of rank 0. It does not wait for the device, which may still
        be computing the step.
    resume : bool, optional
        True resumes the unfinished run in ``config.out``, and raises if there is none with this
        configuration and data. False starts over. By default an unfinished run is resumed, the
        model of a finished run with this configuration and data is returned, and one with fewer
        epochs is continued.
    overwrite : bool
        Replace the model, or the unfinished run, of another configuration or other data in
        ``config.out``.

    Returns
    -------
    TrainResult
        The model and its history, as of a run that was never interrupted.

    Raises
    ------
    UsageError
        If there is no data, network or device of that name, nothing to resume, or another run in
        ``config.out``.
    DataError
        If the data set is not complete, its images do not fit, or a file in ``config.out`` is
        damaged.
    QuickdrawError
        If another process of the run has ended.

    Notes
    -----
    A run that was interrupted resumes with the batches that the whole run would have seen: each
    drawing once per epoch, whatever the number of processes. On a CPU, the same number of processes
    ends with the same weights, to the bit. Another number sums in another order and draws other
    augmentations.

    A finished run that continues starts a new learning-rate schedule over the added epochs. Its
    weights are not those of a run that had as many epochs from the start; the model's metadata
    record where it was continued (``continued_after``).

    Examples
    --------
    >>> from quickdraw_kit import TrainConfig, train, write_sample
    >>> paths = write_sample("drawings", drawings=120, categories=["ladder", "sun"])
    >>> config = TrainConfig(data="drawings", out="model", network="tiny-cnn", epochs=3)
    >>> result = train(config)
    >>> [row.epoch for row in result.history]
    [1, 2, 3]
    >>> result.model.label_names
    ('ladder', 'sun')
    >>> train(config).was_finished
    True
    """
    splits = open_splits(config) if splits is None else splits
    _check(config, splits)

    device = resolve_device(config.device)
    with (
        join_process_group(device) as (group, device),
        torch_settings(config.seed, config.threads, device),
    ):
        run = _TrainingRun(config, splits, group, device)
        if finished := run.resume(resume, overwrite):
            return finished
        while not run.is_complete:
            run.train_epoch(on_step)
            run.save(epoch_ended=True)
            # last, so that a caller who stops the run here finds the epoch on the disk
            if on_epoch is not None and group.is_rank_zero:
                on_epoch(run.history[-1])
        return run.finish()


def _check(config: TrainConfig, splits: Mapping[str, Dataset]) -> None:
    """Raise for what would fail only after an epoch."""
    if len(splits["train"]) == 0:
        raise UsageError("the training split is empty: prepare more drawings")
    if config.early_stopping_patience is not None and not splits.get("validation"):
        raise UsageError(
            "early_stopping_patience needs a validation loss, and there is no validation split"
        )
    if config.tensorboard:
        check_tensorboard()


class _TrainingRun:
    """A training run between two steps: the training state, and the metrics so far."""

    def __init__(
        self,
        config: TrainConfig,
        splits: Mapping[str, Dataset],
        group: ProcessGroup,
        device: str,
    ) -> None:
        self.config, self.group = config, group
        self.data, self.validation = splits["train"], splits.get("validation")
        self.steps_per_epoch = -(-len(self.data) // config.batch_size)

        names = tuple(self.data.label_names)
        model = Model.new(config.network, names, side=self.data.side, dropout=config.dropout)
        source = None if config.init_from is None else open_model(config.init_from)
        if source is not None:
            copy_weights(source, model)
        model.network.to(device)
        self._start(model)

        self.history: list[EpochMetrics] = []
        self.best_weights: dict[str, torch.Tensor] = {}  # with early stopping only
        self.resumed_from_step = 0
        self.continued_after: list[int] = []  # epochs after which a finished run was continued

        # Of the epoch in progress: loss and correct predictions, summed over the rows of each step.
        # They stay on the device, because reading them would wait for it after each step.
        self.step_sums = torch.zeros(2, self.steps_per_epoch, device=self.state.device)
        self.epoch_seconds = 0.0  # until the last checkpoint

        if isinstance(splits, Splits):
            self.data_metadata = splits.metadata
        else:
            self.data_metadata = {"data": None, "data_sha256": fingerprint(self.data)}
        # what has to be equal for a run to be resumed
        self.fingerprint = {
            **config.fingerprint(),
            "precision": self.state.precision,
            "device": self.state.device.type,
            "data_sha256": self.data_metadata["data_sha256"],
            "init_from_sha256": source and hashlib.sha256(dump_model(source)).hexdigest(),
        }

    def _start(self, model: Model, step: int = 0) -> None:
        counts = np.bincount(self.data.labels, minlength=len(model.label_names))
        steps = self.config.epochs * self.steps_per_epoch
        self.state = TrainState(self.config, model, steps, counts, self.group, step=step)

    @property
    def is_complete(self) -> bool:
        """Whether all epochs are done, or training stops early."""
        config = self.config
        return is_complete(self.history, config.epochs, config.early_stopping_patience)

    def resume(self, resume: bool | None, overwrite: bool) -> TrainResult | None:
        """Continue from the checkpoint of this run, if there is one, or return what is finished."""
        previous = None
        if self.config.out is not None:
            previous = find_previous_run(
                self.config.out, self.config, self.fingerprint, resume=resume, overwrite=overwrite
            )
        elif resume:
            raise UsageError("there is no run to resume without a folder: pass out")

        if isinstance(previous, UnfinishedRun):
            self._restore(previous)
        elif isinstance(previous, ShorterRun):
            self._continue(previous)
        finished = isinstance(previous, FinishedRun)
        self._check_same_step(-1 if finished else self.state.step)  # no step has this number

        if not isinstance(previous, FinishedRun):
            return None
        previous.model.network.to(self.state.device)
        steps = len(previous.history) * self.steps_per_epoch
        return TrainResult(previous.model, previous.history, steps, was_finished=True)

    def train_epoch(self, on_step: Callable[[int, int, int], None] | None) -> None:
        """Make the remaining steps of an epoch, evaluate, and append to the history."""
        start = time.perf_counter() - self.epoch_seconds
        epoch = len(self.history) + 1
        for step_in_epoch, inputs, labels in self._batches(epoch):
            rows_before = step_in_epoch * self.config.batch_size
            batch_size = min(self.config.batch_size, len(self.data) - rows_before)
            self.step_sums[:, step_in_epoch] = self.state.train_step(inputs, labels, batch_size)
            if on_step is not None and self.group.is_rank_zero:
                on_step(epoch, step_in_epoch + 1, self.steps_per_epoch)

            # after the last step of an epoch, the checkpoint comes with the metrics and the model
            every = self.config.checkpoint_steps
            last = step_in_epoch + 1 == self.steps_per_epoch
            if every and self.state.step % every == 0 and not last:
                self.epoch_seconds = time.perf_counter() - start
                self._reduce_step_sums()
                self.save(epoch_ended=False)

        # Means are computed from the sums of the steps, in the order of the steps, so that they are
        # the same for a run that was resumed.
        self._reduce_step_sums()
        self.group.broadcast([self.step_sums])
        means = self.step_sums.cpu().double().sum(dim=1) / len(self.data)
        validation_loss, validation_accuracy = self._evaluate()
        self.history.append(
            EpochMetrics(
                epoch=epoch,
                train_loss=float(means[0]),
                train_accuracy=float(means[1]),
                validation_loss=validation_loss,
                validation_accuracy=validation_accuracy,
                learning_rate=self.state.learning_rate,
                seconds=time.perf_counter() - start,
            )
        )

        self._keep_best_weights()
        self.step_sums.zero_()
        self.epoch_seconds = 0.0

    def save(self, *, epoch_ended: bool) -> None:
        """Write a checkpoint and, after an epoch, the model and the metrics."""
        if self.config.out is None or not self.group.is_rank_zero:
            return
        folder = Path(self.config.out)
        folder.mkdir(parents=True, exist_ok=True)

        # The checkpoint is last: if the process is killed before, the run resumes from the previous
        # checkpoint, and writes the same files again.
        if epoch_ended:
            model = self._with_metadata(self.state.model, self.history[-1])
            save_model(model, folder / MODEL_NAME)
            write_history(folder, self.history)
            if self.config.tensorboard:
                write_tensorboard(folder / "tensorboard", self.history[-1])
        tensors = {
            **self.state.state_dict(),
            "best_weights": self.best_weights,
            "metrics": {"step_sums": self.step_sums},
        }
        progress = {
            "fingerprint": self.fingerprint,
            "step": self.state.step,
            "epoch_seconds": self.epoch_seconds,
            "history": [asdict(metrics) for metrics in self.history],
            "continued_after": self.continued_after,
        }
        save_checkpoint(folder / CHECKPOINT_NAME, tensors, progress)

    def finish(self) -> TrainResult:
        """Write the final model, and remove the checkpoint."""
        model = self.state.sync()
        if self.best_weights:
            model.network.load_state_dict(self.best_weights)
        selected = selected_epoch(self.history, self.config.early_stopping_patience)
        model = self._with_metadata(model, self.history[selected])

        # in this order: a folder with neither would not be known as this run's
        if self.config.out is not None and self.group.is_rank_zero:
            folder = Path(self.config.out)
            save_model(model, folder / MODEL_NAME)
            (folder / CHECKPOINT_NAME).unlink(missing_ok=True)
        self.group.barrier()  # no process returns before the model is written
        return TrainResult(model, tuple(self.history), self.resumed_from_step)

    def _continue(self, previous: ShorterRun) -> None:
        """Start the epochs that were added to a finished run, from its weights."""
        self.history = list(previous.history)
        continued_after = previous.model.metadata.get("continued_after", [])
        self.continued_after = [*continued_after, len(self.history)]
        step = len(self.history) * self.steps_per_epoch
        previous.model.network.to(self.state.device)
        self._start(previous.model, step)
        self.resumed_from_step = step
        # the best epoch may stay one of the first
        if self.config.early_stopping_patience is not None:
            state = previous.model.network.state_dict()
            self.best_weights = {name: value.clone() for name, value in state.items()}

    def _restore(self, previous: UnfinishedRun) -> None:
        tensors, progress = previous.tensors, previous.state
        self.continued_after = list(progress["continued_after"])
        if self.continued_after:  # the schedule is that of the added epochs
            self._start(self.state.model, self.continued_after[-1] * self.steps_per_epoch)
        self.state.load_state_dict(tensors, progress["step"])
        # the saved sums are those of all processes: they would count once for each of them
        if self.group.is_rank_zero:
            self.step_sums.copy_(tensors["metrics"]["step_sums"])
        self.best_weights = dict(tensors["best_weights"])
        self.history = [EpochMetrics(**row) for row in progress["history"]]
        self.epoch_seconds = progress["epoch_seconds"]
        self.resumed_from_step = progress["step"]

    def _check_same_step(self, step: int) -> None:
        """Raise if a process would start from another step than rank 0: they would never meet."""
        of_rank_zero = torch.tensor([float(step)], device=self.state.device)
        self.group.broadcast([of_rank_zero])
        if float(of_rank_zero) != step:
            raise UsageError(
                f"process {self.group.rank} does not have the files of process 0 in "
                f"{self.config.out}: use a folder that all machines share"
            )

    def _batches(self, epoch: int) -> Iterator[tuple[int, Any, Labels]]:
        """Yield the number in the epoch, the inputs and the labels of the steps that are left."""
        done = self.state.step - (epoch - 1) * self.steps_per_epoch
        # the order of an epoch depends on seed and epoch only, so that it can be resumed anywhere
        seed = int(np.random.SeedSequence([self.config.seed, epoch]).generate_state(1)[0])
        batches = self.data.batches(
            self.config.batch_size,
            shuffle=True,
            seed=seed,
            skip=done,
            rank=self.group.rank,
            world_size=self.group.world_size,
        )
        for step_in_epoch, (inputs, labels) in enumerate(batches, done):
            yield step_in_epoch, inputs, labels

    def _reduce_step_sums(self) -> None:
        """Move the sums of all processes to rank 0; the others start from zero again."""
        self.group.all_reduce([self.step_sums])
        if not self.group.is_rank_zero:
            self.step_sums.zero_()

    def _evaluate(self) -> tuple[float | None, float | None]:
        """Return validation loss and accuracy: rank 0 measures, and broadcasts them."""
        model = self.state.sync()
        if not self.validation:
            return None, None
        measured = torch.zeros(2, dtype=torch.float64)
        if self.group.is_rank_zero:
            evaluation = evaluate(model, self.validation)
            measured = torch.tensor([evaluation.loss, evaluation.top1], dtype=torch.float64)
        if self.group.world_size > 1:  # only then on the device: MPS has no float64
            measured = measured.to(self.state.device)
            self.group.broadcast([measured])
        return float(measured[0]), float(measured[1])

    def _keep_best_weights(self) -> None:
        """Copy the weights, with early stopping, if this epoch is the best so far."""
        early_stopping_patience = self.config.early_stopping_patience
        if early_stopping_patience is None:
            return
        if selected_epoch(self.history, early_stopping_patience) == len(self.history) - 1:
            state = self.state.model.network.state_dict()
            self.best_weights = {name: value.clone() for name, value in state.items()}

    def _with_metadata(self, model: Model, metrics: EpochMetrics) -> Model:
        """Record in the model how it was trained; nothing that differs between equal runs."""
        images = model.input_type == "images"
        origin: dict[str, Any] = {}  # where the weights started from, if not from random ones
        if self.config.init_from is not None:
            origin["init_from_sha256"] = self.fingerprint["init_from_sha256"]
        if self.continued_after:
            origin["continued_after"] = self.continued_after
        return replace(
            model,
            metadata={
                **self.data_metadata,
                "normalization": {"mean": 0.0, "scale": 255.0} if images else None,
                "metrics": metrics.without_seconds(),
                "config": self.config.fingerprint(),
                "precision": self.state.precision,
                "parameters": count_parameters(model.network),
                **origin,
            },
        )
