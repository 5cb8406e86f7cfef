"""The official ``.bin``: drawings one after the other, without an index and without words.

Per drawing, little-endian: uint64 key_id, two bytes of country, int8 recognized, uint32 seconds
since 1970, uint16 number of strokes; per stroke uint16 number of points, their x and their y, a
byte each. A drawing can only be found by walking over all drawings before it, so the file is read
in blocks that fit into the processor's cache. One kernel walks over a block and counts its
drawings, strokes and points, which also checks every length against the bytes that follow; only
then columns are allocated, and a second kernel fills them. The first access to new memory costs
more than all of this, so the file is never in memory as a whole, and `read_binary` allocates its
columns once, as large as the first block predicts.

The format does not hold words (a file is named after its category), fractions of a second, or
coordinates outside 0 to 255. A time of 0 means that the time is unknown.
"""

import itertools
import math
import operator
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import DataError
from quickdraw_kit.formats.file_names import label_from_filename
from quickdraw_kit.formats.format import ALL_FIELDS, Format, ReadOptions, WriteOptions
from quickdraw_kit.formats.record_batch import RecordBatch
from quickdraw_kit.storage.files import (
    atomic_write,
    compressed_writer,
    detect_compression,
    open_decompressed,
)
from quickdraw_kit.strokes.batch import DrawingBatch

_BLOCK_BYTES = 1 << 22
_ALIGNMENT = 64  # bytes; of the columns, as Arrow recommends
_LARGE_PAGE = 2 << 20
_HEADER = 17  # bytes before the first stroke
_LEADING_DRAWINGS = 20  # that are compared with the layout
MAX_DRAWING_BYTES = 1 << 26  # bytes; the largest official drawings take about ten thousand

Bytes: TypeAlias = npt.NDArray[np.uint8]
Counts: TypeAlias = tuple[int, ...]  # of drawings, strokes and points
Columns: TypeAlias = tuple[npt.NDArray[Any], ...]


def read_binary(
    path: str | os.PathLike[str], *, word: str | None = None, chunk_bytes: int = _BLOCK_BYTES
) -> DrawingBatch:
    """Read an official ``.bin`` file.

    Parameters
    ----------
    path : str or path-like
        The file, uncompressed or compressed with gzip or zstd.
    word : str, optional
        Category of its drawings; by default the one that the file is named after.
    chunk_bytes : int
        Bytes to read at once.

    Returns
    -------
    DrawingBatch
        Drawings with uint8 coordinates and without times; timestamps in whole seconds, NaT for 0.

    Raises
    ------
    DataError
        If the file ends within a drawing or contains something else than a drawing. The message
        gives the number of the drawing, counted from 0, and the offset of its first byte.
    OSError
        If the file cannot be read.

    See Also
    --------
    iter_binary : the same in constant memory.

    Examples
    --------
    >>> from quickdraw_kit import generate_drawings, read_binary, write_binary
    >>> write_binary(generate_drawings(["star"], 2, raw=False), "star.bin")
    >>> batch = read_binary("star.bin")
    >>> len(batch), batch[0].word
    (2, 'star')
    """
    from quickdraw_kit.formats.binary_kernels import unpack

    path = Path(path)
    filled: Counts = (0, 0, 0)
    capacity, columns = filled, _allocate(filled)
    for buffer, counts, growth in _read_blocks(path, chunk_bytes):
        needed = tuple(map(operator.add, filled, counts))
        if any(map(operator.gt, needed, capacity)):
            capacity = tuple(int(count * growth) + 1000 for count in needed)
            columns = _allocate(capacity, columns, filled)
        drawing, stroke, point = filled
        unpack(buffer, counts[0], drawing, stroke, point, *columns[:-1])
        filled = needed
    return _to_batch(columns, filled, word or label_from_filename(path))


