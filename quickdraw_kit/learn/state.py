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
from quickdraw_kit.learn.data.dataset import Labels
from quickdraw_kit.learn.distributed import Team
from quickdraw_kit.learn.models.model import Model
from quickdraw_kit.learn.schedule import rate_at

__all__ = ["Training", "class_weights", "resolve_precision", "spare_relu"]


class Training:
    """A network on its way: its weights, their average, the optimizer and the number of the step."""

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
        if model.input_type == "images" and self.device.type != "mps":
            self._network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        weights = list(self._network.parameters())
        team.follow([value.detach() for value in weights])
        self._augment = Augmentation.of(config, model.label_names)
        self._weight = class_weights(counts, config.class_balance).to(self.device)
        self._optimizer = torch.optim.AdamW(
            [
                {"params": [w for w in weights if w.ndim > 1], "weight_decay": config.weight_decay},
                {"params": [w for w in weights if w.ndim <= 1], "weight_decay": 0.0},
            ],
            lr=config.learning_rate,
        )

    def learn(self, inputs: Any, labels: Labels, size: int) -> torch.Tensor:
        """Make a step."""
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
        if config.max_grad_norm is not None:
            nn.utils.clip_grad_norm_(self._network.parameters(), config.max_grad_norm)
        self._set_rate()
        self._optimizer.step()
        self.step += 1
        if config.ema_decay:
            # the first steps are forgotten sooner, or the first weights would linger
            self._average(1 - min(config.ema_decay, self.step / (self.step + 9)))
        return tally

    @property
    def learning_rate(self) -> float:
        """The rate of the last step that was made."""
        return float(self._optimizer.param_groups[0]["lr"])

    def settle(self) -> Model:
        """Bring the model up to date with the training, and return it."""
        if not self._config.ema_decay:
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
        """Go on from a checkpoint."""
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
            self.step, self._steps, schedule=config.schedule, warmup_fraction=config.warmup_fraction
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
    """
    for module in network.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = True
        if isinstance(module, nn.Sequential):
            for place, (one, two) in enumerate(itertools.pairwise(list(module))):
                if isinstance(one, nn.ReLU) and isinstance(two, nn.MaxPool2d):
                    module[place], module[place + 1] = two, one


def class_weights(counts: Labels, class_balance: float) -> torch.Tensor:
    """Weigh labels by how rare they are."""
    present = counts > 0
    weights = np.where(present, np.maximum(counts, 1) ** -class_balance, 0.0)
    return torch.from_numpy(weights * counts.sum() / (weights * counts).sum()).float()


def resolve_precision(precision: str, device: torch.device) -> str:
    """Say what ``auto`` means here."""
    if precision != "auto":
        return precision
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    if device.type != "cpu":
        return "float32"
    tests = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")  # private: may go away
    fast = any(getattr(torch.cpu, name, bool)() for name in tests)
    return "bfloat16" if fast else "float32"
