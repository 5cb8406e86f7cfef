"""Make the moving picture of the README: synthetic drawings, stroke by stroke.

``python docs/pictures.py`` writes ``docs/images/drawings.gif``.
"""

from pathlib import Path

from PIL import Image, ImageDraw

from quickdraw_kit import Drawing, generate_drawings
from quickdraw_kit.synthetic.generator import SYNTHETIC_CATEGORIES

COLUMNS, ROWS, CELL = 9, 3, 84  # pixels
SCALE = 3  # drawn larger and reduced, for smooth lines
FRAMES, PAUSE, MILLISECONDS = 40, 25, 60


def main() -> None:
    batch = generate_drawings(SYNTHETIC_CATEGORIES, 1, seed=3, raw=False)
    drawings = [batch[index] for index in range(COLUMNS * ROWS)]
    frames = [frame(drawings, step / FRAMES) for step in range(1, FRAMES + 1)]
    frames[0].save(
        Path(__file__).parent / "images" / "drawings.gif",
        save_all=True,
        append_images=frames[1:],
        duration=[MILLISECONDS] * (FRAMES - 1) + [MILLISECONDS * PAUSE],
        loop=0,
    )


def frame(drawings: list[Drawing], progress: float) -> Image.Image:
    """Draw the first part of every drawing, by its number of points."""
    size = (COLUMNS * CELL * SCALE, ROWS * CELL * SCALE)
    image = Image.new("L", size, 255)
    canvas = ImageDraw.Draw(image)
    margin, zoom = 10 * SCALE, (CELL - 20) * SCALE / 255
    for index, drawing in enumerate(drawings):
        left = index % COLUMNS * CELL * SCALE + margin
        top = index // COLUMNS * CELL * SCALE + margin
        count = round(progress * sum(len(stroke) for stroke in drawing.strokes))
        for stroke in drawing.strokes:
            points = [(left + zoom * x, top + zoom * y) for x, y in stroke[:count, :2].tolist()]
            count -= len(points)
            if len(points) > 1:
                canvas.line(points, fill=40, width=2 * SCALE, joint="curve")
    reduced = image.resize((COLUMNS * CELL, ROWS * CELL), Image.Resampling.BOX)
    return reduced.quantize(16)


if __name__ == "__main__":
    main()
