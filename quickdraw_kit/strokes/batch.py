"""Drawings in columns: the one type that every reader returns and every writer takes.

A drawing of 12 strokes is 12 Python lists in most programs; a million drawings fill the memory and
take minutes to iterate over. Here a batch is a few flat arrays with offsets, the layout of Arrow's
nested lists, so that kernels run over it without touching a Python object and Arrow and pandas
share its memory. In return a batch should be treated as read-only: slices share memory with the
batch they come from, filters and concatenation copy.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import DataError
from quickdraw_kit.strokes.columns import (
    Columns,
    Int64Array,
    PointArray,
    check_columns,
    columns_equal,
    concat_columns,
    slice_columns,
    take_columns,
)
from quickdraw_kit.strokes.nested import columns_from_nested

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Drawing:
    """One drawing of a batch.

    Parameters
    ----------
    strokes : list of ndarray
        One array per stroke, of shape (points, 2) with x and y, or (points, 3) with x, y and t in
        milliseconds.
    word : str or None
        Category that the player was asked to draw; None when unknown.
    key_id : int
        Identifier of the drawing, an unsigned 64-bit integer; made from its strokes and its word
        when it has none.
    countrycode : str
        Two letters (ISO 3166-1), or empty when unknown.
    timestamp : numpy.datetime64
        When it was drawn, UTC, in microseconds; NaT when unknown.
    recognized : bool or None
        Whether the game recognized it; None when unknown.

    Examples
    --------
    >>> from quickdraw_kit import DrawingBatch
    >>> batch = DrawingBatch.from_strokes([[([0, 255], [0, 255])]], words=["line"])
    >>> drawing = batch[0]
    >>> drawing.word, drawing.recognized, drawing.strokes[0].shape
    ('line', None, (2, 2))
    """

    strokes: list[PointArray]
    word: str | None
    key_id: int
    countrycode: str
    timestamp: np.datetime64
    recognized: bool | None


# eq=False: the comparison that dataclass generates fails on arrays.
@dataclass(frozen=True, slots=True, eq=False)
class DrawingBatch:
    """Many drawings in columns.

    `len`, iteration and indexing with an integer go by drawing; a slice, a list of indices and a
    boolean mask give a batch. Readers such
    as `read_ndjson` return batches; `from_strokes` makes one of nested lists.

    Only strokes are required: all metadata may be unknown. An unknown word is None among `words`,
    an unknown country is empty and an unknown time NaT. Where `recognized` is not known it is
    False, so that ``batch.filter(batch.recognized)`` keeps drawings that were recognized for sure.
    Where the key_id is not known it is a hash of strokes and word, so that a drawing has the same
    one everywhere. Arrow, pandas and the formats that can hold null hold null for all of them.

    Parameters
    ----------
    x, y : ndarray of shape (points,)
        Coordinates: float64 in raw drawings, uint8 in simplified ones, int16 in some formats.
    t : ndarray of int32, shape (points,), or None
        Milliseconds since the drawing began; None in simplified drawings.
    stroke_offsets : ndarray of int64, shape (strokes + 1,)
        Index of each stroke's first point; the last entry is the number of points.
    drawing_offsets : ndarray of int64, shape (drawings + 1,)
        Index of each drawing's first stroke; the last entry is the number of strokes.
    key_id : ndarray of uint64, shape (drawings,)
        Identifiers.
    word_code : ndarray of int32, shape (drawings,)
        Indices into `words`.
    words : tuple of str or None
        The vocabulary of the batch, in any order; a word need not occur.
    countrycode : ndarray of bytes ("S2"), shape (drawings,)
        Two ASCII letters, empty when unknown.
    timestamp : ndarray of datetime64[us], shape (drawings,)
        UTC; NaT when unknown.
    recognized : ndarray of bool, shape (drawings,)
        Whether the game recognized the drawing; False when unknown.
    key_id_known, recognized_known : ndarray of bool, shape (drawings,), or None
        Where the column is known; None if it is known of all drawings.

    Raises
    ------
    DataError
        If lengths, dtypes, offsets or codes do not fit together.

    Examples
    --------
    >>> from quickdraw_kit import DrawingBatch
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
    words: tuple[str | None, ...]
    countrycode: npt.NDArray[np.bytes_] = field(repr=False)
    timestamp: npt.NDArray[np.datetime64] = field(repr=False)
    recognized: npt.NDArray[np.bool_] = field(repr=False)
    key_id_known: npt.NDArray[np.bool_] | None = field(default=None, repr=False)
    recognized_known: npt.NDArray[np.bool_] | None = field(default=None, repr=False)

    # Also for batches of the functions below: the check is cheap, and kernels rely on it.
    def __post_init__(self) -> None:
        check_columns(self._columns())
        # one form for each state
        if self.key_id_known is not None and self.key_id_known.all():
            object.__setattr__(self, "key_id_known", None)
        if self.recognized_known is not None and self.recognized_known.all():
            object.__setattr__(self, "recognized_known", None)

    def _columns(self) -> Columns:
        return Columns(
            x=self.x,
            y=self.y,
            t=self.t,
            stroke_offsets=self.stroke_offsets,
            drawing_offsets=self.drawing_offsets,
            key_id=self.key_id,
            word_code=self.word_code,
            words=self.words,
            countrycode=self.countrycode,
            timestamp=self.timestamp,
            recognized=self.recognized,
            key_id_known=self.key_id_known,
            recognized_known=self.recognized_known,
        )

    @classmethod
    def from_strokes(
        cls,
        drawings: Iterable[Sequence[Sequence[Sequence[float]] | PointArray]],
        *,
        words: Sequence[str | None] | None = None,
        key_id: npt.ArrayLike | None = None,
        dtype: npt.DTypeLike | None = None,
    ) -> "DrawingBatch":
        """Build a batch from nested lists, meant for a few drawings.

        Parameters
        ----------
        drawings : iterable
            For each drawing its strokes; for each stroke the rows x, y and, if known, t, as in the
            official ndjson.
        words : sequence of str or None, optional
            Category of each drawing; None when unknown.
        key_id : array_like of int, optional
            Identifiers; unknown by default, and made from strokes and words.
        dtype : dtype-like, optional
            Of the coordinates: uint8, int16 or float64; by default float64 if there are times,
            otherwise uint8.

        Returns
        -------
        DrawingBatch
            Other metadata is unknown.

        Raises
        ------
        DataError
            If a stroke has no points, rows of unequal length or values that do not fit the dtype,
            or if only some of the strokes have times.

        Examples
        --------
        >>> from quickdraw_kit import DrawingBatch
        >>> simplified = DrawingBatch.from_strokes([[([0, 9], [0, 9])]], words=["line"])
        >>> simplified.x.dtype, simplified.t
        (dtype('uint8'), None)
        >>> raw = DrawingBatch.from_strokes([[([0, 9], [0, 9], [0, 40])]], words=["line"])
        >>> raw.x.dtype, raw.t
        (dtype('float64'), array([ 0, 40], dtype=int32))
        """
        return DrawingBatch(**columns_from_nested(drawings, words, key_id, dtype))

    @classmethod
    def concat(cls, batches: Iterable["DrawingBatch"]) -> "DrawingBatch":
        """Concatenate batches.

        Parameters
        ----------
        batches : iterable of DrawingBatch
            At least one; all with coordinates of the same dtype, and all with or all without
            times.

        Returns
        -------
        DrawingBatch
            A copy, with one vocabulary for all.

        Raises
        ------
        DataError
            If there are no batches, or if dtypes or the presence of times differ.

        Examples
        --------
        >>> from quickdraw_kit import DrawingBatch
        >>> line = DrawingBatch.from_strokes([[([0, 9], [0, 9])]], words=["line"])
        >>> dot = DrawingBatch.from_strokes([[([5], [5])]], words=["dot"])
        >>> DrawingBatch.concat([line, dot]).words_of_drawings()
        ['line', 'dot']
        """
        return DrawingBatch(**concat_columns([batch._columns() for batch in batches]))

    @classmethod
    def from_arrow(cls, table: "pa.Table") -> "DrawingBatch":
        """Make a batch of an Arrow table.

        Parameters
        ----------
        table : pyarrow.Table
            With the columns of `to_arrow`, of which only ``x`` and ``y`` are required; other
            columns are ignored, missing ones are unknown. Lists need not be large, words may be
            plain strings, and timestamps may have another unit or time zone (without a zone they
            count as UTC).

        Returns
        -------
        DrawingBatch
            Columns of one chunk that have the types of `to_arrow` share the memory of the table.

        Raises
        ------
        DataError
            If ``x`` or ``y`` is missing, a column has another type, strokes contain nulls, or x,
            y and t do not have the same strokes.

        Examples
        --------
        >>> from quickdraw_kit import DrawingBatch, generate_drawings
        >>> table = generate_drawings(["cloud", "sun"], 2).to_arrow()
        >>> DrawingBatch.from_arrow(table.slice(1, 2)).words_of_drawings()
        ['cloud', 'sun']
        """
        # imported in the method, so that pyarrow is loaded only by those who use it
        from quickdraw_kit.strokes.arrow import from_table

        return DrawingBatch(**from_table(table))

    @classmethod
    def from_pandas(cls, frame: "pd.DataFrame") -> "DrawingBatch":
        """Make a batch of a data frame.

        Parameters
        ----------
        frame : pandas.DataFrame
            With the columns of `to_pandas`; the index is ignored.

        Returns
        -------
        DrawingBatch
            Shares memory with the frame where `from_arrow` can.

        Raises
        ------
        DataError
            As for `from_arrow`, and if a column cannot be converted to Arrow.

        Examples
        --------
        >>> from quickdraw_kit import DrawingBatch, generate_drawings
        >>> frame = generate_drawings(["cloud", "sun"], 2).to_pandas()
        >>> DrawingBatch.from_pandas(frame[frame.word == "sun"]).words_of_drawings()
        ['sun', 'sun']
        """
        from quickdraw_kit.strokes.arrow import from_frame

        return DrawingBatch(**from_frame(frame))

    def to_arrow(self) -> "pa.Table":
        """Return the batch as an Arrow table with one row per drawing.

        Returns
        -------
        pyarrow.Table
            ``key_id`` (uint64), ``word`` (dictionary of int32 to string), ``countrycode``
            (string), ``timestamp`` (timestamp[us, UTC]), ``recognized`` (bool), all of them null
            when unknown, and ``x``, ``y`` and, if there are times, ``t``: large lists (drawings)
            of large lists (strokes) of numbers. Points, offsets, timestamps and known identifiers
            share the memory of the batch.

        Examples
        --------
        >>> from quickdraw_kit import DrawingBatch
        >>> batch = DrawingBatch.from_strokes([[([0, 9], [5, 5])]], words=["line"])
        >>> batch.to_arrow()["x"].to_pylist()
        [[[0, 9]]]
        >>> batch.to_arrow()["recognized"].to_pylist()
        [None]
        """
        from quickdraw_kit.strokes.arrow import to_table

        return to_table(self._columns())

    def to_pandas(self) -> "pd.DataFrame":
        """Return the batch as a data frame with one row per drawing.

        Returns
        -------
        pandas.DataFrame
            The columns of `to_arrow` as ``ArrowDtype``, in the same memory.

        Examples
        --------
        >>> from quickdraw_kit import DrawingBatch
        >>> batch = DrawingBatch.from_strokes([[([0, 9], [5, 5])]], words=["line"])
        >>> batch.to_pandas().dtypes["key_id"]
        uint64[pyarrow]
        """
        from quickdraw_kit.strokes.arrow import to_frame

        return to_frame(self._columns())

    def __len__(self) -> int:
        return len(self.drawing_offsets) - 1

    @overload
    def __getitem__(self, index: int) -> Drawing: ...
    @overload
    def __getitem__(self, index: slice | Sequence[int] | npt.NDArray[Any]) -> "DrawingBatch": ...
    def __getitem__(
        self, index: int | slice | Sequence[int] | npt.NDArray[Any]
    ) -> "Drawing | DrawingBatch":
        if isinstance(index, Sequence | np.ndarray):
            chosen = np.asarray(index)
            return self.filter(chosen) if chosen.dtype == np.bool_ else self.take(chosen)
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step != 1:  # not contiguous, so it cannot share memory
                return self.take(np.arange(start, stop, step))
            # [3:1] is empty, as for lists
            return DrawingBatch(**slice_columns(self._columns(), start, max(start, stop)))

        if not -len(self) <= index < len(self):
            raise IndexError(f"drawing {index} of {len(self)}")
        index %= len(self)
        first, last = self.drawing_offsets[index : index + 2]
        columns = [self.x, self.y] if self.t is None else [self.x, self.y, self.t]
        bounds = self.stroke_offsets[first : last + 1]
        is_known = self.recognized_known is None or self.recognized_known[index]
        return Drawing(
            strokes=[
                np.stack([column[start:stop] for column in columns], axis=1)
                for start, stop in itertools.pairwise(bounds)
            ],
            word=self.words[self.word_code[index]],
            key_id=int(self.key_id[index]),
            countrycode=self.countrycode[index].decode("ascii"),
            timestamp=self.timestamp[index],
            recognized=bool(self.recognized[index]) if is_known else None,
        )

    def __iter__(self) -> Iterator[Drawing]:
        return (self[index] for index in range(len(self)))

    @property
    def stroke_counts(self) -> Int64Array:
        """Strokes per drawing, int64, shape (drawings,)."""
        return np.diff(self.drawing_offsets)

    @property
    def point_offsets(self) -> Int64Array:
        """Index of each drawing's first point, int64, shape (drawings + 1,)."""
        return self.stroke_offsets[self.drawing_offsets]

    @property
    def point_counts(self) -> Int64Array:
        """Points per drawing, int64, shape (drawings,)."""
        return np.diff(self.point_offsets)

    @property
    def recognition(self) -> npt.NDArray[np.int8]:
        """Whether drawings were recognized: 0 no, 1 yes, 2 unknown; int8, shape (drawings,)."""
        states = self.recognized.astype(np.int8)
        if self.recognized_known is not None:
            states[~self.recognized_known] = 2
        return states

    @property
    def is_float(self) -> bool:
        """Whether the coordinates are float64, as they are in raw drawings."""
        return self.x.dtype == np.float64

    def words_of_drawings(self) -> list[str | None]:
        """Return the word of each drawing.

        Returns
        -------
        list of str or None
            ``words[word_code]``, one word per drawing; None when unknown.

        Examples
        --------
        >>> from quickdraw_kit import generate_drawings
        >>> generate_drawings(["cloud", "sun"], 2).words_of_drawings()
        ['cloud', 'cloud', 'sun', 'sun']
        """
        return [self.words[code] for code in self.word_code]

    def take(self, indices: npt.ArrayLike) -> "DrawingBatch":
        """Copy the drawings at some indices, in the order given.

        Parameters
        ----------
        indices : array_like of int, shape (n,)
            Indices of drawings; they may repeat, and negative ones count from the end.

        Returns
        -------
        DrawingBatch
            With n drawings.

        Raises
        ------
        IndexError
            If an index is out of range.

        Examples
        --------
        >>> from quickdraw_kit import generate_drawings
        >>> generate_drawings(["cloud", "sun"], 1).take([1, 0, 0]).words_of_drawings()
        ['sun', 'cloud', 'cloud']
        """
        return DrawingBatch(**take_columns(self._columns(), indices))

    def filter(self, mask: npt.ArrayLike) -> "DrawingBatch":
        """Return the drawings for which a mask is true.

        Parameters
        ----------
        mask : array_like of bool, shape (drawings,)
            One flag per drawing.

        Returns
        -------
        DrawingBatch
            A copy of the selected drawings, in order; the batch itself if all are selected.

        Raises
        ------
        DataError
            If the mask has another length or is not boolean.

        Examples
        --------
        >>> from quickdraw_kit import generate_drawings
        >>> batch = generate_drawings(["cloud", "sun"], 2)
        >>> len(batch.filter(batch.stroke_counts < 2))
        2
        """
        selected = np.asarray(mask)
        if selected.dtype != np.bool_ or selected.shape != (len(self),):
            raise DataError(
                f"mask is {selected.dtype} {selected.shape}, expected bool ({len(self)},)"
            )
        # batches are read-only, so the same one can be returned
        return self if selected.all() else self.take(np.flatnonzero(selected))

    def equals(self, other: "DrawingBatch") -> bool:
        """Test whether two batches have the same drawings, in the same order.

        Parameters
        ----------
        other : DrawingBatch
            The other batch; its vocabulary may have another order.

        Returns
        -------
        bool
            True if all coordinates and known metadata are the same to the bit, and the dtypes and
            what is unknown as well.

        Examples
        --------
        >>> from quickdraw_kit import generate_drawings
        >>> batch = generate_drawings(["cloud", "sun"], 2)
        >>> batch.equals(batch[:4]), batch.equals(batch[:3])
        (True, False)
        """
        return columns_equal(self._columns(), other._columns())
