"""Cut sources into units of work, each a pure function of the bytes that it names."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from quickdraw_kit.acquire.sources import Source

__all__ = ["Unit", "cut_units"]

UNIT_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Unit:
    """A stretch of a source.

    Parameters
    ----------
    number : int
        Position in the list of all units, which is the order of the drawings in the sources.
    source : int
        Position of the source in the list of sources.
    start, stop : int
        Byte range: the unit takes the lines (rows) whose first byte lies in it. A source that
        cannot be entered in the middle is one unit over all of it.

    Examples
    --------
    >>> Unit(number=0, source=0, start=0, stop=10).stop
    10
    """

    number: int
    source: int
    start: int
    stop: int


def cut_units(sources: Sequence[Source], unit_bytes: int = UNIT_BYTES) -> list[Unit]:
    """Cut sources into units.

    Parameters
    ----------
    sources : sequence of Source
        In the order that they are numbered in.
    unit_bytes : int
        Size to cut to; the drawings that come out do not depend on it.

    Returns
    -------
    list of Unit
        In order; together they hold each byte of each source once.

    Examples
    --------
    >>> path = getfixture("tmp_path") / "cat.ndjson"
    >>> _ = path.write_text("x" * 100)
    >>> from quickdraw_kit.acquire.sources import find_sources
    >>> [(unit.start, unit.stop) for unit in cut_units(find_sources([path]), unit_bytes=40)]
    [(0, 40), (40, 80), (80, 100)]
    """
    ranges = (
        (index, *cut) for index, source in enumerate(sources) for cut in _cuts(source, unit_bytes)
    )
    return [Unit(number, *unit) for number, unit in enumerate(ranges)]


def _cuts(source: Source, unit_bytes: int) -> Iterator[tuple[int, int]]:
    if source.compression is not None or source.form not in ("ndjson", "bitmaps"):
        yield 0, source.size
        return
    for start in range(0, max(source.size, 1), unit_bytes):
        yield start, min(start + unit_bytes, source.size)
