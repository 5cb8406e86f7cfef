"""What a browser sends, checked before anything is made of it."""

import secrets
from datetime import UTC, datetime

import msgspec
import numpy as np

from quickdraw_kit.errors import DataError
from quickdraw_kit.strokes.batch import DrawingBatch

__all__ = ["MOST_BYTES", "SavedDrawing", "SentDrawing", "read_drawing", "read_saved"]

MOST_BYTES = 1 << 20
_MOST_STROKES = 1000
_MOST_POINTS = 20_000
_FARTHEST = 1e5  # of a coordinate, in pixels
_LONGEST = 24 * 3600 * 1000  # of a drawing, in milliseconds


class SentDrawing(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A drawing as the canvas sends it: for each stroke x, y in pixels and t in milliseconds."""

    strokes: list[list[list[float]]]


class SavedDrawing(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A drawing to be kept, with its word and whether the model guessed it."""

    word: str
    recognized: bool
    strokes: list[list[list[float]]]


def read_drawing(body: bytes) -> DrawingBatch:
    """Read one drawing that a browser sent."""
    return _batch(_decode(body, SentDrawing).strokes, "unknown")


def read_saved(body: bytes, words: frozenset[str]) -> DrawingBatch:
    """Read one drawing that is to be kept."""
    saved = _decode(body, SavedDrawing)
    if saved.word not in words:
        raise DataError(f"{saved.word[:50]!r} is not a word of the game")
    batch = _batch(saved.strokes, saved.word)
    batch.key_id[0] = secrets.randbits(63)
    batch.timestamp[0] = np.datetime64(datetime.now(UTC).replace(tzinfo=None), "us")
    batch.recognized[0] = saved.recognized
    return batch


def _decode(body: bytes, kind):  # type: ignore[no-untyped-def]
    if len(body) > MOST_BYTES:
        raise DataError(f"the drawing has {len(body)} bytes, at most {MOST_BYTES} are taken")
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DataError(f"this is no drawing: {error}") from None


def _batch(strokes: list[list[list[float]]], word: str) -> DrawingBatch:
    if not 1 <= len(strokes) <= _MOST_STROKES:
        raise DataError(f"a drawing has {len(strokes)} strokes, expected 1 to {_MOST_STROKES}")
    points = 0
    for number, stroke in enumerate(strokes):
        if len(stroke) != 3 or len({len(row) for row in stroke}) != 1 or not stroke[0]:
            raise DataError(f"stroke {number}: expected x, y and t, of one length and not empty")
        points += len(stroke[0])
        if points > _MOST_POINTS:
            raise DataError(f"a drawing has more than {_MOST_POINTS} points")
        x, y, t = (np.asarray(row, np.float64) for row in stroke)
        if not (np.abs(np.concatenate([x, y])) <= _FARTHEST).all():
            raise DataError(f"stroke {number}: a coordinate is beyond {_FARTHEST:g} pixels")
        if not ((t >= 0) & (t <= _LONGEST)).all():
            raise DataError(f"stroke {number}: a time is not between 0 and {_LONGEST} ms")
    rounded: list[list[list[float]]] = [[x, y, [*map(round, t)]] for x, y, t in strokes]
    return DrawingBatch.from_strokes([rounded], words=[word], dtype=np.float32)
