"""Split sources into chunks: ranges of bytes, each the work of one task of the extract stage."""

from collections.abc import Sequence
from dataclasses import dataclass

from quickdraw_kit.acquire.sources import Source

__all__ = ["CHUNK_BYTES", "Chunk", "split_into_chunks"]

CHUNK_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Chunk:
    """A range of bytes of a source."""

    number: int  # among all chunks of a run
    source: int  # position of the source among all sources
    start: int
    stop: int


def split_into_chunks(sources: Sequence[Source], chunk_bytes: int = CHUNK_BYTES) -> list[Chunk]:
    """Split each source into chunks; a source without parts is one chunk."""
    ranges: list[tuple[int, int, int]] = []
    for index, source in enumerate(sources):
        step = chunk_bytes if source.is_splittable else max(source.size, 1)
        # an empty source has a chunk too: its outcome says that nothing was read
        for start in range(0, max(source.size, 1), step):
            ranges.append((index, start, min(start + step, source.size)))
    return [Chunk(number, *range_) for number, range_ in enumerate(ranges)]
