"""What is lost when drawings go from one format to another."""

from collections.abc import Iterator

import numpy as np

from quickdraw_kit.categories import label_of_word
from quickdraw_kit.formats.format import ALL_FIELDS, Format
from quickdraw_kit.strokes.batch import DrawingBatch

_EXACT = 2.0**24  # float32 represents all whole numbers below


class Rounding:
    """Counts the drawings whose coordinates were text and were rounded to float32."""

    def __init__(self, format: Format) -> None:
        self._possible = format.decimal_text
        self.drawings = 0
        self.max_error = 0.0  # upper bound of the difference between a coordinate and its text

    def add(self, batch: DrawingBatch) -> None:
        """Count the drawings of a batch."""
        if not (self._possible and batch.is_float):
            return
        magnitudes = np.abs(np.stack([batch.x, batch.y]))
        rounded = (magnitudes % 1 != 0) | (magnitudes >= _EXACT)
        if not rounded.any():
            return

        points = np.flatnonzero(rounded.any(axis=0))
        ends = batch.stroke_offsets[batch.drawing_offsets]
        # numbers of drawings, too large by one, which does not change how many there are
        self.drawings += len(np.unique(np.searchsorted(ends, points, side="right")))
        # a text between two floats is at most half their distance from the nearer one
        self.max_error = max(self.max_error, float(np.spacing(magnitudes[rounded].max())) / 2)


def describe_misfit(batch: DrawingBatch, format: Format) -> str | None:
    """Describe coordinates that a format cannot hold, and what it can; None if all fit."""
    in_frame = format.coordinates == "frame" or (
        format.coordinates == "frame unless timed" and batch.t is None
    )
    expected = "whole ones from 0 to 255" if in_frame else "whole ones"
    if batch.is_float and (in_frame or format.coordinates == "whole"):
        return f"real-valued coordinates, expected {expected}"
    if in_frame and batch.x.size:
        low, high = min(batch.x.min(), batch.y.min()), max(batch.x.max(), batch.y.max())
        if low < 0 or high > 255:
            return f"coordinates from {low} to {high}, expected {expected}"
    return None


def lossy_fields(batch: DrawingBatch, format: Format, label: str) -> Iterator[str]:
    """Describe the fields of some drawings that a format does not hold.

    `label` is the category that the target file is named after: a format without words implies it.
    """
    if format.fields == ALL_FIELDS:
        return
    known = batch.timestamp[~np.isnat(batch.timestamp)]
    seconds = known.astype("datetime64[s]")
    present = {
        # another spelling of the same category is not lost
        "word": {label_of_word(batch.words[code]) for code in np.unique(batch.word_code)} - {label},
        "point_times": batch.t is not None,
        "countrycode": (batch.countrycode != b"").any(),
        "timestamp": known.size,
        "fractional_seconds": "timestamp" in format.fields and (known != seconds).any(),
        "recognized": batch.recognized.any(),
    }
    for field, is_present in present.items():
        if is_present and field not in format.fields:
            yield _DESCRIPTIONS[field].format(label=label)


_DESCRIPTIONS = {
    "word": "the words (the file's name would give {label!r})",
    "point_times": "the times of the points",
    "countrycode": "the countries",
    "timestamp": "the timestamps",
    "fractional_seconds": "the fractions of a second of the timestamps",
    "recognized": "whether the drawings were recognized",
}
