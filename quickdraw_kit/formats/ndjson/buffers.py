"""The columns that a reader fills, drawing after drawing, before they become a batch."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from quickdraw_kit.formats.ndjson.line_parser import ParsedLine
from quickdraw_kit.strokes.batch import DrawingBatch
from quickdraw_kit.strokes.columns import Int64Array, PointArray, lengths_to_offsets

__all__ = ["UNKNOWN_TIME", "ColumnBuffers"]

UNKNOWN_TIME = -(2**63)  # what numpy takes for NaT

# places in a row; the names are constants of the scanner as well
KEY_ID, WORD, COUNTRY, TIMESTAMP, RECOGNIZED, STROKES, OFFSET, LENGTH, LINE = range(9)


@dataclass(frozen=True, slots=True, eq=False)
class ColumnBuffers:
    """Room for the drawings of a block, filled by the scanner and cut to size afterwards.

    `rows` holds what is one number a drawing, in the order of the names `KEY_ID` to `LINE`.
    """

    x: PointArray
    y: PointArray
    t: npt.NDArray[np.int32] | None
    stroke_offsets: Int64Array
    rows: Int64Array

    @property
    def arrays(
        self,
    ) -> tuple[PointArray, PointArray, npt.NDArray[np.int32] | None, Int64Array, Int64Array]:
        """The arrays in the order in which the scanner takes them."""
        return self.x, self.y, self.t, self.stroke_offsets, self.rows

    def with_room(self, size: int, *, raw: bool) -> "ColumnBuffers":
        """Return columns that have room for a block of `size` bytes: these, if they have."""
        if raw == (self.t is not None) and len(self.x) > size // 2:
            return self
        return ColumnBuffers.for_chunk(size, raw=raw)

    @classmethod
    def for_chunk(cls, size: int, *, raw: bool) -> "ColumnBuffers":
        """Reserve what a block of `size` bytes can hold at most; unused pages are never touched."""
        points, strokes, drawings = size // 2 + 1, size // 10 + 2, size // 64 + 1
        coordinate = np.float32 if raw else np.uint8
        return cls(
            x=np.empty(points, coordinate),
            y=np.empty(points, coordinate),
            t=np.empty(points, np.int32) if raw else None,
            stroke_offsets=np.zeros(strokes, np.int64),
            rows=np.empty((drawings, LINE + 1), np.int64),
        )

    def place(
        self, counts: Int64Array, parsed: ParsedLine, code: int, offset: int, length: int
    ) -> None:
        """Enter a drawing of the standard parser as the scanner would have."""
        line, drawing, stroke, point = counts.tolist()
        end = point + len(parsed.x)
        self.x[point:end] = parsed.x
        self.y[point:end] = parsed.y
        if self.t is not None and parsed.t is not None:
            self.t[point:end] = parsed.t
        ends = lengths_to_offsets(parsed.counts)[1:] + point
        self.stroke_offsets[stroke + 1 : stroke + 1 + len(ends)] = ends
        stroke += len(ends)
        self.rows[drawing] = (
            np.uint64(parsed.key_id).astype(np.int64),
            code,
            int.from_bytes(parsed.countrycode.encode(), "little"),
            UNKNOWN_TIME if parsed.timestamp is None else parsed.timestamp,
            parsed.recognized,
            stroke,
            offset,
            length,
            line,
        )
        counts[1:] = drawing + 1, stroke, end

    def of_rows(self, place: int, counts: Int64Array) -> Int64Array:
        """Copy one number of each row."""
        return self.rows[: counts[1], place].copy()

    def batch(self, counts: Int64Array, words: tuple[str, ...]) -> DrawingBatch:
        """Copy what is filled."""
        _, drawings, strokes, points = counts.tolist()
        rows = self.rows[:drawings].T
        return DrawingBatch(
            x=self.x[:points].copy(),
            y=self.y[:points].copy(),
            t=None if self.t is None else self.t[:points].copy(),
            stroke_offsets=self.stroke_offsets[: strokes + 1].copy(),
            drawing_offsets=np.concatenate([np.zeros(1, np.int64), rows[STROKES]]),
            key_id=rows[KEY_ID].astype(np.uint64),
            word_code=rows[WORD].astype(np.int32),
            words=words,
            countrycode=rows[COUNTRY].astype("<u2").view("S2"),
            timestamp=rows[TIMESTAMP].astype(np.int64).view("datetime64[us]"),
            recognized=rows[RECOGNIZED].astype(np.bool_),
        )
