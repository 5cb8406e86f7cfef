"""Claim: a .bin in the page cache is read at over 1 GB/s, 20 times as fast as by official code.

Result: 54 times plain Python and 106 times the official example; 0.64 GB/s of processor time on
busy cores, so 1 GB/s is yet to be measured on idle ones (2026-11, two shared cores of an Intel Xeon
at 2.5 GHz, one thread; Python 3.11, numpy 2.4, numba 0.68; best of n = 7 rounds of 17 MB).

One thread each, on real simplified drawings repeated to 17 MB, the mean size of an official .bin;
our readers also on 270 MB. The others are the official example (`struct.unpack` of every field from
the open file, one dict per drawing) and the fastest plain Python that we could write
(`struct.unpack_from` and slices of the file in memory, one tuple per drawing). Both leave lists of
tuples or bytes; we return flat columns with offsets. Before anything is timed, the drawings that
all three read are compared.

The readers take turns. The best round and the median are shown, in processor time and in wall time,
because the machine is shared. The large file shows the cost of new memory: its columns take 360 MB,
and in a virtual machine whose host reclaims free memory, to get them back may take longer than to
read the file. The best round is then one that got memory which the host still had.

    QUICKDRAW_KIT_REAL_DATA=... python benchmarks/binary.py [--megabytes 17] [--rounds 7]
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
    """Unpack field by field from the open file, as the example of the authors does."""
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


def plain_python(path: Path) -> list[tuple[Any, ...]]:
    """Unpack from memory, with compiled formats and the coordinates left as bytes."""
    data = path.read_bytes()
    header = struct.Struct("<Q2sbIH").unpack_from
    length = struct.Struct("<H").unpack_from
    at, end, drawings = 0, len(data), []
    while at < end:
        *metadata, strokes = header(data, at)
        at += 17
        image = []
        for _ in range(strokes):
            (points,) = length(data, at)
            at += 2
            image.append((data[at : at + points], data[at + points : at + 2 * points]))
            at += 2 * points
        drawings.append((*metadata, image))
    return drawings


def check(path: Path) -> None:
    """Compare the drawings that all three read."""
    batch = read_binary(path)
    others = zip(official(path), plain_python(path), strict=True)
    for number, (ours, (from_official, from_plain)) in enumerate(
        zip((batch[i] for i in range(len(batch))), others, strict=True)
    ):
        image = [stroke.T.tolist() for stroke in ours.strokes]
        assert image == [[list(x), list(y)] for x, y in from_official["image"]], number
        assert image == [[list(x), list(y)] for x, y in from_plain[-1]], number
        seconds = int(ours.timestamp.astype("datetime64[s]").astype(int))
        fields = (ours.key_id, ours.countrycode.encode(), ours.recognized, seconds)
        assert fields == tuple(from_official.values())[:4] == from_plain[:4], number


def seconds(work: Callable[[], object]) -> tuple[float, float]:
    """Return the processor time and the wall time of a call."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--megabytes", type=int, default=17)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    real = os.environ.get("QUICKDRAW_KIT_REAL_DATA")
    if real is None:
        sys.exit("QUICKDRAW_KIT_REAL_DATA is not set: real drawings are needed")
    sources = sorted((Path(real) / "quickdraw" / "simplified").glob("*.ndjson"))
    packed = bytes(pack_binary(DrawingBatch.concat(map(read_ndjson, sources))))
    with tempfile.TemporaryDirectory() as folder:
        small, large = Path(folder) / "small.bin", Path(folder) / "large.bin"
        small.write_bytes(packed * max(1, options.megabytes * 10**6 // len(packed)))
        large.write_bytes(packed * (270 * 10**6 // len(packed)))
        single = Path(folder) / "single.bin"
        single.write_bytes(packed)
        check(single)

        readers: dict[str, tuple[Path, Callable[[], object]]] = {
            "read_binary": (small, lambda: read_binary(small)),
            "iter_binary": (small, lambda: sum(map(len, iter_binary(small)))),
            "plain Python": (small, lambda: plain_python(small)),
            "official example": (small, lambda: list(official(small))),
            "read_binary, large": (large, lambda: read_binary(large)),
            "iter_binary, large": (large, lambda: sum(map(len, iter_binary(large)))),
        }
        # readers take turns, so that a busy moment of the machine slows down all of them
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in readers}
        for _ in range(options.rounds):
            for name, (_, work) in readers.items():
                times[name].append(seconds(work))

        print(f"Python {sys.version.split()[0]}, numpy {np.__version__}, numba {version('numba')}")
        print(f"{'GB/s':<20}{'':>6}   {'processor time':^17}   {'wall time':^17}   read_binary is")
        print(f"{'':<20}{'MB':>6}{'best':>10}{'median':>10}{'best':>10}{'median':>10}   faster by")
        # processor time: other processes on the machine change it least
        ours = min(cpu for cpu, _ in times["read_binary"])
        for name, (path, _) in readers.items():
            size = path.stat().st_size / 1e9
            line = f"{name:<20}{size * 1e3:>6.0f}"
            for seconds_of_rounds in zip(*times[name], strict=True):
                best, median = min(seconds_of_rounds), statistics.median(seconds_of_rounds)
                line += f"{size / best:>10.3f}{size / median:>10.3f}"
            if path == small and name != "read_binary":
                line += f"{min(cpu for cpu, _ in times[name]) / ours:>8.1f} x"
            print(line)


if __name__ == "__main__":
    main()
