"""`trace_image`: a picture of a drawing becomes strokes.

A model that was trained on strokes of one width, drawn by one renderer, knows no others. So no
picture is shrunk to 28 x 28: its lines are traced, and what is traced is drawn as the training set
was, whatever the pen, the paper and the light.
"""

import importlib.util

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import DataError, UsageError
from quickdraw_kit.strokes.batch import DrawingBatch
from quickdraw_kit.trace.ink import find_ink
from quickdraw_kit.trace.skeleton import centre_lines

__all__ = ["trace_image"]

_SIDES = (300, 600)  # pixels of the longer side of a drawing that is traced
_LARGEST = 1536  # pixels of a picture in which the ink is looked for


def trace_image(picture: npt.NDArray[np.uint8], *, word: str = "") -> DrawingBatch:
    """Trace the drawing in a picture.

    Parameters
    ----------
    picture : ndarray of uint8, shape (h, w), (h, w, 3) or (h, w, 4)
        Grey, RGB or RGB with opacity; dark on light or light on dark.
    word : str
        Its category, if known.

    Returns
    -------
    DrawingBatch
        One drawing, real-valued, in pixels; `quickdraw_kit.strokes.simplify` takes it on from
        there.

    Raises
    ------
    DataError
        If there is no ink in the picture, or it is no such array.
    UsageError
        If scikit-image is not installed.

    Examples
    --------
    >>> picture = np.full((100, 200), 255, np.uint8)
    >>> picture[48:53, 20:180] = 0
    >>> stroke, = trace_image(picture)[0].strokes
    >>> bool(np.ptp(stroke[:, 0]) > 30 * np.ptp(stroke[:, 1]))
    True
    """
    from PIL import Image

    if importlib.util.find_spec("skimage") is None:
        raise UsageError("pictures need scikit-image: pip install 'quickdraw-kit[photo]'")
    layout = picture.ndim == 2 or (picture.ndim == 3 and picture.shape[2] in (3, 4))
    if picture.dtype != np.uint8 or not layout or 0 in picture.shape:
        raise DataError(
            f"the picture is {picture.dtype} {picture.shape}, expected uint8 (height, width), "
            "or with 3 or 4 channels"
        )
    longest = max(picture.shape[:2])
    if longest > _LARGEST:
        part = _LARGEST / longest
        size = (max(round(picture.shape[1] * part), 1), max(round(picture.shape[0] * part), 1))
        picture = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BOX))
    ink = find_ink(picture)
    rows, columns = np.flatnonzero(ink.max(axis=1)), np.flatnonzero(ink.max(axis=0))
    ink = np.pad(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], 1)
    longest = max(ink.shape)
    part = np.clip(longest, *_SIDES) / longest
    if part != 1:
        size = (max(round(ink.shape[1] * part), 1), max(round(ink.shape[0] * part), 1))
        way = Image.Resampling.BICUBIC if part > 1 else Image.Resampling.BOX
        ink = np.asarray(Image.fromarray(ink).resize(size, way))
    strokes, _ = centre_lines(ink > 0.5)
    return DrawingBatch.from_strokes(
        [[stroke.T for stroke in strokes]], words=[word], dtype=np.float32
    )
