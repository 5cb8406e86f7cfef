"""A few drawings as a model takes them, and how drawings and pictures are brought to that form."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import DataError
from quickdraw_kit.strokes.batch import Drawing, DrawingBatch
from quickdraw_kit.strokes.simplify import simplify
from quickdraw_kit.trace.image import trace_image

__all__ = ["Part", "Picture", "Reject", "as_trained", "raise_error", "trace", "traced"]

Picture: TypeAlias = npt.NDArray[np.uint8]
Reject: TypeAlias = Callable[[DataError], None]
"""What is told of a drawing that cannot be taken."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A few drawings of one input, as a model takes them.

    Parameters
    ----------
    sources : list of str
        Where each comes from.
    images : ndarray of uint8, shape (n, side, side)
        As the training set was rendered.
    strokes : DrawingBatch or None
        The same, simplified; None for bitmaps that came as they are.
    originals : sequence of ndarray or Drawing
        What was given.

    See Also
    --------
    quickdraw_kit.learn.inputs.read_input : makes them.
    """

    sources: list[str]
    images: Picture
    strokes: DrawingBatch | None
    originals: Sequence[Picture | Drawing]


def as_trained(batch: DrawingBatch) -> DrawingBatch:
    """Bring drawings into the form that models are trained on: the simplified one.

    Parameters
    ----------
    batch : DrawingBatch
        Simplified drawings, which stay as they are, or drawings in any other scale.

    Returns
    -------
    DrawingBatch
        Simplified.

    Raises
    ------
    DataError
        If a drawing has no point, or a coordinate is not finite.

    Examples
    --------
    >>> as_trained(DrawingBatch.from_strokes([[([5, 7], [1, 1])]], words=[""]))[0].strokes
    [array([[  0,   0],
           [255,   0]], dtype=uint8)]
    """
    empty = np.flatnonzero(batch.point_counts == 0)
    if len(empty):
        raise DataError(f"drawing {empty[0]} has no point: there is nothing to recognise")
    if batch.x.dtype != np.uint8:
        return simplify(batch)
    framed = _framed(batch)
    if framed.all():
        return batch
    wide = replace(batch, x=batch.x.astype(np.int16), y=batch.y.astype(np.int16))
    parts = DrawingBatch.concat([batch.filter(framed), simplify(wide.filter(~framed))])
    place = np.argsort(np.concatenate([np.flatnonzero(framed), np.flatnonzero(~framed)]))
    return parts.take(place)


def _framed(batch: DrawingBatch) -> npt.NDArray[np.bool_]:
    """Tell which drawings begin at 0 and end at 255, as simplified ones do."""
    starts = batch.point_offsets[:-1]
    low = np.maximum(np.minimum.reduceat(batch.x, starts), np.minimum.reduceat(batch.y, starts))
    high = np.maximum(np.maximum.reduceat(batch.x, starts), np.maximum.reduceat(batch.y, starts))
    return np.asarray((low == 0) & ((high == 255) | (high == 0)))


def trace(picture: Picture, name: str, reject: Reject) -> DrawingBatch | None:
    """Trace a picture to a drawing as models are trained on.

    Parameters
    ----------
    picture : ndarray of uint8
        As of `trace_image`.
    name : str
        What an error calls it.
    reject : callable
        Called with the error if there is no ink in it.

    Returns
    -------
    DrawingBatch or None
        One drawing; None if it was rejected.

    Raises
    ------
    UsageError
        If a library is missing.

    Examples
    --------
    >>> trace(np.zeros((99, 99), np.uint8), "black.png", print)
    black.png: the picture is empty: ...
    """
    try:
        return as_trained(trace_image(picture))
    except DataError as error:
        reject(DataError(f"{name}: {error}"))
        return None


def traced(part: Part, on_error: Reject | None = None) -> Part | None:
    """Trace the bitmaps of a part, for a model that reads strokes.

    Parameters
    ----------
    part : Part
        Of bitmaps that came as they are.
    on_error : callable, optional
        As for `quickdraw_kit.learn.inputs.read_input`.

    Returns
    -------
    Part or None
        With strokes; None if nothing is left.

    Raises
    ------
    DataError
        If a bitmap has no ink.
    UsageError
        If a library is missing.

    Examples
    --------
    >>> image = np.zeros((28, 28), np.uint8)
    >>> image[14, 4:24] = 255
    >>> part = Part(["line"], image[None], None, [image])
    >>> traced(part).strokes[0].strokes[0].tolist()
    [[0, 0], [255, 0]]
    """
    found = [
        (row, strokes)
        for row, (name, image) in enumerate(zip(part.sources, part.images, strict=True))
        if (strokes := trace(image, name, on_error or raise_error)) is not None
    ]
    if not found:
        return None
    rows = [row for row, _ in found]
    return Part(
        [part.sources[row] for row in rows],
        part.images[rows],
        DrawingBatch.concat([strokes for _, strokes in found]),
        [part.originals[row] for row in rows],
    )


def raise_error(error: DataError) -> None:
    """Raise an error: what is done with a drawing that cannot be taken, if nothing else is."""
    raise error
