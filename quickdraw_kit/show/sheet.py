"""A contact sheet: many drawings in one PNG, one row per category, with names."""

import math
import os
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import UsageError
from quickdraw_kit.formats.svg import LINE_DIAMETER
from quickdraw_kit.raster.style import RasterStyle
from quickdraw_kit.storage.files import atomic_write
from quickdraw_kit.strokes.batch import DrawingBatch

_CELL = 56  # minimum side of a drawing, in pixels
_GAP = 6
_MARGIN = 20
_TEXT = 15
_INK = 34  # gray levels
_PAPER = 255
_FRAME = 236


def contact_sheet(
    images: npt.NDArray[np.uint8] | DrawingBatch,
    labels: Sequence[int] | npt.NDArray[np.int64],
    names: Sequence[str],
    path: str | os.PathLike[str],
    *,
    columns: int = 10,
) -> None:
    """Write a picture of drawings, dark on light, one row per category.

    Categories without drawings have no row. Many categories are arranged in several columns of
    rows, so that the sheet is not much higher than it is wide.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, side, side), or DrawingBatch
        Bitmaps, white on black, enlarged by an integer factor; or strokes, drawn with a thin pen.
    labels : sequence of int, length n
        Index into `names` for each image.
    names : sequence of str
        Categories, in the order of the rows.
    path : path-like
        The PNG file.
    columns : int
        Maximum number of drawings per category; the others are left out.

    Raises
    ------
    UsageError
        If there is nothing to show, or labels and images do not match.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> from quickdraw_kit import contact_sheet, generate_drawings
    >>> batch = generate_drawings(["house", "star"], 8, raw=False)
    >>> contact_sheet(batch, batch.word_code, batch.words, "sheet.png")
    """
    from PIL import Image, ImageDraw, ImageFont

    codes = np.asarray(labels, np.int64)
    _check(images, codes, names, columns)
    chosen = [np.flatnonzero(codes == code)[:columns] for code in range(len(names))]
    rows = [code for code, selected in enumerate(chosen) if len(selected)]
    cells = _cells(images, np.concatenate([chosen[code] for code in rows]))

    # how many columns of rows, so that the sheet is about square
    pitch = cells.shape[1] + _GAP
    font = ImageFont.load_default(size=_TEXT)
    text = max(math.ceil(font.getlength(names[code])) for code in rows) + 2 * _GAP
    across = max(len(chosen[code]) for code in rows)
    block = text + across * pitch
    blocks = max(round(math.sqrt(len(rows) * pitch / block)), 1)
    high = math.ceil(len(rows) / blocks)
    size = (
        2 * _MARGIN + blocks * block + (blocks - 1) * 2 * _MARGIN - _GAP,
        2 * _MARGIN + high * pitch - _GAP,
    )

    sheet = Image.new("L", size, _PAPER)
    pen = ImageDraw.Draw(sheet)
    pictures = iter(cells)
    for place, code in enumerate(rows):
        left = _MARGIN + place // high * (block + 2 * _MARGIN)
        top = _MARGIN + place % high * pitch
        middle = top + cells.shape[1] / 2
        pen.text((left + text - 2 * _GAP, middle), names[code], _INK, font, anchor="rm")
        for column in range(len(chosen[code])):
            corner = (left + text + column * pitch, top)
            sheet.paste(Image.fromarray(next(pictures)), corner)

    with atomic_write(path) as file:
        sheet.save(file, "PNG", optimize=True)


def _check(
    images: npt.NDArray[np.uint8] | DrawingBatch,
    codes: npt.NDArray[np.int64],
    names: Sequence[str],
    columns: int,
) -> None:
    if codes.shape != (len(images),):
        raise UsageError(f"{len(images)} images and {codes.size} labels, expected one for each")
    if len(codes) == 0 or columns < 1:
        raise UsageError(f"{len(codes)} drawings in {columns} columns: there is nothing to show")
    if not 0 <= codes.min() <= codes.max() < len(names):
        raise UsageError(
            f"labels run from {codes.min()} to {codes.max()}, expected 0 to {len(names) - 1}"
        )


def _cells(
    images: npt.NDArray[np.uint8] | DrawingBatch, chosen: npt.NDArray[np.int64]
) -> npt.NDArray[np.uint8]:
    """Return the chosen drawings, dark on light, with a frame."""
    if isinstance(images, DrawingBatch):
        from quickdraw_kit.raster.render import rasterize

        style = RasterStyle(side=_CELL + 16, line_diameter=LINE_DIAMETER, padding=LINE_DIAMETER)
        cells: npt.NDArray[np.uint8] = 255 - rasterize(images.take(chosen), style)
    else:
        times = max(math.ceil(_CELL / images.shape[1]), 1)
        cells = 255 - images[chosen].repeat(times, axis=1).repeat(times, axis=2)
    cells[:, [0, -1], :] = np.minimum(cells[:, [0, -1], :], _FRAME)
    cells[:, :, [0, -1]] = np.minimum(cells[:, :, [0, -1]], _FRAME)
    return cells
