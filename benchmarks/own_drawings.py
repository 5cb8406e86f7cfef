"""Claim: a photo of a drawing is recognized as well as the drawing itself, within 3 points.

Result: at most 0.9 points below the same drawings rendered exactly (2026-11, before the redesign;
two shared x86-64 cores, one thread; Python 3.11, torch 2.13, pillow 13.0;
n = 325 drawings, --every 3, for each of five pens and two kinds of pictures).

Real drawings are redrawn as people would submit them. "screen": black on white, 512 pixels with a
drawing of 400 pixels, with a pen of 2 to 30 pixels. "paper": such a pen on paper, rotated by up to
5 degrees, lit from one side and dark in the corners, colored, with grain and noise, slightly out of
focus, as JPEG. For each picture, what `predict` makes of it (28 x 28 pixels) is compared with the
exact rendering of the same strokes, on the same model.

Unless a model is given, one is trained here on the official bitmaps among the real data, without
those that equal a drawing of the test. Everything is seeded.

    QUICKDRAW_KIT_REAL_DATA=... python benchmarks/own_drawings.py [--model FOLDER] [--every 1]
"""

import argparse
import io
import os
import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from quickdraw_kit.errors import DataError
from quickdraw_kit.formats.ndjson.files import read_ndjson
from quickdraw_kit.learn.data.dataset import ArrayDataset
from quickdraw_kit.learn.infer.inputs import ensure_simplified
from quickdraw_kit.learn.models.model import Model, load_model
from quickdraw_kit.learn.train import TrainConfig, train
from quickdraw_kit.raster.render import rasterize
from quickdraw_kit.raster.style import RasterStyle
from quickdraw_kit.strokes.batch import DrawingBatch
from quickdraw_kit.trace.image import trace_image

SIDE, EXTENT = 512, 400  # of the picture and of the drawing in it, in pixels
WIDTHS = (2, 6, 12, 20, 30)
MAX_DEGREES = 5
MAX_LOSS = 3.0  # in points of accuracy


def on_screen(drawing: DrawingBatch, width: float, rng: np.random.Generator) -> np.ndarray:
    """Draw black on white."""
    return 255 - render(drawing, width)


def on_paper(drawing: DrawingBatch, width: float, rng: np.random.Generator) -> np.ndarray:
    """Simulate a photo of a drawing on paper."""
    ink = render(rotate(drawing, rng.uniform(-MAX_DEGREES, MAX_DEGREES)), width)
    blurred = Image.fromarray(ink).filter(ImageFilter.GaussianBlur(0.8))
    coverage = np.asarray(blurred, np.float64)[:, :, None] / 255
    paper = rng.uniform((215, 205, 185), (240, 232, 220))
    pen = rng.uniform(20, 90) + rng.uniform(-15, 25, 3)

    # light from one side, and darker away from a center near the middle
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    angle, (center_x, center_y) = rng.uniform(0, 2 * np.pi), rng.uniform(-0.4, 0.4, 2)
    light = 1 - 0.21 * (x * np.cos(angle) + y * np.sin(angle))
    light -= rng.uniform(0.07, 0.2) * ((x - center_x) ** 2 + (y - center_y) ** 2)

    picture = (paper * (1 - coverage) + pen * coverage) * light[:, :, None] / max(light.max(), 1)
    picture += rng.normal(0, 3, (SIDE, SIDE, 1)) + rng.normal(0, 8, (SIDE, SIDE, 3))
    file = io.BytesIO()
    Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).save(file, "JPEG", quality=70)
    return np.asarray(Image.open(file))


def render(drawing: DrawingBatch, width: float) -> np.ndarray:
    """Render white on black, with a pen of `width` pixels."""
    scale = EXTENT / 256
    line = width / scale
    style = RasterStyle(side=SIDE, line_diameter=line, padding=(SIDE / scale - 256 - line) / 2)
    return rasterize(drawing, style)[0]


