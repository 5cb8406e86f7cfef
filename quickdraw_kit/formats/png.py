"""PNG: drawings rendered like the bitmaps, but by default black on white and with a thinner pen.

The files are written by a few lines instead of Pillow, which takes nearly three times as long for
bitmaps of side 28: rows without a filter, and zlib's strategy for runs of equal bytes. For drawings
on flat paper that is smaller than zlib's general search at its fastest level, too.
"""

import os
import struct
import zlib
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from quickdraw_kit.formats.picture_style import LINE_DIAMETER, PictureStyle
from quickdraw_kit.formats.pictures import picture_format
from quickdraw_kit.formats.record_batch import RecordBatch
from quickdraw_kit.formats.svg import in_frame
from quickdraw_kit.raster.style import RasterStyle
from quickdraw_kit.storage.files import atomic_write
from quickdraw_kit.strokes.batch import DrawingBatch
from quickdraw_kit.strokes.normalize import normalize

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GRAY, _PALETTE = 0, 3  # color types


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
    coverage = 255 - render_drawing(batch, index, side=side, line_diameter=line_diameter)
    with atomic_write(path) as file:
        file.write(PngEncoder(PictureStyle()).encode(coverage))


class PngEncoder:
    """Encodes coverages by ink, uint8 (height, width), in the colors of a style."""

    def __init__(self, style: PictureStyle) -> None:
        palette = style.palette()
        is_opaque = bool((palette[:, 3] == 255).all())
        is_gray = bool((palette[:, :3] == palette[:, :1]).all())
        self._color_type, self._chunks = _PALETTE, b""
        self._levels: npt.NDArray[np.uint8] | None = None  # None: pixels are the coverage itself
        if is_opaque and is_gray:
            self._color_type = _GRAY
            if not np.array_equal(palette[:, 0], np.arange(256)):
                self._levels = np.ascontiguousarray(palette[:, 0])
            return
        self._chunks = _chunk(b"PLTE", palette[:, :3].tobytes())
        if not is_opaque:
            self._chunks += _chunk(b"tRNS", palette[:, 3].tobytes())

    def encode(self, coverage: npt.NDArray[np.uint8]) -> bytes:
        """Return the bytes of a file."""
        height, width = coverage.shape
        rows = np.empty((height, width + 1), np.uint8)
        rows[:, 0] = 0  # no filter: lines on flat paper are runs already
        rows[:, 1:] = coverage if self._levels is None else self._levels[coverage]
        compressor = zlib.compressobj(1, zlib.DEFLATED, 15, 8, zlib.Z_RLE)
        data = compressor.compress(rows.data) + compressor.flush()
        header = struct.pack(">IIBBBBB", width, height, 8, self._color_type, 0, 0, 0)
        return b"".join(
            (
                _SIGNATURE,
                _chunk(b"IHDR", header),
                self._chunks,
                _chunk(b"IDAT", data),
                _chunk(b"IEND", b""),
            )
        )


def _chunk(name: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(data, zlib.crc32(name))
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", checksum)


def render_records(records: RecordBatch, style: PictureStyle) -> npt.NDArray[np.uint8]:
    """Return the coverage by ink of each drawing, shape (n, side, side)."""
    if records.images is not None:
        return _enlarge(records.images, style.side)
    from quickdraw_kit.raster.render import rasterize

    batch, raster_style = records.batch, style.of_pictures()
    if batch.x.dtype == np.uint8:
        return rasterize(batch, raster_style)
    if batch.is_float:
        return rasterize(normalize(batch), raster_style)
    # whole coordinates may be those of the frame, or in a scale of their own
    images = [rasterize(in_frame(batch, index), raster_style) for index in range(len(batch))]
    return np.concatenate([np.zeros((0, *[raster_style.side] * 2), np.uint8), *images])


def _enlarge(images: npt.NDArray[np.uint8], side: int | None) -> npt.NDArray[np.uint8]:
    """Return bitmaps at another side; multiples of their own have sharp pixels."""
    given = images.shape[-1]
    if side is None or side == given:
        return images
    if side % given == 0:
        return images.repeat(side // given, axis=1).repeat(side // given, axis=2)
    from PIL import Image

    filter_ = Image.Resampling.NEAREST if side > given else Image.Resampling.BOX
    resized = [np.asarray(Image.fromarray(image).resize((side, side), filter_)) for image in images]
    return np.stack(resized)


def _encode(records: RecordBatch, style: PictureStyle) -> Iterator[bytes]:
    return map(PngEncoder(style).encode, render_records(records, style))


PNG = picture_format(
    name="png",
    suffixes=(".png",),
    magic=_SIGNATURE,
    style_fields=frozenset({"side", "line_diameter", "padding", "ink", "paper"}),
    shows_bitmaps=True,
    encode=_encode,
)
