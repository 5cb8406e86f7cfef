"""Claim: raw drawings are simplified as the official files were, and 30 times as fast as in Python.

One thread each, on the real raw drawings whose simplified form was published too. Every contestant
aligns, scales, resamples, reduces and rounds, and begins with its numbers in numpy arrays: we with
a DrawingBatch, the others with an array a stroke, resampled by `numpy.interp` along the length or
by a loop that walks it, and reduced by the package `rdp` (Python) or `simplification` (Rust). The
contestants take turns, on the clock of the process; the best of the rounds counts, because the
machine is shared. Those in Python see an even sample of the drawings, and `rdp`, which takes a
tenth of a second each, a tenth of that.

How near each comes to the official files is printed beside its speed: the share of the drawings
with every coordinate the same, and the share of the pixels that differ once both are rendered.
`simplification` measures how far a point is from a segment where the authors take the whole line,
and so keeps other points. Our last row has the coordinates as doubles, as the files have them,
where a DrawingBatch holds float32.

Run with QUICKDRAW_KIT_REAL_DATA set to the folder of real data:

    python benchmarks/simplify.py [--rounds 5] [--sample 20]
"""

import argparse
import dataclasses
import gc
import json
import os
import sys
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rdp import rdp
from simplification.cutil import simplify_coords

from quickdraw_kit.formats.ndjson.files import read_ndjson
from quickdraw_kit.raster.render import rasterize
from quickdraw_kit.strokes.batch import DrawingBatch
from quickdraw_kit.strokes.simplify import simplify, simplify_arrays

Stroke = npt.NDArray[np.float64]  # (2, points)
EPSILON = 2.0


def by_interp(stroke: Stroke) -> Stroke:
    x, y = stroke
    along = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
    at = np.append(np.arange(0.0, along[-1]), along[-1])
    return np.column_stack([np.interp(at, along, x), np.interp(at, along, y)])


def by_walking(stroke: Stroke) -> Stroke:
    x, y = stroke.tolist()
    path = [(x[0], y[0])]
    walked = 0.0
    for i in range(1, len(x)):
        length = ((x[i] - x[i - 1]) ** 2 + (y[i] - y[i - 1]) ** 2) ** 0.5
        while len(path) <= walked + length:
            part = (len(path) - walked) / length
            path.append(((1 - part) * x[i - 1] + part * x[i], (1 - part) * y[i - 1] + part * y[i]))
        walked += length
    path.append((x[-1], y[-1]))
    return np.array(path)


def in_python(
    drawing: list[Stroke],
    resample: Callable[[Stroke], Stroke],
    reduce: Callable[[Stroke, float], Stroke],
) -> list[npt.NDArray[np.uint8]]:
    low = np.min([stroke.min(axis=1) for stroke in drawing], axis=0)
    moved = [stroke - low[:, None] for stroke in drawing]
    extent = max(stroke.max() for stroke in moved) or 255.0
    return [
        np.rint(reduce(resample(stroke * 255 / extent), EPSILON)).astype(np.uint8).T
        for stroke in moved
    ]


PEERS = {  # one drawing of so many in the sample is enough for those that are slow
    "simplification, interp": (by_interp, simplify_coords, 1),
    "simplification, walking": (by_walking, simplify_coords, 1),
    "rdp, interp": (by_interp, rdp, 10),
    "rdp, walking": (by_walking, rdp, 10),
}


def read(place: Path) -> tuple[DrawingBatch, DrawingBatch, Stroke]:
    """Return the drawings that stand in both forms, raw and official, and the raw as doubles."""
    raws, officials, doubles = [], [], [[], []]
    for path in sorted((place / "quickdraw" / "raw").glob("*.ndjson")):
        other = place / "quickdraw" / "simplified" / path.name
        if not other.exists():
            continue
        raw, official = read_ndjson(path), read_ndjson(other)
        _, ours, theirs = np.intersect1d(raw.key_id, official.key_id, return_indices=True)
        raws.append(raw.take(ours))
        officials.append(official.take(theirs))
        lines = path.read_text().splitlines()
        for row in ours.tolist():
            for stroke in json.loads(lines[row])["drawing"]:
                doubles[0] += stroke[0]
                doubles[1] += stroke[1]
    return DrawingBatch.concat(raws), DrawingBatch.concat(officials), np.array(doubles, float)


