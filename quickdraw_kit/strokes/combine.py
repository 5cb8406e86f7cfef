"""Batches out of batches: some drawings, consecutive ones, all of several; and equality."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import DataError
from quickdraw_kit.strokes.batch import METADATA, DrawingBatch, Int64Array, lengths_to_offsets

__all__ = ["concat", "equals", "slice_", "take"]


def take(batch: DrawingBatch, indices: npt.ArrayLike) -> DrawingBatch:
    """Copy some drawings, in the order given."""
    from quickdraw_kit.strokes.gather import gather

    chosen = np.asarray(indices, dtype=np.int64)
    points = batch.point_offsets
    drawing_offsets = lengths_to_offsets(batch.stroke_counts[chosen])
    point_offsets = lengths_to_offsets(np.diff(points)[chosen])
    starts = points[:-1][chosen]
    stroke_offsets = np.empty(drawing_offsets[-1] + 1, np.int64)
    stroke_offsets[:-1] = gather(
        batch.stroke_offsets, batch.drawing_offsets[:-1][chosen], drawing_offsets
    )
    stroke_offsets[:-1] += np.repeat(point_offsets[:-1] - starts, np.diff(drawing_offsets))
    stroke_offsets[-1] = point_offsets[-1]
    return DrawingBatch(
        x=gather(batch.x, starts, point_offsets),
        y=gather(batch.y, starts, point_offsets),
        t=None if batch.t is None else gather(batch.t, starts, point_offsets),
        stroke_offsets=stroke_offsets,
        drawing_offsets=drawing_offsets,
        words=batch.words,
        **{name: getattr(batch, name)[chosen] for name in METADATA},
    )


def slice_(batch: DrawingBatch, start: int, stop: int) -> DrawingBatch:
    """Return consecutive drawings, in the memory that they are in."""
    strokes = batch.drawing_offsets[start : stop + 1]
    bounds = batch.stroke_offsets[strokes[0] : strokes[-1] + 1]
    points = slice(bounds[0], bounds[-1])
    return DrawingBatch(
        x=batch.x[points],
        y=batch.y[points],
        t=None if batch.t is None else batch.t[points],
        stroke_offsets=bounds - bounds[0],
        drawing_offsets=strokes - strokes[0],
        words=batch.words,
        **{name: getattr(batch, name)[start:stop] for name in METADATA},
    )


def concat(batches: Iterable[DrawingBatch]) -> DrawingBatch:
    """Put batches one behind the other."""
    parts = list(batches)
    if not parts:
        raise DataError("nothing to put together: expected at least one batch")
    kinds = {(str(part.x.dtype), part.t is not None) for part in parts}
    if len(kinds) > 1:
        raise DataError(f"batches of different kinds cannot be put together: {sorted(kinds)}")
    words = tuple(dict.fromkeys(word for part in parts for word in part.words))
    place = {word: code for code, word in enumerate(words)}
    codes = [
        np.array([place[word] for word in part.words], np.int32)[part.word_code] for part in parts
    ]
    times = [part.t for part in parts if part.t is not None]
    return DrawingBatch(
        x=np.concatenate([part.x for part in parts]),
        y=np.concatenate([part.y for part in parts]),
        t=np.concatenate(times) if times else None,
        stroke_offsets=_chain([part.stroke_offsets for part in parts]),
        drawing_offsets=_chain([part.drawing_offsets for part in parts]),
        word_code=np.concatenate(codes),
        words=words,
        **{
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in METADATA
            if name != "word_code"
        },
    )


def equals(batch: DrawingBatch, other: DrawingBatch) -> bool:
    """Tell whether two batches hold the same drawings, coordinates and metadata, in order."""
    if batch.x.dtype != other.x.dtype or (batch.t is None) != (other.t is None):
        return False
    names = ["x", "y", "t", "stroke_offsets", "drawing_offsets", *METADATA]
    names.remove("word_code")
    for name in names:
        ours, theirs = getattr(batch, name), getattr(other, name)
        if ours is None:
            continue
        if ours.dtype.kind in "Mf":  # the same bits: NaT equals NaT
            ours, theirs = (column.view(f"u{column.itemsize}") for column in (ours, theirs))
        if not np.array_equal(ours, theirs):
            return False
    return batch.words_of_drawings() == other.words_of_drawings()


def _chain(parts: list[Int64Array]) -> Int64Array:
    return lengths_to_offsets(np.concatenate([np.diff(part) for part in parts]))
