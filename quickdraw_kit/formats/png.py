"""PNG: a drawing rendered like the bitmaps, but black on white and with a thinner pen."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from quickdraw_kit.formats.format import Format, WriteOptions
from quickdraw_kit.formats.pictures import read_traced
from quickdraw_kit.formats.svg import LINE_DIAMETER, in_frame
from quickdraw_kit.raster.style import RasterStyle
from quickdraw_kit.storage.files import atomic_write
from quickdraw_kit.strokes.batch import DrawingBatch


def render_drawing(
    batch: DrawingBatch, index: int = 0, *, side: int = 256, line_diameter: float = LINE_DIAMETER
) -> npt.NDArray[np.uint8]:
    """Render a drawing for people, uint8 (side, side), black on white."""
    # not at the top, because it loads numba
    from quickdraw_kit.raster.render import rasterize

    # half the pen as padding: lines at the edge are shown in full width
    style = RasterStyle(side=side, line_diameter=line_diameter, padding=line_diameter / 2)
    image: npt.NDArray[np.uint8] = 255 - rasterize(in_frame(batch, index), style)[0]
    return image


def write_png(
    batch: DrawingBatch,
    path: str | os.PathLike[str],
    index: int = 0,
    *,
    side: int = 256,
    line_diameter: float = LINE_DIAMETER,
) -> None:
    """Write a drawing as a grayscale PNG, atomically.

    Parameters
    ----------
    batch : DrawingBatch
        A drawing that is not within 0 to 255 is normalized first.
    path : str or path-like
        The file to write.
    index : int
        Which drawing of the batch.
    side : int
        Width and height in pixels.
    line_diameter : float
        Diameter of the round pen, in units of the 256 x 256 frame.

    Raises
    ------
    IndexError
        If the batch has no such drawing.
    UsageError
        If `side` or `line_diameter` is out of range.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> from PIL import Image
    >>> from quickdraw_kit import generate_drawings, write_png
    >>> write_png(generate_drawings(["star"], 1), "star.png", side=64)
    >>> with Image.open("star.png") as image:
    ...     image.size, image.mode
    ((64, 64), 'L')
    """
    from PIL import Image

    image = Image.fromarray(render_drawing(batch, index, side=side, line_diameter=line_diameter))
    with atomic_write(path) as file:
        image.save(file, "PNG", optimize=True)


def _write(batches: Iterator[DrawingBatch], path: Path, options: WriteOptions) -> None:
    write_png(next(batches), path)


PNG = Format(
    name="png",
    suffixes=(".png",),
    magic=b"\x89PNG\r\n\x1a\n",
    position="drawing",
    fields=frozenset(),
    is_picture=True,
    read=read_traced,
    write=_write,
)
