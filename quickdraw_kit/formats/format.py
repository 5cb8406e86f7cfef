"""What a file format is: how to recognize its files, what they can hold, how to read and write.

Each module of this package declares its `Format`; `quickdraw_kit.formats.registry` lists them. The
declaration must be cheap to import, so modules import what is heavy (numba, pyarrow, PIL) inside
functions.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal, TypeAlias

from quickdraw_kit.errors import UsageError
from quickdraw_kit.formats.ndjson.scanner import OnReject
from quickdraw_kit.formats.picture_style import PictureStyle
from quickdraw_kit.formats.record_batch import RecordBatch
from quickdraw_kit.storage.files import open_decompressed
from quickdraw_kit.strokes.batch import DrawingBatch

ALL_FIELDS = frozenset(
    {"word", "countrycode", "timestamp", "fractional_seconds", "recognized", "point_times"}
)
"""Fields of a drawing that some formats cannot hold."""

Position: TypeAlias = Literal["line", "row", "drawing"]
"""What a position counts: bytes up to the first byte of a line, rows, or drawings, from 0."""

Coordinates: TypeAlias = Literal["any", "whole", "frame", "frame unless timed"]
"""Any numbers; whole numbers; whole numbers from 0 to 255; the last, but any in raw drawings."""


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How to read a file."""

    start: int = 0
    stop: int | None = None  # range of bytes, of a splittable format; None: to the end
    word: str | None = None  # for formats whose files do not hold it
    needs_labels: bool = True  # images without labels are an error
    side: int = 28  # of pictures that are scaled instead of traced
    raw: bool | None = None  # for formats with both variants; None: the first drawing decides
    on_reject: OnReject | None = None  # by default the first invalid line is an error


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """How to write a file."""

    style: PictureStyle = field(default_factory=PictureStyle)  # of pictures and bitmaps


def _cannot_read(path: Path, options: ReadOptions) -> Iterator[RecordBatch]:
    raise UsageError(f"{path} has a format that can only be written")


def _cannot_write(batches: Iterator[DrawingBatch], path: Path, options: WriteOptions) -> None:
    raise UsageError(f"{path} has a format that can only be read")


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A file format."""

    # All functions are module-level functions: formats travel to worker processes.
    name: str
    suffixes: tuple[str, ...] = ()  # ends of file names, without those of a compression
    name_pattern: re.Pattern[str] | None = None  # of file names, where suffixes are not enough
    magic: bytes | None = None  # first bytes of every file
    sniff: Callable[[bytes], bool] | None = None  # or whether a file may begin with these bytes
    holds: Callable[[Path], bool] | None = None  # if other formats have the same suffixes
    sniff_folder: Callable[[Path], bool] | None = None  # for formats that are a folder of files
    sniff_variant: Callable[[Path], Literal["raw", "simplified"]] | None = None

    compressible: bool = False  # may be compressed with gzip or zstd as a whole
    splittable: bool = False  # `read` accepts a range of bytes
    position: Position = "row"
    header_lines: int = 0
    open_text: Callable[[Path], BinaryIO] = open_decompressed  # in which positions are bytes
    batch_size: int | None = None  # drawings per batch of `iter_drawings`; None: as `read` yields
    bytes_per_drawing: int = 460  # on average, for estimates
    bytes_per_raw_drawing: int | None = None

    fields: frozenset[str] = ALL_FIELDS
    coordinates: Coordinates = "any"
    holds_unknown: bool = False  # key_id and `recognized` may be null; others invent a value
    has_strokes: bool = True  # otherwise `read` yields images
    is_picture: bool = False  # one drawing per file, for people to look at
    style_fields: frozenset[str] = frozenset()  # of `PictureStyle`, that `write` uses
    shows_bitmaps: bool = False  # `encode` takes images instead of strokes, too
    has_splits: bool = False  # `read` yields the split of each drawing
    # labels are those of another data set, not words, and its splits hold for splits by hash too
    has_own_labels: bool = False
    companion: Callable[[Path], Path | None] | None = None  # a second file that `read` needs
    kernels: tuple[str, ...] = ()  # modules with what `read` compiles

    read: Callable[[Path, ReadOptions], Iterator[RecordBatch]] = _cannot_read
    write: Callable[[Iterator[DrawingBatch], Path, WriteOptions], None] = _cannot_write
    # of pictures: the bytes of a file for each drawing
    encode: Callable[[RecordBatch, PictureStyle], Iterator[bytes]] | None = None

    @property
    def can_read(self) -> bool:
        """Whether files can be read."""
        return self.read is not _cannot_read

    @property
    def can_write(self) -> bool:
        """Whether files can be written."""
        return self.write is not _cannot_write

    @property
    def is_rendering(self) -> bool:
        """Whether a file shows drawings instead of holding them."""
        return self.is_picture or not self.has_strokes

    def is_named(self, name: str) -> bool:
        """Whether files of this name, without the suffix of a compression, have the format."""
        pattern = self.name_pattern
        return name.lower().endswith(self.suffixes) or bool(pattern and pattern.search(name))

    def variant_of(self, path: Path) -> str:
        """Return raw or simplified for a format with both variants, and its name for others."""
        return self.name if self.sniff_variant is None else self.sniff_variant(path)

    def describe_position(self, position: int) -> str:
        """Name a position in a message; rows and drawings are counted from 1 there."""
        return f"byte {position}" if self.position == "line" else f"{self.position} {position + 1}"
