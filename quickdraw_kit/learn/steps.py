"""The state of a training run, and the one step that changes it."""

import copy
import itertools
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from quickdraw_kit.learn.augment import Augmentation
from quickdraw_kit.learn.checkpoint import optimizer_tensors, restore_optimizer
from quickdraw_kit.learn.config import TrainConfig
from quickdraw_kit.learn.dataset import Labels
from quickdraw_kit.learn.distributed import Team
from quickdraw_kit.learn.model import Model
from quickdraw_kit.learn.schedule import rate_at

__all__ = ["Training", "class_weights", "resolve_precision", "spare_relu"]


class Training:
    """A network on its way: its weights, their average, the optimizer and the number of the step.

    Parameters
    ----------
    config : TrainConfig
        How to train.
    model : Model
        What is measured and saved: on the device, with the first weights. Where the configuration
        asks for an average, its weights are the average, from the first step on.
    steps : int
        How many steps the run has.
    counts : ndarray of int64, shape (classes,)
        How many rows each label has.
    team : Team
        The processes that take part.

    Attributes
    ----------
    step : int
        How many steps are done.
    device : torch.device
        Where all of it is.
    precision : {"float32", "bfloat16"}
        Of the arithmetic in the network.
    """

    def __init__(
        self, config: TrainConfig, model: Model, steps: int, counts: Labels, team: Team
    ) -> None:
        self.model = model
        self.step = 0
        self._config, self._steps, self._team = config, steps, team
        self.device = next(model.network.parameters()).device
        self.precision = resolve_precision(config.precision, self.device)
        self._network = copy.deepcopy(model.network)
        spare_relu(self._network)
        if model.reads == "images" and self.device.type != "mps":
            self._network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        weights = list(self._network.parameters())
        team.follow([value.detach() for value in weights])
        self._augment = Augmentation.of(config, model.label_names)
        self._weight = class_weights(counts, config.balance).to(self.device)
        self._optimizer = torch.optim.AdamW(
            [
                {"params": [w for w in weights if w.ndim > 1], "weight_decay": config.weight_decay},
                {"params": [w for w in weights if w.ndim <= 1], "weight_decay": 0.0},
            ],
            lr=config.learning_rate,
        )

    def learn(self, inputs: Any, labels: Labels, size: int) -> torch.Tensor:
        """Make a step.

        Parameters
        ----------
        inputs : ndarray or DrawingBatch
            The rows of a batch that are for this process, as the data set gives them.
        labels : ndarray of int64, shape (n,)
        size : int
            Rows of the whole batch, of all processes.

        Returns
        -------
        torch.Tensor of float32, shape (2,)
            Sum of the losses and number of right answers, of this process; on the device.
        """
        config, team = self._config, self._team
        # what is drawn at random in a step depends on its number only: nothing to save
        seed = np.random.SeedSequence([config.seed, self.step, team.rank])
        torch.manual_seed(int(seed.generate_state(1, np.uint64)[0]))
        self._network.train()
        self._optimizer.zero_grad(set_to_none=True)
        tally = torch.zeros(2, device=self.device)
        if len(labels):
            target = torch.from_numpy(np.array(labels)).to(self.device, non_blocking=True)
            batch = self.model.inputs(inputs)
            logits = self._forward(self._augment(batch, target))
            losses = cross_entropy(
                logits,
                target,
                weight=self._weight,
                label_smoothing=config.label_smoothing,
                reduction="sum",
            )
            (losses / size).backward()  # type: ignore[no-untyped-call]
            tally[0] = losses.detach()
            tally[1] = (logits.detach().argmax(dim=1) == target).sum()
        self._combine()
        if config.clip_norm is not None:
            nn.utils.clip_grad_norm_(self._network.parameters(), config.clip_norm)
        self._set_rate()
        self._optimizer.step()
        self.step += 1
        if config.ema:
            # the first steps are forgotten sooner, or the first weights would linger
            self._average(1 - min(config.ema, self.step / (self.step + 9)))
        return tally

    @property
    def learning_rate(self) -> float:
        """The rate of the last step that was made."""
        return float(self._optimizer.param_groups[0]["lr"])

    def settle(self) -> Model:
        """Bring the model up to date with the training, and return it.

        Returns
        -------
        Model
            With the averaged weights, or with those of the last step.
        """
        if not self._config.ema:
            self.model.network.load_state_dict(self._network.state_dict())
        self.model.network.eval()
        return self.model

    def tensors(self) -> dict[str, Mapping[str, torch.Tensor]]:
        """Return everything that a checkpoint needs to hold, but for the number of the step."""
        return {
            "network": self._network.state_dict(),
            "model": self.model.network.state_dict(),
            "optimizer": optimizer_tensors(self._optimizer),
        }

    def restore(self, tensors: Mapping[str, Mapping[str, torch.Tensor]], step: int) -> None:
        """Go on from a checkpoint.

        Parameters
        ----------
        tensors : mapping
            What `tensors` returned.
        step : int
            How many steps were done.
        """
        self._network.load_state_dict(tensors["network"])
        self.model.network.load_state_dict(tensors["model"])
        restore_optimizer(self._optimizer, tensors["optimizer"])
        self.step = step

    def _forward(self, inputs: Any) -> torch.Tensor:
        if isinstance(inputs, torch.Tensor) and self.device.type != "mps":
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        half = self.precision == "bfloat16"
        with torch.autocast(self.device.type, torch.bfloat16) if half else nullcontext():
            logits: torch.Tensor = self._network(inputs)
        return logits.float()

    def _combine(self) -> None:
        """Add up gradients, and average what batch normalisation has seen, over the processes."""
        if self._team.size == 1:
            return
        gradients = []
        for weights in self._network.parameters():
            if weights.grad is None:  # of a batch with no row for this process
                weights.grad = torch.zeros_like(weights)
            gradients.append(weights.grad)
        seen = [buffer for buffer in self._network.buffers() if buffer.is_floating_point()]
        for buffer in seen:
            buffer.div_(self._team.size)
        self._team.add(gradients + seen)

    def _set_rate(self) -> None:
        config = self._config
        rate, momentum = rate_at(
            self.step, self._steps, schedule=config.schedule, warmup=config.warmup
        )
        for group in self._optimizer.param_groups:
            group["lr"] = config.learning_rate * rate
            group["betas"] = (momentum, group["betas"][1])

    @torch.no_grad()
    def _average(self, share: float) -> None:
        """Move the averaged weights by a share of the way to those of the last step."""
        ours, new = self.model.network.state_dict(), self._network.state_dict()
        for name, value in ours.items():
            if value.is_floating_point():
                value.lerp_(new[name], share)
            else:
                value.copy_(new[name])


