"""A contact sheet: many drawings in one PNG file, a row per category."""

import math
import os
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import UsageError
from quickdraw_kit.formats.picture_style import LINE_DIAMETER
from quickdraw_kit.raster.style import RasterStyle
from quickdraw_kit.storage.files import atomic_write
from quickdraw_kit.strokes.batch import DrawingBatch

_CELL = 56  # minimum side of a drawing, in pixels
_GAP = 6
_MARGIN = 20
_TEXT = 15  # height
_INK = 34  # gray levels of text, background and frames
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
    """Write a PNG file of drawings, dark on light, a row per category.

    Categories without drawings have no row. Rows of many categories are arranged in several blocks
    side by side, so that the sheet is about square.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, side, side), or DrawingBatch
        Bitmaps, white on black, which are enlarged by an integer factor; or strokes, which are
        drawn with a thin pen.
    labels : sequence of int, length n
        For each image, the index of its category in `names`.
    names : sequence of str
        Categories, in the order of the rows.
    path : path-like
        The PNG file.
    columns : int
        Maximum number of drawings per category; further ones are not shown.

    Raises
    ------
    UsageError
        If there are no drawings, if there is not one label for each image, or if a label is not an
        index of `names`.
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

    # cells in the order of the sheet, in one batch, so that strokes are rendered together
    selected = [np.flatnonzero(codes == code)[:columns] for code in range(len(names))]
    categories = [code for code, indices in enumerate(selected) if len(indices)]
    cells = _cells(images, np.concatenate([selected[code] for code in categories]))

    # a block is a column of rows, each a name and its drawings; so many that the sheet is square
    pitch = cells.shape[1] + _GAP
    font = ImageFont.load_default(size=_TEXT)
    name_width = max(math.ceil(font.getlength(names[code])) for code in categories) + 2 * _GAP
    block_width = name_width + pitch * max(len(selected[code]) for code in categories)
    blocks = max(round(math.sqrt(len(categories) * pitch / block_width)), 1)
    rows = math.ceil(len(categories) / blocks)
    size = (
        2 * _MARGIN + blocks * block_width + (blocks - 1) * 2 * _MARGIN - _GAP,
        2 * _MARGIN + rows * pitch - _GAP,
    )

    sheet = Image.new("L", size, _PAPER)
    pen = ImageDraw.Draw(sheet)
    remaining = iter(cells)
    for index, code in enumerate(categories):
        block, row = divmod(index, rows)
        left = _MARGIN + block * (block_width + 2 * _MARGIN)
        top = _MARGIN + row * pitch
        middle = top + cells.shape[1] / 2
        pen.text((left + name_width - 2 * _GAP, middle), names[code], _INK, font, anchor="rm")
        for column in range(len(selected[code])):
            corner = (left + name_width + column * pitch, top)
            sheet.paste(Image.fromarray(next(remaining)), corner)

    with atomic_write(path) as file:
        sheet.save(file, "PNG", optimize=True)


def _check(
    images: npt.NDArray[np.uint8] | DrawingBatch,
    codes: npt.NDArray[np.int64],
    names: Sequence[str],
    columns: int,
) -> None:
    if codes.shape != (len(images),):
        raise UsageError(f"{len(images)} images and {codes.size} labels, expected a label for each")
    if len(codes) == 0 or columns < 1:
        raise UsageError(f"{len(codes)} drawings in {columns} columns: there is nothing to show")
    if not 0 <= codes.min() <= codes.max() < len(names):
        raise UsageError(
            f"labels run from {codes.min()} to {codes.max()}, expected 0 to {len(names) - 1}"
        )


def _cells(
    images: npt.NDArray[np.uint8] | DrawingBatch, selected: npt.NDArray[np.int64]
) -> npt.NDArray[np.uint8]:
    """Return the selected drawings, dark on light, with a frame of a pixel."""
    if isinstance(images, DrawingBatch):
        from quickdraw_kit.raster.render import rasterize

        style = RasterStyle(side=_CELL + 16, line_diameter=LINE_DIAMETER, padding=LINE_DIAMETER)
        cells: npt.NDArray[np.uint8] = 255 - rasterize(images.take(selected), style)
    else:
        scale = max(math.ceil(_CELL / images.shape[1]), 1)
        cells = 255 - images[selected].repeat(scale, axis=1).repeat(scale, axis=2)
    # the frame is light, and ink that touches it stays visible
    cells[:, [0, -1], :] = np.minimum(cells[:, [0, -1], :], _FRAME)
    cells[:, :, [0, -1]] = np.minimum(cells[:, :, [0, -1]], _FRAME)
    return cells
