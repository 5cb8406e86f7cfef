"""What each process of the test of `torchrun` runs: train, and leave the weights behind."""

import json
import os
import signal
import sys
from pathlib import Path

import safetensors.torch

from quickdraw_kit.learn.steps import Training
from quickdraw_kit.learn.train import TrainConfig, train


def kill_after(steps: int) -> None:
    """Let this process die, as by kill -9, when it has made so many steps."""
    learn = Training.learn

    def counted(self, inputs, labels):
        if self.step == steps:
            os.kill(os.getpid(), signal.SIGKILL)
        return learn(self, inputs, labels)

    Training.learn = counted


def main() -> None:
    config, folder = TrainConfig(**json.loads(sys.argv[1])), Path(sys.argv[2])
    if last := int(sys.argv[3]):
        kill_after(last)
    result = train(config)
    rank = os.environ.get("RANK", "alone")
    state = {name: v.contiguous() for name, v in result.model.network.state_dict().items()}
    (folder / f"{rank}.safetensors").write_bytes(safetensors.torch.save(state))
    losses = [[row.train_loss, row.train_accuracy, row.validation_loss] for row in result.history]
    (folder / f"{rank}.json").write_text(json.dumps(losses))


if __name__ == "__main__":  # doctests import it
    main()
