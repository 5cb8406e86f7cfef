"""`verify`: re-check every checksum and every count of a data set, and name what is wrong."""

import os
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from quickdraw_kit.errors import DataError, IntegrityError
from quickdraw_kit.shards.histogram import read_histogram
from quickdraw_kit.shards.manifest import (
    MANIFEST_NAME,
    Manifest,
    ShardEntry,
    load_manifest,
)
from quickdraw_kit.shards.read.readers import all_labels
from quickdraw_kit.storage.cache import LocalFiles
from quickdraw_kit.storage.hashing import FileEntry, sha256_file
from quickdraw_kit.storage.store import RetryingStore
from quickdraw_kit.storage.urls import parse_location

__all__ = ["Verification", "verify"]

_SHARDS = (".images.npy", ".labels.npy", ".meta.parquet", ".parquet")


@dataclass(frozen=True, slots=True)
class Verification:
    """What `verify` found.

    Parameters
    ----------
    files, bytes : int
        Files and bytes that were checked.
    drawings : int
        Drawings that the manifest promises.
    problems : tuple of str
        What is wrong, each with the name of the file; empty when all is well.

    Examples
    --------
    >>> Verification(files=3, bytes=10, drawings=1, problems=()).ok
    True
    """

    files: int
    bytes: int
    drawings: int
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def verify(
    place: str | os.PathLike[str], *, progress: Callable[[int, int], None] | None = None
) -> Verification:
    """Re-check a data set against its manifest.

    Parameters
    ----------
    place : str or path-like
        Folder of the data set, or its address in a store such as ``s3://bucket/shards``, from which
        a shard at a time is fetched.
    progress : callable, optional
        Called with the bytes checked so far and in all.

    Returns
    -------
    Verification
        With every problem, not only the first.

    Raises
    ------
    DataError
        If there is no manifest, or one of another format.
    QuickdrawError
        If the store fails.

    Examples
    --------
    >>> verify(getfixture("tmp_path"))
    Traceback (most recent call last):
    ...
    quickdraw_kit.errors.DataError: ...manifest.json does not exist: ...
    """
    where = parse_location(place)
    if isinstance(where, Path):
        return _verify(_Folder(where), progress)
    with tempfile.TemporaryDirectory() as scratch:
        return _verify(_Stored(RetryingStore(where), Path(scratch)), progress)


class _Place(Protocol):
    """Where a data set lies; files that were checked are in a folder until they are dropped."""

    @property
    def folder(self) -> Path: ...

    def manifest(self) -> Manifest: ...

    def names(self) -> Collection[str]: ...

    def check(self, file: FileEntry) -> Iterator[str]: ...

    def drop(self, files: Iterable[FileEntry]) -> None: ...


def _verify(place: _Place, progress: Callable[[int, int], None] | None) -> Verification:
    try:
        manifest = place.manifest()
    except IntegrityError as error:
        return Verification(0, 0, 0, (str(error),))
    files = list(manifest.all_files())
    total, done = sum(file.bytes for file in files), 0
    problems: list[str] = []
    format_count: Counter[tuple[str, str]] = Counter()

    def check(some: Collection[FileEntry]) -> bool:
        nonlocal done
        before = len(problems)
        for file in some:
            problems.extend(place.check(file))
            done += file.bytes
            if progress is not None:
                progress(done, total)
        return len(problems) == before

    for shard in manifest.shards:
        if check(shard.files):
            format_count.update(_count_labels(place.folder, manifest, shard))
        place.drop(shard.files)
    check(manifest.files)
    problems.extend(_check_counts(manifest))
    if not problems:
        problems.extend(_check_labels(place.folder, format_count))
    known = {file.name for file in files}
    problems.extend(
        f"{name} is not in the manifest"
        for name in sorted(place.names())
        if name.endswith(_SHARDS) and name not in known
    )
    return Verification(len(files) + 1, total, sum(manifest.rows.values()), tuple(problems))


@dataclass(frozen=True, slots=True)
class _Folder:
    folder: Path

    def manifest(self) -> Manifest:
        return load_manifest(self.folder)

    def names(self) -> list[str]:
        return [path.name for path in self.folder.iterdir()]

    def check(self, file: FileEntry) -> Iterator[str]:
        path = self.folder / file.name
        if not path.is_file():
            yield f"{path} is missing"
            return
        size = path.stat().st_size
        if size != file.bytes:
            yield f"{path} has {size} bytes, expected {file.bytes}"
        elif (digest := sha256_file(path)) != file.sha256:
            yield f"{path} has sha256 {digest[:16]}..., expected {file.sha256[:16]}..."

    def drop(self, files: Iterable[FileEntry]) -> None:
        pass


@dataclass(frozen=True, slots=True)
class _Stored:
    store: RetryingStore
    folder: Path

    def manifest(self) -> Manifest:
        return load_manifest(self.store)

    def names(self) -> Collection[str]:
        return self.store.sizes()

    def check(self, file: FileEntry) -> Iterator[str]:
        try:
            self.store.download(file, self.folder / file.name)
        except (DataError, IntegrityError) as error:  # not there, or with other bytes
            yield str(error)

    def drop(self, files: Iterable[FileEntry]) -> None:
        for file in files:
            (self.folder / file.name).unlink(missing_ok=True)


def _check_counts(manifest: Manifest) -> Iterator[str]:
    counts = manifest.counts
    if not counts.reconciles:
        yield f"{MANIFEST_NAME}: {counts.read} drawings read are not those written and left out"
    rows = sum(manifest.rows.values())
    if rows != counts.written:
        yield f"{MANIFEST_NAME}: the shards have {rows} rows, expected {counts.written}"
    read = sum(source.read for source in manifest.sources)
    if read != counts.read:
        yield f"{MANIFEST_NAME}: the sources have {read} drawings, expected {counts.read}"


def _count_labels(
    folder: Path, manifest: Manifest, shard: ShardEntry
) -> dict[tuple[str, str], int]:
    labels = all_labels(LocalFiles(folder), manifest, shard)
    found = zip(*np.unique(labels, return_counts=True), strict=True)
    return {(manifest.categories[label], shard.split): int(number) for label, number in found}


def _check_labels(folder: Path, format_count: Counter[tuple[str, str]]) -> Iterator[str]:
    """Hold the labels that were counted in the shards against the histogram."""
    promised: Counter[tuple[str, str]] = Counter()
    for row in read_histogram(folder):
        promised[row.category, row.split] += row.drawings
    for key in sorted(format_count.keys() | promised.keys()):
        if format_count[key] != promised[key]:
            category, split = key
            yield (
                f"histogram.csv gives {promised[key]} drawings of {category!r} in {split}, "
                f"the shards hold {format_count[key]}"
            )
