"""What each process of the test of `torchrun` runs: train, and leave the weights behind."""

import json
import os
import sys
from pathlib import Path

import safetensors.torch

from quickdraw_kit.learn.train import TrainConfig, train


def main() -> None:
    config, folder = TrainConfig(**json.loads(sys.argv[1])), Path(sys.argv[2])
    result = train(config)
    rank = os.environ.get("RANK", "alone")
    state = {name: v.contiguous() for name, v in result.model.network.state_dict().items()}
    (folder / f"{rank}.safetensors").write_bytes(safetensors.torch.save(state))
    losses = [[row.train_loss, row.train_accuracy, row.validation_loss] for row in result.history]
    (folder / f"{rank}.json").write_text(json.dumps(losses))


main()
