"""Claim: training on shards that do not fit into memory is as fast as on shards that do.

Result: 1.00 times the rate, with a cold page cache (2026-11, before the redesign and before the
script limited memory, which has not been measured yet; two shared x86-64 cores, one thread;
Python 3.11, torch 2.13; median of n = 3 rounds).

Two sets of generated drawings: one takes a fraction of the memory, and one is larger than all of
it. The memory is limited by a control group of the kernel, which this process joins, and in which
the page cache counts too: of the large set only a part can ever be in memory, and every epoch reads
the disk. The sets take turns; drawings per second of wall time, of the loader alone, shuffled as
for training, and of `train` with a small network, medians of the rounds. The last column is the
result. The rate of the disk is printed too, because no loader is faster, and so is the peak memory
of the group.

    python benchmarks/train_large.py [--small 200000] [--large 2500000] [--memory 1500] [--rounds 3]

Linux only, as root (it makes a control group).
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
def limit_memory(limit: int) -> Iterator[Path]:
    """Limit the memory of this process in bytes, including the page cache."""
    version_1 = Path("/sys/fs/cgroup/memory")
    root, name = (version_1, "limit_in_bytes") if version_1.is_dir() else (version_1.parent, "max")
    group = root / f"train-large-{os.getpid()}"
    group.mkdir()
    try:
        (group / f"memory.{name}").write_text(str(limit))
        (group / "cgroup.procs").write_text(str(os.getpid()))
        yield group
    finally:
        (root / "cgroup.procs").write_text(str(os.getpid()))
        group.rmdir()


def peak_memory(group: Path) -> int:
    for name in ("memory.max_usage_in_bytes", "memory.peak"):
        if (group / name).exists():
            return int((group / name).read_text())
    raise SystemExit("this kernel does not report the peak memory of a control group")


def drop_page_cache(folder: Path) -> None:
    """Drop the files from the page cache: pages count in the group that reads them first."""
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
        images.max()  # reads each byte
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
        sets: dict[str, Path] = {}
        for size in ("small", "large"):
            drawings = getattr(options, size)
            sets[size] = folder / size
            prepare(write_sample(folder / f"{size}-in", drawings=drawings), sets[size])
            used = sum(path.stat().st_size for path in sets[size].glob("*.images.npy"))
            fraction = used / options.memory / 1e6
            print(f"{size}: {drawings:,} drawings, {used / 1e6:,.0f} MB, {fraction:.2f} of memory")
            drop_page_cache(sets[size])
        rates: dict[tuple[str, str], list[float]] = {}
        learn(sets["small"])  # imports and compiles before anything is timed
        with limit_memory(options.memory * 1_000_000) as group:
            for _ in range(options.rounds):
                for size, shards in sets.items():
                    load(shards)  # fills the page cache with as much of this set as fits
                    for work in (read, load, learn):
                        start = time.perf_counter()
                        amount = work(shards)
                        rate = amount / (time.perf_counter() - start)
                        rates.setdefault((work.__name__, size), []).append(rate)
            peak = peak_memory(group)
        print(f"peak memory: {peak / 1e6:,.0f} of {options.memory:,} MB")

        units = {"read": ("the files, MB/s", 1e6), "load": ("loader, drawings/s", 1)}
        print(f"{'':<22}{'small':>12}{'large':>12}{'ratio':>8}")
        for work, (label, unit) in {**units, "learn": ("train, drawings/s", 1)}.items():
            small, large = (statistics.median(rates[work, size]) / unit for size in sets)
            print(f"{label:<22}{small:>12,.0f}{large:>12,.0f}{large / small:>8.2f}")


if __name__ == "__main__":
    main()
