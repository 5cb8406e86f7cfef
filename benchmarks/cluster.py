"""Claim: work that goes through Ray is nearly as fast as work in worker processes.

Result: not published; the claim was met before the redesign (2026-11, two shared x86-64 cores;
Python 3.11, Ray 2.60; n = 3 rounds of 500,000 drawings).

The same drawings (the real simplified ones, repeated under new key_ids, or generated ones where
there is no real data) are prepared by two worker processes and by Ray with two processors on this
machine, in turns; wall time, medians of the rounds. Ray is started before, as a cluster is, and the
time to start it is printed separately. The outputs are compared byte for byte.

    python benchmarks/cluster.py [--drawings 500000] [--rounds 3]
"""

import argparse
import filecmp
import statistics
import tempfile
import time
from pathlib import Path

from prepare import write_sources

from quickdraw_kit import prepare
from quickdraw_kit.executors import ray_executor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--drawings", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_sources(folder / "in", options.drawings)
        prepare([folder / "in"], folder / "expected")
        seconds: dict[str, list[float]] = {"processes": [], "Ray": []}
        start = time.perf_counter()
        with ray_executor() as executor:
            executor.submit(len, "").result()  # until a worker has started
            print(f"Ray started after {time.perf_counter() - start:.1f} s")
            for round_number in range(options.rounds):
                for executor_name, times in seconds.items():
                    out = folder / f"{executor_name}-{round_number}"
                    start = time.perf_counter()
                    if executor_name == "Ray":
                        prepare([folder / "in"], out, executor=executor)
                    else:
                        prepare([folder / "in"], out, workers=2)
                    times.append(time.perf_counter() - start)

                    names = [path.name for path in (folder / "expected").iterdir()]
                    same, *_ = filecmp.cmpfiles(folder / "expected", out, names, shallow=False)
                    if sorted(same) != sorted(names):
                        raise SystemExit(f"{executor_name}: the bytes differ")
        medians = {name: statistics.median(times) for name, times in seconds.items()}
        for executor_name, median in medians.items():
            rate = options.drawings / median
            print(f"{executor_name:<10}{median:6.1f} s, {rate:>8,.0f} drawings/s")
        print(f"Ray: {medians['processes'] / medians['Ray']:.2f} times the rate, the same bytes")


if __name__ == "__main__":
    main()
