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

__all__ = ["Part", "Picture", "Reject", "ensure_simplified", "raise_error", "trace", "traced"]

Picture: TypeAlias = npt.NDArray[np.uint8]
Reject: TypeAlias = Callable[[DataError], None]
"""What is told of a drawing that cannot be taken."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A few drawings of one input, as a model takes them."""

    sources: list[str]
    images: Picture
    strokes: DrawingBatch | None
    originals: Sequence[Picture | Drawing]


def ensure_simplified(batch: DrawingBatch) -> DrawingBatch:
    """Bring drawings into the form that models are trained on: the simplified one."""
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
    """Trace a picture to a drawing as models are trained on."""
    try:
        return ensure_simplified(trace_image(picture))
    except DataError as error:
        reject(DataError(f"{name}: {error}"))
        return None


def traced(part: Part, on_error: Reject | None = None) -> Part | None:
    """Trace the bitmaps of a part, for a model that reads strokes."""
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
