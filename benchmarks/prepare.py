"""Claim: the whole data set, 50.4 million drawings, becomes NPY shards in minutes on two cores.

Result: 99,600 drawings/s on a million, 84,900 on five million (9.9 minutes projected for all 50.4
million), 340 MB per worker; rendering is 75 % of the time (2026-11, before the redesign; two shared
x86-64 cores, two workers; Python 3.11, numpy 2.4, numba 0.68, pyarrow 26.0; n = 1 run per size).

A million drawings (the real simplified ones, repeated under new key_ids, or generated ones where
there is no real data) in eight ndjson files are prepared with two worker processes: wall time,
drawings per second, peak memory of a process, and the projection. Then one of the files is prepared
in one process under the profiler, which costs a little itself, for the fraction of each stage. Then
a tenth of the drawings and, with --large, five million show that time and memory per drawing do not
grow: beside the measured time is the time that the two smaller runs predict, a constant and a time
per drawing. The machine is shared: look at ratios, and run it twice.

    python benchmarks/prepare.py [--drawings 1000000] [--workers 2] [--large]
"""

import argparse
import cProfile
import json
import os
import pstats
import resource
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

ALL = 50_426_266
STAGES = {
    "parse": ("sources.py", "read_record_batches"),
    "sort and spill": ("spill.py", "write_spill_file"),
    "merge": ("merge.py", "_load"),
    "gather": ("batch.py", "take"),
    "render": ("render.py", "rasterize"),
    "checksums of sources": ("hashing.py", "sha256_file"),
    "write and hash shards": ("hashing.py", "write"),
    "metadata": ("core.py", "write_table"),
}


def tiled_lines(real: Path, drawings: int) -> Iterator[bytes]:
    """Yield real lines repeatedly, each under a new key_id."""
    lines = []
    for path in sorted((real / "quickdraw" / "simplified").glob("*.ndjson")):
        for line in path.read_bytes().splitlines(keepends=True):
            before, _, rest = line.partition(b'"key_id":"')
            lines.append((before + b'"key_id":"', rest[rest.index(b'"') :]))
    for number in range(drawings):
        before, after = lines[number % len(lines)]
        yield before + b"%d" % (4_500_000_000_000_000 + number * 7919) + after


def write_sources(folder: Path, drawings: int, files: int = 8) -> None:
    """Write drawings into a number of files."""
    real = os.environ.get("QUICKDRAW_KIT_REAL_DATA")
    folder.mkdir()
    if real is None:
        from quickdraw_kit.synthetic.generator import write_sample

        write_sample(folder, drawings=drawings)
        return
    lines = tiled_lines(Path(real), drawings)
    for number in range(files):
        lines_of_file = drawings // files + (number < drawings % files)
        with (folder / f"part-{number}.ndjson").open("wb", buffering=1 << 20) as file:
            for _ in range(lines_of_file):
                file.write(next(lines))


class PeakMemory:
    """The largest resident size of any worker, sampled while a block runs."""

    def __enter__(self) -> "PeakMemory":
        import psutil

        self.peak = 0
        self._stop = threading.Event()
        process = psutil.Process()

        def sample() -> None:
            while not self._stop.wait(0.05):
                for child in process.children(recursive=True):
                    try:
                        self.peak = max(self.peak, child.memory_info().rss)
                    except psutil.Error:
                        continue

        self._thread = threading.Thread(target=sample, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def measure(sources: Path, out: Path, workers: int) -> dict[str, float]:
    """Prepare once; return times, rate and memory."""
    from quickdraw_kit.shards.prepare.pipeline import prepare
    from quickdraw_kit.shards.prepare.plan import Progress

    stage_starts: dict[str, float] = {}

    def progress(now: Progress) -> None:
        stage_starts.setdefault(now.stage, time.perf_counter())

    start = time.perf_counter()
    with PeakMemory() as memory:
        manifest = prepare([sources], out, workers=workers, progress=progress)
    seconds = time.perf_counter() - start
    shutil.rmtree(out)
    return {
        "drawings": manifest.counts.written,
        "seconds": seconds,
        "extract": stage_starts["merge"] - start,
        "merge": start + seconds - stage_starts["merge"],
        "rate": manifest.counts.written / seconds,
        "peak MB": memory.peak / 1e6,
    }


def profile(source: Path, out: Path) -> dict[str, float]:
    """Prepare one file in this process; return the fraction of the time of each stage."""
    from quickdraw_kit.shards.prepare.pipeline import prepare

    profiler = cProfile.Profile()
    profiler.runcall(prepare, [source], out, workers=1)
    shutil.rmtree(out)
    stats = pstats.Stats(profiler)
    total = stats.total_tt  # type: ignore[attr-defined]
    fractions = {}
    for stage, (file, function) in STAGES.items():
        seconds = sum(
            entry[3]
            for (name, _, called), entry in stats.stats.items()  # type: ignore[attr-defined]
            if called == function and name.endswith(file) and "test" not in name
        )
        fractions[stage] = seconds / total
    return fractions


def extrapolate(small: dict[str, float], large: dict[str, float], drawings: int) -> float:
    """Predict the seconds of a run from two others: a constant, and a time per drawing."""
    slope = (large["seconds"] - small["seconds"]) / (large["drawings"] - small["drawings"])
    return large["seconds"] + slope * (drawings - large["drawings"])


def main() -> None:
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--drawings", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--large", action="store_true", help="also prepare five times as many")
    parser.add_argument("--folder", type=Path, help="parent of the temporary folder")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as scratch:
        folder = Path(scratch)
        sizes = [arguments.drawings // 10, arguments.drawings]
        if arguments.large:
            sizes.append(5 * arguments.drawings)
        results: list[dict[str, float]] = []
        for drawings in sizes:
            sources = folder / f"in-{drawings}"
            write_sources(sources, drawings)
            if drawings == sizes[0]:  # compile, and fill the caches, outside the measured runs
                measure(sources, folder / "out", 1)

            result = measure(sources, folder / "out", arguments.workers)
            print(
                f"{drawings:>9,} drawings, {arguments.workers} workers: {result['seconds']:6.1f} s "
                f"({result['extract']:.1f} extract, {result['merge']:.1f} merge), "
                f"{result['rate']:>8,.0f} drawings/s, peak {result['peak MB']:.0f} MB per worker; "
                f"{ALL:,} would take {ALL / result['rate'] / 60:.1f} min",
                flush=True,
            )
            if len(results) == 2:
                expected = extrapolate(*results, drawings)
                print(
                    f"predicted from the first two: {expected:.1f} s, measured "
                    f"{result['seconds']:.1f} s, {result['seconds'] / expected:.2f} times as long"
                )
            results.append(result)

            # profile once, at the size that is asked for
            if drawings == arguments.drawings:
                fractions = profile(next(iter(sorted(sources.iterdir()))), folder / "out")
                print("fraction of the time of one process, profiled on one of the files:")
                for stage, fraction in fractions.items():
                    print(f"  {stage:<22} {fraction:6.1%}")
            shutil.rmtree(sources)
    peak_kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        json.dumps(
            {
                "python": sys.version.split()[0],
                "peak MB of this process": round(peak_kilobytes / 1e3),
            }
        )
    )


if __name__ == "__main__":
    main()
