"""Claim: shards that do not fit into memory are learnt from as fast as those that do.

Two sets of generated drawings: one of a fraction of the memory, and one that is larger than all of
it. What is all of it is set by a control group of the kernel, which this process joins and in which
pages that the system keeps of files count too: of the large set only a part can ever be there, and
every epoch reads the disk. The sets take turns; drawings a second by the clock, of the loader
alone, shuffled as for training, and of `train` with a small network, medians of the rounds. What
counts is the last column. What the disk gives by itself is printed, for no loader is faster, and
the most that the group has held, all kinds of memory together.

    python benchmarks/train_large.py [--small 200000] [--large 2500000] [--memory 1500] [--rounds 3]

Linux, as root (a control group is made).
"""

import argparse
import contextlib
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from quickdraw_kit import open_shards, prepare
from quickdraw_kit.learn.config import TrainConfig
from quickdraw_kit.learn.train import train
from quickdraw_kit.synthetic.generator import write_sample

NETWORK = "mnist-tiny"


@contextlib.contextmanager
def limited(limit: int) -> Iterator[Path]:
    """Let this process have so many bytes of memory, pages of files included."""
    first = Path("/sys/fs/cgroup/memory")
    root, name = (first, "limit_in_bytes") if first.is_dir() else (first.parent, "max")
    group = root / f"train-large-{os.getpid()}"
    group.mkdir()
    try:
        (group / f"memory.{name}").write_text(str(limit))
        (group / "cgroup.procs").write_text(str(os.getpid()))
        yield group
    finally:
        (root / "cgroup.procs").write_text(str(os.getpid()))
        group.rmdir()


def peak(group: Path) -> int:
    for name in ("memory.max_usage_in_bytes", "memory.peak"):
        if (group / name).exists():
            return int((group / name).read_text())
    raise SystemExit("this kernel does not tell the peak of a control group")


def drop(folder: Path) -> None:
    """Let the system forget the files, which count to whoever reads them next."""
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def read(folder: Path) -> int:
    size = 0
    for path in sorted(folder.glob("train-*.images.npy")):
        with path.open("rb", buffering=0) as file:
            while block := file.read(1 << 22):
                size += len(block)
    return size


def load(folder: Path) -> int:
    rows = 0
    for images, _ in open_shards(folder, split="train").batches(256, shuffle=True):
        rows += len(images)
        images.max()  # each byte is read
    return rows


def learn(folder: Path) -> int:
    config = TrainConfig(
        data=str(folder), network=NETWORK, epochs=1, batch_size=256, val_fraction=0.0, threads=1
    )
    splits = {"train": open_shards(folder, split="train")}
    train(config, splits)
    return len(splits["train"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--small", type=int, default=200_000, help="drawings")
    parser.add_argument("--large", type=int, default=2_500_000, help="drawings")
    parser.add_argument("--memory", type=int, default=1500, help="megabytes")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sets = {}
        for size in ("small", "large"):
            drawings = getattr(options, size)
            sets[size] = folder / size
            prepare(write_sample(folder / f"{size}-in", drawings=drawings), sets[size])
            taken = sum(path.stat().st_size for path in sets[size].glob("*.images.npy"))
            share = taken / options.memory / 1e6
            print(f"{size}: {drawings:,} drawings, {taken / 1e6:,.0f} MB, {share:.2f} of memory")
            drop(sets[size])
        rates: dict[tuple[str, str], list[float]] = {}
        learn(sets["small"])  # what is imported and compiled is paid for here
        with limited(options.memory * 1_000_000) as group:
            for _ in range(options.rounds):
                for size, shards in sets.items():
                    load(shards)  # so that of each as much is in memory as finds room
                    for work in (read, load, learn):
                        start = time.perf_counter()
                        done = work(shards)
                        rate = done / (time.perf_counter() - start)
                        rates.setdefault((work.__name__, size), []).append(rate)
            most = peak(group)
        print(f"the most that was held: {most / 1e6:,.0f} of {options.memory:,} MB")
        units = {"read": ("the files, MB/s", 1e6), "load": ("loader, drawings/s", 1)}
        print(f"{'':<22}{'small':>12}{'large':>12}{'ratio':>8}")
        for work, (label, unit) in {**units, "learn": ("train, drawings/s", 1)}.items():
            small, large = (statistics.median(rates[work, size]) / unit for size in sets)
            print(f"{label:<22}{small:>12,.0f}{large:>12,.0f}{large / small:>8.2f}")


if __name__ == "__main__":
    main()
