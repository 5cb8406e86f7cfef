"""Claim: bitmaps are rendered several times as fast as by the reference script, and byte for byte.

Result: 73,900 drawings/s on one core, which is 8.7 times the reference script on cairocffi, 6.0
times pycairo, 27 times Pillow and 15 times OpenCV; two threads 2.03 times one (2026-11, before the
redesign; two shared x86-64 cores; Python 3.11, numpy 2.4, numba 0.68, cairocffi 1.7, pillow 13.0;
best of n = 5 rounds of 100,000 drawings).

On the real simplified drawings, repeated to 100,000: our renderer with one thread and with two, the
reference script on cairocffi and on pycairo, and Pillow and OpenCV as people use them, which draw
similar but not equal bitmaps. The others draw a sample of the drawings, in turns with ours. Rates
of one thread are per second of processor time; two threads are compared with one in wall time. The
machine is shared: look at the ratios.

    QUICKDRAW_KIT_REAL_DATA=... python benchmarks/rasterize.py [--drawings 100000] [--rounds 5]
"""

import argparse
import importlib
import os
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np

from quickdraw_kit.formats.ndjson.files import read_ndjson
from quickdraw_kit.raster.render import rasterize
from quickdraw_kit.strokes.batch import DrawingBatch

SIDE, LINE, PADDING = 28, 16, 16
SCALE = SIDE / (256 + 2 * PADDING + LINE)
Strokes = list[np.ndarray]


def with_cairo(module) -> Callable[[Strokes], np.ndarray]:
    """Return the reference script of the authors, on one of the bindings of cairo."""

    def draw(strokes: Strokes) -> np.ndarray:
        surface = module.ImageSurface(module.FORMAT_ARGB32, SIDE, SIDE)
        context = module.Context(surface)
        context.set_antialias(module.ANTIALIAS_BEST)
        context.set_line_cap(module.LINE_CAP_ROUND)
        context.set_line_join(module.LINE_JOIN_ROUND)
        context.set_line_width(LINE)
        context.scale(SCALE, SCALE)
        context.translate(PADDING + LINE / 2, PADDING + LINE / 2)
        offset = (256 - np.hstack(strokes).max(axis=1, keepdims=True)) / 2
        context.set_source_rgb(0, 0, 0)
        context.paint()
        context.set_source_rgb(1, 1, 1)
        for stroke in strokes:
            xs, ys = stroke + offset
            context.move_to(xs[0], ys[0])
            for x, y in zip(xs, ys, strict=True):
                context.line_to(x, y)
            context.stroke()
        surface.flush()
        return np.frombuffer(surface.get_data(), np.uint8)[::4].reshape(SIDE, SIDE).copy()

    return draw


def with_pillow(strokes: Strokes) -> np.ndarray:
    """Draw lines on a 304 x 304 picture and scale it down."""
    from PIL import Image, ImageDraw

    picture = Image.new("L", (304, 304))
    canvas = ImageDraw.Draw(picture)
    for stroke in strokes:
        canvas.line((stroke.T + PADDING + LINE / 2).ravel().tolist(), 255, LINE, joint="curve")
    return np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BOX))


def with_opencv(strokes: Strokes) -> np.ndarray:
    """Draw antialiased lines on a 304 x 304 picture and scale it down."""
    import cv2

    picture = np.zeros((304, 304), np.uint8)
    for stroke in strokes:
        points = (stroke.T + PADDING + LINE / 2).astype(np.int32)
        cv2.polylines(picture, [points], False, 255, LINE, cv2.LINE_AA)
    return cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def main() -> None:
    """Run the benchmark and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--drawings", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sample", type=int, default=2000, help="drawings for the others")
    arguments = parser.parse_args()
    data = os.environ.get("QUICKDRAW_KIT_REAL_DATA")
    if data is None:
        sys.exit("set QUICKDRAW_KIT_REAL_DATA to the folder of real data")
    files = sorted((Path(data) / "quickdraw" / "simplified").glob("*.ndjson"))
    real = DrawingBatch.concat(read_ndjson(path) for path in files)
    batch = real.take(np.arange(arguments.drawings) % len(real))
    step = max(len(real) // arguments.sample, 1)
    sample = [[s.T.astype(np.float64) for s in drawing.strokes] for drawing in real[::step]]

    peers: dict[str, Callable[[Strokes], np.ndarray]] = {}
    for package, module, make in (
        ("cairocffi", "cairocffi", with_cairo),
        ("pycairo", "cairo", with_cairo),
        ("pillow", "PIL", lambda _: with_pillow),
        ("opencv-python-headless", "cv2", lambda _: with_opencv),
    ):
        try:
            peers[f"{package} {version(package)}"] = make(importlib.import_module(module))
        except (ImportError, OSError) as error:
            print(f"{package} is not available: {error}")

    # how alike the bitmaps are, before anything is timed
    ours = rasterize(real[::step])
    for name, draw in peers.items():
        same = sum(np.array_equal(draw(s), image) for s, image in zip(sample, ours, strict=True))
        print(f"{name}: {same} of {len(sample)} bitmaps are equal byte for byte")

    # take turns, so that a busy moment of the machine slows down all of them
    cpu = dict.fromkeys(["ours", *peers], float("inf"))
    wall = {1: float("inf"), 2: float("inf")}
    for _ in range(arguments.rounds):
        for threads in wall:
            wall_start, cpu_start = time.perf_counter(), time.process_time()
            rasterize(batch, threads=threads)
            wall[threads] = min(wall[threads], time.perf_counter() - wall_start)
            if threads == 1:
                cpu["ours"] = min(cpu["ours"], (time.process_time() - cpu_start) / len(batch))
        for name, draw in peers.items():
            cpu_start = time.process_time()
            for strokes in sample:
                draw(strokes)
            cpu[name] = min(cpu[name], (time.process_time() - cpu_start) / len(sample))
    for name, seconds in cpu.items():
        ratio = f"{seconds / cpu['ours']:5.1f} times our time" if name != "ours" else ""
        print(f"{name:<28} {1 / seconds:>9,.0f} drawings/s per core  {ratio}")
    print(f"two threads: {wall[1] / wall[2]:.2f} times the rate of one, in wall time")


if __name__ == "__main__":
    main()
