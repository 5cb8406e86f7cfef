"""What may be wrong with a drawing: flags in a column, by which nothing goes unless one asks.

Most flags are decided by the drawing alone. Duplicates need all drawings of a category: each
leaves a fingerprint of its bitmap, and fingerprints are compared within ranges of their hash, so
that memory is bounded and neither workers nor the order of files change the outcome. Of drawings
that are alike the one with the smallest key_id is the original; the others are flagged.

The limits are where the distribution of real drawings ends (11,982 simplified and 7,717 raw ones):
a thousandth has more ink or points, and of raw drawings that end after 19 seconds three in four
were not recognised, of all others one in fourteen.
"""

import hashlib
from collections.abc import Iterable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from quickdraw_kit.categories import CATEGORIES
from quickdraw_kit.errors import UsageError
from quickdraw_kit.strokes.batch import DrawingBatch

__all__ = [
    "QUALITY_FLAGS",
    "Fingerprints",
    "check_flags",
    "find_duplicates",
    "fingerprints",
    "flag_names",
    "quality_flags",
]

QUALITY_FLAGS = {
    "dot": 1,
    "scribble": 2,
    "many-points": 4,
    "time-limit": 8,
    "unknown-word": 16,
    "duplicate": 32,
    "near-duplicate": 64,
}
"""Bits of the column ``quality``, by name."""

DOT_SIZE = 8.0
"""A drawing whose strokes are all smaller than this, in units of its longer side 255, is dots."""
SCRIBBLE_INK = 0.45
"""Mean brightness of a bitmap, of 1, from which it counts as scribbled over."""
MANY_POINTS = {"simplified": 275, "raw": 920}
"""More points than a thousandth of the drawings have."""
TIME_LIMIT = 19_000
"""Milliseconds after which an unrecognised drawing counts as cut off by the game's 20 seconds."""
NEAR = 6
"""Pixels of 14 x 14, black or white, in which near duplicates may differ."""

Images: TypeAlias = npt.NDArray[np.uint8]
Masks: TypeAlias = npt.NDArray[np.uint8]
Fingerprints: TypeAlias = npt.NDArray[np.void]

_PRINT = np.dtype(
    [("key_id", "<u8"), ("word", "<u8"), ("exact", "<u8"), ("shape", "<u8"), ("thumb", "u1", 25)]
)
_DUPLICATE = np.uint8(QUALITY_FLAGS["duplicate"])
_NEAR_DUPLICATE = np.uint8(QUALITY_FLAGS["near-duplicate"])
_FACTORS = np.random.Generator(np.random.PCG64(20170515)).integers(
    0, 1 << 64, 4096, dtype=np.uint64
) | np.uint64(1)
_OFFICIAL = frozenset(CATEGORIES)


