"""The state of a training run, and the step that changes it."""

import copy
import itertools
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from quickdraw_kit.errors import UsageError
from quickdraw_kit.learn.augment import Augmentation
from quickdraw_kit.learn.checkpoint import optimizer_tensors, restore_optimizer
from quickdraw_kit.learn.config import TrainConfig
from quickdraw_kit.learn.data.dataset import Labels
from quickdraw_kit.learn.device import resolve_precision
from quickdraw_kit.learn.distributed import ProcessGroup
from quickdraw_kit.learn.models.model import Model
from quickdraw_kit.learn.schedule import rate_at


class TrainState:
    """Weights, their moving average, the optimizer and the number of steps that were made.

    There are two copies of the network: the one that is trained, whose layers are rearranged for
    speed, and that of `model`, which `sync` brings up to date and which has the averaged weights if
    there are any. The learning-rate schedule runs from `step` to `steps`.
    """

    def __init__(
        self,
        config: TrainConfig,
        model: Model,
        steps: int,
        label_counts: Labels,
        group: ProcessGroup,
        *,
        step: int = 0,
    ) -> None:
        self.model = model
        self.step = self._first_step = step
        self.device = next(model.network.parameters()).device
        self.precision = resolve_precision(config.precision, self.device)
        self._config, self._steps, self._group = config, steps, group
        self._augment = Augmentation.from_config(config, model.label_names)
        self._class_weights = class_weights(label_counts, config.class_balance).to(self.device)

        # the fastest layout of the same network; on MPS, channels last is not
        self._network = copy.deepcopy(model.network)
        swap_relu_and_max_pool(self._network)
        self._channels_last = model.input_type == "images" and self.device.type != "mps"
        if self._channels_last:
            self._network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

        # all processes start with the weights of rank 0: a seed may give others on another machine
        weights = list(self._network.parameters())
        group.broadcast([value.detach() for value in weights])
        if config.freeze:
            trained = {id(value) for value in last_layer(self._network).parameters()}
            for value in weights:
                value.requires_grad_(id(value) in trained)
            weights = [value for value in weights if value.requires_grad]
        matrices = [value for value in weights if value.ndim > 1]
        vectors = [value for value in weights if value.ndim <= 1]  # biases and scales
        self._optimizer = torch.optim.AdamW(
            [
                {"params": matrices, "weight_decay": config.weight_decay},
                {"params": vectors, "weight_decay": 0.0},
            ],
            lr=config.learning_rate,
        )

    @property
    def learning_rate(self) -> float:
        """The learning rate of the last step."""
        return float(self._optimizer.param_groups[0]["lr"])

    def train_step(self, inputs: Any, labels: Labels, batch_size: int) -> torch.Tensor:
        """Make a step with the rows of this process, of a batch of `batch_size` over all processes.

        Returns the sum of the losses and the number of correct predictions of these rows, shape
        (2,), on the device: to read them is to wait for it.
        """
        # Random numbers depend on the number of the step only, so no generator has to be saved.
        seed = np.random.SeedSequence([self._config.seed, self.step, self._group.rank])
        torch.manual_seed(int(seed.generate_state(1, np.uint64)[0]))

        self._network.train()
        if self._config.freeze:
            # normalization would go on to collect statistics
            self._network.eval()
            last_layer(self._network).train()
        self._optimizer.zero_grad(set_to_none=True)
        sums = torch.zeros(2, device=self.device)
        if len(labels):  # a small last batch may have no row for this process
            self._backward(inputs, labels, batch_size, sums)

        # Gradients are clipped when they are complete: the norm is that of the whole batch.
        self._reduce_gradients()
        if self._config.max_grad_norm is not None:
            nn.utils.clip_grad_norm_(self._network.parameters(), self._config.max_grad_norm)

        self._set_learning_rate()
        self._optimizer.step()
        self.step += 1
        if self._config.ema_decay:
            self._update_average()
        return sums

    def sync(self) -> Model:
        """Bring the model up to date with the training, and return it in evaluation mode."""
        if not self._config.ema_decay:
            self.model.network.load_state_dict(self._network.state_dict())
        self.model.network.eval()
        return self.model

    def state_dict(self) -> dict[str, Mapping[str, torch.Tensor]]:
        """Return everything that a checkpoint has to hold, except the number of the step."""
        return {
            "network": self._network.state_dict(),
            "model": self.model.network.state_dict(),
            "optimizer": optimizer_tensors(self._optimizer),
        }

    def load_state_dict(self, state: Mapping[str, Mapping[str, torch.Tensor]], step: int) -> None:
        """Continue after a step, with what `state_dict` returned then."""
        self._network.load_state_dict(state["network"])
        self.model.network.load_state_dict(state["model"])
        restore_optimizer(self._optimizer, state["optimizer"])
        self.step = step

    def _backward(self, inputs: Any, labels: Labels, batch_size: int, sums: torch.Tensor) -> None:
        """Compute gradients, and write the sums of `train_step`."""
        # copied, because labels may be a view of a read-only memory map
        target = torch.from_numpy(np.array(labels)).to(self.device, non_blocking=True)
        logits = self._forward(self._augment(self.model.inputs(inputs), target))
        loss = cross_entropy(
            logits,
            target,
            weight=self._class_weights,
            label_smoothing=self._config.label_smoothing,
            reduction="sum",
        )

        # by the rows of all processes, so that the sum of the gradients is that of the whole batch
        (loss / batch_size).backward()  # type: ignore[no-untyped-call]
        sums[0] = loss.detach()
        sums[1] = (logits.detach().argmax(dim=1) == target).sum()

    def _forward(self, inputs: Any) -> torch.Tensor:
        if self._channels_last:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        half = self.precision == "bfloat16"
        with torch.autocast(self.device.type, torch.bfloat16) if half else nullcontext():
            logits: torch.Tensor = self._network(inputs)
        return logits.float()

    def _reduce_gradients(self) -> None:
        """Sum gradients, and average the statistics of batch normalization, over all processes."""
        if self._group.world_size == 1:
            return

        gradients = []
        for weights in self._network.parameters():
            if not weights.requires_grad:
                continue
            if weights.grad is None:  # this process had no row
                weights.grad = torch.zeros_like(weights)
            gradients.append(weights.grad)
        statistics = [buffer for buffer in self._network.buffers() if buffer.is_floating_point()]
        for buffer in statistics:
            buffer.div_(self._group.world_size)

        self._group.all_reduce(gradients + statistics)

    def _set_learning_rate(self) -> None:
        rate, momentum = rate_at(
            self.step - self._first_step,
            self._steps - self._first_step,
            schedule=self._config.schedule,
            warmup_fraction=self._config.warmup_fraction,
        )
        for group in self._optimizer.param_groups:
            group["lr"] = self._config.learning_rate * rate
            group["betas"] = (momentum, group["betas"][1])

    @torch.no_grad()
    def _update_average(self) -> None:
        """Move the averaged weights toward those of the last step."""
        # Not `torch.optim.swa_utils.AveragedModel`: its decay is constant, it averages the integer
        # counters of batch normalization too, and its own counter would have to be saved. Here the
        # decay grows with the step, so that the initial weights are forgotten at once.
        decay = min(self._config.ema_decay, self.step / (self.step + 9))
        averaged, trained = self.model.network.state_dict(), self._network.state_dict()
        for name, value in averaged.items():
            if value.is_floating_point():
                value.lerp_(trained[name], 1 - decay)
            else:
                value.copy_(trained[name])


