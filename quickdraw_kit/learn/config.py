"""What a training run is told: plain values that a recipe, a command line or a job can spell."""

import math
import os
from dataclasses import dataclass, fields
from typing import Any

from quickdraw_kit.errors import UsageError
from quickdraw_kit.learn.schedule import SCHEDULES

__all__ = ["TrainConfig"]

_CHOICES = {
    "schedule": SCHEDULES,
    "precision": ("auto", "float32", "bfloat16"),
}
_AT_LEAST_ONE = ("epochs", "batch_size", "threads", "early_stopping_patience", "checkpoint_steps")
_RANGES = {  # least, whether it may be the least, most, whether it may be the most
    "learning_rate": (0.0, False, 10.0, True),
    "weight_decay": (0.0, True, math.inf, False),
    "warmup_fraction": (0.0, True, 1.0, False),
    "label_smoothing": (0.0, True, 1.0, False),
    "max_grad_norm": (0.0, False, math.inf, False),
    "ema_decay": (0.0, True, 1.0, False),
    "dropout": (0.0, True, 1.0, False),
    "class_balance": (0.0, True, 1.0, True),
    "translate": (0.0, True, math.inf, False),
    "rotate": (0.0, True, 180.0, True),
    "scale": (0.0, True, 1.0, False),
    "shear": (0.0, True, 60.0, True),
    "validation": (0.0, True, 1.0, False),
    "test": (0.0, True, 1.0, False),
}


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """What to train, on what and how.

    Parameters
    ----------
    data : path-like, optional
        What to train on, as `open_splits` takes it: a folder of shards or their address in a store,
        a folder of MNIST's IDX files, of official ``.npy`` bitmaps or of ``.ndjson``, or
        ``mnist-5k``. Not needed when the splits are given to `train`.
    out : path-like, optional
        Folder for ``model.safetensors``, ``metrics.jsonl`` and the checkpoint; by default nothing
        is written.
    network : str
        One of `NETWORKS`.
    epochs, batch_size : int
        Passes over the training split, and rows of a step, over all processes together.
    schedule : {"one-cycle", "cosine", "constant"}
        How the learning rate goes: up for the warm-up and down along a cosine to nothing, with
        momentum opposed; the same with constant momentum; or up and then level.
    learning_rate : float
        The highest.
    warmup : float
        Share of the steps in which the rate rises.
    weight_decay : float
        Of AdamW, for matrices and kernels; biases and scales do not decay.
    label_smoothing : float
        Of the cross entropy.
    clip_norm : float, optional
        Longest gradient; by default as it is.
    ema : float
        How much of the averaged weights a step keeps, such as 0.999; 0 takes the last weights. The
        model that is measured and saved has the averaged ones.
    dropout : float, optional
        In networks that have it; by default as the network says.
    balance : float
        Weight of a label in the loss is its count to the power of minus this: 0 counts drawings,
        1 counts labels.
    shift : float
        Augmentation: each image moves by at most this share of its side, either way.
    rotate, shear : float
        Degrees, at most, either way.
    scale : float
        Share by which an image grows or shrinks, at most.
    flip : bool
        Mirror half of the images whose label allows it (digits and most letters do not).
    validation, test : float
        Shares of the splits of a source that is not split yet. MNIST has its test set; of it only
        validation is cut off.
    patience : int, optional
        Epochs without a lower validation loss after which training stops and the best weights are
        taken back; by default all epochs run.
    seed : int
        For the first weights, the order, dropout and augmentation.
    device : str
        Such as ``cpu``, ``cuda`` or ``mps``; ``auto`` takes the best there is.
    precision : {"auto", "float32", "bfloat16"}
        Of the arithmetic in the network; weights and their updates are float32 always. ``auto`` is
        bfloat16 where the processor multiplies in it and the network gains.
    threads : int, optional
        Of the processor; by default as PyTorch chooses. A small network is faster with one when
        the machine is busy, and its weights are then the same however many cores there are.
    checkpoint_steps : int, optional
        Write a checkpoint after so many steps too; by default after epochs only.
    tensorboard : bool
        Write events for TensorBoard beside the metrics.

    Raises
    ------
    UsageError
        If a value is out of its range.

    Examples
    --------
    >>> TrainConfig(data="shards", network="quickdraw-cnn").learning_rate
    0.003
    """

    data: str | os.PathLike[str] | None = None
    out: str | os.PathLike[str] | None = None
    network: str = "tiny-cnn"
    epochs: int = 10
    batch_size: int = 64
    schedule: str = "one-cycle"
    learning_rate: float = 3e-3
    warmup_fraction: float = 0.3
    weight_decay: float = 1e-2
    label_smoothing: float = 0.0
    max_grad_norm: float | None = None
    ema_decay: float = 0.0
    dropout: float | None = None
    class_balance: float = 0.0
    translate: float = 0.0
    rotate: float = 0.0
    scale: float = 0.0
    shear: float = 0.0
    horizontal_flip: bool = False
    validation: float = 0.1
    test: float = 0.1
    early_stopping_patience: int | None = None
    seed: int = 0
    device: str = "auto"
    precision: str = "auto"
    threads: int | None = None
    checkpoint_steps: int | None = None
    tensorboard: bool = False

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            value = getattr(self, name)
            if value not in choices:
                raise UsageError(f"{name} is {value!r}, expected one of {', '.join(choices)}")
        for name in _AT_LEAST_ONE:
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"{name} is {value}, expected at least 1")
        for name, (least, with_least, most, with_most) in _RANGES.items():
            value = getattr(self, name)
            if value is None:
                continue
            above = value >= least if with_least else value > least
            below = value <= most if with_most else value < most
            if not (above and below):
                raise UsageError(
                    f"{name} is {value}, expected {'at least' if with_least else 'over'} {least:g}"
                    + (
                        f" and {'at most' if with_most else 'below'} {most:g}"
                        if most < math.inf
                        else ""
                    )
                )
        if not 0 <= self.seed < 1 << 64:
            raise UsageError(f"seed is {self.seed}, expected 0 to 2**64 - 1")
        if self.validation + self.test >= 1:
            raise UsageError(
                f"validation {self.validation} and test {self.test} leave nothing to train on"
            )

    def described(self) -> dict[str, Any]:
        """Return the settings that the weights depend on, as JSON can hold them.

        Returns
        -------
        dict of str to anything
            Without `data`, `out`, `tensorboard` and the steps between checkpoints: a data set that
            moved is still the same, and how often one saves changes nothing.

        Examples
        --------
        >>> "out" in TrainConfig(out="model").described()
        False
        """
        left_out = {"data", "out", "tensorboard", "checkpoint_steps"}
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name not in left_out}
