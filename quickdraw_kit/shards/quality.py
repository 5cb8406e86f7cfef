"""Quality flags: a column that marks doubtful drawings, none of which are dropped by default.

Most flags depend on the drawing alone. Duplicates need all drawings of a category: each leaves a
fingerprint of its bitmap, and fingerprints are compared within ranges of their hash, so that memory
is bounded, and neither workers nor the order of files change the result. Of drawings that look the
same, the one with the smallest key_id is the original, and the others are flagged.

The thresholds are where the distribution of real drawings ends (11,982 simplified and 7,717 raw
ones): one in a thousand has more ink or points. Of raw drawings that end after 19 seconds, three in
four were not recognized, of all others one in fourteen.
"""

import hashlib
from collections.abc import Iterable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from quickdraw_kit.categories import CATEGORIES
from quickdraw_kit.errors import UsageError
from quickdraw_kit.spelling import did_you_mean
from quickdraw_kit.strokes.batch import DrawingBatch

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
"""A stroke that is smaller is a dot; in units in which the longer side of the drawing is 255."""
SCRIBBLE_INK = 0.45
"""Mean brightness of a bitmap, from 0 to 1, from which it is a scribble."""
MANY_POINTS = {"simplified": 275, "raw": 920}
"""One drawing in a thousand has more points."""
TIME_LIMIT = 19_000
"""Milliseconds from which an unrecognized drawing was cut off by the 20 seconds of the game."""
NEAR = 6
"""Black or white pixels, of 14 x 14, in which near duplicates may differ."""

Images: TypeAlias = npt.NDArray[np.uint8]
Masks: TypeAlias = npt.NDArray[np.uint8]
Fingerprints: TypeAlias = npt.NDArray[np.void]

_FINGERPRINT = np.dtype(
    [
        ("key_id", "<u8"),
        ("word", "<u8"),  # a hash
        ("exact", "<u8"),  # a hash of all pixels
        ("shape", "<u8"),  # a difference hash: the same for bitmaps that look alike
        ("thumb", "u1", 25),  # 14 x 14 pixels, black or white
    ]
)
_DUPLICATE = np.uint8(QUALITY_FLAGS["duplicate"])
_NEAR_DUPLICATE = np.uint8(QUALITY_FLAGS["near-duplicate"])
# Odd, so that no multiplication loses bits; from a fixed seed, because hashes of different workers
# are compared.
_HASH_FACTORS = np.random.Generator(np.random.PCG64(20170515)).integers(
    0, 1 << 64, 4096, dtype=np.uint64
) | np.uint64(1)
_OFFICIAL_WORDS = frozenset(CATEGORIES)


def check_flags(names: Iterable[str]) -> tuple[str, ...]:
    """Return flags in the order of their bits; raise `UsageError` for an unknown one."""
    wanted = set(names)
    for name in sorted(wanted.difference(QUALITY_FLAGS)):
        suggestion = did_you_mean(name, QUALITY_FLAGS)
        raise UsageError(f"{name!r} is not a quality flag: {suggestion}")
    return tuple(name for name in QUALITY_FLAGS if name in wanted)


def flag_names(mask: int) -> tuple[str, ...]:
    """Return the names of the bits that are set."""
    return tuple(name for name, bit in QUALITY_FLAGS.items() if mask & bit)


def quality_flags(batch: DrawingBatch, images: Images) -> Masks:
    """Flag drawings by what each shows by itself, which excludes duplicates."""
    flags = np.zeros(len(batch), np.uint8)

    # official bitmaps have no strokes: they are dots only if they are blank
    is_blank = ~images.any(axis=(1, 2))
    flags[_has_only_dots(batch) & ((batch.stroke_counts > 0) | is_blank)] |= QUALITY_FLAGS["dot"]

    ink = images.reshape(len(images), -1).mean(axis=1) / 255 if len(images) else np.zeros(0)
    flags[ink >= SCRIBBLE_INK] |= QUALITY_FLAGS["scribble"]

    most_points = MANY_POINTS["raw" if batch.t is not None else "simplified"]
    flags[batch.point_counts > most_points] |= QUALITY_FLAGS["many-points"]

    if batch.t is not None and len(batch.t):
        is_late = np.zeros(len(batch), np.bool_)
        has_points = batch.point_counts > 0
        last_points = batch.point_offsets[1:][has_points] - 1
        is_late[has_points] = batch.t[last_points] >= TIME_LIMIT
        flags[is_late & (batch.recognition == 0)] |= QUALITY_FLAGS["time-limit"]

    is_unknown = np.array([word not in _OFFICIAL_WORDS for word in batch.words], np.bool_)
    flags[is_unknown[batch.word_code]] |= QUALITY_FLAGS["unknown-word"]
    return flags


def fingerprints(batch: DrawingBatch, images: Images) -> Fingerprints:
    """Return the fingerprints of bitmaps, for `find_duplicates`."""
    prints = np.zeros(len(batch), _FINGERPRINT)
    if not len(batch):
        return prints
    digests = [
        hashlib.blake2b((word or "").encode(), digest_size=8).digest() for word in batch.words
    ]
    prints["key_id"] = batch.key_id
    prints["word"] = np.frombuffer(b"".join(digests), "<u8")[batch.word_code]
    prints["exact"] = _hash_pixels(images)

    cells = _downscale(images, 8, 9)
    is_brighter = cells[:, :, 1:] > cells[:, :, :-1]
    prints["shape"] = np.packbits(is_brighter.reshape(len(batch), 64), axis=1).view("<u8")[:, 0]

    is_ink = _downscale(images, 14, 14).reshape(len(batch), -1) > 64
    prints["thumb"] = np.packbits(is_ink, axis=1)
    return prints


