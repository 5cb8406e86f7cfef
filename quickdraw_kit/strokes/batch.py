"""Drawings in columns: the one type that every reader makes and every writer takes.

A drawing of 12 strokes is 12 Python lists in most programs; a million of them fill the memory and
take minutes to walk. Here a batch is a handful of flat arrays with offsets, the layout of Arrow's
nested lists, so that kernels run over it without touching a Python object and Arrow and pandas see
the same memory. The price is that a batch is read-only in spirit: filters and concatenation copy.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias, overload

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import DataError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["Drawing", "DrawingBatch", "lengths_to_offsets"]

Int64Array: TypeAlias = npt.NDArray[np.int64]
PointArray: TypeAlias = npt.NDArray[Any]

_COORDINATES = (np.dtype(np.uint8), np.dtype(np.int16), np.dtype(np.float32))


@dataclass(frozen=True, slots=True)
class Drawing:
    """One drawing of a batch.

    Parameters
    ----------
    strokes : list of ndarray
        One array a stroke, shape (points, 2) of x, y, or (points, 3) of x, y, t in milliseconds.
    word : str
        Category the player was asked to draw.
    key_id : int
        Identifier of the drawing, unsigned 64 bit.
    countrycode : str
        Two letters (ISO 3166-1), or empty when unknown.
    timestamp : numpy.datetime64
        When it was drawn, UTC, microseconds; NaT when unknown.
    recognized : bool
        Whether the game recognised it.

    Examples
    --------
    >>> batch = DrawingBatch.from_strokes([[([0, 255], [0, 255])]], words=["line"])
    >>> batch[0].word, batch[0].strokes[0].shape
    ('line', (2, 2))
    """

    strokes: list[PointArray]
    word: str
    key_id: int
    countrycode: str
    timestamp: np.datetime64
    recognized: bool


@dataclass(frozen=True, slots=True, eq=False)
class DrawingBatch:
    """Drawings in columns, never a Python object per point.

    Parameters
    ----------
    x, y : ndarray of shape (points,)
        Coordinates: float32 for raw drawings, uint8 (simplified) or int16 where the source is.
    t : ndarray of int32, shape (points,), or None
        Milliseconds since the drawing began; None for simplified drawings.
    stroke_offsets : ndarray of int64, shape (strokes + 1,)
        Where each stroke begins in the points.
    drawing_offsets : ndarray of int64, shape (drawings + 1,)
        Where each drawing begins in the strokes.
    key_id : ndarray of uint64, shape (drawings,)
        Identifiers.
    word_code : ndarray of int32, shape (drawings,)
        Index into `words`.
    words : tuple of str
        The vocabulary of this batch.
    countrycode : ndarray of bytes ("S2"), shape (drawings,)
        Two ASCII letters, empty when unknown.
    timestamp : ndarray of datetime64[us], shape (drawings,)
        UTC; NaT when unknown.
    recognized : ndarray of bool, shape (drawings,)
        Whether the game recognised the drawing.

    Raises
    ------
    DataError
        If lengths, dtypes, offsets or codes do not fit together.

    Examples
    --------
    >>> batch = DrawingBatch.from_strokes(
    ...     [[([0, 10, 20], [5, 5, 5])], [([1], [2]), ([3, 4], [5, 6])]], words=["line", "cat"]
    ... )
    >>> len(batch), batch.stroke_counts, batch.point_counts
    (2, array([1, 2]), array([3, 3]))
    >>> batch[1].strokes[1]
    array([[3, 5],
           [4, 6]], dtype=uint8)
    >>> batch[1:].words_of_drawings()
    ['cat']
    """

    x: PointArray
    y: PointArray
    t: npt.NDArray[np.int32] | None
    stroke_offsets: Int64Array
    drawing_offsets: Int64Array
    key_id: npt.NDArray[np.uint64]
    word_code: npt.NDArray[np.int32]
    words: tuple[str, ...]
    countrycode: npt.NDArray[np.bytes_] = field(repr=False)
    timestamp: npt.NDArray[np.datetime64] = field(repr=False)
    recognized: npt.NDArray[np.bool_] = field(repr=False)

    def __post_init__(self) -> None:
        points, drawings = len(self.x), len(self.drawing_offsets) - 1
        if self.x.dtype not in _COORDINATES or self.y.dtype != self.x.dtype:
            raise DataError(
                f"x is {self.x.dtype} and y is {self.y.dtype}, "
                "expected both uint8, int16 or float32"
            )
        if self.t is not None and self.t.dtype != np.int32:
            raise DataError(f"t is {self.t.dtype}, expected int32 milliseconds")
        if len(self.y) != points or (self.t is not None and len(self.t) != points):
            raise DataError("x, y and t differ in length")
        for name, offsets, end in (
            ("stroke_offsets", self.stroke_offsets, points),
            ("drawing_offsets", self.drawing_offsets, len(self.stroke_offsets) - 1),
        ):
            if offsets.dtype != np.int64 or offsets.ndim != 1 or len(offsets) < 1:
                raise DataError(f"{name} is not a vector of int64 with at least one entry")
            if offsets[0] != 0 or offsets[-1] != end:
                raise DataError(
                    f"{name} runs from {offsets[0]} to {offsets[-1]}, expected 0 to {end}"
                )
            if (offsets[1:] < offsets[:-1]).any():  # kernels rely on it
                raise DataError(f"{name} decreases at {int(np.argmin(np.diff(offsets)))}")
        for name, dtype in METADATA.items():
            column = getattr(self, name)
            if column.dtype != dtype or column.shape != (drawings,):
                raise DataError(
                    f"{name} is {column.dtype} {column.shape}, expected {dtype} ({drawings},)"
                )
        codes = self.word_code
        if codes.size and not 0 <= codes.min() <= codes.max() < len(self.words):
            raise DataError(
                f"word_code runs from {codes.min()} to {codes.max()}, "
                f"expected places among {len(self.words)} words"
            )

    @classmethod
    def from_strokes(
        cls,
        drawings: Iterable[Sequence[Sequence[Sequence[float]] | PointArray]],
        *,
        words: Sequence[str],
        key_id: npt.ArrayLike | None = None,
        dtype: npt.DTypeLike | None = None,
    ) -> "DrawingBatch":
        """Build a batch from nested Python lists, for a handful of drawings.

        See Also
        --------
        quickdraw_kit.strokes.nested.from_strokes : what the lists are to hold.
        """
        from quickdraw_kit.strokes import nested

        return nested.from_strokes(drawings, words=words, key_id=key_id, dtype=dtype)

    @classmethod
    def concat(cls, batches: Iterable["DrawingBatch"]) -> "DrawingBatch":
        """Put batches of one kind one behind the other.

        See Also
        --------
        quickdraw_kit.strokes.combine.concat : which batches fit together.
        """
        from quickdraw_kit.strokes import combine

        return combine.concat(batches)

    def __len__(self) -> int:
        return len(self.drawing_offsets) - 1

    @overload
    def __getitem__(self, index: int) -> Drawing: ...
    @overload
    def __getitem__(self, index: slice) -> "DrawingBatch": ...
    def __getitem__(self, index: int | slice) -> "Drawing | DrawingBatch":
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step != 1:
                return self.take(np.arange(start, stop, step))
            from quickdraw_kit.strokes import combine

            return combine.slice_(self, start, max(start, stop))
        if not -len(self) <= index < len(self):
            raise IndexError(f"drawing {index} of {len(self)}")
        index %= len(self)
        first, last = self.drawing_offsets[index : index + 2]
        columns = [self.x, self.y] if self.t is None else [self.x, self.y, self.t]
        bounds = self.stroke_offsets[first : last + 1]
        return Drawing(
            strokes=[
                np.stack([column[a:b] for column in columns], axis=1)
                for a, b in itertools.pairwise(bounds)
            ],
            word=self.words[self.word_code[index]],
            key_id=int(self.key_id[index]),
            countrycode=self.countrycode[index].decode("ascii"),
            timestamp=self.timestamp[index],
            recognized=bool(self.recognized[index]),
        )

    def __iter__(self) -> Iterator[Drawing]:
        return (self[index] for index in range(len(self)))

    @property
    def stroke_counts(self) -> Int64Array:
        """Strokes per drawing, int64, shape (drawings,)."""
        return np.diff(self.drawing_offsets)

    @property
    def point_offsets(self) -> Int64Array:
        """Where each drawing begins in the points, int64, shape (drawings + 1,)."""
        return self.stroke_offsets[self.drawing_offsets]

    @property
    def point_counts(self) -> Int64Array:
        """Points per drawing, int64, shape (drawings,)."""
        return np.diff(self.point_offsets)

    @property
    def is_raw(self) -> bool:
        """Whether the drawings are as the player's device recorded them: real-valued."""
        return self.x.dtype == np.float32

    def words_of_drawings(self) -> list[str]:
        """Return the category of each drawing, as a list of str."""
        return [self.words[code] for code in self.word_code]

    def take(self, indices: npt.ArrayLike) -> "DrawingBatch":
        """Copy the drawings at some positions, in the order given.

        See Also
        --------
        quickdraw_kit.strokes.combine.take : which positions there are.
        """
        from quickdraw_kit.strokes import combine

        return combine.take(self, indices)

    def filter(self, mask: npt.ArrayLike) -> "DrawingBatch":
        """Copy the drawings for which a mask is true.

        Parameters
        ----------
        mask : array_like of bool, shape (drawings,)
            One flag a drawing.

        Returns
        -------
        DrawingBatch
            The chosen ones, in order.

        Raises
        ------
        DataError
            If the mask has another length or is not boolean.

        Examples
        --------
        >>> batch = DrawingBatch.from_strokes([[([1], [1])], [([2], [2])]], words=["a", "b"])
        >>> batch.filter(batch.key_id > 0).words_of_drawings()
        ['b']
        """
        chosen = np.asarray(mask)
        if chosen.dtype != np.bool_ or chosen.shape != (len(self),):
            raise DataError(f"mask is {chosen.dtype} {chosen.shape}, expected bool ({len(self)},)")
        return self if chosen.all() else self.take(np.flatnonzero(chosen))

    def equals(self, other: "DrawingBatch") -> bool:
        """Tell whether two batches hold the same drawings, coordinates and metadata, in order.

        See Also
        --------
        quickdraw_kit.strokes.combine.equal : what must agree.
        """
        from quickdraw_kit.strokes import combine

        return combine.equals(self, other)

    def to_arrow(self) -> "pa.Table":
        """Return the batch as an Arrow table; points, offsets and identifiers share our memory.

        See Also
        --------
        quickdraw_kit.strokes.arrow.to_arrow : the columns and their types.
        """
        from quickdraw_kit.strokes import arrow

        return arrow.to_arrow(self)

    @classmethod
    def from_arrow(cls, table: "pa.Table") -> "DrawingBatch":
        """Make a batch of an Arrow table.

        See Also
        --------
        quickdraw_kit.strokes.arrow.from_arrow : what it accepts and what it refuses.
        """
        from quickdraw_kit.strokes import arrow

        return arrow.from_arrow(table)

    def to_pandas(self) -> "pd.DataFrame":
        """Return a data frame with a row a drawing and Arrow-backed columns.

        See Also
        --------
        quickdraw_kit.strokes.arrow.to_pandas : the columns and their types.
        """
        from quickdraw_kit.strokes import arrow

        return arrow.to_pandas(self)

    @classmethod
    def from_pandas(cls, frame: "pd.DataFrame") -> "DrawingBatch":
        """Make a batch of a data frame with the columns of `to_pandas`.

        See Also
        --------
        quickdraw_kit.strokes.arrow.from_pandas : what it accepts and what it refuses.
        """
        from quickdraw_kit.strokes import arrow

        return arrow.from_pandas(frame)


# the columns that have one entry a drawing
METADATA: dict[str, np.dtype[Any]] = {
    "key_id": np.dtype(np.uint64),
    "word_code": np.dtype(np.int32),
    "countrycode": np.dtype("S2"),
    "timestamp": np.dtype("datetime64[us]"),
    "recognized": np.dtype(np.bool_),
}


def lengths_to_offsets(lengths: npt.ArrayLike) -> Int64Array:
    """Turn lengths into offsets."""
    counts = np.asarray(lengths, dtype=np.int64)
    offsets = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=offsets[1:])
    return offsets
