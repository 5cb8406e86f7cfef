"""Cut sources into units of work, each a pure function of the bytes that it names."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from quickdraw_kit.acquire.sources import Source

__all__ = ["Unit", "cut_units"]

UNIT_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Unit:
    """A stretch of a source."""

    number: int
    source: int
    start: int
    stop: int


def cut_units(sources: Sequence[Source], unit_bytes: int = UNIT_BYTES) -> list[Unit]:
    """Cut sources into units."""
    ranges = (
        (index, *cut) for index, source in enumerate(sources) for cut in _cuts(source, unit_bytes)
    )
    return [Unit(number, *unit) for number, unit in enumerate(ranges)]


def _cuts(source: Source, unit_bytes: int) -> Iterator[tuple[int, int]]:
    if source.compression is not None or source.format not in ("ndjson", "bitmaps"):
        yield 0, source.size
        return
    for start in range(0, max(source.size, 1), unit_bytes):
        yield start, min(start + unit_bytes, source.size)