def iter_binary(
    path: str | os.PathLike[str], *, word: str | None = None, chunk_bytes: int = _BLOCK_BYTES
) -> Iterator[DrawingBatch]:
    """Read an official ``.bin`` file of any size in constant memory.

    Parameters
    ----------
    path : str or path-like
        The file, uncompressed or compressed with gzip or zstd; ``-`` is standard input.
    word : str, optional
        Category of its drawings; by default the one that the file is named after.
    chunk_bytes : int
        Bytes of the file per batch; a drawing that is longer is a batch of its own.

    Yields
    ------
    DrawingBatch
        At least one drawing, as from `read_binary`.

    Raises
    ------
    DataError
        As `read_binary`, after the drawings before the damage have been yielded.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> from quickdraw_kit import generate_drawings, iter_binary, write_binary
    >>> write_binary(generate_drawings(["star"], 5, raw=False), "star.bin")
    >>> sum(len(batch) for batch in iter_binary("star.bin", chunk_bytes=100))
    5
    """
    from quickdraw_kit.formats.binary_kernels import unpack

    word = word or label_from_filename(Path(path))
    for buffer, counts, _ in _read_blocks(Path(path), chunk_bytes):
        columns = _allocate(counts)
        unpack(buffer, counts[0], 0, 0, 0, *columns[:-1])
        yield _to_batch(columns, counts, word)


def write_binary(batch: DrawingBatch, path: str | os.PathLike[str]) -> None:
    """Write drawings of one category as an official ``.bin`` file, atomically.

    Parameters
    ----------
    batch : DrawingBatch
        Drawings with coordinates from 0 to 255. Times of points and words are not written, and
        timestamps are truncated to whole seconds: name the file after the category.
    path : str or path-like
        The file to write.

    Raises
    ------
    DataError
        If there are several categories, or a drawing has coordinates, counts or a timestamp that
        the format cannot hold.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> from quickdraw_kit import generate_drawings, read_binary, write_binary
    >>> batch = generate_drawings(["star"], 2, raw=False)
    >>> write_binary(batch, "star.bin")
    >>> read_binary("star.bin").key_id.tolist() == batch.key_id.tolist()
    True
    """
    words = [batch.words[code] for code in np.unique(batch.word_code)]
    if len(words) > 1:
        raise DataError(
            f"a .bin does not hold words, and the drawings have {len(words)} categories "
            f"({', '.join(map(str, words[:5]))}): write a file for each category"
        )
    data = pack_binary(batch)
    with atomic_write(path) as file:
        file.write(data)


def pack_binary(batch: DrawingBatch) -> memoryview:
    """Return the bytes of drawings in an official ``.bin``."""
    from quickdraw_kit.formats.binary_kernels import HEADER, pack
    from quickdraw_kit.kernels import read_only

    # The kernel writes without checking, so everything must fit.
    if batch.is_float:
        raise DataError("a .bin holds whole coordinates from 0 to 255: simplify the drawings first")
    if batch.x.dtype != np.uint8:
        for name, values in (("x", batch.x), ("y", batch.y)):
            if values.size and (values.min() < 0 or values.max() > 255):
                raise DataError(
                    f"{name} runs from {values.min()} to {values.max()}, but a .bin holds 0 to 255"
                )
    strokes, points = batch.stroke_counts, np.diff(batch.stroke_offsets)
    for counts, what, owner in ((strokes, "strokes", "drawing"), (points, "points", "stroke")):
        if counts.size and counts.max() > 0xFFFF:
            raise DataError(
                f"{owner} {counts.argmax()} has {counts.max()} {what}, but a .bin holds 65535"
            )
    sizes = HEADER + 2 * (strokes + batch.point_counts)
    if sizes.size and sizes.max() > MAX_DRAWING_BYTES:
        raise DataError(
            f"drawing {sizes.argmax()} takes {sizes.max()} bytes, more than the "
            f"{MAX_DRAWING_BYTES} that can be read back"
        )

    data = np.empty(int(sizes.sum()), np.uint8)
    columns: Columns = (
        batch.key_id,
        np.ascontiguousarray(batch.countrycode).view(np.uint8).reshape(-1, 2),
        batch.recognized.view(np.uint8),
        _seconds(batch.timestamp),
        batch.drawing_offsets,
        batch.stroke_offsets,
        batch.x.astype(np.uint8, copy=False),
        batch.y.astype(np.uint8, copy=False),
    )
    pack(data, *map(read_only, columns))
    return data.data