def check_flags(names: Iterable[str]) -> tuple[str, ...]:
    """Check names of flags."""
    import difflib

    wanted = set(names)
    for name in sorted(wanted - set(QUALITY_FLAGS)):
        near = difflib.get_close_matches(name, QUALITY_FLAGS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"expected {', '.join(QUALITY_FLAGS)}"
        raise UsageError(f"no quality flag {name!r}: {hint}")
    return tuple(name for name in QUALITY_FLAGS if name in wanted)


def flag_names(mask: int) -> tuple[str, ...]:
    """Return the names of the bits that are set."""
    return tuple(name for name, bit in QUALITY_FLAGS.items() if mask & bit)


def quality_flags(batch: DrawingBatch, images: Images) -> Masks:
    """Flag drawings by what each of them shows alone; duplicates are found by `find_duplicates`.

    Parameters
    ----------
    batch : DrawingBatch
        The drawings. Only raw ones, which have times, can be cut off by the time limit.
    images : ndarray of uint8, shape (n, side, side)
        Their bitmaps.

    Returns
    -------
    ndarray of uint8, shape (n,)
        Sums of bits of `QUALITY_FLAGS`.

    Examples
    --------
    >>> from quickdraw_kit.raster.render import rasterize
    >>> batch = DrawingBatch.from_strokes(
    ...     [[([7], [7])], [([0, 255], [0, 255])]], words=["line", "lime"]
    ... )
    >>> [flag_names(mask) for mask in quality_flags(batch, rasterize(batch))]
    [('dot',), ('unknown-word',)]
    """
    flags = np.zeros(len(batch), np.uint8)
    blank = ~images.any(axis=(1, 2))  # of official bitmaps there are no strokes to look at
    flags[_only_dots(batch) & ((batch.stroke_counts > 0) | blank)] |= QUALITY_FLAGS["dot"]
    ink = images.reshape(len(images), -1).mean(axis=1) / 255 if len(images) else np.zeros(0)
    flags[ink >= SCRIBBLE_INK] |= QUALITY_FLAGS["scribble"]
    many = MANY_POINTS["raw" if batch.t is not None else "simplified"]
    flags[batch.point_counts > many] |= QUALITY_FLAGS["many-points"]
    if batch.t is not None and len(batch.t):
        late = np.zeros(len(batch), np.bool_)
        some = batch.point_counts > 0
        late[some] = batch.t[batch.point_offsets[1:][some] - 1] >= TIME_LIMIT
        flags[late & ~batch.recognized] |= QUALITY_FLAGS["time-limit"]
    unknown = np.array([word not in _OFFICIAL for word in batch.words], np.bool_)
    flags[unknown[batch.word_code]] |= QUALITY_FLAGS["unknown-word"]
    return flags


def fingerprints(batch: DrawingBatch, images: Images) -> Fingerprints:
    """Take the fingerprints of bitmaps, by which duplicates are found."""
    prints = np.zeros(len(batch), _PRINT)
    if not len(batch):
        return prints
    names = [hashlib.blake2b(word.encode(), digest_size=8).digest() for word in batch.words]
    prints["key_id"] = batch.key_id
    prints["word"] = np.frombuffer(b"".join(names), "<u8")[batch.word_code]
    prints["exact"] = _hash_of(images)
    cells = _shrunk(images, 8, 9)
    brighter = cells[:, :, 1:] > cells[:, :, :-1]
    prints["shape"] = np.packbits(brighter.reshape(len(batch), 64), axis=1).view("<u8")[:, 0]
    black = _shrunk(images, 14, 14).reshape(len(batch), -1) > 64
    prints["thumb"] = np.packbits(black, axis=1)
    return prints


def find_duplicates(prints: Fingerprints) -> tuple[npt.NDArray[np.uint64], Masks]:
    """Find the drawings that are like another one of their category."""
    prints = prints[np.unique(prints["key_id"], return_index=True)[1]]  # sorted by key_id
    order = np.lexsort((prints["key_id"], prints["shape"], prints["word"]))
    prints = prints[order]
    flags = np.zeros(len(prints), np.uint8)
    same = (prints["word"][1:] == prints["word"][:-1]) & (
        prints["shape"][1:] == prints["shape"][:-1]
    )
    edges = np.flatnonzero(np.diff(np.concatenate([[False], same, [False]]).astype(np.int8)))
    for begin, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        flags[begin : end + 1] = _within(prints[begin : end + 1])
    flagged = np.flatnonzero(flags)
    by_id = flagged[np.argsort(prints["key_id"][flagged])]
    return prints["key_id"][by_id], flags[by_id]


def _within(group: Fingerprints) -> Masks:
    """Flag the drawings of one shape, which are sorted by key_id."""
    flags = np.zeros(len(group), np.uint8)
    _, first, inverse = np.unique(group["exact"], return_index=True, return_inverse=True)
    flags[first[inverse] != np.arange(len(group))] = _DUPLICATE
    originals: list[int] = []
    for row in np.flatnonzero(flags == 0).tolist():
        if originals:
            differ = np.bitwise_count(group["thumb"][originals] ^ group["thumb"][row]).sum(axis=1)
            if differ.min() <= NEAR:
                flags[row] = _NEAR_DUPLICATE
                continue
        originals.append(row)
    return flags


def _hash_of(images: Images) -> npt.NDArray[np.uint64]:
    """Return a multilinear hash of the pixels of each image, eight pixels a word."""
    pixels = images.reshape(len(images), -1)
    padded = np.zeros((len(pixels), -(-pixels.shape[1] // 8) * 8), np.uint8)
    padded[:, : pixels.shape[1]] = pixels
    words = padded.view("<u8")
    factors = np.resize(_FACTORS, words.shape[1])
    mixed = (words ^ (words >> np.uint64(29))) * factors
    hashes: npt.NDArray[np.uint64] = (mixed ^ (mixed >> np.uint64(32))).sum(axis=1, dtype=np.uint64)
    return hashes


def _shrunk(images: Images, height: int, width: int) -> npt.NDArray[np.float32]:
    """Return the mean brightness of cells, shape (n, height, width)."""
    side = images.shape[1]
    rows, columns = _overlaps(side, height), _overlaps(side, width)
    cells: npt.NDArray[np.float32] = np.matmul(
        np.matmul(rows, images.astype(np.float32)), columns.T
    )
    return cells


def _overlaps(side: int, cells: int) -> npt.NDArray[np.float32]:
    """Return how much of each cell each pixel covers, shape (cells, side)."""
    edges = np.linspace(0, side, cells + 1)
    pixels = np.arange(side)
    low = np.maximum(edges[:-1, None], pixels)
    high = np.minimum(edges[1:, None], pixels + 1)
    covered: npt.NDArray[np.float32] = (np.maximum(high - low, 0) / (side / cells)).astype("f4")
    return covered


def _only_dots(batch: DrawingBatch) -> npt.NDArray[np.bool_]:
    """Tell of each drawing whether all of its strokes are dots, or there is none."""
    dots = np.ones(len(batch), np.bool_)
    lengths = np.diff(batch.stroke_offsets)
    some = np.flatnonzero(lengths > 0)
    if not len(some):
        return dots
    starts = batch.stroke_offsets[:-1][some]
    sizes = [
        np.maximum.reduceat(c, starts).astype(np.float64) - np.minimum.reduceat(c, starts)
        for c in (batch.x, batch.y)
    ]
    drawing = np.repeat(np.arange(len(batch)), batch.stroke_counts)[some]
    low = [np.full(len(batch), np.inf) for _ in sizes]
    high = [np.full(len(batch), -np.inf) for _ in sizes]
    for axis, column in enumerate((batch.x, batch.y)):
        np.minimum.at(low[axis], drawing, np.minimum.reduceat(column, starts))
        np.maximum.at(high[axis], drawing, np.maximum.reduceat(column, starts))
    extent = np.maximum(high[0] - low[0], high[1] - low[1])
    scale = np.where(extent > 0, 255 / np.where(extent > 0, extent, 1), 1.0)
    # a dot has no extent of its own: its scale would make it as long as the frame
    size = np.maximum(sizes[0], sizes[1])
    long = size * scale[drawing] >= DOT_SIZE
    tiny = extent <= 2 * (batch.t is not None)  # pixels of a player's screen
    np.logical_and.at(dots, drawing, ~long | tiny[drawing])
    return dots
