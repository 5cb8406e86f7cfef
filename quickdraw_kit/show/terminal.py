"""Drawings and counts as plain text, for a terminal.

A braille character is a grid of 2 x 4 dots, so a bitmap of 28 x 28 takes 14 x 7 characters and a
dozen drawings fit on a screen. With `blocks`, half blocks are used instead, for fonts without
braille.
"""

import shutil
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import UsageError
from quickdraw_kit.raster.style import RasterStyle
from quickdraw_kit.strokes.batch import DrawingBatch

_BRAILLE = 0x2800
_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])  # Unicode's order
_HALVES = " ▀▄█"
_EIGHTHS = " ▏▎▍▌▋▊▉"
_INK = 72  # gray level from which a dot is set; low, so that thin lines have no gaps
_GAP = 2


def text_picture(
    image: npt.NDArray[np.uint8], *, width: int | None = None, blocks: bool = False
) -> str:
    """Return a bitmap as text, at most `width` characters wide."""
    if image.ndim != 2 or image.dtype != np.uint8 or 0 in image.shape:
        raise UsageError(f"image is {image.dtype} {image.shape}, expected uint8 (height, width)")
    if width is not None and width < 1:
        raise UsageError(f"width is {width}, expected at least 1 character")

    across, down = (1, 2) if blocks else (2, 4)  # pixels of a character
    if width is not None and image.shape[1] > width * across:
        image = _downscale(image, width * across)

    # pad to whole characters, then split into them
    rows, columns = -(-image.shape[0] // down), -(-image.shape[1] // across)
    ink = np.zeros((rows * down, columns * across), np.int64)
    ink[: image.shape[0], : image.shape[1]] = image >= _INK
    cells = ink.reshape(rows, down, columns, across)

    if blocks:
        codes = cells[:, 0, :, 0] + 2 * cells[:, 1, :, 0]
        return "\n".join("".join(_HALVES[code] for code in row) for row in codes.tolist())
    codes = _BRAILLE + np.einsum("rdca,da->rc", cells, _DOTS)
    return "\n".join("".join(map(chr, row)) for row in codes.tolist())


def preview(batch: DrawingBatch, index: int = 0, *, width: int = 32, blocks: bool = False) -> str:
    """Return a drawing as text, without empty lines above and below it."""
    from quickdraw_kit.raster.render import rasterize

    if not -len(batch) <= index < len(batch):
        raise IndexError(f"drawing {index} of {len(batch)}")
    if not 1 <= width <= 512:
        raise UsageError(f"width is {width}, expected 1 to 512 characters")

    # a line is a little wider than a dot, so that it has no gaps
    side = width * (1 if blocks else 2)
    pen = min(256 * 1.2 / side, 256.0)
    style = RasterStyle(side=side, line_diameter=pen, padding=0)
    image = rasterize(batch.take([index]), style)[0]
    rows = np.flatnonzero((image >= _INK).any(axis=1))
    if len(rows):
        image = image[rows[0] : rows[-1] + 1]
    return text_picture(image, blocks=blocks)


def gallery(
    images: npt.NDArray[np.uint8], words: Sequence[str], *, width: int | None = None
) -> str:
    """Return bitmaps side by side as text, each under its name."""
    if len(images) != len(words):
        raise UsageError(f"{len(words)} names for {len(images)} images, expected one for each")
    width = shutil.get_terminal_size().columns if width is None else width

    # a cell is a list of lines: the word, then the picture
    pictures = [text_picture(image, width=width).split("\n") for image in images]
    cell = max((len(lines[0]) for lines in pictures), default=1)
    cells = [[word[:cell].ljust(cell), *lines] for word, lines in zip(words, pictures, strict=True)]

    columns = max((width + _GAP) // (cell + _GAP), 1)
    grid_rows = []
    for start in range(0, len(cells), columns):
        lines = zip(*cells[start : start + columns], strict=True)
        grid_rows.append("\n".join((" " * _GAP).join(line).rstrip() for line in lines))
    return "\n\n".join(grid_rows)


def bars(totals: Mapping[str, int], *, width: int | None = None) -> str:
    """Return counts as horizontal bars: name, bar and number in at most `width` characters."""
    if not totals:
        return ""
    width = shutil.get_terminal_size().columns if width is None else width

    number_width = max(len(f"{number:,}") for number in totals.values())
    name_width = min(max(map(len, totals)), max(width - number_width - 12, 4))
    bar_width = max(width - name_width - number_width - 2, 1)

    most = max(*totals.values(), 1)
    lines = []
    for name, number in totals.items():
        eighths = round(8 * bar_width * number / most)
        if number and not eighths:
            eighths = 1  # a count above zero is visible
        bar = "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
        if len(name) > name_width:
            name = f"{name[: name_width - 1]}…"
        lines.append(f"{name:<{name_width}} {bar:<{bar_width}} {number:>{number_width},}")
    return "\n".join(lines)


def _downscale(image: npt.NDArray[np.uint8], width: int) -> npt.NDArray[np.uint8]:
    from PIL import Image

    height = max(round(image.shape[0] * width / image.shape[1]), 1)
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BOX))