def batch_of(drawings: list[list[npt.NDArray[np.uint8]]]) -> DrawingBatch:
    return DrawingBatch.from_strokes(drawings, words=["drawing"] * len(drawings), dtype="uint8")


def compare(batch: DrawingBatch, official: DrawingBatch) -> tuple[float, float, float]:
    """Return shares: identical drawings; differing pixels of all, and of those not identical."""
    same = np.array(
        [
            len(ours.strokes) == len(theirs.strokes)
            and all(map(np.array_equal, ours.strokes, theirs.strokes))
            for ours, theirs in zip(batch, official, strict=True)
        ]
    )
    pixels = (rasterize(batch) != rasterize(official)).reshape(len(batch), -1).mean(axis=1)
    return same.mean(), pixels.mean(), pixels[~same].mean() if not same.all() else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sample", type=int, default=20, help="one drawing in so many for Python")
    options = parser.parse_args()
    place = os.environ.get("QUICKDRAW_KIT_REAL_DATA")
    if not place:
        print("simplify: skipped, QUICKDRAW_KIT_REAL_DATA does not name a folder of real data")
        return
    warnings.simplefilter("ignore", DeprecationWarning)  # rdp takes the cross product of 2-vectors
    packages = ["numpy", "numba", "rdp", "simplification"]
    print(f"Python {sys.version.split()[0]},", ", ".join(f"{p} {version(p)}" for p in packages))
    raw, official, (x, y) = read(Path(place))
    few, few_official = raw[:: options.sample], official[:: options.sample]
    arrays = [[stroke[:, :2].T.astype(np.float64) for stroke in drawing.strokes] for drawing in few]

    results = {"quickdraw_kit": (simplify(raw), official)}
    seconds: dict[str, list[float]] = {name: [] for name in ("quickdraw_kit", *PEERS)}
    gc.disable()  # as timeit does: it would slow those who make many objects
    for _ in range(options.rounds):
        start = time.process_time()
        simplify(raw)
        seconds["quickdraw_kit"].append((time.process_time() - start) / len(raw))
        for name, (resample, reduce, stride) in PEERS.items():
            part = arrays[::stride]
            start = time.process_time()
            done = [in_python(drawing, resample, reduce) for drawing in part]
            seconds[name].append((time.process_time() - start) / len(part))
            results[name] = batch_of(done), few_official[::stride]
    x, y, offsets = simplify_arrays(x, y, raw.stroke_offsets, raw.drawing_offsets, EPSILON)
    exact = dataclasses.replace(raw, x=x, y=y, t=None, stroke_offsets=offsets)
    results["quickdraw_kit, doubles"] = exact, official

    ours = min(seconds["quickdraw_kit"])
    print(f"best of {options.rounds}; (*): of the drawings that are not identical")
    print(
        f"{'':24}{'drawings':>9}{'a second':>10}{'we are':>9}"
        f"{'identical':>11}{'pixels differ':>15}{'(*)':>9}"
    )
    for name, (batch, expected) in results.items():
        same, pixels, worst = compare(batch, expected)
        speed = ratio = ""
        if name in seconds:
            best = min(seconds[name])
            speed, ratio = f"{1 / best:,.0f}", f"{best / ours:,.1f} x" if name in PEERS else ""
        print(
            f"{name:24}{len(batch):>9,}{speed:>10}{ratio:>9}{same:>11.2%}{pixels:>15.4%}{worst:>9.3%}"
        )


if __name__ == "__main__":
    main()