def _seconds(timestamp: npt.NDArray[np.datetime64]) -> npt.NDArray[np.uint32]:
    unknown = np.isnat(timestamp)
    seconds = np.where(unknown, 0, timestamp.astype("datetime64[s]").astype(np.int64))
    outside = ~unknown & ((seconds < 1) | (seconds > 0xFFFFFFFF))
    if outside.any():
        row = int(outside.argmax())
        raise DataError(
            f"drawing {row} has the timestamp {timestamp[row]}, but a .bin holds "
            "1970-01-01T00:00:01 to 2106-02-07T06:28:15"
        )
    return seconds.astype(np.uint32)


def _read_blocks(path: Path, size: int) -> Iterator[tuple[Bytes, Counts, float]]:
    """Yield whole drawings, their counts, and the factor by which all counts so far may grow."""
    from quickdraw_kit.formats.binary_kernels import BLOCK, measure

    buffer = np.empty(size + BLOCK, np.uint8)
    filled = 0  # bytes in the buffer
    number = offset = 0  # of the first drawing in the buffer
    is_plain = path.is_file() and detect_compression(path) is None
    total = path.stat().st_size if is_plain else 0
    with open_decompressed(path) as file:
        ended = False
        while not ended:
            while filled < len(buffer) - BLOCK and not ended:
                # readinto belongs to every reader that open_decompressed returns
                received = file.readinto(buffer.data[filled:-BLOCK])  # type: ignore[attr-defined]
                filled, ended = filled + received, not received

            *counts, damaged = measure(buffer, filled)
            end, drawings, strokes, points = map(int, counts)
            number, offset, rest = number + drawings, offset + end, filled - end
            # Drawings before a damage are yielded first: the caller may use them.
            if drawings:
                growth = 1.05 * total / offset if is_plain else 2.0
                yield buffer, (drawings, strokes, points), growth
            if damaged or (ended and rest) or rest >= MAX_DRAWING_BYTES:
                reason = _explain(buffer[end:filled], damaged=damaged, ended=ended)
                raise DataError(f"{path}, drawing {number} (byte {offset}): {reason}")

            # Keep the start of the next drawing; double the buffer if it does not fit.
            if rest == len(buffer) - BLOCK:
                buffer = np.concatenate([buffer, np.empty(rest, np.uint8)])
            elif drawings:
                buffer[:rest] = buffer[end:filled].copy()
            filled = rest