def swap_relu_and_max_pool(network: nn.Module) -> None:
    """Apply each ReLU after the max-pooling that follows it, and in place.

    The maximum of values clipped at zero is their maximum, clipped at zero. So results and
    gradients are the same, to the bit, and ReLU has a quarter of the work. Neither layer has
    weights, so the names of the others in the state dict stay.
    """
    for module in network.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = True
        if isinstance(module, nn.Sequential):
            for index, (layer, following) in enumerate(itertools.pairwise(list(module))):
                if isinstance(layer, nn.ReLU) and isinstance(following, nn.MaxPool2d):
                    module[index], module[index + 1] = following, layer


def last_layer(network: nn.Module) -> nn.Linear:
    """Return the layer that computes the logits."""
    return [module for module in network.modules() if isinstance(module, nn.Linear)][-1]


def copy_weights(source: Model, target: Model) -> None:
    """Start from another model: all weights, or all but the last layer if the labels differ."""
    if source.architecture != target.architecture or source.side != target.side:
        raise UsageError(
            f"the model to start from is {source.architecture} for images of side {source.side}, "
            f"and the network is {target.architecture} for side {target.side}: pass "
            f"network={source.architecture!r} (--network {source.architecture})"
        )
    weights = source.network.state_dict()
    if source.label_names != target.label_names:
        last = {
            id(value) for value in last_layer(source.network).state_dict(keep_vars=True).values()
        }
        named = source.network.state_dict(keep_vars=True).items()
        weights = {name: weights[name] for name, value in named if id(value) not in last}
    target.network.load_state_dict(weights, strict=False)


def class_weights(label_counts: Labels, class_balance: float) -> torch.Tensor:
    """Return the weight of each label in the loss; the mean over all rows is 1."""
    present = label_counts > 0
    weights = np.where(present, np.maximum(label_counts, 1) ** -class_balance, 0.0)
    return torch.from_numpy(weights * label_counts.sum() / (weights * label_counts).sum()).float()
