"""`train`: a network learns a data set.

One loop: whole batches read ahead from the disk, turned into numbers and augmented on the device, a
step of AdamW, and after every epoch a line of metrics, the model and a checkpoint on disk. The
weights are a function of the configuration and the data: the same on the same machine with as many
threads, whether or not the run was killed on the way and continued.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch

from quickdraw_kit.errors import UsageError
from quickdraw_kit.learn.checkpoint import save_checkpoint
from quickdraw_kit.learn.config import TrainConfig
from quickdraw_kit.learn.data.dataset import Dataset
from quickdraw_kit.learn.data.fingerprint import fingerprint
from quickdraw_kit.learn.data.splits import Splits, open_splits
from quickdraw_kit.learn.device import resolve_device, torch_settings
from quickdraw_kit.learn.distributed import Team, join_team
from quickdraw_kit.learn.evaluate import evaluate
from quickdraw_kit.learn.history import (
    EpochMetrics,
    check_tensorboard,
    chosen_epoch,
    is_over,
    write_events,
    write_history,
)
from quickdraw_kit.learn.models.model import Model, save_model
from quickdraw_kit.learn.models.networks import count_parameters
from quickdraw_kit.learn.resume import CHECKPOINT, MODEL, Finished, Unfinished, find_earlier
from quickdraw_kit.learn.state import Training

__all__ = ["EpochMetrics", "TrainConfig", "TrainResult", "train"]


@dataclass(frozen=True, slots=True, eq=False)
class TrainResult:
    """A trained model and the way there.

    Parameters
    ----------
    model : Model
        With the weights of the last epoch, which the schedule makes the best one; with early
        stopping, of the epoch with the lowest validation loss.
    history : tuple of EpochMetrics
        One for each epoch.
    resumed : int
        How many steps of it a run before this one had made.
    found : bool
        Whether all of it was there already, so that there was nothing to do.

    See Also
    --------
    train : with an example.
    """

    model: Model
    history: tuple[EpochMetrics, ...]
    resumed: int = 0
    found: bool = False


def train(
    config: TrainConfig,
    splits: Mapping[str, Dataset] | None = None,
    *,
    on_epoch: Callable[[EpochMetrics], None] | None = None,
    on_step: Callable[[int, int, int], None] | None = None,
    resume: bool | None = None,
    overwrite: bool = False,
) -> TrainResult:
    """Train a network; under ``torchrun``, together with the other processes.

    Parameters
    ----------
    config : TrainConfig
        What and how.
    splits : mapping of str to Dataset, optional
        ``train`` and, if there is one, ``validation``; by default those of ``config.data``.
    on_epoch : callable, optional
        Called with the metrics of each epoch, in the process that leads.
    on_step : callable, optional
        Called there after each step with the epoch, how many of its steps are done and how many it
        has. It does not wait for the device, so a step may be done a moment later.
    resume : bool, optional
        True continues the unfinished run in ``config.out`` and fails if there is none of this
        configuration and data; False starts over; by default it is continued if there is one, and
        a finished one of this configuration and data is returned as it is.
    overwrite : bool
        Replace the model, or the unfinished run, of another configuration or other data that is in
        ``config.out``.

    Returns
    -------
    TrainResult
        The model and its history; those of a run that was never interrupted.

    Raises
    ------
    UsageError
        If there is no data, no such network or device, nothing to continue, or another run in
        ``config.out``.
    DataError
        If the data set is not finished, its images do not fit, or what is in ``config.out`` cannot
        be read.
    QuickdrawError
        If another process of the run is gone.

    Notes
    -----
    A run that was interrupted, in an epoch or between two, goes on with the batches that the whole
    run would have seen, each drawing once an epoch, however many processes there are then. As many
    as before end with the same weights to the bit, on a CPU; another number sums in another order
    and draws other augmentations, see `quickdraw_kit.learn.distributed`.

    Examples
    --------
    >>> from quickdraw_kit.learn.data.dataset import ArrayDataset
    >>> images = np.zeros((64, 28, 28), np.uint8)
    >>> images[32:, 14:] = 255
    >>> dataset = ArrayDataset(images, np.repeat([0, 1], 32), ("blank", "half"))
    >>> result = train(TrainConfig(network="tiny-cnn", epochs=4, batch_size=8), {"train": dataset})
    >>> [row.epoch for row in result.history], result.history[-1].train_accuracy
    ([1, 2, 3, 4], 1.0)
    """
    if splits is None:
        splits = open_splits(config)
    if len(splits["train"]) == 0:
        raise UsageError("the training split is empty: prepare more drawings")
    if config.early_stopping_patience is not None and not splits.get("validation"):
        raise UsageError("patience watches the validation loss: there is no validation split")
    if config.tensorboard:
        check_tensorboard()
    with (
        join_team(resolve_device(config.device)) as (team, device),
        torch_settings(config.seed, config.threads, device),
    ):
        data = splits["train"]
        model = Model.new(
            config.network, tuple(data.label_names), side=data.side, dropout=config.dropout
        )
        model.network.to(device)
        run = _Run(config, splits, model, team)
        return run.take_up(resume, overwrite) or run.go(on_epoch, on_step)


class _Run:
    """A run between two steps: the training, the metrics so far, and where it stands."""

    def __init__(
        self,
        config: TrainConfig,
        splits: Mapping[str, Dataset],
        model: Model,
        team: Team,
    ) -> None:
        self.config, self.team = config, team
        self.data, self.validation = splits["train"], splits.get("validation")
        self.per_epoch = -(-len(self.data) // config.batch_size)
        counts = np.bincount(self.data.labels, minlength=len(model.label_names))
        self.training = Training(config, model, config.epochs * self.per_epoch, counts, team)
        self.history: list[EpochMetrics] = []
        self.best: dict[str, torch.Tensor] = {}
        self.tally = torch.zeros(2, self.per_epoch, device=self.training.device)
        self.spent = 0.0  # seconds of the epoch that a run before this one has taken
        self.resumed = 0
        if isinstance(splits, Splits):
            self.metadata = splits.metadata
        else:
            self.metadata = {"data": None, "data_sha256": fingerprint(self.data)}
        # what must agree for a run to be continued
        self.identity = {
            **config.fingerprint(),
            "precision": self.training.precision,
            "device": self.training.device.type,
            "data_sha256": self.metadata["data_sha256"],
        }

    def go(
        self,
        on_epoch: Callable[[EpochMetrics], None] | None,
        on_step: Callable[[int, int, int], None] | None,
    ) -> TrainResult:
        """Train from where the run stands to the end."""
        while not is_over(self.history, self.config.epochs, self.config.early_stopping_patience):
            metrics = self._epoch(len(self.history) + 1, on_step)
            self.history.append(metrics)
            self._keep_best()
            self.tally.zero_()
            self.spent = 0.0
            self._save(model=True)
            if on_epoch is not None and self.team.leads:
                on_epoch(metrics)
        model = self._finish()
        return TrainResult(model, tuple(self.history), self.resumed)

    def take_up(self, resume: bool | None, overwrite: bool) -> TrainResult | None:
        """Go on from the checkpoint of this run, if there is one, or return what is finished."""
        out, earlier = self.config.out, None
        if out is not None:
            earlier = find_earlier(
                out, self.config, self.identity, resume=resume, overwrite=overwrite
            )
        elif resume:
            raise UsageError("there is no run to continue without a folder: give out")
        if isinstance(earlier, Unfinished):
            self._restore(earlier)
        found = isinstance(earlier, Finished)
        ours = -1.0 if found else float(self.training.step)
        theirs = torch.tensor([ours], device=self.training.device)
        self.team.follow([theirs])
        if float(theirs) != ours:
            raise UsageError(
                f"process {self.team.rank} sees another {out} than process 0: "
                "give a folder that all machines share"
            )
        if not isinstance(earlier, Finished):
            return None
        earlier.model.network.to(self.training.device)
        steps = len(earlier.history) * self.per_epoch
        return TrainResult(earlier.model, earlier.history, steps, found=True)

    def _restore(self, earlier: Unfinished) -> None:
        tensors, state = earlier.tensors, earlier.state
        self.training.restore(tensors, state["step"])
        if self.team.leads:
            self.tally.copy_(tensors["metrics"]["tally"])
        self.best = dict(tensors["best"])
        self.history = [EpochMetrics(**row) for row in state["history"]]
        self.spent, self.resumed = state["spent"], state["step"]

    def _epoch(self, epoch: int, on_step: Callable[[int, int, int], None] | None) -> EpochMetrics:
        """Pass over the rest of the training split, and measure."""
        config, training = self.config, self.training
        start = time.perf_counter() - self.spent
        order = int(np.random.SeedSequence([config.seed, epoch]).generate_state(1)[0])
        done = training.step - (epoch - 1) * self.per_epoch
        batches = self.data.batches(
            config.batch_size,
            shuffle=True,
            seed=order,
            skip=done,
            rank=self.team.rank,
            world_size=self.team.size,
        )
        for number, (inputs, labels) in enumerate(batches, done):
            size = min(config.batch_size, len(self.data) - number * config.batch_size)
            self.tally[:, number] = training.learn(inputs, labels, size)
            if on_step is not None and self.team.leads:
                on_step(epoch, number + 1, self.per_epoch)
            every = config.checkpoint_steps
            if every and training.step % every == 0 and number + 1 < self.per_epoch:
                self.spent = time.perf_counter() - start
                self._gather_tally()
                self._save(model=False)
        self._gather_tally()
        self.team.follow([self.tally])
        sums = self.tally.cpu().double().sum(dim=1) / len(self.data)
        loss, accuracy = self._measure()
        return EpochMetrics(
            epoch=epoch,
            train_loss=float(sums[0]),
            train_accuracy=float(sums[1]),
            validation_loss=loss,
            validation_accuracy=accuracy,
            learning_rate=training.learning_rate,
            seconds=time.perf_counter() - start,
        )

    def _gather_tally(self) -> None:
        """Put what all processes have counted into the tally of the leader."""
        self.team.add([self.tally])
        if not self.team.leads:
            self.tally.zero_()

    def _measure(self) -> tuple[float | None, float | None]:
        """Return loss and accuracy in validation: the leader measures, the others listen."""
        model = self.training.settle()
        if not self.validation:
            return None, None
        found = torch.zeros(2, dtype=torch.float64)
        if self.team.leads:
            result = evaluate(model, self.validation)
            found = torch.tensor([result.loss, result.top1], dtype=torch.float64)
        if self.team.size > 1:
            found = found.to(self.training.device)
            self.team.follow([found])
        return float(found[0]), float(found[1])

    def _keep_best(self) -> None:
        early_stopping_patience = self.config.early_stopping_patience
        if (
            early_stopping_patience is not None
            and chosen_epoch(self.history, early_stopping_patience) == len(self.history) - 1
        ):
            state = self.training.model.network.state_dict()
            self.best = {name: value.clone() for name, value in state.items()}

    def _finish(self) -> Model:
        model = self.training.settle()
        if self.best:
            model.network.load_state_dict(self.best)
        row = self.history[chosen_epoch(self.history, self.config.early_stopping_patience)]
        model = self._described(model, row)
        if self.config.out is not None and self.team.leads:
            folder = Path(self.config.out)
            save_model(model, folder / MODEL)
            (folder / CHECKPOINT).unlink(missing_ok=True)
        self.team.wait()
        return model

    def _described(self, model: Model, row: EpochMetrics) -> Model:
        """Say in the model how it came to be; nothing that differs from run to run."""
        return replace(
            model,
            metadata={
                **self.metadata,
                "normalisation": {"mean": 0.0, "scale": 255.0}
                if model.input_type == "images"
                else None,
                "metrics": row.measures(),
                "config": self.config.fingerprint(),
                "precision": self.training.precision,
                "parameters": count_parameters(model.network),
            },
        )

    def _save(self, *, model: bool) -> None:
        if self.config.out is None or not self.team.leads:
            return
        folder = Path(self.config.out)
        folder.mkdir(parents=True, exist_ok=True)
        if model:
            save_model(self._described(self.training.model, self.history[-1]), folder / MODEL)
            write_history(folder, self.history)
            if self.config.tensorboard:
                write_events(folder / "tensorboard", self.history[-1])
        tensors = {**self.training.tensors(), "best": self.best, "metrics": {"tally": self.tally}}
        state = {
            "identity": self.identity,
            "step": self.training.step,
            "spent": self.spent,
            "history": [asdict(metrics) for metrics in self.history],
        }
        save_checkpoint(folder / CHECKPOINT, tensors, state)
