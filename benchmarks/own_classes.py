"""Claim: starting from a trained model, 20 drawings of each own class go far.

Result: 88.7 % +- 5.8 with ``init_from``, 81.1 % +- 8.4 from random weights, 79.9 % +- 9.3 with
``freeze`` (n = 5 seeds, 5 classes each); 2026-11, one thread of two shared x86-64 cores; Python
3.11, torch 2.13. The base model had 92.2 % of its validation split.

The base model knows the official bitmaps of one folder; the own classes are others, 20 random rows
of each, and the rest of their rows is the test set, which is looked at once per number below. Each
of n = 5 seeds draws other classes and other rows. Three runs of the same settings: from random
weights, from the base model with all weights trained (``init_from``), and from it with the last
layer trained only (``freeze``).

    python benchmarks/own_classes.py [BASE CLASSES] [--epochs 2] [--model FOLDER]

BASE and CLASSES are folders of official .npy bitmaps; by default those in QUICKDRAW_KIT_REAL_DATA.
"""

import argparse
import os
import platform
import statistics
import tempfile
from pathlib import Path

import numpy as np

from quickdraw_kit.formats.bitmaps import read_bitmaps
from quickdraw_kit.learn.config import TrainConfig
from quickdraw_kit.learn.data.dataset import ArrayDataset
from quickdraw_kit.learn.evaluate import evaluate
from quickdraw_kit.learn.train import train

CLASSES, DRAWINGS, SEEDS = 5, 20, 5


def sample_classes(folder: Path, known: set[str], seed: int) -> dict[str, ArrayDataset]:
    rng = np.random.default_rng(seed)
    names = sorted(path.stem for path in folder.glob("*.npy") if path.stem not in known)
    names = tuple(sorted(rng.choice(names, CLASSES, replace=False).tolist()))
    parts = {"train": [], "test": []}
    for label, name in enumerate(names):
        rows = read_bitmaps(folder / f"{name}.npy").reshape(-1, 28, 28)
        rows = np.unique(rows, axis=0)  # equal bitmaps must not be on both sides
        rows = rows[rng.permutation(len(rows))]
        parts["train"].append((rows[:DRAWINGS], label))
        parts["test"].append((rows[DRAWINGS : DRAWINGS + 1000], label))
    return {
        split: ArrayDataset(
            np.concatenate([rows for rows, _ in part]),
            np.concatenate([np.full(len(rows), label) for rows, label in part]),
            names,
        )
        for split, part in parts.items()
    }


def main() -> None:
    real = Path(os.environ.get("QUICKDRAW_KIT_REAL_DATA", "data")) / "quickdraw"
    parser = argparse.ArgumentParser()
    parser.add_argument("base", nargs="?", type=Path, default=real / "numpy_bitmap")
    parser.add_argument("classes", nargs="?", type=Path, default=real / "more/numpy_bitmap")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--model", type=Path, help="a base model that is trained already")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        base = options.model or Path(folder) / "base"
        if options.model is None:
            config = TrainConfig(
                data=options.base,
                out=base,
                network="quickdraw-resnet",
                epochs=options.epochs,
                threads=options.threads,
            )
            result = train(config)
            print(f"base: validation {result.history[-1].validation_accuracy:.1%}")

        settings = TrainConfig(
            network="quickdraw-resnet",
            epochs=30,
            batch_size=20,
            learning_rate=2e-3,
            translate=0.1,
            rotate=10,
            scale=0.1,
            horizontal_flip=True,
            threads=options.threads,
        )
        known = {path.stem for path in options.base.glob("*.npy")}
        variants = {
            "random weights": {},
            "init_from": {"init_from": base},
            "init_from, freeze": {"init_from": base, "freeze": True},
        }
        scores = {name: [] for name in variants}
        for seed in range(SEEDS):
            drawings = sample_classes(options.classes, known, seed)
            for name, change in variants.items():
                config = TrainConfig(
                    **{**settings.fingerprint(), "freeze": False, "seed": seed, **change}
                )
                model = train(config, {"train": drawings["train"]}).model
                scores[name].append(evaluate(model, drawings["test"]).top1)
            row = ", ".join(f"{name} {values[-1]:.1%}" for name, values in scores.items())
            print(f"seed {seed}, {', '.join(drawings['test'].label_names)}: {row}", flush=True)

    print(f"\n{CLASSES} own classes of {DRAWINGS} drawings, n = {SEEDS}, {platform.machine()}")
    for name, values in scores.items():
        print(f"{name:<20} {statistics.mean(values):.1%} +- {statistics.stdev(values):.1%}")


if __name__ == "__main__":
    main()
