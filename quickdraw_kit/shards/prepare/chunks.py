"""Cut sources into units of work, each a pure function of the bytes that it names."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from quickdraw_kit.acquire.sources import Source

__all__ = ["Chunk", "split_into_chunks"]

CHUNK_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of a source."""

    number: int
    source: int
    start: int
    stop: int


def split_into_chunks(sources: Sequence[Source], chunk_bytes: int = CHUNK_BYTES) -> list[Chunk]:
    """Cut sources into units."""
    ranges = (
        (index, *cut) for index, source in enumerate(sources) for cut in _cuts(source, chunk_bytes)
    )
    return [Chunk(number, *unit) for number, unit in enumerate(ranges)]


def _cuts(source: Source, chunk_bytes: int) -> Iterator[tuple[int, int]]:
    if source.compression is not None or source.format not in ("ndjson", "bitmaps"):
        yield 0, source.size
        return
    for start in range(0, max(source.size, 1), chunk_bytes):
        yield start, min(start + chunk_bytes, source.size)
