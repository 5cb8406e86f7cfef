"""What `prepare` would do: its sources, its units, and about how much disk it takes."""

import dataclasses
import functools
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from quickdraw_kit import __version__
from quickdraw_kit.acquire.catalog import Variant
from quickdraw_kit.acquire.download import DownloadOptions
from quickdraw_kit.acquire.download import download as fetch
from quickdraw_kit.acquire.progress import DownloadProgress
from quickdraw_kit.acquire.remote_sources import resolve_url
from quickdraw_kit.acquire.results import DownloadedFile
from quickdraw_kit.acquire.sources import Source, resolve_sources
from quickdraw_kit.errors import UsageError
from quickdraw_kit.shards.filters import Filters
from quickdraw_kit.shards.options import PrepareOptions
from quickdraw_kit.shards.prepare.chunks import Chunk, split_into_chunks
from quickdraw_kit.storage.files import open_decompressed

__all__ = ["Plan", "Progress", "ProgressCallback", "plan_prepare"]

_LOOK = 256 << 10
# bytes of a drawing, on the average of the official files
_BINARY_DRAWING, _STROKE3_DRAWING, _SIMPLIFIED_DRAWING, _RAW_DRAWING = 110, 130, 460, 3860
_GZIP_RATIO = 4


@dataclass(frozen=True, slots=True)
class Plan:
    """What `prepare` would do.

    Parameters
    ----------
    out : Path
        Folder of the data set.
    sources : tuple of Source
        What is read.
    units : tuple of Chunk
        How it is cut.
    selection : Filters
        The filters.
    layout : PrepareOptions
        Form, style and splits.
    drawings : int
        About how many drawings there are, from the first lines of each source.
    scratch_bytes, output_bytes : int
        About how much disk the run takes beside the result, and the result.
    download : DownloadOptions, optional
        How sources are had that are fetched in the course of the run.
    """

    out: Path
    sources: tuple[Source, ...]
    units: tuple[Chunk, ...]
    filters: Filters
    options: PrepareOptions
    drawings: int
    scratch_bytes: int
    output_bytes: int
    download: DownloadOptions | None = None

    @property
    def to_fetch(self) -> int:
        """Bytes of the sources that are not here yet."""
        return sum(s.size for s in self.sources if s.remote and s.remote.state == "planned")

    def describe(self) -> dict[str, Any]:
        """Return what must be the same for a run to go on where another one stopped."""
        return {
            "library_version": __version__,
            "filters": dataclasses.asdict(self.filters),
            "options": dataclasses.asdict(self.options),
            "sources": [
                {
                    "name": s.name,
                    "path": str(s.path),
                    "bytes": s.size,
                    "mtime_ns": s.mtime_ns,
                    "version": s.remote and s.remote.version,
                }
                for s in self.sources
            ],
        }


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is.

    Parameters
    ----------
    stage : {"fetch", "read", "write"}
        Download, first pass or second pass; the first two go on side by side.
    done, total : int
        Bytes of the sources in the first two, drawings in the last.
    drawings : int
        Drawings read or written in this pass so far.
    """

    stage: str
    done: int
    total: int
    drawings: int


ProgressCallback: TypeAlias = Callable[[Progress], None]


def plan_prepare(
    sources: Iterable[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    filters: Filters | None = None,
    options: PrepareOptions | None = None,
    data_home: Path | None = None,
    variant: Variant = "simplified",
    download: DownloadOptions | None = None,
) -> Plan:
    """Find the sources and estimate what `prepare` would read and write, writing nothing.

    Parameters
    ----------
    sources : iterable of str or path-like
        Files, folders, globs, addresses of these, or categories, see `resolve_sources`.
    out : str or path-like
        Folder of the data set.
    selection : Filters, optional
        The filters; by default everything is kept.
    layout : PrepareOptions, optional
        Form, style and splits.
    home : Path, optional
        Folder of downloaded data, for categories.
    kind : {"simplified", "raw", "binary", "numpy_bitmap", "sketchrnn"}
        Form of the categories' files.
    download : DownloadOptions, optional
        How to fetch categories that are not there; by default they must be there.

    Returns
    -------
    Plan
        For `prepare` and for people.

    Raises
    ------
    UsageError, DataError
        As `resolve_sources`.
    DownloadError
        If a file is not to be had.
    """
    filters = Filters() if filters is None else filters
    options = PrepareOptions() if options is None else options

    look = None
    if download is not None:
        look = functools.partial(_look, download=download, variant=variant, data_home=data_home)
    retry_policy = None if download is None else download.retry_policy
    look_at = functools.partial(resolve_url, retry_policy=retry_policy)
    found = resolve_sources(
        sources, data_home=data_home, variant=variant, look=look, look_at=look_at
    )
    if options.keep_strokes and any(source.format in ("bitmaps", "idx") for source in found):
        raise UsageError("strokes are asked for, and some sources are bitmaps, which have none")
    drawings = sum(_estimate_drawings(source) for source in found)
    if filters.max_per_category is not None and filters.categories is not None:
        drawings = min(drawings, filters.max_per_category * len(filters.categories))
    size = sum(source.size for source in found)
    row = options.style.side**2 if options.format == "npy" else options.style.side**2 // 2 + 100
    return Plan(
        out=Path(out),
        sources=tuple(found),
        units=tuple(split_into_chunks(found)),
        filters=filters,
        options=options,
        drawings=drawings,
        scratch_bytes=size // 2 + 100 * drawings,
        output_bytes=drawings * (row + 40) + (size // 3 if options.keep_strokes else 0),
        download=download,
    )


def _look(
    categories: Sequence[str],
    *,
    download: DownloadOptions,
    variant: Variant,
    data_home: Path | None,
) -> Sequence[DownloadedFile]:
    def tell(step: DownloadProgress) -> None:
        if download.on_wait is not None and step.state == "waiting":
            download.on_wait(f"{step.name}: {step.note}")

    report = fetch(
        categories,
        variant=variant,
        data_home=data_home,
        mirror=download.mirror,
        dry_run=True,
        progress=tell,
        retry_policy=download.retry_policy,
    )
    return [dataclasses.replace(file, stays=download.keep) for file in report.files]


def _estimate_drawings(source: Source) -> int:
    unpacked = source.size * (1 if source.compression is None else _GZIP_RATIO)
    match source.format:
        case "binary":
            return unpacked // _BINARY_DRAWING
        case "bitmaps" | "idx":
            return unpacked // (28 * 28)
        case "stroke3":
            return unpacked // _STROKE3_DRAWING
        case "ndjson" | "csv" if source.remote is not None:
            raw = source.path.parent.name == "raw"
            return unpacked // (_RAW_DRAWING if raw else _SIMPLIFIED_DRAWING)
        case "ndjson" | "csv":
            with open_decompressed(source.path) as file:
                head = file.read(_LOOK)
            lines = head.count(b"\n")
            return max(unpacked * lines // max(len(head), 1), 1)
