"""Claim: a warm .bin becomes a DrawingBatch at over 1 GB/s, over 20 times the official example.

One thread each, on real simplified drawings tiled to 17 MB, the mean size of an official .bin, and
for ourselves also to 270 MB. The peers are the way of the official example (struct.unpack of every
field, from the open file, into a dict a drawing) and the fastest plain Python we could write
(struct.unpack_from and slices of the whole file in memory, still lists of a drawing each). Both
leave tuples or bytes; we make the flat columns with offsets. What all three read is compared before
the clock counts. The contestants take turns; of the rounds the best and the median are shown, of
the processor's time and of the clock's, because the machine is shared. The large file shows what
new memory costs: its columns take 360 MB that the operating system has to hand out. In a virtual
machine whose host takes free memory back, that alone may take longer than reading, and the median
falls; the best round is one that was given memory the host still had.

Run with QUICKDRAW_KIT_REAL_DATA set to the folder of real data:

    python benchmarks/binary.py [--megabytes 17] [--rounds 7]
"""

import argparse
import os
import statistics
import struct
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from quickdraw_kit.formats.binary import iter_binary, pack_binary, read_binary
from quickdraw_kit.formats.ndjson.files import read_ndjson
from quickdraw_kit.strokes.batch import DrawingBatch


def official(path: Path) -> Iterator[dict[str, Any]]:
    """Unpack field by field from the open file, as the example of the data set's authors does."""
    with path.open("rb") as file:
        while head := file.read(8):
            (key_id,) = struct.unpack("Q", head)
            (country,) = struct.unpack("2s", file.read(2))
            (recognized,) = struct.unpack("b", file.read(1))
            (timestamp,) = struct.unpack("I", file.read(4))
            (strokes,) = struct.unpack("H", file.read(2))
            image = []
            for _ in range(strokes):
                (points,) = struct.unpack("H", file.read(2))
                format = str(points) + "B"
                x = struct.unpack(format, file.read(points))
                y = struct.unpack(format, file.read(points))
                image.append((x, y))
            yield {
                "key_id": key_id,
                "country": country,
                "recognized": recognized,
                "timestamp": timestamp,
                "image": image,
            }


def plain(path: Path) -> list[tuple[Any, ...]]:
    """Unpack from memory, with compiled formats and the coordinates left as bytes."""
    data = path.read_bytes()
    header = struct.Struct("<Q2sbIH").unpack_from
    length = struct.Struct("<H").unpack_from
    at, end, found = 0, len(data), []
    while at < end:
        *metadata, strokes = header(data, at)
        at += 17
        image = []
        for _ in range(strokes):
            (points,) = length(data, at)
            at += 2
            image.append((data[at : at + points], data[at + points : at + 2 * points]))
            at += 2 * points
        found.append((*metadata, image))
    return found


def check(path: Path) -> None:
    """Compare what all three read."""
    batch = read_binary(path)
    both = zip(official(path), plain(path), strict=True)
    for number, (ours, (one, other)) in enumerate(
        zip((batch[i] for i in range(len(batch))), both, strict=True)
    ):
        image = [stroke.T.tolist() for stroke in ours.strokes]
        assert image == [[list(x), list(y)] for x, y in one["image"]], number
        assert image == [[list(x), list(y)] for x, y in other[-1]], number
        seconds = int(ours.timestamp.astype("datetime64[s]").astype(int))
        fields = (ours.key_id, ours.countrycode.encode(), ours.recognized, seconds)
        assert fields == tuple(one.values())[:4] == other[:4], number


def seconds(work: Callable[[], object]) -> tuple[float, float]:
    """Return what a call takes, of the processor's time and of the clock's."""
    cpu, clock = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - clock


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--megabytes", type=int, default=17)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    real = os.environ.get("QUICKDRAW_KIT_REAL_DATA")
    if real is None:
        sys.exit("QUICKDRAW_KIT_REAL_DATA is not set: there are no real drawings to read")
    sources = sorted((Path(real) / "quickdraw" / "simplified").glob("*.ndjson"))
    packed = bytes(pack_binary(DrawingBatch.concat(map(read_ndjson, sources))))
    with tempfile.TemporaryDirectory() as folder:
        small, large = Path(folder) / "small.bin", Path(folder) / "large.bin"
        small.write_bytes(packed * max(1, options.megabytes * 10**6 // len(packed)))
        large.write_bytes(packed * (270 * 10**6 // len(packed)))
        one = Path(folder) / "one.bin"
        one.write_bytes(packed)
        check(one)
        contestants: dict[str, tuple[Path, Callable[[], object]]] = {
            "read_binary": (small, lambda: read_binary(small)),
            "iter_binary": (small, lambda: sum(map(len, iter_binary(small)))),
            "plain Python": (small, lambda: plain(small)),
            "official example": (small, lambda: list(official(small))),
            "read_binary, large": (large, lambda: read_binary(large)),
            "iter_binary, large": (large, lambda: sum(map(len, iter_binary(large)))),
        }
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in contestants}
        for _ in range(options.rounds):
            for name, (_, work) in contestants.items():
                times[name].append(seconds(work))
        print(f"Python {sys.version.split()[0]}, numpy {np.__version__}, numba {version('numba')}")
        print(f"{'GB/s':<20}{'':>6}   {'processor':^17}   {'clock':^17}   read_binary is")
        print(f"{'':<20}{'MB':>6}{'best':>10}{'median':>10}{'best':>10}{'median':>10}   faster by")
        ours = min(cpu for cpu, _ in times["read_binary"])
        for name, (path, _) in contestants.items():
            size = path.stat().st_size / 1e9
            line = f"{name:<20}{size * 1e3:>6.0f}"
            for spent in zip(*times[name], strict=True):
                line += f"{size / min(spent):>10.3f}{size / statistics.median(spent):>10.3f}"
            if path == small and name != "read_binary":
                line += f"{min(cpu for cpu, _ in times[name]) / ours:>8.1f} x"
            print(line)


if __name__ == "__main__":
    main()
