"""What each process of the tests of `torchrun` runs: train, and write what it saw and learned."""

import hashlib
import json
import os
import signal
import sys
from pathlib import Path

import numpy as np
import safetensors.torch

from quickdraw_kit.learn.checkpoint import load_checkpoint
from quickdraw_kit.learn.data.splits import Splits, open_splits
from quickdraw_kit.learn.resume import CHECKPOINT_NAME
from quickdraw_kit.learn.train import TrainConfig, train


class Watched:
    """A data set that writes the rows of each step to a file, and kills the process at a step."""

    def __init__(self, data, path: Path, first_step: int, kill_at: int) -> None:
        self._data, self._path, self._step, self._kill_at = data, path, first_step, kill_at

    def __getattr__(self, name):
        return getattr(self._data, name)

    def __len__(self) -> int:
        return len(self._data)

    def batches(self, batch_size, **options):
        for inputs, labels in self._data.batches(batch_size, **options):
            if self._kill_at and self._step == self._kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            rows = [hashlib.md5(row.tobytes()).hexdigest() for row in np.ascontiguousarray(inputs)]
            with self._path.open("a") as file:
                file.write(json.dumps([self._step, rows]) + "\n")
            yield inputs, labels
            self._step += 1


def first_step(config: TrainConfig) -> int:
    """Return the number of the step that a run starts or resumes with."""
    checkpoint = None if config.out is None else Path(config.out) / CHECKPOINT_NAME
    if checkpoint is None or not checkpoint.exists():
        return 0
    step: int = load_checkpoint(checkpoint)[1]["step"]
    return step


def main() -> None:
    config, folder = TrainConfig(**json.loads(sys.argv[1])), Path(sys.argv[2])
    rank = os.environ.get("RANK", "alone")
    splits = open_splits(config)
    watched = Watched(
        splits["train"], folder / f"{rank}.seen", first_step(config), kill_at=int(sys.argv[3])
    )
    result = train(config, Splits({**splits, "train": watched}, splits.metadata))

    state = {name: v.contiguous() for name, v in result.model.network.state_dict().items()}
    (folder / f"{rank}.safetensors").write_bytes(safetensors.torch.save(state))
    losses = [[row.train_loss, row.train_accuracy, row.validation_loss] for row in result.history]
    (folder / f"{rank}.json").write_text(json.dumps(losses))


if __name__ == "__main__":  # doctests import it
    main()
