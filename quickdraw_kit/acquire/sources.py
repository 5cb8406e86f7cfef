"""Resolve files, folders, patterns, URLs and categories to a list of sources.

The list is the same for any order of the specs, and so are the names in it on every machine: what
`prepare` writes depends on both.
"""

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from quickdraw_kit.acquire.cache_entry import get_data_home
from quickdraw_kit.acquire.catalog import Variant, remote_files
from quickdraw_kit.acquire.results import DownloadedFile
from quickdraw_kit.categories import check_categories
from quickdraw_kit.errors import DataError, UsageError
from quickdraw_kit.formats.file_names import (
    COMPRESSION_SUFFIXES,
    is_hidden,
    label_from_filename,
)
from quickdraw_kit.formats.format import Format, ReadOptions
from quickdraw_kit.formats.ndjson.scanner import OnReject
from quickdraw_kit.formats.record_batch import RecordBatch, label_words
from quickdraw_kit.formats.registry import find_files, find_format, format_from_name, list_suffixes
from quickdraw_kit.storage.files import detect_compression
from quickdraw_kit.storage.hashing import sha256_file
from quickdraw_kit.storage.urls import parse_location, redact
from quickdraw_kit.strokes.normalize import normalize

# both are required, as other programs write a manifest.json, too
_DATA_SET_FILES = ("manifest.json", "histogram.csv")
_SHARD_FILE = re.compile(r"(train|validation|test)-\d{5}-of-\d{5}\.")


@dataclass(frozen=True, slots=True, order=True)
class Source:
    """A file to read drawings or bitmaps from."""

    name: str
    path: Path
    format: Format
    size: int
    mtime_ns: int
    compression: str | None
    remote: DownloadedFile | None = field(default=None, compare=False)

    @property
    def word(self) -> str:
        """The category that the file is named after, for formats that do not hold it."""
        # a file that is not kept is downloaded under another name
        return label_from_filename(self.path if self.remote is None else self.remote.path)

    def check_unchanged(self) -> None:
        """Check that the file is still the one that was resolved."""
        try:
            size, mtime_ns = _size_and_mtime(self.path)
        except OSError as error:
            raise DataError(f"{self.path} existed when the run began and is gone") from error
        if (size, mtime_ns) != (self.size, self.mtime_ns):
            sizes = f"{self.size} bytes when the run began, {size} now"
            what = sizes if size != self.size else "its modification time is different"
            raise DataError(
                f"{self.path} changed while it was read: {what}. Start again when nothing writes "
                "to it."
            )

    def sha256(self) -> str:
        """Return the checksum of the file; of a folder, that of a list of its files."""
        if not self.path.is_dir():
            return sha256_file(self.path)
        # sorted, as the order of a folder differs between file systems
        files = sorted(child for child in self.path.rglob("*") if child.is_file())
        lines = (f"{sha256_file(f)}  {f.relative_to(self.path).as_posix()}\n" for f in files)
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def read_record_batches(
        self,
        start: int = 0,
        stop: int | None = None,
        *,
        raw: bool | None = None,
        on_reject: OnReject | None = None,
    ) -> Iterator[RecordBatch]:
        """Read a chunk of the source, or all of it.

        Drawings in a scale of their own are normalized, so that all batches can be rendered.
        """
        if not self.is_splittable:
            # the file is one chunk, and offsets mean nothing in compressed bytes
            start, stop = 0, None
        options = ReadOptions(start, stop, word=self.word, raw=raw, on_reject=on_reject)
        for records in self.format.read(self.path, options):
            batch = label_words(records.batch)
            records = replace(records, batch=batch)
            # uint8 is in the frame already; raw drawings keep their coordinates beside the bitmaps
            if batch.x.dtype == np.uint8 or (batch.is_float and batch.t is not None):
                yield records
            else:
                yield replace(records, batch=normalize(batch))

    @property
    def is_splittable(self) -> bool:
        """Whether chunks of the file can be read alone."""
        return self.format.splittable and self.compression is None


def resolve_sources(
    specs: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    data_home: str | os.PathLike[str] | None = None,
    variant: Variant = "simplified",
    plan_downloads: Callable[[Sequence[str]], Sequence[DownloadedFile]] | None = None,
    list_url: Callable[[str], Sequence[DownloadedFile]] | None = None,
) -> list[Source]:
    """Resolve files, folders, patterns, URLs and categories to sources."""
    if isinstance(specs, str | os.PathLike):
        specs = [specs]
    files: dict[Path, DownloadedFile | None] = {}  # by resolved path; None if on this machine
    categories: list[str] = []
    for spec in specs:
        location = parse_location(spec)
        if isinstance(location, str):
            for file in _list_readable(location, list_url):
                # the path is the URL without its query, and must stand for one file
                other = files.setdefault(file.path, file)
                if other is not None and other.url != file.url:
                    raise UsageError(
                        f"{redact(file.url)} and {redact(other.url)} differ only in their query: "
                        "name one of them"
                    )
        elif (expanded := _expand(location)) is not None:
            files.update((path.resolve(), None) for path in expanded)
        elif any(mark in os.fspath(spec) for mark in "/\\"):  # not in the name of a category
            raise UsageError(f"{os.fspath(spec)} does not exist")
        else:
            categories += check_categories([str(location)])

    if variant != "simplified" and not categories:
        raise UsageError(
            f"variant (--variant) {variant} chooses the files of categories, and no category is "
            "named: leave it out"
        )
    if categories and plan_downloads is not None:
        files.update((file.path.resolve(), file) for file in plan_downloads(categories))
    elif categories:
        paths = _downloaded_paths(categories, variant, get_data_home(data_home))
        files.update((path.resolve(), None) for path in paths)
    if not files:
        raise UsageError("no source is named: give files, folders, globs or categories")

    # sorted before they are named, so that the order of the specs does not matter
    paths = sorted(files)
    names = _shortest_names(paths)
    return sorted(
        _make_source(path, name, files[path]) for path, name in zip(paths, names, strict=True)
    )


