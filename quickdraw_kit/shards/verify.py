"""`verify`: re-check every checksum and every count of a data set, and name what is wrong."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from quickdraw_kit.errors import IntegrityError
from quickdraw_kit.files import sha256_of
from quickdraw_kit.shards.copies import LocalFiles
from quickdraw_kit.shards.histogram import read_histogram
from quickdraw_kit.shards.manifest import MANIFEST_NAME, FileEntry, Manifest, load_manifest
from quickdraw_kit.shards.rows import all_labels

__all__ = ["Verification", "verify"]


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


def verify(folder: Path, *, progress: Callable[[int, int], None] | None = None) -> Verification:
    """Re-check a data set against its manifest.

    Parameters
    ----------
    folder : Path
        Folder of the data set.
    progress : callable, optional
        Called with the bytes checked so far and in all.

    Returns
    -------
    Verification
        With every problem, not only the first.

    Raises
    ------
    DataError
        If the folder has no manifest, or one of another format.

    Examples
    --------
    >>> verify(getfixture("tmp_path"))
    Traceback (most recent call last):
    ...
    quickdraw_kit.errors.DataError: ...manifest.json does not exist: ...
    """
    folder = Path(folder)
    try:
        manifest = load_manifest(folder)
    except IntegrityError as error:
        return Verification(1, (folder / MANIFEST_NAME).stat().st_size, 0, (str(error),))
    problems: list[str] = []
    files = list(manifest.all_files())
    total, done = sum(file.bytes for file in files), 0
    for file in files:
        problems.extend(_check_file(folder, file))
        done += file.bytes
        if progress is not None:
            progress(done, total)
    problems.extend(_check_counts(manifest))
    if not problems:
        problems.extend(_check_labels(folder, manifest))
    problems.extend(_check_strangers(folder, manifest))
    return Verification(len(files) + 1, total, sum(manifest.rows.values()), tuple(problems))


def _check_file(folder: Path, file: FileEntry) -> Iterator[str]:
    path = folder / file.name
    if not path.is_file():
        yield f"{path} is missing"
        return
    size = path.stat().st_size
    if size != file.bytes:
        yield f"{path} has {size} bytes, expected {file.bytes}"
    elif (digest := sha256_of(path)) != file.sha256:
        yield f"{path} has sha256 {digest[:16]}..., expected {file.sha256[:16]}..."


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


def _check_labels(folder: Path, manifest: Manifest) -> Iterator[str]:
    """Count the labels in the shards again and hold them against the histogram."""
    counted: dict[tuple[str, str], int] = {}
    for shard in manifest.shards:
        labels = all_labels(LocalFiles(folder), manifest, shard)
        for label, number in zip(*np.unique(labels, return_counts=True), strict=True):
            key = (manifest.categories[label], shard.split)
            counted[key] = counted.get(key, 0) + int(number)
    promised: dict[tuple[str, str], int] = {}
    for row in read_histogram(folder):
        key = (row.category, row.split)
        promised[key] = promised.get(key, 0) + row.drawings
    for key in sorted(counted.keys() | promised.keys()):
        if counted.get(key, 0) != promised.get(key, 0):
            category, split = key
            yield (
                f"histogram.csv gives {promised.get(key, 0)} drawings of {category!r} in {split}, "
                f"the shards hold {counted.get(key, 0)}"
            )


def _check_strangers(folder: Path, manifest: Manifest) -> Iterator[str]:
    known = {file.name for file in manifest.all_files()}
    suffixes = (".images.npy", ".labels.npy", ".meta.parquet", ".parquet")
    for path in sorted(folder.iterdir()):
        if path.name.endswith(suffixes) and path.name not in known:
            yield f"{path} is not in the manifest"