def rotate(drawing: DrawingBatch, degrees: float) -> DrawingBatch:
    """Rotate a drawing about the center of its frame."""
    angle = np.deg2rad(degrees)
    x, y = drawing.x.astype(np.float64) - 127.5, drawing.y.astype(np.float64) - 127.5
    return replace(
        drawing,
        x=x * np.cos(angle) - y * np.sin(angle),
        y=x * np.sin(angle) + y * np.cos(angle),
    )


def train_model(data: Path, names: list[str], epochs: int) -> Model:
    """Train on the official bitmaps without those that equal a drawing of the test."""
    images, labels = [], []
    for code, name in enumerate(names):
        rows = np.load(data / "numpy_bitmap" / f"{name}.npy").reshape(-1, 28, 28)
        tested = rasterize(read_ndjson(data / "simplified" / f"{name}.ndjson"))
        # the test drawings are among the official bitmaps
        known = {image.tobytes() for image in tested}
        images.append(rows[[row.tobytes() not in known for row in rows]])
        labels.append(np.full(len(images[-1]), code))
    dataset = ArrayDataset(np.concatenate(images), np.concatenate(labels), tuple(names))
    print(
        f"training quickdraw-cnn on {len(dataset):,} official bitmaps, {epochs} epochs", flush=True
    )
    config = TrainConfig(
        network="quickdraw-cnn", epochs=epochs, batch_size=128, label_smoothing=0.05, threads=1
    )
    return train(config, {"train": dataset}).model


def normalized_bitmap(picture: np.ndarray) -> np.ndarray:
    """Return the bitmap that `predict` makes of a picture; black if it does not find strokes."""
    try:
        return rasterize(ensure_simplified(trace_image(picture)))[0]
    except DataError:
        return np.zeros((28, 28), np.uint8)


def main() -> None:
    """Run the benchmark and print a table; exit with 1 if the claim does not hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, help="folder of a model of the same categories")
    parser.add_argument("--every", type=int, default=1, help="use every n-th drawing")
    parser.add_argument("--epochs", type=int, default=7)
    arguments = parser.parse_args()
    real_data = os.environ.get("QUICKDRAW_KIT_REAL_DATA")
    if real_data is None:
        sys.exit("set QUICKDRAW_KIT_REAL_DATA to the folder of real data")
    data = Path(real_data) / "quickdraw"
    names = sorted(path.stem for path in (data / "numpy_bitmap").glob("*.npy"))
    if arguments.model:
        model = load_model(arguments.model / "model.safetensors")
    else:
        model = train_model(data, names, arguments.epochs)
    real = DrawingBatch.concat(
        read_ndjson(data / "simplified" / f"{name}.ndjson") for name in names
    )
    real = real.take(np.arange(0, len(real), arguments.every))
    truth = np.array([model.label_names.index(word) for word in real.words_of_drawings()])

    def accuracy(images: np.ndarray) -> float:
        return 100 * float((model.probabilities(images).argmax(axis=1) == truth).mean())

    exact = accuracy(rasterize(real))
    libraries = ", ".join(f"{name} {version(name)}" for name in ("scikit-image", "scipy", "pillow"))
    print(f"{len(real)} drawings of {len(names)} categories; {libraries}")
    print(f"{'pen':>6}  {'picture':<8}{'exact':>8}{'picture':>9}{'points':>8}", flush=True)
    worst = 0.0
    for width in WIDTHS:
        for draw in (on_screen, on_paper):
            rng = np.random.default_rng(width)
            images = [
                normalized_bitmap(draw(real[i : i + 1], width, rng)) for i in range(len(real))
            ]
            from_pictures = accuracy(np.stack(images))
            worst = min(worst, from_pictures - exact)
            name = draw.__name__.removeprefix("on_")
            print(
                f"{width:>3} px  {name:<8}{exact:>7.1f}%{from_pictures:>8.1f}%"
                f"{from_pictures - exact:>+8.1f}",
                flush=True,
            )
    if worst < -MAX_LOSS:
        sys.exit(
            f"the claim does not hold: {-worst:.1f} points are lost, at most {MAX_LOSS:g} expected"
        )


if __name__ == "__main__":
    main()
