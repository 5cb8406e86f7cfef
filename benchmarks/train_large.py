"""Claim: shards that do not fit into memory are learnt from as fast as those that do.

What a data set larger than memory costs is that every byte of every epoch comes from the disk. So
one set of shards (generated drawings) is passed over in turns: in memory, and dropped from memory
before each pass (posix_fadvise, DONTNEED). Drawings a second by the clock: of the loader alone,
shuffled as for training, and of `train` with a small network. Medians of the turns; what counts is
the last column. What the disk gives by itself is printed, for no loader is faster.

    python benchmarks/train_large.py [--drawings 200000] [--rounds 2]

Linux only.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from quickdraw_kit import open_shards, prepare
from quickdraw_kit.learn.config import TrainConfig
from quickdraw_kit.learn.train import train
from quickdraw_kit.strokes.generate import write_sample

NETWORK = "mnist-tiny"


def drop(folder: Path) -> None:
    """Let the system forget the files."""
    for path in folder.rglob("*.*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def load(folder: Path) -> int:
    rows = 0
    for images, _ in open_shards(folder, split="train").batches(256, shuffle=True):
        rows += len(images)
        images.max()  # each byte is read
    return rows


def learn(folder: Path) -> int:
    config = TrainConfig(
        data=str(folder), network=NETWORK, epochs=1, batch_size=256, validation=0.0, threads=1
    )
    splits = {"train": open_shards(folder, split="train")}
    train(config, splits)
    return len(splits["train"])


def read(folder: Path) -> int:
    size = 0
    for path in sorted(folder.rglob("*.npy")):
        with path.open("rb", buffering=0) as file:
            while block := file.read(1 << 22):
                size += len(block)
    return size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--drawings", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(write_sample(folder / "in", drawings=options.drawings), folder / "shards")
        shards = folder / "shards"
        size = sum(path.stat().st_size for path in shards.rglob("*.npy"))
        print(f"{options.drawings:,} drawings, {size / 1e6:,.0f} MB of images, {NETWORK}")
        load(shards)
        rates: dict[tuple[str, bool], list[float]] = {}
        work: dict[str, Callable[[Path], int]] = {"disk": read, "loader": load, "train": learn}
        for _ in range(options.rounds):
            for what, pass_over in work.items():
                for cold in (False, True):
                    if cold:
                        drop(shards)
                    start = time.perf_counter()
                    done = pass_over(shards)
                    rates.setdefault((what, cold), []).append(done / (time.perf_counter() - start))
        warm, cold = (statistics.median(rates["disk", state]) / 1e6 for state in (False, True))
        print(f"reading the files: {warm:,.0f} MB/s from memory, {cold:,.0f} MB/s from the disk")
        print(f"{'drawings a second':<18}{'in memory':>12}{'from disk':>12}{'ratio':>8}")
        for what in ("loader", "train"):
            warm, cold = (float(np.median(rates[what, state])) for state in (False, True))
            print(f"{what:<18}{warm:>12,.0f}{cold:>12,.0f}{cold / warm:>8.2f}")


if __name__ == "__main__":
    main()
