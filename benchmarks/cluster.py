"""Claim: work that goes through Ray is done nearly as fast as by processes of our own.

The same drawings (the real simplified ones, tiled under new key_ids, or generated ones where there
is no real data) are prepared by two worker processes and by a Ray of two processors on this
machine, in turns; seconds by the clock, medians of the rounds. Ray is started before, as a cluster
is; what it takes to start is printed by itself. The outputs are compared byte for byte.

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
            executor.submit(len, "").result()
            print(f"Ray has started after {time.perf_counter() - start:.1f} s")
            for turn in range(options.rounds):
                for kind, taken in seconds.items():
                    out = folder / f"{kind}-{turn}"
                    start = time.perf_counter()
                    if kind == "Ray":
                        prepare([folder / "in"], out, executor=executor)
                    else:
                        prepare([folder / "in"], out, workers=2)
                    taken.append(time.perf_counter() - start)
                    names = [path.name for path in (folder / "expected").iterdir()]
                    same, *_ = filecmp.cmpfiles(folder / "expected", out, names, shallow=False)
                    if sorted(same) != sorted(names):
                        raise SystemExit(f"{kind}: other bytes")
        medians = {kind: statistics.median(taken) for kind, taken in seconds.items()}
        for kind, taken in medians.items():
            print(f"{kind:<10}{taken:6.1f} s, {options.drawings / taken:>8,.0f} drawings/s")
        print(f"Ray: {medians['processes'] / medians['Ray']:.2f} times the rate, the same bytes")


if __name__ == "__main__":
    main()
