"""Claim: we draw the official bitmaps several times as fast as the reference script, to the byte.

One run on the real simplified drawings, tiled to 100,000: us with one thread and with two, the
reference script on cairocffi and on pycairo, and Pillow and OpenCV as people use them, which draw
something alike and not the same. The peers draw a part of the drawings, in turns with us, five
rounds; of each the best round counts. One-threaded rates are per second of processor time, the
two-threaded one per second on the wall, against one thread on the wall. The machine is shared:
look at the ratios.

    QUICKDRAW_KIT_REAL_DATA=... python benchmarks/rasterize.py [--drawings 100000] [--rounds 5]
"""

import argparse
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
    """Return the recipe of the dataset's authors on one of the bindings of cairo."""

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
    """Lines on a 256 x 256 picture, scaled down."""
    from PIL import Image, ImageDraw

    picture = Image.new("L", (304, 304))
    canvas = ImageDraw.Draw(picture)
    for stroke in strokes:
        canvas.line((stroke.T + PADDING + LINE / 2).ravel().tolist(), 255, LINE, joint="curve")
    return np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BOX))


def with_opencv(strokes: Strokes) -> np.ndarray:
    """Antialiased lines on a 304 x 304 picture, scaled down."""
    import cv2

    picture = np.zeros((304, 304), np.uint8)
    for stroke in strokes:
        points = (stroke.T + PADDING + LINE / 2).astype(np.int32)
        cv2.polylines(picture, [points], False, 255, LINE, cv2.LINE_AA)
    return cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--drawings", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    place = os.environ.get("QUICKDRAW_KIT_REAL_DATA")
    if place is None:
        sys.exit("set QUICKDRAW_KIT_REAL_DATA to the folder of real data")
    files = sorted((Path(place) / "quickdraw" / "simplified").glob("*.ndjson"))
    real = DrawingBatch.concat(read_ndjson(path) for path in files)
    batch = real.take(np.arange(arguments.drawings) % len(real))
    few = [
        [s.T.astype(np.float64) for s in drawing.strokes] for drawing in real[:: len(real) // 2000]
    ]

    peers: dict[str, Callable[[Strokes], np.ndarray]] = {}
    for name, module in (("cairocffi", "cairocffi"), ("pycairo", "cairo")):
        try:
            peers[f"{name} {version(name)}"] = with_cairo(__import__(module))
        except (ImportError, OSError) as error:
            print(f"{name} is not there: {error}")
    peers[f"Pillow {version('pillow')}"] = with_pillow
    peers[f"OpenCV {version('opencv-python-headless')}"] = with_opencv

    ours = rasterize(real[:: len(real) // 2000])
    for name, draw in peers.items():
        same = sum(np.array_equal(draw(s), image) for s, image in zip(few, ours, strict=True))
        print(f"{name}: {same} of {len(few)} bitmaps are ours to the byte")

    cpu = dict.fromkeys(["ours", *peers], float("inf"))
    wall = {1: float("inf"), 2: float("inf")}
    for _ in range(arguments.rounds):
        for threads in wall:
            start, began = time.perf_counter(), time.process_time()
            rasterize(batch, threads=threads)
            wall[threads] = min(wall[threads], time.perf_counter() - start)
            if threads == 1:
                cpu["ours"] = min(cpu["ours"], (time.process_time() - began) / len(batch))
        for name, draw in peers.items():
            began = time.process_time()
            for strokes in few:
                draw(strokes)
            cpu[name] = min(cpu[name], (time.process_time() - began) / len(few))
    for name, seconds in cpu.items():
        ratio = f"{seconds / cpu['ours']:5.1f} times our time" if name != "ours" else ""
        print(f"{name:<28} {1 / seconds:>9,.0f} drawings/s a core  {ratio}")
    print(f"two threads: {wall[1] / wall[2]:.2f} times the rate of one, on the wall")


if __name__ == "__main__":
    main()
