"""Claim: a photo of a drawing is recognised as well as the drawing itself, within 3 points.

Real drawings are drawn again as people would hand them in: black on white at 512 pixels, 400 of
them the drawing, with a pen of 2 to 30 pixels ("screen"); or with such a pen on paper, turned by
up to 5 degrees, lit from one side and dark in the corners, coloured, with grain and noise, slightly
out of focus and JPEG-compressed ("paper"). `predict`'s way from such a picture to 28 x 28 is
measured against the exact rendering of the same strokes, on the same model.

The model is trained here, on the official bitmaps in the folder of real data less all that equal a
drawing of the test, unless one is given. Everything is seeded.

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

SIDE, EXTENT = 512, 400  # pixels of the picture and of the drawing in it
WIDTHS = (2, 6, 12, 20, 30)
MOST_DEGREES = 5
ALLOWED = 3.0  # points


def on_screen(drawing: DrawingBatch, width: float, rng: np.random.Generator) -> np.ndarray:
    """Draw black on white."""
    return 255 - drawn(drawing, width)


def on_paper(drawing: DrawingBatch, width: float, rng: np.random.Generator) -> np.ndarray:
    """Photograph it on paper."""
    ink = drawn(turned(drawing, rng.uniform(-MOST_DEGREES, MOST_DEGREES)), width)
    soft = Image.fromarray(ink).filter(ImageFilter.GaussianBlur(0.8))
    share = np.asarray(soft, np.float64)[:, :, None] / 255
    paper = rng.uniform((215, 205, 185), (240, 232, 220))
    pen = rng.uniform(20, 90) + rng.uniform(-15, 25, 3)
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    angle, (from_x, from_y) = rng.uniform(0, 2 * np.pi), rng.uniform(-0.4, 0.4, 2)
    light = 1 - 0.21 * (x * np.cos(angle) + y * np.sin(angle))
    light -= rng.uniform(0.07, 0.2) * ((x - from_x) ** 2 + (y - from_y) ** 2)
    picture = (paper * (1 - share) + pen * share) * light[:, :, None] / max(light.max(), 1)
    picture += rng.normal(0, 3, (SIDE, SIDE, 1)) + rng.normal(0, 8, (SIDE, SIDE, 3))
    file = io.BytesIO()
    Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).save(file, "JPEG", quality=70)
    return np.asarray(Image.open(file))


def drawn(drawing: DrawingBatch, width: float) -> np.ndarray:
    """Draw white on black, with a pen of `width` pixels."""
    unit = EXTENT / 256
    line = width / unit
    style = RasterStyle(side=SIDE, line_diameter=line, padding=(SIDE / unit - 256 - line) / 2)
    return rasterize(drawing, style)[0]


def turned(drawing: DrawingBatch, degrees: float) -> DrawingBatch:
    """Turn a drawing round the middle of its frame."""
    angle = np.deg2rad(degrees)
    x, y = drawing.x.astype(np.float64) - 127.5, drawing.y.astype(np.float64) - 127.5
    return replace(
        drawing,
        x=(x * np.cos(angle) - y * np.sin(angle)).astype(np.float32),
        y=(x * np.sin(angle) + y * np.cos(angle)).astype(np.float32),
    )


def trained(place: Path, names: list[str], epochs: int) -> Model:
    """Train on the official bitmaps that are no drawing of the test."""
    images, labels = [], []
    for code, name in enumerate(names):
        rows = np.load(place / "numpy_bitmap" / f"{name}.npy").reshape(-1, 28, 28)
        tested = rasterize(read_ndjson(place / "simplified" / f"{name}.ndjson"))
        known = {image.tobytes() for image in tested}
        images.append(rows[[row.tobytes() not in known for row in rows]])
        labels.append(np.full(len(images[-1]), code))
    data = ArrayDataset(np.concatenate(images), np.concatenate(labels), tuple(names))
    print(f"training quickdraw-cnn on {len(data):,} official bitmaps, {epochs} epochs", flush=True)
    config = TrainConfig(
        network="quickdraw-cnn", epochs=epochs, batch_size=128, label_smoothing=0.05, threads=1
    )
    return train(config, {"train": data}).model


def seen(picture: np.ndarray) -> np.ndarray:
    """Bring a picture to 28 x 28; black where nothing is found in it."""
    try:
        return rasterize(ensure_simplified(trace_image(picture)))[0]
    except DataError:
        return np.zeros((28, 28), np.uint8)


def main() -> None:
    """Run the benchmark and print its table; exit with 1 where the claim does not hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, help="folder of a model of the same categories")
    parser.add_argument("--every", type=int, default=1, help="take each n-th drawing only")
    parser.add_argument("--epochs", type=int, default=7)
    arguments = parser.parse_args()
    given = os.environ.get("QUICKDRAW_KIT_REAL_DATA")
    if given is None:
        sys.exit("set QUICKDRAW_KIT_REAL_DATA to the folder of real data")
    place = Path(given) / "quickdraw"
    names = sorted(path.stem for path in (place / "numpy_bitmap").glob("*.npy"))
    if arguments.model:
        model = load_model(arguments.model / "model.safetensors")
    else:
        model = trained(place, names, arguments.epochs)
    real = DrawingBatch.concat(
        read_ndjson(place / "simplified" / f"{name}.ndjson") for name in names
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
            images = [seen(draw(real[i : i + 1], width, rng)) for i in range(len(real))]
            found = accuracy(np.stack(images))
            worst = min(worst, found - exact)
            name = draw.__name__.removeprefix("on_")
            print(
                f"{width:>3} px  {name:<8}{exact:>7.1f}%{found:>8.1f}%{found - exact:>+8.1f}",
                flush=True,
            )
    if worst < -ALLOWED:
        sys.exit(f"the claim does not hold: {-worst:.1f} points are lost, {ALLOWED:g} are allowed")


if __name__ == "__main__":
    main()
