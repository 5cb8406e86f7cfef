"""`trace_image`: a picture of a drawing becomes strokes.

A model that was trained on strokes of one width from one renderer recognizes no others. So a
picture is not scaled down to 28 x 28: its lines are traced, and the strokes are rendered as the
training data was, whatever the pen, the paper and the light.
"""

import importlib.util

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import DataError, MissingPackageError
from quickdraw_kit.strokes.batch import DrawingBatch
from quickdraw_kit.trace.ink import find_ink
from quickdraw_kit.trace.skeleton import center_lines

_SIDES = (300, 600)  # range of the longer side while tracing, in pixels
_EDGE = 0.42  # share of its darkness that the edge of a line has
_LARGEST = 1536  # longer side while looking for ink, in pixels


def trace_image(picture: npt.NDArray[np.uint8], *, word: str = "") -> DrawingBatch:
    """Trace the drawing in a picture.

    Parameters
    ----------
    picture : ndarray of uint8, shape (h, w), (h, w, 3) or (h, w, 4)
        Grayscale, RGB or RGBA; dark on light or light on dark.
    word : str
        The category, if it is known.

    Returns
    -------
    DrawingBatch
        One drawing in pixels, real-valued. Pass it to `simplify` or `rasterize`.

    Raises
    ------
    DataError
        If there is no ink in the picture, or it is not such an array.
    MissingPackageError
        If scikit-image is not installed.

    Examples
    --------
    A thick horizontal line becomes one stroke:

    >>> import numpy as np
    >>> from quickdraw_kit import trace_image
    >>> picture = np.full((100, 200), 255, np.uint8)
    >>> picture[48:53, 20:180] = 0
    >>> stroke, = trace_image(picture)[0].strokes
    >>> bool(np.ptp(stroke[:, 0]) > 30 * np.ptp(stroke[:, 1]))
    True
    """
    from PIL import Image

    if importlib.util.find_spec("skimage") is None:
        raise MissingPackageError("skimage")
    has_valid_shape = picture.ndim == 2 or (picture.ndim == 3 and picture.shape[2] in (3, 4))
    if picture.dtype != np.uint8 or not has_valid_shape or 0 in picture.shape:
        raise DataError(
            f"the picture is {picture.dtype} {picture.shape}, expected uint8 (height, width), "
            "or with 3 or 4 channels"
        )
    from scipy import ndimage

    # look for ink at a bounded size: a photo has more pixels than a line needs
    longest = max(picture.shape[:2])
    if longest > _LARGEST:
        scale = _LARGEST / longest
        size = (max(round(picture.shape[1] * scale), 1), max(round(picture.shape[0] * scale), 1))
        picture = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BOX))

    # crop to the ink, then scale so that the pen is neither a pixel nor a blob wide
    ink = find_ink(picture)
    rows, columns = np.flatnonzero(ink.max(axis=1) > 0.5), np.flatnonzero(ink.max(axis=0) > 0.5)
    if not len(rows):
        raise DataError("the picture is empty: no line stands out from its background")
    ink = np.pad(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], 1)
    longest = max(ink.shape)
    scale = np.clip(longest, *_SIDES) / longest
    if scale < 1:  # a line that is thinner than the new pixels must not fade
        ink = ndimage.maximum_filter(ink, round(1 / scale))
    if scale != 1:
        size = (max(round(ink.shape[1] * scale), 1), max(round(ink.shape[0] * scale), 1))
        filter_ = Image.Resampling.BICUBIC if scale > 1 else Image.Resampling.BOX
        ink = np.asarray(Image.fromarray(ink).resize(size, filter_))

    strokes, _ = center_lines(_binarize(ink))
    return DrawingBatch.from_strokes(
        [[stroke.T for stroke in strokes]], words=[word], dtype=np.float64
    )


def _binarize(ink: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Return where the ink is; between two rows of pixels, a thin line is half as dark."""
    from scipy import ndimage

    near = ndimage.maximum_filter(ink, 5)
    mask: npt.NDArray[np.bool_] = (ink > _EDGE * near) & (near > 0.35)
    return mask
