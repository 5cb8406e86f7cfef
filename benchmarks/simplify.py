"""Claim: raw drawings are simplified as Google did it, and 30 times as fast as in Python.

Result: 202,000 drawings/s on one core, which is 31 times the fastest Python code with the package
`simplification`, 88 times a loop with it, and over 10,000 times `rdp`. 6,470 of 6,470 drawings are
identical to the official files (2026-11, speeds before the redesign; one of two shared x86-64
cores; Python 3.11, numpy 2.4, numba 0.68, rdp 0.8, simplification 2.0; best of n = 5 rounds).

One thread each, on the real raw drawings whose simplified variant was published too. Every
competitor aligns, scales, resamples, reduces and rounds, and starts from numbers in numpy arrays:
ours from a DrawingBatch, the others from one array per stroke, resampled by `numpy.interp` along
the length or by a loop, and reduced by the package `rdp` (Python) or `simplification` (Rust). They
take turns, in processor time; the best round counts, because the machine is shared. Python code
gets an even sample of the drawings, and `rdp`, which takes 0.1 s per drawing, a tenth of that.

Beside the speed is how close each comes to the official files: the fraction of drawings with all
coordinates equal, and the fraction of pixels that differ after both are rendered. `simplification`
measures the distance of a point to a segment where the authors take the whole line, so it keeps
other points.

    QUICKDRAW_KIT_REAL_DATA=... python benchmarks/simplify.py [--rounds 5] [--sample 20]
"""

import argparse
import gc
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
from quickdraw_kit.strokes.simplify import simplify

Stroke = npt.NDArray[np.float64]  # (2, points)
EPSILON = 2.0


def resample_with_interp(stroke: Stroke) -> Stroke:
    x, y = stroke
    along = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
    samples = np.append(np.arange(0.0, along[-1]), along[-1])
    return np.column_stack([np.interp(samples, along, x), np.interp(samples, along, y)])


def resample_with_a_loop(stroke: Stroke) -> Stroke:
    x, y = stroke.tolist()
    points = [(x[0], y[0])]
    length_before = 0.0
    for i in range(1, len(x)):
        length = ((x[i] - x[i - 1]) ** 2 + (y[i] - y[i - 1]) ** 2) ** 0.5
        while len(points) <= length_before + length:
            b = (len(points) - length_before) / length
            points.append(((1 - b) * x[i - 1] + b * x[i], (1 - b) * y[i - 1] + b * y[i]))
        length_before += length
    points.append((x[-1], y[-1]))
    return np.array(points)


def simplify_in_python(
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


PEERS = {  # resampling, reduction, and one in how many drawings of the sample
    "simplification, interp": (resample_with_interp, simplify_coords, 1),
    "simplification, loop": (resample_with_a_loop, simplify_coords, 1),
    "rdp, interp": (resample_with_interp, rdp, 10),
    "rdp, loop": (resample_with_a_loop, rdp, 10),
}


def read(data: Path) -> tuple[DrawingBatch, DrawingBatch]:
    """Return drawings of both variants, raw and official."""
    raws, officials = [], []
    for path in sorted((data / "quickdraw" / "raw").glob("*.ndjson")):
        other = data / "quickdraw" / "simplified" / path.name
        if not other.exists():
            continue
        raw, official = read_ndjson(path), read_ndjson(other)
        _, ours, theirs = np.intersect1d(raw.key_id, official.key_id, return_indices=True)
        raws.append(raw.take(ours))
        officials.append(official.take(theirs))
    return DrawingBatch.concat(raws), DrawingBatch.concat(officials)


def to_batch(drawings: list[list[npt.NDArray[np.uint8]]]) -> DrawingBatch:
    return DrawingBatch.from_strokes(drawings, words=["drawing"] * len(drawings), dtype="uint8")


def compare(batch: DrawingBatch, official: DrawingBatch) -> tuple[float, float, float]:
    """Return fractions: identical drawings, differing pixels of all, and of those not identical."""
    is_same = np.array(
        [
            len(ours.strokes) == len(theirs.strokes)
            and all(map(np.array_equal, ours.strokes, theirs.strokes))
            for ours, theirs in zip(batch, official, strict=True)
        ]
    )
    pixels = (rasterize(batch) != rasterize(official)).reshape(len(batch), -1).mean(axis=1)
    return is_same.mean(), pixels.mean(), pixels[~is_same].mean() if not is_same.all() else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--sample", type=int, default=20, help="one in how many drawings for Python"
    )
    options = parser.parse_args()
    data = os.environ.get("QUICKDRAW_KIT_REAL_DATA")
    if not data:
        print(
            "simplify: skipped, because QUICKDRAW_KIT_REAL_DATA is not set to a folder of real data"
        )
        return
    warnings.simplefilter("ignore", DeprecationWarning)  # rdp uses the cross product of 2-vectors
    packages = ["numpy", "numba", "rdp", "simplification"]
    print(f"Python {sys.version.split()[0]},", ", ".join(f"{p} {version(p)}" for p in packages))
    raw, official = read(Path(data))
    sample, sample_official = raw[:: options.sample], official[:: options.sample]
    arrays = [
        [stroke[:, :2].T.astype(np.float64) for stroke in drawing.strokes] for drawing in sample
    ]

    # the last result of each is kept, to compare it with the official files
    results = {"quickdraw_kit": (simplify(raw), official)}
    seconds: dict[str, list[float]] = {name: [] for name in ("quickdraw_kit", *PEERS)}
    gc.disable()  # as timeit does: it would slow down code that makes many objects
    for _ in range(options.rounds):
        start = time.process_time()
        simplify(raw)
        seconds["quickdraw_kit"].append((time.process_time() - start) / len(raw))
        for name, (resample, reduce, stride) in PEERS.items():
            part = arrays[::stride]
            start = time.process_time()
            drawings = [simplify_in_python(drawing, resample, reduce) for drawing in part]
            seconds[name].append((time.process_time() - start) / len(part))
            results[name] = to_batch(drawings), sample_official[::stride]

    ours = min(seconds["quickdraw_kit"])
    print(f"best of {options.rounds}; (*): of the drawings that are not identical")
    print(
        f"{'':24}{'drawings':>9}{'per second':>12}{'we are':>9}"
        f"{'identical':>11}{'pixels differ':>15}{'(*)':>9}"
    )
    for name, (batch, expected) in results.items():
        same, pixels, worst = compare(batch, expected)
        speed = ratio = ""
        if name in seconds:
            best = min(seconds[name])
            speed, ratio = f"{1 / best:,.0f}", f"{best / ours:,.1f} x" if name in PEERS else ""
        print(
            f"{name:24}{len(batch):>9,}{speed:>12}{ratio:>9}{same:>11.2%}{pixels:>15.4%}{worst:>9.3%}"
        )


if __name__ == "__main__":
    main()