def find_duplicates(prints: Fingerprints) -> tuple[npt.NDArray[np.uint64], Masks]:
    """Return the key_ids of duplicates and near duplicates, sorted, and their flags.

    Drawings are compared within a category and a ``shape``: fingerprints may be searched in parts,
    as long as those of one shape are in one part.
    """
    # a drawing that is in two sources is not a duplicate of itself
    prints = prints[np.unique(prints["key_id"], return_index=True)[1]]
    # within a group by key_id: the first is the original
    prints = prints[np.lexsort((prints["key_id"], prints["shape"], prints["word"]))]

    # groups of equal neighbors, of two or more rows
    is_same = (prints["word"][1:] == prints["word"][:-1]) & (
        prints["shape"][1:] == prints["shape"][:-1]
    )
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_same, [False]]).astype(np.int8)))
    flags = np.zeros(len(prints), np.uint8)
    for begin, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        flags[begin : end + 1] = _flag_group(prints[begin : end + 1])

    flagged = np.flatnonzero(flags)
    by_id = flagged[np.argsort(prints["key_id"][flagged])]
    return prints["key_id"][by_id], flags[by_id]


def _flag_group(group: Fingerprints) -> Masks:
    """Flag drawings of one shape, which are sorted by key_id."""
    flags = np.zeros(len(group), np.uint8)
    _, first, inverse = np.unique(group["exact"], return_index=True, return_inverse=True)
    flags[first[inverse] != np.arange(len(group))] = _DUPLICATE

    # each is compared with the originals before it, and not with near duplicates of these:
    # otherwise a chain of small differences would join drawings that are not alike
    originals: list[int] = []
    for row in np.flatnonzero(flags == 0).tolist():
        if originals:
            differing = group["thumb"][originals] ^ group["thumb"][row]
            if np.bitwise_count(differing).sum(axis=1).min() <= NEAR:
                flags[row] = _NEAR_DUPLICATE
                continue
        originals.append(row)
    return flags


def _hash_pixels(images: Images) -> npt.NDArray[np.uint64]:
    """Return a multilinear hash of the pixels of each image, in words of eight pixels."""
    pixels = images.reshape(len(images), -1)
    padded = np.zeros((len(pixels), -(-pixels.shape[1] // 8) * 8), np.uint8)
    padded[:, : pixels.shape[1]] = pixels

    # the low bits of a product do not depend on the high bits of its factors: shifts before and
    # after the product mix them in
    words = padded.view("<u8")
    factors = np.resize(_HASH_FACTORS, words.shape[1])
    mixed = (words ^ (words >> np.uint64(29))) * factors
    hashes: npt.NDArray[np.uint64] = (mixed ^ (mixed >> np.uint64(32))).sum(axis=1, dtype=np.uint64)
    return hashes


def _downscale(images: Images, height: int, width: int) -> npt.NDArray[np.float32]:
    """Return the mean brightness of cells, shape (n, height, width)."""
    side = images.shape[1]
    rows, columns = _cell_weights(side, height), _cell_weights(side, width)
    cells: npt.NDArray[np.float32] = np.matmul(
        np.matmul(rows, images.astype(np.float32)), columns.T
    )
    return cells


def _cell_weights(side: int, cells: int) -> npt.NDArray[np.float32]:
    """Return the weight of each pixel in each cell along an axis, shape (cells, side)."""
    edges = np.linspace(0, side, cells + 1)
    pixels = np.arange(side)
    low = np.maximum(edges[:-1, None], pixels)
    high = np.minimum(edges[1:, None], pixels + 1)
    weights: npt.NDArray[np.float32] = (np.maximum(high - low, 0) / (side / cells)).astype("f4")
    return weights


def _has_only_dots(batch: DrawingBatch) -> npt.NDArray[np.bool_]:
    """Return for each drawing whether all strokes are dots; true if there is no stroke."""
    only_dots = np.ones(len(batch), np.bool_)
    has_points = np.flatnonzero(np.diff(batch.stroke_offsets) > 0)
    if not len(has_points):
        return only_dots

    # the extent of each stroke, and the number of its drawing
    starts = batch.stroke_offsets[:-1][has_points]
    drawing = np.repeat(np.arange(len(batch)), batch.stroke_counts)[has_points]
    stroke_size = np.zeros(len(starts))
    drawing_size = np.zeros(len(batch))
    for column in (batch.x, batch.y):
        low = np.minimum.reduceat(column, starts)
        high = np.maximum.reduceat(column, starts)
        stroke_size = np.maximum(stroke_size, high.astype(np.float64) - low)

        # and the extent of each drawing
        lowest, highest = np.full(len(batch), np.inf), np.full(len(batch), -np.inf)
        np.minimum.at(lowest, drawing, low)
        np.maximum.at(highest, drawing, high)
        drawing_size = np.maximum(drawing_size, highest - lowest)

    # A single dot has no size by which it could be scaled. A point that a finger leaves in a raw
    # drawing may be 2 pixels of the screen wide.
    scale = np.where(drawing_size > 0, 255 / np.where(drawing_size > 0, drawing_size, 1), 1.0)
    is_long = stroke_size * scale[drawing] >= DOT_SIZE
    is_tiny = drawing_size <= (2 if batch.t is not None else 0)
    np.logical_and.at(only_dots, drawing, ~is_long | is_tiny[drawing])
    return only_dots
