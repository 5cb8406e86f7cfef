"""A drawing as PNG, rendered as the bitmaps are, in black on white."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from quickdraw_kit.formats.format import Format, WriteOptions
from quickdraw_kit.formats.svg import LINE_DIAMETER, framed
from quickdraw_kit.raster.style import RasterStyle
from quickdraw_kit.storage.files import atomic_write
from quickdraw_kit.strokes.batch import DrawingBatch

__all__ = ["PNG", "picture", "write_png"]


def picture(
    batch: DrawingBatch, index: int = 0, *, side: int = 256, line_diameter: float = LINE_DIAMETER
) -> npt.NDArray[np.uint8]:
    """Render a drawing to look at."""
    from quickdraw_kit.raster.render import rasterize

    style = RasterStyle(side=side, line_diameter=line_diameter, padding=line_diameter / 2)
    image: npt.NDArray[np.uint8] = 255 - rasterize(framed(batch, index), style)[0]
    return image


def write_png(
    batch: DrawingBatch,
    path: str | os.PathLike[str],
    index: int = 0,
    *,
    side: int = 256,
    line_diameter: float = LINE_DIAMETER,
) -> None:
    """Write a drawing as a grey PNG file, whole or not at all.

    Parameters
    ----------
    batch, index, side, line_diameter
        As for `picture`.
    path : str or path-like
        Where to.

    Raises
    ------
    IndexError, UsageError
        As for `picture`.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> path = getfixture("tmp_path") / "line.png"
    >>> write_png(DrawingBatch.from_strokes([[([0, 9], [0, 9])]], words=["line"]), path)
    >>> path.read_bytes()[1:4]
    b'PNG'
    """
    from PIL import Image

    image = Image.fromarray(picture(batch, index, side=side, line_diameter=line_diameter))
    with atomic_write(path) as file:
        image.save(file, "PNG", optimize=True)


def _write(batches: Iterator[DrawingBatch], path: Path, options: WriteOptions) -> None:
    write_png(next(batches), path)


PNG = Format(name="png", suffixes=(".png",), is_picture=True, write=_write)
