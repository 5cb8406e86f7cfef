"""What is lost when drawings go from one format to another."""

from collections.abc import Iterator

import numpy as np

from quickdraw_kit.categories import label_of_word
from quickdraw_kit.formats.format import ALL_FIELDS, Format
from quickdraw_kit.strokes.batch import DrawingBatch


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
    words = [batch.words[code] for code in np.unique(batch.word_code)]
    present = {
        # another spelling of the same category is not lost
        "word": {label_of_word(word) for word in words if word is not None} - {label},
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