def spare_relu(network: nn.Module) -> None:
    """Let ReLU work on as little as it can: after the pooling behind it, and in place.

    The maximum of values without the negative ones is the maximum of all of them without a negative
    one, so results and gradients stay what they are, to the bit, from a quarter of the work. The
    layers change places in the copy that is trained only; they have no weights, so the names of
    those stay.

    Parameters
    ----------
    network : torch.nn.Module
        Changed in place.

    Examples
    --------
    >>> network = nn.Sequential(nn.ReLU(), nn.MaxPool2d(2))
    >>> spare_relu(network)
    >>> [type(layer).__name__ for layer in network]
    ['MaxPool2d', 'ReLU']
    """
    for module in network.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = True
        if isinstance(module, nn.Sequential):
            for place, (one, two) in enumerate(itertools.pairwise(list(module))):
                if isinstance(one, nn.ReLU) and isinstance(two, nn.MaxPool2d):
                    module[place], module[place + 1] = two, one


def class_weights(counts: Labels, balance: float) -> torch.Tensor:
    """Weigh labels by how rare they are.

    Parameters
    ----------
    counts : ndarray of int64, shape (classes,)
        How many rows each has.
    balance : float
        0 for equal weights; 1 makes labels count the same, however many rows they have.

    Returns
    -------
    torch.Tensor of float32, shape (classes,)
        The mean over the rows is 1; a label without rows weighs nothing.

    Examples
    --------
    >>> class_weights(np.array([30, 10]), 1.0)
    tensor([0.6667, 2.0000])
    """
    present = counts > 0
    weights = np.where(present, np.maximum(counts, 1) ** -balance, 0.0)
    return torch.from_numpy(weights * counts.sum() / (weights * counts).sum()).float()


def resolve_precision(precision: str, device: torch.device) -> str:
    """Say what ``auto`` means here.

    Parameters
    ----------
    precision : {"auto", "float32", "bfloat16"}
        What was asked for.
    device : torch.device
        Where the network is.

    Returns
    -------
    {"float32", "bfloat16"}
        A rule and not a measurement, so that the same machine always does the same.

    Examples
    --------
    >>> resolve_precision("float32", torch.device("cpu"))
    'float32'
    """
    if precision != "auto":
        return precision
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    if device.type != "cpu":
        return "float32"
    tests = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")  # private: may go away
    fast = any(getattr(torch.cpu, name, bool)() for name in tests)
    return "bfloat16" if fast else "float32"
