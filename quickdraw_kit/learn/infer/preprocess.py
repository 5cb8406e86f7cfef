"""How drawings and pictures become bitmaps: in the way in which the training set was made.

Quick, Draw! bitmaps are strokes in a 256 x 256 frame, drawn with one pen. The digits of MNIST are
scanned ink, scaled to a box of 20 x 20 pixels and placed by their center of mass. A model trained
on one of them recognizes the other badly, so each model records which it was trained on.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import DataError, UsageError
from quickdraw_kit.learn.models.model import Model
from quickdraw_kit.raster.render import rasterize
from quickdraw_kit.raster.style import RasterStyle
from quickdraw_kit.strokes.batch import DrawingBatch
from quickdraw_kit.trace.ink import find_ink

Pixels: TypeAlias = npt.NDArray[np.uint8]
Recipe: TypeAlias = Literal["rasterize", "mnist", "resize"]

# MNIST, in shares of the side of 28 pixels
_BOX = 20 / 28
_PEN = 2.4 / 28  # about the width of its lines
_OVERSAMPLING = 8  # strokes are rendered at this multiple of the side before they are scaled down


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """A recipe for bitmaps, and the style in which strokes are rendered.

    ``rasterize`` renders strokes, and traces pictures first; ``mnist`` scales ink to a box and
    centers it by its mass; ``resize`` scales pictures as they are.
    """

    style: RasterStyle
    recipe: Recipe = "rasterize"

    @property
    def side(self) -> int:
        """Side of the bitmaps, in pixels."""
        return self.style.side

    @property
    def traces(self) -> bool:
        """Whether pictures are traced to strokes."""
        return self.recipe == "rasterize"

    def from_strokes(self, drawings: DrawingBatch) -> Pixels:
        """Render simplified drawings, shape (n, side, side)."""
        if self.recipe != "mnist":
            return rasterize(drawings, self.style)
        # the pen in units of the frame of 256, which becomes the box
        large = RasterStyle(
            side=min(self.side * _OVERSAMPLING, 1024), line_diameter=256 * _PEN / _BOX, padding=0
        )
        inks = rasterize(drawings, large).astype(np.float32) / 255
        return np.stack([_mnist_bitmap(ink, self.side) for ink in inks])

    def from_picture(self, picture: Pixels) -> Pixels:
        """Convert a picture of any size, shape (side, side); `DataError` if it has no ink."""
        if self.recipe == "mnist":
            return _mnist_bitmap(_thicken(find_ink(picture), self.side), self.side)
        return _resize(picture, self.side)


def model_preprocessing(model: Model) -> Preprocessing:
    """Return how the bitmaps of a model's training set were made."""
    # the metadata come from a file and can hold anything
    saved = model.metadata.get("raster_style") or {"side": model.side}
    recipe = model.metadata.get("preprocessing", "rasterize")
    try:
        style = RasterStyle(**saved)
    except (TypeError, UsageError) as error:
        raise DataError(f"the model has an invalid raster style {saved!r}: {error}") from error
    if recipe not in get_args(Recipe):
        raise DataError(
            f"the model has the preprocessing {recipe!r}, expected one of "
            f"{', '.join(get_args(Recipe))}"
        )
    if style.side != model.side and model.input_type == "images":
        raise DataError(
            f"the model takes images of side {model.side}, but its raster style has side "
            f"{style.side}"
        )
    return Preprocessing(style, recipe)


def _mnist_bitmap(ink: npt.NDArray[np.float32], side: int) -> Pixels:
    """Scale ink to a box of 20 x 20 pixels of 28, and center it by its mass."""
    from PIL import Image

    # the box is around what is visible, without the faint ends of soft edges
    rows, columns = (np.flatnonzero(ink.max(axis=axis) > 0.2) for axis in (1, 0))
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = _BOX * side / max(ink.shape)
    height, width = (max(round(length * scale), 1) for length in ink.shape)
    scaled = Image.fromarray(ink).resize((width, height), Image.Resampling.BICUBIC)
    values = np.clip(np.asarray(scaled), 0, 1)

    # a thin line on many pixels is gray when it is scaled down, and in MNIST ink is white
    values = values / max(float(values.max()), 1e-6)

    # the center of mass is in the pixel of index 14 of 28, as in the files of MNIST
    mass = values.sum()
    center = [
        float((values.sum(axis=1 - axis) * np.arange(values.shape[axis])).sum() / mass)
        for axis in (0, 1)
    ]
    top, left = (
        int(np.clip(round(side / 2 - middle), 0, side - length))
        for middle, length in zip(center, (height, width), strict=True)
    )
    bitmap = np.zeros((side, side), np.uint8)
    bitmap[top : top + height, left : left + width] = np.rint(values * 255)
    return bitmap


def _thicken(ink: npt.NDArray[np.float32], side: int) -> npt.NDArray[np.float32]:
    """Widen lines that would be thinner than the pen once the ink is scaled to the box."""
    from scipy import ndimage

    mask = ink > 0.5
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if rows.size == 0:
        return ink
    longest = max(int(np.ptp(rows)), int(np.ptp(columns))) + 1

    # on average the pixels of a line are a quarter of its width, and half a pixel, from paper
    inner = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1][mask]
    width = max(4 * float(inner.mean()) - 2, 1.0)
    missing = (_PEN / _BOX * longest - width) / 2
    if missing < 0.1 * width:
        return ink
    margin = int(missing) + 1
    distance = ndimage.distance_transform_edt(~np.pad(mask, margin))
    return np.asarray(np.clip(missing + 0.5 - distance, 0, 1), np.float32)


def _resize(picture: Pixels, side: int) -> Pixels:
    """Scale a picture to a square, gray, with a dark background."""
    from PIL import Image

    image = Image.fromarray(picture)
    if image.mode == "RGBA":
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    gray = image.convert("L")
    scale = side / max(gray.size)
    width, height = (max(round(length * scale), 1) for length in gray.size)
    values = np.asarray(gray.resize((width, height), Image.Resampling.LANCZOS))
    border = np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])
    if np.median(border) > 127:
        values = 255 - values
    bitmap = np.zeros((side, side), np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    bitmap[top : top + height, left : left + width] = values
    return bitmap
