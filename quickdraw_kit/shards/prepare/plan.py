"""The plan of `prepare`: its sources, their chunks, and about how much disk space it takes."""

import dataclasses
import functools
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from quickdraw_kit import __version__
from quickdraw_kit.acquire.cache_entry import get_data_home
from quickdraw_kit.acquire.catalog import Variant
from quickdraw_kit.acquire.download import DownloadOptions
from quickdraw_kit.acquire.download import download as run_download
from quickdraw_kit.acquire.progress import DownloadProgress
from quickdraw_kit.acquire.remote_sources import resolve_url
from quickdraw_kit.acquire.results import DownloadedFile
from quickdraw_kit.acquire.sources import Source, resolve_sources
from quickdraw_kit.errors import UsageError
from quickdraw_kit.shards.filters import Filters
from quickdraw_kit.shards.formats import SHARD_FORMATS
from quickdraw_kit.shards.options import PrepareOptions
from quickdraw_kit.storage.urls import parse_location

CHUNK_BYTES = 64 << 20

_SAMPLE_BYTES = 256 << 10  # of a file, to estimate how long its lines are
_GZIP_RATIO = 4


@dataclass(frozen=True, slots=True)
class Chunk:
    """A range of bytes of a source."""

    number: int  # among all chunks of a run
    source: int  # position of the source among all sources
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What `prepare` would read and write."""

    out: Path | str
    sources: tuple[Source, ...]
    chunks: tuple[Chunk, ...]
    filters: Filters
    options: PrepareOptions
    drawings: int
    scratch_bytes: int
    output_bytes: int
    chunk_bytes: int = CHUNK_BYTES
    download: DownloadOptions | None = None

    @property
    def to_fetch(self) -> int:
        """Bytes to download."""
        return sum(s.size for s in self.sources if s.remote and s.remote.state == "planned")

    def describe(self) -> dict[str, Any]:
        """Return what must be equal for one run to continue where another one has stopped."""
        return {
            "library_version": __version__,
            "filters": dataclasses.asdict(self.filters),
            "options": dataclasses.asdict(self.options),
            "chunk_bytes": self.chunk_bytes,  # results are numbered by chunk
            "sources": [
                {
                    "name": source.name,
                    "path": str(source.path),
                    "bytes": source.size,
                    "mtime_ns": source.mtime_ns,  # a change may keep the size
                    "version": source.remote and source.remote.version,
                }
                for source in self.sources
            ],
        }


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run of `prepare` is.

    Parameters
    ----------
    stage : {"download", "extract", "merge"}
        The first two run side by side.
    done, total : int
        Bytes of the sources, and drawings in the merge stage.
    drawings : int
        Drawings that were read or written in this stage so far.

    Examples
    --------
    >>> from quickdraw_kit import generate_drawings, prepare, write_ndjson
    >>> write_ndjson(generate_drawings(["line"], 20), "line.ndjson")
    >>> steps = []
    >>> manifest = prepare(["line.ndjson"], "shards", progress=steps.append)
    >>> steps[-1]
    Progress(stage='merge', done=20, total=20, drawings=20)
    """

    stage: str
    done: int
    total: int
    drawings: int


ProgressCallback: TypeAlias = Callable[[Progress], None]


def plan_prepare(
    sources: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    filters: Filters | None = None,
    options: PrepareOptions | None = None,
    data_home: Path | None = None,
    variant: Variant = "simplified",
    download: DownloadOptions | None = None,
    chunk_bytes: int = CHUNK_BYTES,
) -> Plan:
    """Find the sources and estimate what `prepare` would read and write; nothing is written."""
    if chunk_bytes < 1:
        raise UsageError(f"chunk_bytes is {chunk_bytes}, expected at least 1")
    filters = Filters() if filters is None else filters
    options = PrepareOptions() if options is None else options

    data_home = get_data_home(data_home)
    plan_downloads = None
    if download is not None:
        plan_downloads = functools.partial(
            _plan_download, download=download, variant=variant, data_home=data_home
        )
    retry_policy = None if download is None else download.retry_policy
    list_url = functools.partial(resolve_url, retry_policy=retry_policy)
    resolved = resolve_sources(
        sources,
        data_home=data_home,
        variant=variant,
        plan_downloads=plan_downloads,
        list_url=list_url,
    )
    if options.keep_strokes and any(not source.format.has_strokes for source in resolved):
        raise UsageError(
            "strokes should be kept, and some sources are bitmaps, which have no strokes"
        )

    # estimates, to check the disk before hours of work: the filters may leave much less
    drawings = sum(_estimate_drawings(source) for source in resolved)
    if filters.max_per_category is not None and filters.categories is not None:
        drawings = min(drawings, filters.max_per_category * len(filters.categories))
    source_bytes = sum(source.size for source in resolved)
    row_bytes = SHARD_FORMATS[options.format].estimate_row_bytes(options.style.side)
    return Plan(
        out=parse_location(out),
        sources=tuple(resolved),
        chunks=tuple(_split_into_chunks(resolved, chunk_bytes)),
        filters=filters,
        options=options,
        drawings=drawings,
        scratch_bytes=source_bytes // 2 + 100 * drawings,
        output_bytes=drawings * row_bytes + (source_bytes // 3 if options.keep_strokes else 0),
        chunk_bytes=chunk_bytes,
        download=download,
    )


def _split_into_chunks(sources: Sequence[Source], chunk_bytes: int) -> list[Chunk]:
    """Split each source into chunks; a source without parts is one chunk."""
    ranges: list[tuple[int, int, int]] = []
    for index, source in enumerate(sources):
        step = chunk_bytes if source.is_splittable else max(source.size, 1)
        # an empty source has a chunk too: its outcome says that nothing was read
        for start in range(0, max(source.size, 1), step):
            ranges.append((index, start, min(start + step, source.size)))
    return [Chunk(number, *range_) for number, range_ in enumerate(ranges)]


def _plan_download(
    categories: Sequence[str], *, download: DownloadOptions, variant: Variant, data_home: Path
) -> Sequence[DownloadedFile]:
    """Return where the files of categories are or will be, and their sizes."""

    def report_wait(step: DownloadProgress) -> None:
        if download.on_wait is not None and step.state == "waiting":
            download.on_wait(f"{step.name}: {step.note}")

    report = run_download(
        categories,
        variant=variant,
        data_home=data_home,
        mirror=download.mirror,
        dry_run=True,
        progress=report_wait,
        retry_policy=download.retry_policy,
    )
    # the scheduler puts files that do not stay into the workdir
    return [dataclasses.replace(file, stays=download.keep) for file in report.files]


def _estimate_drawings(source: Source) -> int:
    size = source.size * (1 if source.compression is None else _GZIP_RATIO)
    format = source.format
    if format.position == "line" and source.remote is None:
        with source.format.open_text(source.path) as file:
            head = file.read(_SAMPLE_BYTES)
        lines = head.count(b"\n")
        return max(size * lines // max(len(head), 1), 1)
    if source.path.parent.name == "raw" and format.bytes_per_raw_drawing is not None:
        return size // format.bytes_per_raw_drawing
    return size // format.bytes_per_drawing
