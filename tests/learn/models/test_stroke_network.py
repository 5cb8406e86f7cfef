"""The stroke network: drawings of a batch do not affect each other, and it learns."""

import numpy as np
import torch

from quickdraw_kit.learn.config import TrainConfig
from quickdraw_kit.learn.data.sequences import StrokeDataset, pack_strokes
from quickdraw_kit.learn.evaluate import evaluate
from quickdraw_kit.learn.models.stroke_network import StrokeNetwork
from quickdraw_kit.learn.train import train
from quickdraw_kit.synthetic.generator import generate_drawings

NAMES = ("ladder", "line", "star", "sun")


def dataset_of(count: int, seed: int = 0) -> StrokeDataset:
    drawings = generate_drawings(NAMES, count, seed=seed, raw=False)
    return StrokeDataset(drawings, drawings.word_code.astype(np.int64), drawings.words)


def test_a_drawing_has_the_same_logits_alone_and_in_a_batch():
    torch.manual_seed(0)
    network = StrokeNetwork(4).eval()
    drawings = dataset_of(6).drawings
    assert drawings.point_counts.min() < 32 < drawings.point_counts.max()  # short and long ones
    with torch.inference_mode():
        together = network(pack_strokes(drawings))
        alone = [network(pack_strokes(drawings[i : i + 1])) for i in range(len(drawings))]
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-4, atol=1e-5)


def test_it_learns_to_recognize_new_drawings():
    config = TrainConfig(
        network="stroke-cnn", epochs=4, batch_size=16, rotate=10.0, scale=0.1, threads=1
    )
    result = train(config, {"train": dataset_of(50)})
    assert evaluate(result.model, dataset_of(20, seed=1)).top1 > 0.9
