"""The official ``.bin``: drawings packed behind each other, without an index and without words.

Per drawing, little-endian: uint64 key_id, two bytes of country, int8 recognized, uint32 seconds
since 1970, uint16 number of strokes; per stroke uint16 number of points, their x and their y, a
byte each. So a drawing can only be found by walking over all before it. The file is read in chunks
that stay in the processor's cache. One kernel walks over a chunk and counts what it holds, which
also proves every length against the bytes that are there; only then room is made, and a second
kernel fills it. Memory that is touched for the first time costs more than all of that, so the file
is never in memory as a whole, and columns are made once, as long as the first chunk lets expect.

What the form does not hold: the word (it is the file's name), fractions of a second, and
coordinates outside 0 to 255. A time of 0 stands for an unknown one.
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

__all__ = ["BINARY", "iter_binary", "pack_binary", "read_binary", "write_binary"]

_CHUNK = 1 << 22
_ALIGNED = 64  # bytes; of the columns, as Arrow likes it
_LARGE_PAGE = 2 << 20
_LARGEST = 1 << 26  # bytes of one drawing; the largest official ones take some ten thousand

Bytes: TypeAlias = npt.NDArray[np.uint8]
Counts: TypeAlias = tuple[int, ...]  # of drawings, strokes and points
Columns: TypeAlias = tuple[npt.NDArray[Any], ...]


def read_binary(path: str | os.PathLike[str], *, word: str | None = None) -> DrawingBatch:
    """Read an official ``.bin`` file.

    Parameters
    ----------
    path : str or path-like
        The file, as it is or compressed with gzip or zstd.
    word : str, optional
        Category of its drawings; by default the one that the file's name gives.

    Returns
    -------
    DrawingBatch
        With uint8 coordinates and no times; timestamps in whole seconds, NaT for 0.

    Raises
    ------
    DataError
        If the file ends within a drawing, or holds something that is no drawing; the message
        gives the number of the drawing, counted from 0, and the offset of its first byte.
    OSError
        If the file cannot be read.

    See Also
    --------
    iter_binary : the same in constant memory.

    Examples
    --------
    >>> path = getfixture("tmp_path") / "line.bin"
    >>> write_binary(DrawingBatch.from_strokes([[([0, 255], [0, 9])]], words=["line"]), path)
    >>> path.stat().st_size, read_binary(path)[0].word
    (23, 'line')
    """
    from quickdraw_kit.formats.binary_kernels import unpack

    path = Path(path)
    held: Counts = (0, 0, 0)
    capacity, columns = held, _room(held)
    for buffer, counts, growth in _chunks(path, _CHUNK):
        needed = tuple(map(operator.add, held, counts))
        if any(map(operator.gt, needed, capacity)):
            capacity = tuple(int(count * growth) + 1000 for count in needed)
            columns = _room(capacity, columns, held)
        drawing, stroke, point = held
        unpack(buffer, counts[0], drawing, stroke, point, *columns[:-1])
        held = needed
    return _batch(columns, held, word or label_from_filename(path))


def iter_binary(
    path: str | os.PathLike[str], *, word: str | None = None, chunk_bytes: int = _CHUNK
) -> Iterator[DrawingBatch]:
    """Read an official ``.bin`` file of any size in constant memory.

    Parameters
    ----------
    path : str or path-like
        The file, as it is or compressed with gzip or zstd; ``-`` is standard input.
    word : str, optional
        Category of its drawings; by default the one that the file's name gives.
    chunk_bytes : int
        How many bytes make a batch; a drawing that is longer makes one of its own.

    Yields
    ------
    DrawingBatch
        The next drawings, at least one; as of `read_binary`.

    Raises
    ------
    DataError
        As `read_binary`, once the drawings before the damage are out.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> path = getfixture("tmp_path") / "line.bin"
    >>> drawing = [([0, 255], [0, 9])]
    >>> write_binary(DrawingBatch.from_strokes([drawing] * 5, words=["line"] * 5), path)
    >>> [len(batch) for batch in iter_binary(path, chunk_bytes=50)]
    [2, 2, 1]
    """
    from quickdraw_kit.formats.binary_kernels import unpack

    word = word or label_from_filename(Path(path))
    for buffer, counts, _ in _chunks(Path(path), chunk_bytes):
        columns = _room(counts)
        unpack(buffer, counts[0], 0, 0, 0, *columns[:-1])
        yield _batch(columns, counts, word)


def write_binary(batch: DrawingBatch, path: str | os.PathLike[str]) -> None:
    """Write drawings of one category as an official ``.bin`` file, whole or not at all.

    Parameters
    ----------
    batch : DrawingBatch
        Drawings with coordinates in 0 to 255. Times of the points are not written, timestamps are
        cut to whole seconds, and the word is not written: name the file after it.
    path : str or path-like
        Where to.

    Raises
    ------
    DataError
        If the drawings are of several categories, or as `pack_binary`.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> batch = DrawingBatch.from_strokes([[([0], [0])], [([1], [1])]], words=["cat", "dog"])
    >>> write_binary(batch, "both.bin")
    Traceback (most recent call last):
    quickdraw_kit.errors.DataError: a .bin holds no words, so that 2 categories (cat, dog)...
    """
    words = [batch.words[code] for code in np.unique(batch.word_code)]
    if len(words) > 1:
        raise DataError(
            f"a .bin holds no words, so that {len(words)} categories ({', '.join(words[:5])}) "
            "would be one: write a file for each"
        )
    data = pack_binary(batch)
    with atomic_write(path) as file:
        file.write(data)


def pack_binary(batch: DrawingBatch) -> memoryview:
    """Return drawings in the form of the official ``.bin``."""
    from quickdraw_kit.formats.binary_kernels import HEADER, pack

    if batch.is_float:
        raise DataError("a .bin takes whole coordinates in 0 to 255: simplify the drawings first")
    if batch.x.dtype != np.uint8:
        for name, values in (("x", batch.x), ("y", batch.y)):
            if values.size and (values.min() < 0 or values.max() > 255):
                raise DataError(
                    f"{name} runs from {values.min()} to {values.max()}, but a .bin takes 0 to 255"
                )
    strokes, points = batch.stroke_counts, np.diff(batch.stroke_offsets)
    for counts, what, owner in ((strokes, "strokes", "drawing"), (points, "points", "stroke")):
        if counts.size and counts.max() > 0xFFFF:
            raise DataError(
                f"{owner} {counts.argmax()} has {counts.max()} {what}, but a .bin takes 65535"
            )
    sizes = HEADER + 2 * (strokes + batch.point_counts)
    if sizes.size and sizes.max() > _LARGEST:
        raise DataError(
            f"drawing {sizes.argmax()} takes {sizes.max()} bytes, more than the {_LARGEST} that "
            "are read back"
        )
    data = np.empty(int(sizes.sum()), np.uint8)
    pack(
        data,
        batch.key_id,
        np.ascontiguousarray(batch.countrycode).view(np.uint8).reshape(-1, 2),
        batch.recognized,
        _seconds(batch.timestamp),
        batch.drawing_offsets,
        batch.stroke_offsets,
        batch.x,
        batch.y,
    )
    return data.data


def _seconds(timestamp: npt.NDArray[np.datetime64]) -> npt.NDArray[np.uint32]:
    unknown = np.isnat(timestamp)
    seconds = np.where(unknown, 0, timestamp.astype("datetime64[s]").astype(np.int64))
    outside = ~unknown & ((seconds < 1) | (seconds > 0xFFFFFFFF))
    if outside.any():
        row = int(outside.argmax())
        raise DataError(
            f"drawing {row} is of {timestamp[row]}, but a .bin takes 1970-01-01T00:00:01 to "
            "2106-02-07T06:28:15"
        )
    return seconds.astype(np.uint32)


def _chunks(path: Path, size: int) -> Iterator[tuple[Bytes, Counts, float]]:
    """Yield whole drawings, their counts, and by how much all so far may grow until the end."""
    from quickdraw_kit.formats.binary_kernels import BLOCK, measure

    buffer = np.empty(size + BLOCK, np.uint8)
    held = number = offset = 0  # bytes in the buffer; the place of its first drawing
    plain = path.is_file() and detect_compression(path) is None
    total = path.stat().st_size if plain else 0
    with open_decompressed(path) as file:
        ended = False
        while not ended:
            while held < len(buffer) - BLOCK and not ended:
                # readinto belongs to every reader that open_decompressed returns
                got = file.readinto(buffer.data[held:-BLOCK])  # type: ignore[attr-defined]
                held, ended = held + got, not got
            *format_count, damaged = measure(buffer, held)
            end, drawings, strokes, points = map(int, format_count)
            number, offset, rest = number + drawings, offset + end, held - end
            if drawings:
                yield buffer, (drawings, strokes, points), 1.05 * total / offset if plain else 2.0
            if damaged or (ended and rest) or rest >= _LARGEST:
                reason = _explain(buffer[end:held], damaged=damaged, ended=ended)
                raise DataError(f"{path}, drawing {number} (byte {offset}): {reason}")
            if rest == len(buffer) - BLOCK:
                buffer = np.concatenate([buffer, np.empty(rest, np.uint8)])
            elif drawings:
                buffer[:rest] = buffer[end:held].copy()
            held = rest


def _room(counts: Counts, columns: Columns = (), held: Counts = (0, 0, 0)) -> Columns:
    """Return columns with room for so many drawings, strokes and points, and what others hold."""
    from quickdraw_kit.formats.binary_kernels import BLOCK

    drawings, strokes, points = counts
    shapes: list[tuple[npt.DTypeLike, tuple[int, ...], int]] = [
        (np.uint64, (drawings,), held[0]),  # key_id
        (np.uint8, (drawings, 2), held[0]),  # country
        (np.uint8, (drawings,), held[0]),  # recognized
        (np.uint32, (drawings,), held[0]),  # seconds
        (np.int64, (drawings + 1,), held[0] + 1),  # drawing_offsets
        (np.int64, (strokes + 1,), held[1] + 1),  # stroke_offsets
        (np.uint8, (points + BLOCK,), held[2]),  # x
        (np.uint8, (points + BLOCK,), held[2]),  # y
        (np.int64, (drawings,), 0),  # microseconds, made of the seconds at the end
    ]
    # One block for all, that begins with a large page and ends within one: what lies in no large
    # page whole is made in small ones, and the ends of many blocks took longer than filling them.
    sizes = [math.prod(shape) * np.dtype(dtype).itemsize for dtype, shape, _ in shapes]
    starts = [0, *itertools.accumulate(-(-size // _ALIGNED) * _ALIGNED for size in sizes)]
    block = np.empty(starts[-1] + 2 * _LARGE_PAGE, np.uint8)  # what is not touched costs nothing
    block = block[-block.ctypes.data % _LARGE_PAGE :]
    room = tuple(
        block[start : start + size].view(dtype).reshape(shape)
        for start, size, (dtype, shape, _) in zip(starts, sizes, shapes, strict=False)
    )
    for column, old, (_, _, number) in zip(room, columns, shapes, strict=False):
        column[:number] = old[:number]
    room[4][0] = room[5][0] = 0
    return room


def _batch(columns: Columns, counts: Counts, word: str) -> DrawingBatch:
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
    """Say why the bytes that are left are no drawing."""
    from quickdraw_kit.formats.binary_kernels import HEADER

    if damaged:
        country, recognized = rest[8:10].tobytes(), rest[10]
        return (
            f"the country is {country!r} and recognized is {recognized}, expected two letters and "
            "0 or 1. The file is damaged before this place, or it is no .bin of drawings."
        )
    if not ended:
        return f"it takes more than {_LARGEST} bytes, which no drawing does. Fetch the file again."
    need, what = HEADER, "its header"
    if len(rest) >= HEADER:
        strokes = int.from_bytes(rest[HEADER - 2 : HEADER].tobytes(), "little")
        stroke = 0
        while need + 2 <= len(rest):
            need += 2 + 2 * int.from_bytes(rest[need : need + 2].tobytes(), "little")
            stroke += 1
        if need <= len(rest):  # not even the length of the next stroke is there
            need, stroke = need + 2, stroke + 1
        what = f"stroke {stroke} of {strokes}"
    return (
        f"the file ends {len(rest)} bytes into it, and up to {what} it takes {need}. "
        "The file is cut off: fetch it again."
    )


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
    read=_read,
    write=_write,
)
