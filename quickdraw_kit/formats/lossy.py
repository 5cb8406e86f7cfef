"""What is lost when drawings go from one form to another, and what a form makes up."""

from collections.abc import Iterator

import numpy as np

from quickdraw_kit.strokes.batch import DrawingBatch

__all__ = ["Rounding", "knows_recognized", "lossy_fields", "misfit"]

_TEXTS = ("ndjson", "csv")  # these may give a coordinate more digits than float32 holds
_EXACT = 2.0**24  # float32 holds the whole numbers below
_STROKES_ALONE = ("stroke3", "quickdraw414k")


class Rounding:
    """Counts the drawings whose coordinates are those of a text to the precision of float32."""

    def __init__(self, format: str) -> None:
        self._possible = format in _TEXTS
        self.drawings = 0
        self.most = 0.0
        """No coordinate is farther from that of the text."""

    def add(self, batch: DrawingBatch) -> None:
        """Look at more drawings."""
        if not (self._possible and batch.is_float):
            return
        both = np.abs(np.stack([batch.x, batch.y]))
        odd = (both % 1 != 0) | (both >= _EXACT)
        if not odd.any():
            return
        points = np.flatnonzero(odd.any(axis=0))
        ends = batch.stroke_offsets[batch.drawing_offsets]
        self.drawings += len(np.unique(np.searchsorted(ends, points, side="right")))
        self.most = max(self.most, float(np.spacing(both[odd].max())) / 2)


def knows_recognized(format: str) -> bool:
    """Tell whether a form says of a drawing if it was recognized."""
    return format not in _STROKES_ALONE


def misfit(batch: DrawingBatch, format: str) -> str | None:
    """Say which coordinates a form does not take: what was found, and what is expected."""
    in_frame = format == "binary" or (format == "ndjson" and batch.t is None)
    expected = "whole ones from 0 to 255" if in_frame else "whole ones"
    if batch.is_float and (in_frame or format == "stroke3"):
        return f"real-valued coordinates, expected {expected}"
    if in_frame and batch.x.size:
        low, high = min(batch.x.min(), batch.y.min()), max(batch.x.max(), batch.y.max())
        if low < 0 or high > 255:
            return f"coordinates from {low} to {high}, expected {expected}"
    return None


def lossy_fields(batch: DrawingBatch, format: str, name: str) -> Iterator[str]:
    """Say what some drawings have and a form has not."""
    if format not in ("binary", "stroke3"):
        return
    if batch.t is not None:
        yield "the times of the points"
    known = batch.timestamp[~np.isnat(batch.timestamp)]
    if format == "binary":
        if (known != known.astype("datetime64[s]")).any():
            yield "the fractions of a second of the timestamps"
        if {batch.words[code] for code in np.unique(batch.word_code)} - {name}:
            yield f"the words (the file's name would give {name!r})"
    else:
        if (batch.countrycode != b"").any():
            yield "the countries"
        if known.size:
            yield "the timestamps"
        if batch.recognized.any():
            yield "whether the drawings were recognized"
