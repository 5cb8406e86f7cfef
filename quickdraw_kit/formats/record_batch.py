"""What readers yield: a batch of drawings with the position of each in its source."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from quickdraw_kit.categories import label_of_word
from quickdraw_kit.strokes.batch import DrawingBatch

SPLITS = ("train", "validation", "test")
"""Names of the splits, in the order of their codes."""


@dataclass(frozen=True, slots=True, eq=False)
class RecordBatch:
    """Drawings in the order of their source."""

    batch: DrawingBatch
    position: npt.NDArray[np.int64]  # see `quickdraw_kit.formats.format.Position`
    images: npt.NDArray[np.uint8] | None = None  # of formats without strokes
    split: npt.NDArray[np.uint8] | None = None  # codes of `SPLITS`, where they are predefined
    dropped: Mapping[str, int] = field(default_factory=dict)  # values that are not valid, by field

    @property
    def nbytes(self) -> int:
        """About the bytes in memory: points, pixels and 48 bytes of metadata per drawing."""
        batch = self.batch
        times = 0 if batch.t is None else batch.t.nbytes
        points = batch.x.nbytes + batch.y.nbytes + times + 48 * len(batch)
        return points + (0 if self.images is None else self.images.nbytes)

    @classmethod
    def concat(cls, record_batches: Sequence["RecordBatch"]) -> "RecordBatch":
        """Concatenate record batches of one source."""
        if len(record_batches) == 1:
            return record_batches[0]

        images = [records.images for records in record_batches if records.images is not None]
        splits = [records.split for records in record_batches if records.split is not None]
        return cls(
            DrawingBatch.concat(records.batch for records in record_batches),
            np.concatenate([records.position for records in record_batches]),
            np.concatenate(images) if images else None,
            np.concatenate(splits) if splits else None,
            sum((Counter(records.dropped) for records in record_batches), Counter()),
        )

    def filter(self, mask: npt.NDArray[np.bool_]) -> "RecordBatch":
        """Return the drawings for which a mask is true."""
        if mask.all():
            return self

        images = None if self.images is None else self.images[mask]
        split = None if self.split is None else self.split[mask]
        return RecordBatch(
            self.batch.filter(mask), self.position[mask], images, split, self.dropped
        )


def label_words(batch: DrawingBatch) -> DrawingBatch:
    """Replace each word by its label: the official spelling of the 345 categories."""
    labels = [None if word is None else label_of_word(word) for word in batch.words]
    if labels == list(batch.words):
        return batch

    # two spellings of a category are one label
    unique = tuple(dict.fromkeys(labels))
    codes = np.array([unique.index(label) for label in labels], np.int32)
    return replace(batch, words=unique, word_code=codes[batch.word_code])


def rebatch(batches: Iterable[DrawingBatch], batch_size: int) -> Iterator[DrawingBatch]:
    """Yield the same drawings in batches of `batch_size`; only the last may have fewer."""
    pending: list[DrawingBatch] = []
    missing = batch_size
    for batch in batches:
        while len(batch) >= missing:
            yield DrawingBatch.concat([*pending, batch[:missing]])
            batch, pending, missing = batch[missing:], [], batch_size
        if len(batch):
            pending.append(batch)
            missing -= len(batch)
    if pending:
        yield DrawingBatch.concat(pending)
