"""Read a unit of any form as record batches: drawings with the place of each in its source."""

import contextlib
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from quickdraw_kit.acquire.sources import Source
from quickdraw_kit.errors import DataError
from quickdraw_kit.formats.binary import read_binary
from quickdraw_kit.formats.bitmaps import read_bitmaps, read_idx
from quickdraw_kit.formats.kaggle import scan_csv
from quickdraw_kit.formats.ndjson.files import scan_range, scan_stream
from quickdraw_kit.formats.ndjson.scanner import Reject
from quickdraw_kit.formats.stroke3 import STROKE3_SPLITS, read_stroke3
from quickdraw_kit.shards.prepare.chunks import Chunk
from quickdraw_kit.storage.files import open_decompressed
from quickdraw_kit.strokes.batch import DrawingBatch
from quickdraw_kit.strokes.key_ids import row_key_ids
from quickdraw_kit.strokes.normalize import normalize

__all__ = ["RecordBatch", "read_chunk"]

_DIGITS = tuple("0123456789")
_FASHION = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
_IMAGES, _LABELS = "images-idx3-ubyte", "labels-idx1-ubyte"


@dataclass(frozen=True, slots=True, eq=False)
class RecordBatch:
    """Some drawings of a unit, in the order of the source."""

    batch: DrawingBatch
    offset: npt.NDArray[np.int64]
    images: npt.NDArray[np.uint8] | None = None
    split: npt.NDArray[np.uint8] | None = None

    @property
    def nbytes(self) -> int:
        """Bytes of its points and pixels, about what it takes in memory."""
        points = self.batch.x.nbytes * (2 if self.batch.t is None else 3) + 48 * len(self.batch)
        return points + (0 if self.images is None else self.images.nbytes)

    @classmethod
    def concat(cls, record_batches: Sequence["RecordBatch"]) -> "RecordBatch":
        """Put record batches of one source one behind the other."""
        if len(record_batches) == 1:
            return record_batches[0]
        images = [records.images for records in record_batches if records.images is not None]
        splits = [records.split for records in record_batches if records.split is not None]
        return cls(
            DrawingBatch.concat(records.batch for records in record_batches),
            np.concatenate([records.offset for records in record_batches]),
            np.concatenate(images) if images else None,
            np.concatenate(splits) if splits else None,
        )

    def filter(self, mask: npt.NDArray[np.bool_]) -> "RecordBatch":
        """Return the drawings for which a mask is true."""
        if mask.all():
            return self
        images = None if self.images is None else self.images[mask]
        split = None if self.split is None else self.split[mask]
        return RecordBatch(self.batch.filter(mask), self.offset[mask], images, split)


def read_chunk(
    source: Source, unit: Chunk, *, raw: bool, on_reject: Callable[[Reject], None]
) -> Iterator[RecordBatch]:
    """Read the drawings of a unit."""
    match source.format:
        case "ndjson" if source.compression is None:
            scans = scan_range(source.path, unit.start, unit.stop, raw=raw, on_reject=on_reject)
            for scan in scans:
                yield RecordBatch(scan.batch, scan.offset)
        case "ndjson":
            with open_decompressed(source.path) as file:
                for scan in scan_stream(file, raw=raw, on_reject=on_reject):
                    yield RecordBatch(scan.batch, scan.offset)
        case "csv":
            with open_decompressed(source.path) as file:
                name = str(source.path)
                for scan in scan_csv(file, source_name=name, on_reject=on_reject):
                    yield RecordBatch(scan.batch, scan.offset)
        case "stroke3":
            yield from _stroke3(source)
        case "binary":
            batch = read_binary(source.path, word=source.word)
            yield RecordBatch(batch, np.arange(len(batch)))
        case "bitmaps":
            yield _official_bitmaps(source, unit)
        case "idx":
            yield _idx(source)


def _stroke3(source: Source) -> Iterator[RecordBatch]:
    """Read the three parts of an archive; drawings of any scale are fitted to the frame."""
    if source.compression is not None:
        raise DataError(f"{source.path} is compressed once more: decompress it")
    names = set(STROKE3_SPLITS)
    with contextlib.suppress(zipfile.BadZipFile), zipfile.ZipFile(source.path) as archive:
        names &= {name.removesuffix(".npy") for name in archive.namelist()}
    first = 0
    for code, name in enumerate(STROKE3_SPLITS):
        if names and name not in names:
            continue
        batch = normalize(read_stroke3(source.path, split=name))
        place = np.arange(first, first + len(batch))
        yield RecordBatch(batch, place, split=np.full(len(batch), code, np.uint8))
        first += len(batch)


def _official_bitmaps(source: Source, unit: Chunk) -> RecordBatch:
    if source.compression is not None:
        raise DataError(f"{source.path} is compressed: decompress it, so that rows can be mapped")
    images = read_bitmaps(source.path)
    header = source.size - images.nbytes
    first, last = (
        min(max(-(-(byte - header) // images.shape[1]), 0), len(images))
        for byte in (unit.start, unit.stop)
    )
    key_id = row_key_ids(f"numpy_bitmap/{source.word}", first, last)
    side = round(images.shape[1] ** 0.5)
    with source.path.open("rb") as file:  # not from the map: a file that is cut off is an error
        file.seek(header + first * side**2)
        rows = np.fromfile(file, np.uint8, (last - first) * side**2)
    if len(rows) < (last - first) * side**2:
        raise DataError(
            f"{source.path} was cut off while it was read: rows {first} to {last} expected, "
            f"{len(rows) // side**2} of them there"
        )
    rows = rows.reshape(-1, side, side)
    codes = np.zeros(last - first, np.int32)
    return _bitmaps(rows, key_id, codes, (source.word,), first)


def _idx(source: Source) -> RecordBatch:
    images = read_idx(source.path)
    labels_path = source.path.with_name(source.path.name.replace(_IMAGES, _LABELS))
    if not labels_path.exists():
        raise DataError(f"{source.path} has no labels: expected {labels_path.name} beside it")
    labels = read_idx(labels_path)
    if images.ndim != 3 or labels.shape != images.shape[:1]:
        raise DataError(
            f"{source.path} holds images {images.shape} and {labels_path.name} labels "
            f"{labels.shape}: expected as many labels as images"
        )
    fashion = "fashion" in str(source.path).lower()
    if labels.size and labels.max() > 9:
        raise DataError(f"{labels_path} has label {labels.max()}, expected 0 to 9")
    family = "fashion-mnist" if fashion else "mnist"
    key_id = row_key_ids(f"{family}/{source.word}", 0, len(images))
    return _bitmaps(images, key_id, labels.astype(np.int32), _FASHION if fashion else _DIGITS)


def _bitmaps(
    images: npt.NDArray[np.uint8],
    key_id: npt.NDArray[np.uint64],
    codes: npt.NDArray[np.int32],
    words: tuple[str, ...],
    first: int = 0,
) -> RecordBatch:
    number = len(images)
    without_strokes = DrawingBatch.from_strokes([[]] * number, words=[words[0]] * number)
    batch = replace(without_strokes, key_id=key_id, word_code=codes, words=words)
    return RecordBatch(batch, np.arange(first, first + number), images)
