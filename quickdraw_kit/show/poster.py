"""A poster: all drawings of a file in one PNG, in rows below the name of each class."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from quickdraw_kit.categories import label_order
from quickdraw_kit.errors import UsageError
from quickdraw_kit.formats.picture_style import PictureStyle
from quickdraw_kit.formats.png import PngEncoder, render_records
from quickdraw_kit.formats.record_batch import RecordBatch, label_words
from quickdraw_kit.storage.files import atomic_write

_SIDE = 72  # of a drawing, in pixels
_MARGIN = 20
_GAP = 6
_TEXT = 15  # height
_MAX_PIXELS = 1 << 28

_Cells: TypeAlias = npt.NDArray[np.uint8]


def write_poster(
    batches: Iterable[RecordBatch], path: Path, style: PictureStyle, columns: int
) -> None:
    """Write a PNG of all drawings, atomically; classes are in label order."""
    given_side, side = style.side, style.side or _SIDE
    style = PictureStyle(side, style.line_diameter, style.padding, style.ink, style.paper)
    cells: dict[str, list[_Cells]] = {}
    pixels = 0
    for records in batches:
        batch = label_words(records.batch)
        pixels += len(batch) * (side + _GAP) ** 2
        if pixels > _MAX_PIXELS:
            most = _MAX_PIXELS // (side + _GAP) ** 2
            raise UsageError(
                f"{path} has room for {most:,} drawings of side {side}, and there are more: choose "
                "some (--max-per-category), or make them smaller (--side)"
            )
        if records.images is not None and given_side is None:
            multiple = records.images.shape[-1]  # a multiple has sharp pixels
            side = multiple * max(_SIDE // multiple, 1)
            style = replace(style, side=side)
        rendered = render_records(records, style)
        for code in np.unique(batch.word_code):
            name = batch.words[code] or "unknown"
            cells.setdefault(name, []).append(rendered[batch.word_code == code])
    drawings = {name: np.concatenate(cells[name]) for name in label_order(cells)}

    with atomic_write(path) as file:
        file.write(PngEncoder(style).encode(_arrange(drawings, side, columns)))


def _arrange(drawings: dict[str, _Cells], side: int, columns: int) -> _Cells:
    """Return the coverage of the sheet by ink."""
    from PIL import Image, ImageDraw, ImageFont

    # one class needs no name
    title = _TEXT + 2 * _GAP if len(drawings) > 1 else 0
    pitch = side + _GAP
    across = min(columns, max(map(len, drawings.values())))
    height = sum(title + -(-len(each) // columns) * pitch for each in drawings.values())
    sheet = Image.new("L", (2 * _MARGIN + across * pitch - _GAP, 2 * _MARGIN + height - _GAP), 0)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=_TEXT)
    top = _MARGIN
    for name, images in drawings.items():
        if title:
            pen.text((_MARGIN, top), name, 200, font)
            top += title
        for number, image in enumerate(images):
            row, column = divmod(number, columns)
            corner = (_MARGIN + column * pitch, top + row * pitch)
            sheet.paste(Image.fromarray(image), corner)
        top += -(-len(images) // columns) * pitch
    return np.asarray(sheet)
