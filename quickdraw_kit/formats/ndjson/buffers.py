"""The arrays that the scanner fills, drawing by drawing, before they become a batch."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from quickdraw_kit.formats.ndjson.line_parser import ParsedLine
from quickdraw_kit.strokes.batch import DrawingBatch
from quickdraw_kit.strokes.columns import Columns, Int64Array, PointArray, lengths_to_offsets
from quickdraw_kit.strokes.key_ids import fill_key_ids

UNKNOWN_TIME = -(2**63)  # the integer that numpy reads as NaT
UNKNOWN = 2  # whether a drawing was recognized, beside 0 and 1

# indices into a record; compiled into the kernels of the scanner as well
KEY_ID, KEY_ID_KNOWN, WORD, COUNTRY, TIMESTAMP, RECOGNIZED = range(6)
STROKES, OFFSET, LENGTH, LINE = range(6, 10)


@dataclass(frozen=True, slots=True, eq=False)
class ColumnBuffers:
    """Arrays that are large enough for any chunk of some size, reused from chunk to chunk.

    How much of them is filled is in an array of four counts beside them, which kernels update:
    lines, drawings, strokes, points.
    """

    x: PointArray
    y: PointArray
    t: npt.NDArray[np.int32] | None
    stroke_offsets: Int64Array
    records: Int64Array  # (drawings, 10): what is one number per drawing, KEY_ID to LINE

    @property
    def arrays(
        self,
    ) -> tuple[PointArray, PointArray, npt.NDArray[np.int32] | None, Int64Array, Int64Array]:
        """The arrays in the order of the scanner's parameters."""
        return self.x, self.y, self.t, self.stroke_offsets, self.records

    def reserve(self, size: int, *, raw: bool, timed: bool) -> "ColumnBuffers":
        """Return buffers for a chunk of `size` bytes: these, if they are large enough."""
        is_same = raw == (self.x.dtype == np.float64) and (raw and timed) == (self.t is not None)
        if is_same and len(self.x) > size // 2:
            return self
        return ColumnBuffers.for_chunk(size, raw=raw, timed=timed)

    @classmethod
    def for_chunk(cls, size: int, *, raw: bool, timed: bool = True) -> "ColumnBuffers":
        """Allocate buffers for the most that a chunk of `size` bytes can contain.

        Kernels write without checking bounds. The shortest text of a point is 2 bytes per row
        (``0,``), of a stroke 8 (``[[0,0]],``) and of a line 22 (only a drawing, of a point), so
        this is always enough. The operating system provides memory only for the pages that are
        written to.
        """
        points, strokes, drawings = size // 2 + 1, size // 8 + 2, size // 22 + 1
        coordinate = np.float64 if raw else np.uint8
        return cls(
            x=np.empty(points, coordinate),
            y=np.empty(points, coordinate),
            t=np.empty(points, np.int32) if raw and timed else None,
            stroke_offsets=np.zeros(strokes, np.int64),
            records=np.empty((drawings, LINE + 1), np.int64),
        )

    def append(
        self, counts: Int64Array, parsed: ParsedLine, code: int, offset: int, length: int
    ) -> None:
        """Append a drawing of the standard parser exactly as the scanner would have."""
        line, drawing, stroke, point = counts.tolist()
        end = point + len(parsed.x)
        self.x[point:end] = parsed.x
        self.y[point:end] = parsed.y
        if self.t is not None and parsed.t is not None:
            self.t[point:end] = parsed.t

        # offsets in the buffers run on from drawing to drawing
        ends = lengths_to_offsets(parsed.point_counts)[1:] + point
        self.stroke_offsets[stroke + 1 : stroke + 1 + len(ends)] = ends
        stroke += len(ends)

        self.records[drawing] = (
            np.uint64(parsed.key_id or 0).astype(np.int64),  # the same bits
            parsed.key_id is not None,
            code,
            int.from_bytes(parsed.countrycode.encode(), "little"),  # as `to_batch` views it
            UNKNOWN_TIME if parsed.timestamp is None else parsed.timestamp,
            UNKNOWN if parsed.recognized is None else parsed.recognized,
            stroke,
            offset,
            length,
            line,
        )
        counts[1:] = drawing + 1, stroke, end

    def field(self, index: int, counts: Int64Array) -> Int64Array:
        """Copy one number of each record."""
        return self.records[: counts[1], index].copy()

    def to_batch(self, counts: Int64Array, words: tuple[str | None, ...]) -> DrawingBatch:
        """Copy what is filled into a batch."""
        # copies, because the buffers are filled again while the batch is in use
        _, drawings, strokes, points = counts.tolist()
        fields = self.records[:drawings].T
        # Both in one array: from 4 MB on numpy asks for large pages, and first access to as many
        # small ones takes longer than copying.
        x, y = np.stack([self.x[:points], self.y[:points]])
        columns = Columns(
            x=x,
            y=y,
            t=None if self.t is None else self.t[:points].copy(),
            stroke_offsets=self.stroke_offsets[: strokes + 1].copy(),
            drawing_offsets=np.concatenate([np.zeros(1, np.int64), fields[STROKES]]),
            key_id=fields[KEY_ID].astype(np.uint64),
            word_code=fields[WORD].astype(np.int32),
            words=words,
            countrycode=fields[COUNTRY].astype("<u2").view("S2"),
            timestamp=fields[TIMESTAMP].astype(np.int64).view("datetime64[us]"),
            recognized=fields[RECOGNIZED] == 1,
            key_id_known=fields[KEY_ID_KNOWN].astype(np.bool_),
            recognized_known=fields[RECOGNIZED] != UNKNOWN,
        )
        return DrawingBatch(**fill_key_ids(columns))