def _expand(path: Path) -> list[Path] | None:
    """Return the files that a path means; None if it can only be a category."""
    if path.is_dir() and _is_data_set(path):
        raise UsageError(_describe_data_set(path))
    files = find_files(path, lambda file: _is_readable(format_from_name(file)))
    if files:
        return files
    if path.is_dir():
        inner = sorted(
            child.name for child in path.iterdir() if child.is_dir() and not is_hidden(child)
        )[:5]
        hint = f"; it has the folders {', '.join(inner)}: name one" if inner else ""
        raise DataError(
            f"{path} does not contain files of a supported format ({_supported()}){hint}"
        )
    if files is not None:
        raise UsageError(f"no readable file matches {path}")
    # a category has neither a folder nor a suffix, so a path is meant
    if path.parent != Path() or path.suffix:
        raise UsageError(f"{path} does not exist")
    return None


def _is_data_set(folder: Path) -> bool:
    return all((folder / name).exists() for name in _DATA_SET_FILES)


def _describe_data_set(path: Path) -> str:
    what = (
        "is a finished data set of shards" if path.is_dir() else "is a shard of a finished data set"
    )
    return (
        f"{path} {what}, not drawings to prepare: name the files that it was made from. To see "
        "what it contains, run: quickdraw-kit histogram"
    )


def _list_readable(
    url: str, list_url: Callable[[str], Sequence[DownloadedFile]] | None
) -> list[DownloadedFile]:
    """Return the readable files that a URL means."""
    if list_url is None:
        raise UsageError(f"{redact(url)} is a URL, and only prepare reads from URLs: download it")
    files = list(list_url(url))
    readable = [file for file in files if _is_readable(format_from_name(file.path))]
    if not readable:
        raise DataError(
            f"{redact(url)} is not a file of a supported format and does not contain one: found "
            f"{len(files)}, the first is {files[0].path.name}; expected {_supported()}"
        )
    return readable


def _downloaded_paths(categories: Sequence[str], variant: Variant, data_home: Path) -> list[Path]:
    paths = [data_home / file.name for file in remote_files(categories, variant)]
    for path in paths:
        if not path.exists():
            option = "" if variant == "simplified" else f" --variant {variant}"
            raise UsageError(
                f"{path.stem!r} is not downloaded: {path} does not exist. "
                f"Run: quickdraw-kit download{option} {path.stem!r}, or pass --download"
            )
    return paths


def _is_readable(format: Format | None) -> bool:
    """Whether a format is one of sources: pictures are not, they show one drawing each."""
    return format is not None and format.can_read and not format.is_picture


def _supported() -> str:
    return f"{list_suffixes(_is_readable)}, compressed or not"


def _make_source(path: Path, name: str, remote: DownloadedFile | None) -> Source:
    format = find_format(path) if remote is None else format_from_name(path)
    if format is None or not _is_readable(format):
        raise DataError(f"{path} does not have a supported format: expected {_supported()}")
    if remote is not None:
        if remote.size is None:
            raise DataError(
                f"{redact(remote.url)}: the server does not send its size, which "
                "prepare must know in advance. Download it first."
            )
        if format.companion is not None:
            raise UsageError(
                f"{redact(remote.url)}: IDX images are read together with their labels. Run: "
                "quickdraw-kit download mnist, with --mirror for another server"
            )
        compression = COMPRESSION_SUFFIXES.get(path.suffix.lower())
        size, mtime_ns = remote.size, 0
    else:
        if _SHARD_FILE.match(path.name) and _is_data_set(path.parent):
            raise UsageError(_describe_data_set(path))
        compression = None if path.is_dir() else detect_compression(path)
        size, mtime_ns = _size_and_mtime(path)

    if compression is not None and not format.compressible:
        raise DataError(
            f"{path} is compressed: decompress it, {format.name} is not read compressed"
        )
    return Source(name, path, format, size, mtime_ns, compression, remote)


def _size_and_mtime(path: Path) -> tuple[int, int]:
    """Return bytes and time of the last change, of a folder those of the files in it."""
    files = [child for child in path.rglob("*") if child.is_file()] if path.is_dir() else [path]
    statuses = [file.stat() for file in files]
    return (
        sum(status.st_size for status in statuses),
        max((status.st_mtime_ns for status in statuses), default=0),
    )


def _shortest_names(paths: list[Path]) -> list[str]:
    """Return the last parts of each path, as many as it takes to make all different."""
    # full paths differ between machines, and the names are part of what `prepare` writes
    for parts in range(1, max(len(path.parts) for path in paths) + 1):
        names = [Path(*path.parts[-parts:]).as_posix() for path in paths]
        if len(set(names)) == len(names):
            break
    return names
