"""Move and scale drawings into the 256 x 256 frame: the first two of Google's four steps."""

from dataclasses import replace

import numpy as np

from quickdraw_kit.strokes.batch import DrawingBatch


def normalize(batch: DrawingBatch) -> DrawingBatch:
    """Align each drawing to the top left corner and scale its longer side to 255.

    Parameters
    ----------
    batch : DrawingBatch
        With any coordinates; drawings that fill the frame already are not changed.

    Returns
    -------
    DrawingBatch
        With float64 coordinates from 0 to 255, rounded to float32, and the same strokes, times and
        metadata. A drawing whose points are all equal is moved to the corner.

    Examples
    --------
    >>> from quickdraw_kit import DrawingBatch, normalize
    >>> raw = DrawingBatch.from_strokes([[([-10, 0, 10], [5, 15, 15], [0, 9, 18])]], words=["line"])
    >>> normalize(raw)[0].strokes[0][:, :2]
    array([[  0. ,   0. ],
           [127.5, 127.5],
           [255. , 127.5]])
    """
    if len(batch.x) == 0:
        return replace(batch, x=batch.x.astype(np.float64), y=batch.y.astype(np.float64))

    # drawings without points have no minimum: reduceat would take one from the next drawing
    counts = batch.point_counts
    nonempty = counts > 0
    starts = batch.point_offsets[:-1][nonempty]
    points = counts[nonempty]

    # In doubles, and rounded to float32 once, at the end: the longer side is exactly 255 then, and
    # normalizing again changes nothing.
    x, y = batch.x.astype(np.float64), batch.y.astype(np.float64)
    low_x, low_y = np.minimum.reduceat(x, starts), np.minimum.reduceat(y, starts)
    extent = np.maximum(
        np.maximum.reduceat(x, starts) - low_x, np.maximum.reduceat(y, starts) - low_y
    )
    scale = np.divide(255.0, extent, out=np.ones_like(extent), where=extent > 0)
    x = (x - np.repeat(low_x, points)) * np.repeat(scale, points)
    y = (y - np.repeat(low_y, points)) * np.repeat(scale, points)
    x, y = x.astype(np.float32).astype(np.float64), y.astype(np.float32).astype(np.float64)
    return replace(batch, x=x, y=y)
