"""`verify`: check every checksum and every count of a data set, and name what is wrong."""

import os
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from quickdraw_kit.errors import DataError, IntegrityError
from quickdraw_kit.shards.formats import SHARD_SUFFIXES
from quickdraw_kit.shards.histogram import HISTOGRAM_NAME, read_histogram
from quickdraw_kit.shards.manifest import (
    MANIFEST_NAME,
    Manifest,
    ShardEntry,
    load_manifest,
)
from quickdraw_kit.shards.read.readers import read_labels
from quickdraw_kit.storage.hashing import FileEntry, sha256_file
from quickdraw_kit.storage.shard_cache import LocalFiles
from quickdraw_kit.storage.store import RetryingStore
from quickdraw_kit.storage.urls import parse_location


@dataclass(frozen=True, slots=True)
class Verification:
    """The result of `verify`.

    Parameters
    ----------
    files, bytes : int
        Files that were checked, with the manifest, and the bytes of all but the manifest.
    drawings : int
        Drawings in the data set, by its manifest.
    problems : tuple of str
        What is wrong, each with the name of the file; empty if nothing is.

    Examples
    --------
    >>> from quickdraw_kit import Verification
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
    location: str | os.PathLike[str], *, progress: Callable[[int, int], None] | None = None
) -> Verification:
    """Check a data set against its manifest.

    Parameters
    ----------
    location : str or path-like
        Folder of the data set, or a URL such as ``s3://bucket/shards``, from which one shard at a
        time is downloaded.
    progress : callable, optional
        Called with the number of bytes checked so far and in total.

    Returns
    -------
    Verification
        With every problem, not only the first.

    Raises
    ------
    UsageError
        If the folder does not exist.
    DataError
        If there is no manifest, or it has another format version.
    QuickdrawError
        If the store fails.

    Examples
    --------
    >>> from quickdraw_kit import prepare, verify, write_sample
    >>> _ = write_sample("drawings", drawings=60)
    >>> _ = prepare(["drawings"], "shards", workers=1)
    >>> result = verify("shards")
    >>> result.ok, result.files, result.drawings
    (True, 13, 60)
    """
    folder = parse_location(location)
    if isinstance(folder, Path):
        return _verify(_FolderFiles(folder), progress)
    with tempfile.TemporaryDirectory() as scratch:
        return _verify(_StoreFiles(RetryingStore(folder), Path(scratch)), progress)


class _Files(Protocol):
    """The files of a data set; those that were checked are in `folder` until they are dropped."""

    @property
    def folder(self) -> Path: ...

    def manifest(self) -> Manifest: ...

    def names(self) -> Collection[str]: ...

    def check(self, file: FileEntry) -> Iterator[str]: ...

    def drop(self, files: Iterable[FileEntry]) -> None: ...


def _verify(files: _Files, progress: Callable[[int, int], None] | None) -> Verification:
    try:
        manifest = files.manifest()
    except IntegrityError as error:  # nothing else can be checked
        return Verification(0, 0, 0, (str(error),))

    entries = list(manifest.all_files())
    total, done = sum(entry.bytes for entry in entries), 0
    problems: list[str] = []
    drawings: Counter[tuple[str, str]] = Counter()  # by category and split

    def check(group: Collection[FileEntry]) -> bool:
        nonlocal done
        before = len(problems)
        for entry in group:
            problems.extend(files.check(entry))
            done += entry.bytes
            if progress is not None:
                progress(done, total)
        return len(problems) == before

    # shard by shard: of a data set in a store, one shard at a time is on this disk
    for shard in manifest.shards:
        # labels in damaged files would only repeat the problem
        if check(shard.files):
            drawings.update(_count_labels(files.folder, manifest, shard))
        files.drop(shard.files)
    # not dropped: the histogram is read below
    check(manifest.files)

    # after the checksums: wrong counts in files that are intact are another kind of problem
    problems.extend(_check_counts(manifest))
    # labels of damaged shards were not counted, so the histogram would seem wrong
    if not problems:
        problems.extend(_check_histogram(files.folder, drawings))

    # files that another run left would be read by tools that list the folder
    listed = {entry.name for entry in entries}
    problems.extend(
        f"{name} is not in the manifest"
        for name in sorted(files.names())
        if name.endswith(SHARD_SUFFIXES) and name not in listed
    )
    return Verification(len(entries) + 1, total, sum(manifest.rows.values()), tuple(problems))


@dataclass(frozen=True, slots=True)
class _FolderFiles:
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
        # a file of another size need not be hashed
        if size != file.bytes:
            yield f"{path} has {size} bytes, expected {file.bytes}"
        elif (digest := sha256_file(path)) != file.sha256:
            yield f"{path} has sha256 {digest[:16]}..., expected {file.sha256[:16]}..."

    def drop(self, files: Iterable[FileEntry]) -> None:
        # these are the files of the data set itself
        pass


@dataclass(frozen=True, slots=True)
class _StoreFiles:
    store: RetryingStore
    folder: Path  # a temporary one

    def manifest(self) -> Manifest:
        return load_manifest(self.store)

    def names(self) -> Collection[str]:
        return self.store.sizes()

    def check(self, file: FileEntry) -> Iterator[str]:
        try:
            self.store.download(file, self.folder / file.name)
        except (DataError, IntegrityError) as error:  # it does not exist, or has other bytes
            yield str(error)

    def drop(self, files: Iterable[FileEntry]) -> None:
        for file in files:
            (self.folder / file.name).unlink(missing_ok=True)


def _count_labels(
    folder: Path, manifest: Manifest, shard: ShardEntry
) -> dict[tuple[str, str], int]:
    labels = read_labels(LocalFiles(folder), manifest, shard)
    counts = zip(*np.unique(labels, return_counts=True), strict=True)
    return {(manifest.categories[label], shard.split): int(number) for label, number in counts}


def _check_counts(manifest: Manifest) -> Iterator[str]:
    counts = manifest.counts
    if not counts.reconciles:
        yield (
            f"{MANIFEST_NAME}: {counts.read} drawings were read, which is not the sum of those "
            "written, filtered and rejected"
        )
    rows = sum(manifest.rows.values())
    if rows != counts.written:
        yield f"{MANIFEST_NAME}: the shards have {rows} rows, expected {counts.written}"
    read = sum(source.read for source in manifest.sources)
    if read != counts.read:
        yield f"{MANIFEST_NAME}: the sources have {read} drawings, expected {counts.read}"


def _check_histogram(folder: Path, drawings: Counter[tuple[str, str]]) -> Iterator[str]:
    """Compare the labels that were counted in the shards with the histogram."""
    expected: Counter[tuple[str, str]] = Counter()
    for row in read_histogram(folder):
        expected[row.category, row.split] += row.drawings
    for key in sorted(drawings.keys() | expected.keys()):
        if drawings[key] != expected[key]:
            category, split = key
            yield (
                f"{HISTOGRAM_NAME} has {expected[key]} drawings of {category!r} in {split}, "
                f"the shards have {drawings[key]}"
            )
