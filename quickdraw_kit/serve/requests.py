"""Requests of the browser, validated before use: types by msgspec, sizes and ranges here."""

import secrets
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar

import msgspec
import numpy as np

from quickdraw_kit.errors import DataError
from quickdraw_kit.strokes.batch import DrawingBatch

MAX_BODY_BYTES = 1 << 20
_MAX_STROKES = 1000
_MAX_POINTS = 20_000
_MAX_COORDINATE = 1e5  # in pixels
_MAX_MILLISECONDS = 24 * 3600 * 1000

_Request = TypeVar("_Request", bound="DrawingRequest")


class DrawingRequest(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A drawing from the canvas: for each stroke x and y in pixels, and t in milliseconds."""

    strokes: list[list[list[float]]]


class SaveRequest(DrawingRequest, forbid_unknown_fields=True, frozen=True):
    """A drawing to be saved, with its word and whether the model recognized it."""

    word: str
    recognized: bool


def read_drawing(body: bytes) -> DrawingBatch:
    """Parse a drawing; `DataError` if it is not one."""
    return _batch(_decode(body, DrawingRequest).strokes, "unknown")


def read_saved(body: bytes, words: frozenset[str]) -> DrawingBatch:
    """Parse a drawing that is to be saved, and give it a key_id and a timestamp."""
    saved = _decode(body, SaveRequest)
    if saved.word not in words:
        raise DataError(f"{saved.word[:50]!r} is not a word of the game")
    batch = _batch(saved.strokes, saved.word)
    now = np.datetime64(datetime.now(UTC).replace(tzinfo=None), "us")
    return replace(
        batch,
        # unique without a counter that players would share
        key_id=np.array([secrets.randbits(63)], np.uint64),
        key_id_known=None,
        timestamp=np.array([now]),
        recognized=np.array([saved.recognized]),
        recognized_known=None,
    )


def _decode(body: bytes, type_: type[_Request]) -> _Request:
    if len(body) > MAX_BODY_BYTES:
        raise DataError(f"the drawing has {len(body)} bytes, expected at most {MAX_BODY_BYTES}")
    try:
        return msgspec.json.decode(body, type=type_)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DataError(f"not a drawing: {error}") from None


def _batch(strokes: list[list[list[float]]], word: str) -> DrawingBatch:
    if not 1 <= len(strokes) <= _MAX_STROKES:
        raise DataError(f"the drawing has {len(strokes)} strokes, expected 1 to {_MAX_STROKES}")

    # what a canvas cannot produce is refused before it is rendered: the cost grows with the points
    points = 0
    for number, stroke in enumerate(strokes):
        if len(stroke) != 3 or len({len(row) for row in stroke}) != 1 or not stroke[0]:
            raise DataError(f"stroke {number}: expected x, y and t of the same length, not empty")
        points += len(stroke[0])
        if points > _MAX_POINTS:
            raise DataError(f"the drawing has more than {_MAX_POINTS} points")
        x, y, t = (np.asarray(row, np.float64) for row in stroke)
        # negated comparisons, which NaN does not pass
        if not (np.abs(np.concatenate([x, y])) <= _MAX_COORDINATE).all():
            raise DataError(f"stroke {number}: a coordinate is beyond {_MAX_COORDINATE:g} pixels")
        if not ((t >= 0) & (t <= _MAX_MILLISECONDS)).all():
            raise DataError(f"stroke {number}: a time is not between 0 and {_MAX_MILLISECONDS} ms")

    rounded: list[list[list[float]]] = [[x, y, [*map(round, t)]] for x, y, t in strokes]
    return DrawingBatch.from_strokes([rounded], words=[word], dtype=np.float64)