def _allocate(counts: Counts, columns: Columns = (), filled: Counts = (0, 0, 0)) -> Columns:
    """Return columns for so many drawings, strokes and points, with the content of older ones."""
    from quickdraw_kit.formats.binary_kernels import BLOCK

    drawings, strokes, points = counts
    layout: list[tuple[npt.DTypeLike, tuple[int, ...], int]] = [  # type, shape, rows to copy
        (np.uint64, (drawings,), filled[0]),  # key_id
        (np.uint8, (drawings, 2), filled[0]),  # country
        (np.uint8, (drawings,), filled[0]),  # recognized
        (np.uint32, (drawings,), filled[0]),  # seconds
        (np.int64, (drawings + 1,), filled[0] + 1),  # drawing_offsets
        (np.int64, (strokes + 1,), filled[1] + 1),  # stroke_offsets
        (np.uint8, (points + BLOCK,), filled[2]),  # x
        (np.uint8, (points + BLOCK,), filled[2]),  # y
        (np.int64, (drawings,), 0),  # microseconds, computed from the seconds at the end
    ]

    # One allocation for all columns that starts and ends with a large page. Memory outside large
    # pages comes in small ones, and the ends of many allocations took longer than filling them.
    sizes = [math.prod(shape) * np.dtype(dtype).itemsize for dtype, shape, _ in layout]
    starts = [0, *itertools.accumulate(-(-size // _ALIGNMENT) * _ALIGNMENT for size in sizes)]
    memory = np.empty(starts[-1] + 2 * _LARGE_PAGE, np.uint8)  # unused pages cost nothing
    memory = memory[-memory.ctypes.data % _LARGE_PAGE :]
    allocated = tuple(
        memory[start : start + size].view(dtype).reshape(shape)
        for start, size, (dtype, shape, _) in zip(starts, sizes, layout, strict=False)
    )

    for column, old, (_, _, rows) in zip(allocated, columns, layout, strict=False):
        column[:rows] = old[:rows]
    allocated[4][0] = allocated[5][0] = 0
    return allocated


def _to_batch(columns: Columns, counts: Counts, word: str) -> DrawingBatch:
    drawings, strokes, points = counts
    key_id, country, recognized, seconds, drawing_offsets, stroke_offsets, x, y, time = columns
    timestamp = np.multiply(seconds[:drawings], 1_000_000, out=time[:drawings], dtype=np.int64)
    timestamp = timestamp.view("datetime64[us]")
    timestamp[seconds[:drawings] == 0] = np.datetime64("NaT")
    return DrawingBatch(
        x=x[:points],
        y=y[:points],
        t=None,
        stroke_offsets=stroke_offsets[: strokes + 1],
        drawing_offsets=drawing_offsets[: drawings + 1],
        key_id=key_id[:drawings],
        word_code=np.zeros(drawings, np.int32),
        words=(word,),
        countrycode=country[:drawings].reshape(-1).view("S2"),
        timestamp=timestamp,
        recognized=recognized[:drawings].view(np.bool_),
    )


def _explain(rest: Bytes, *, damaged: bool, ended: bool) -> str:
    """Return why the remaining bytes are not a drawing."""
    from quickdraw_kit.formats.binary_kernels import HEADER

    if damaged:
        country, recognized = rest[8:10].tobytes(), rest[10]
        return (
            f"the country is {country!r} and recognized is {recognized}, expected two letters and "
            "0 or 1. The file is damaged before this byte, or it is not a .bin of drawings."
        )
    if not ended:
        return (
            f"the drawing would take more than {MAX_DRAWING_BYTES} bytes. The file is damaged: "
            "download it again."
        )

    # The file is cut off: find the first part of the drawing that is missing.
    needed, part = HEADER, "its header"
    if len(rest) >= HEADER:
        strokes = int.from_bytes(rest[HEADER - 2 : HEADER].tobytes(), "little")
        stroke = 0
        while needed + 2 <= len(rest):
            needed += 2 + 2 * int.from_bytes(rest[needed : needed + 2].tobytes(), "little")
            stroke += 1
        if needed <= len(rest):  # even the length of the next stroke is missing
            needed, stroke = needed + 2, stroke + 1
        part = f"stroke {stroke} of {strokes}"
    return (
        f"the file ends {len(rest)} bytes into it, but up to {part} it takes {needed}. "
        "The file is cut off: download it again."
    )


def begins_with_drawings(head: bytes) -> bool:
    """Whether bytes are the start of a ``.bin`` of drawings: each has strokes, and each points."""
    position, drawings = 0, 0
    while position + _HEADER <= len(head) and drawings < _LEADING_DRAWINGS:
        country, recognized = head[position + 8 : position + 10], head[position + 10]
        strokes = int.from_bytes(head[position + 15 : position + 17], "little")
        is_country = country == b"\0\0" or (country.isascii() and country.isalpha())
        if not is_country or recognized > 1 or not strokes:
            return False
        position, drawings = position + _HEADER, drawings + 1
        for _ in range(strokes):
            points = int.from_bytes(head[position : position + 2], "little")
            if not points and position + 2 <= len(head):
                return False
            position += 2 + 2 * points
    return bool(head)


def _read(path: Path, options: ReadOptions) -> Iterator[RecordBatch]:
    first = 0
    for batch in iter_binary(path, word=options.word):
        yield RecordBatch(batch, np.arange(first, first + len(batch)))
        first += len(batch)


def _write(batches: Iterator[DrawingBatch], path: Path, options: WriteOptions) -> None:
    with atomic_write(path) as file, compressed_writer(file, path) as out:
        for batch in batches:
            out.write(pack_binary(batch))


BINARY = Format(
    name="binary",
    suffixes=(".bin",),
    compressible=True,
    position="drawing",
    bytes_per_drawing=110,
    fields=ALL_FIELDS - {"word", "fractional_seconds", "point_times"},
    coordinates="frame",
    kernels=("quickdraw_kit.formats.binary_kernels",),
    read=_read,
    write=_write,
)
