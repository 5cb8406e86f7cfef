"""Pictures of drawings: what is read from them are the strokes that tracing finds."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from quickdraw_kit.formats.file_names import label_from_filename
from quickdraw_kit.formats.format import Format, ReadOptions, WriteOptions
from quickdraw_kit.formats.picture_style import PictureStyle
from quickdraw_kit.formats.record_batch import RecordBatch
from quickdraw_kit.storage.files import atomic_write
from quickdraw_kit.strokes.batch import DrawingBatch
from quickdraw_kit.trace.image import trace_image
from quickdraw_kit.trace.image_file import read_picture

Encode: TypeAlias = Callable[[RecordBatch, PictureStyle], Iterator[bytes]]


def read_traced(path: Path, options: ReadOptions) -> Iterator[RecordBatch]:
    """Trace the drawing in a picture file, real-valued, in pixels."""
    batch = trace_image(read_picture(path), word=options.word or label_from_filename(path))
    yield RecordBatch(batch, np.arange(len(batch)))


@dataclass(frozen=True, slots=True)
class _WriteFirst:
    """Writes the first drawing as a picture, atomically; a value, as formats travel to workers."""

    encode: Encode

    def __call__(self, batches: Iterator[DrawingBatch], path: Path, options: WriteOptions) -> None:
        first = next(batches)[:1]
        data = next(self.encode(RecordBatch(first, np.arange(1)), options.style))
        with atomic_write(path) as file:
            file.write(data)


def _is_bmp(head: bytes) -> bool:
    # text may begin with BM, but does not have these reserved bytes
    return head.startswith(b"BM") and head[6:10] == bytes(4)


def is_webp(head: bytes) -> bool:
    """Whether a file with these first bytes is a WebP."""
    return head[:4] == b"RIFF" and head[8:12] == b"WEBP"


def _is_tiff(head: bytes) -> bool:
    return head.startswith((b"II*\0", b"MM\0*"))


def picture_format(*, encode: Encode | None = None, **settings: Any) -> Format:
    """Declare a format of pictures: they are traced, and written if there is an encoder."""
    if encode is not None:
        settings |= {"encode": encode, "write": _WriteFirst(encode)}
    defaults: dict[str, Any] = {"position": "drawing", "fields": frozenset(), "read": read_traced}
    return Format(is_picture=True, **(defaults | settings))


JPEG = picture_format(name="jpeg", suffixes=(".jpg", ".jpeg"), magic=b"\xff\xd8\xff")
BMP = picture_format(name="bmp", suffixes=(".bmp",), sniff=_is_bmp)
TIFF = picture_format(name="tiff", suffixes=(".tif", ".tiff"), sniff=_is_tiff)
