"""The manifest: what a set of shards is, what went into it, and the checksum of each byte of it.

It is written last, by rename: without it the data set does not exist. It holds nothing that differs
between two runs over the same data (no time, no worker count, no absolute path), and the digest of
itself, so that a flipped byte is found in it as in any other file.
"""

import dataclasses
import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from quickdraw_kit.errors import DataError, IntegrityError, UsageError
from quickdraw_kit.raster.style import RasterStyle
from quickdraw_kit.shards.filters import Filters
from quickdraw_kit.shards.hashes import SPLITS
from quickdraw_kit.shards.options import PrepareOptions, SplitRule
from quickdraw_kit.storage.files import atomic_write, parse_json
from quickdraw_kit.storage.hashing import FileEntry
from quickdraw_kit.storage.store import RetryingStore
from quickdraw_kit.storage.urls import parse_location

__all__ = [
    "MANIFEST_NAME",
    "Counts",
    "Manifest",
    "ShardEntry",
    "SourceEntry",
    "load_manifest",
    "parse_manifest",
]

MANIFEST_NAME = "manifest.json"
FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class SourceEntry:
    """A file that was read: name, form, bytes, sha256, and the lines or rows in it."""

    name: str
    format: str
    bytes: int
    sha256: str
    read: int


@dataclass(frozen=True, slots=True)
class ShardEntry:
    """A shard: its split, its number in the split, its rows and its files."""

    split: str
    index: int
    rows: int
    files: tuple[FileEntry, ...]


@dataclass(frozen=True, slots=True)
class Counts:
    """The totals, which reconcile: read = written + filtered + rejected."""

    read: int
    written: int
    filtered: dict[str, int] = field(default_factory=dict)
    rejected: dict[str, int] = field(default_factory=dict)
    flags: dict[str, int] = field(default_factory=dict)

    @property
    def reconciles(self) -> bool:
        """Whether nothing was lost."""
        lost = self.read - self.written - sum(self.filtered.values()) - sum(self.rejected.values())
        return lost == 0


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a set of shards is.

    Parameters
    ----------
    library_version : str
        Version of quickdraw_kit that wrote it.
    categories : tuple of str
        Names in label order: label 0 is the first.
    layout : PrepareOptions
        Form, style, split shares, salt and size of the shards.
    selection : Filters
        The filters that were asked for.
    sources : tuple of SourceEntry
        What was read.
    shards : tuple of ShardEntry
        What was written, in order.
    files : tuple of FileEntry
        The other files: histogram and rejects.
    counts : Counts
        The totals.
    """

    library_version: str
    categories: tuple[str, ...]
    options: PrepareOptions
    filters: Filters
    sources: tuple[SourceEntry, ...]
    shards: tuple[ShardEntry, ...]
    files: tuple[FileEntry, ...]
    counts: Counts

    @property
    def rows(self) -> dict[str, int]:
        """Rows of each split, every split named."""
        totals = dict.fromkeys(SPLITS, 0)
        for shard in self.shards:
            totals[shard.split] += shard.rows
        return totals

    def all_files(self) -> Iterator[FileEntry]:
        """Yield every file that the manifest answers for."""
        for shard in self.shards:
            yield from shard.files
        yield from self.files

    def dumps(self) -> str:
        """Return the text of ``manifest.json``, with the digest of all the rest in it."""
        document = {"format_version": FORMAT_VERSION, **dataclasses.asdict(self)}
        digest = hashlib.sha256(_canonical(document)).hexdigest()
        return _canonical({**document, "sha256": digest}).decode()

    def save(self, folder: Path) -> None:
        """Write ``manifest.json`` whole, by rename.

        Parameters
        ----------
        folder : Path
            The folder of the data set.
        """
        with atomic_write(folder / MANIFEST_NAME) as file:
            file.write(self.dumps().encode())


def load_manifest(location: str | os.PathLike[str] | RetryingStore) -> Manifest:
    """Read and check the manifest of a data set.

    Parameters
    ----------
    location : str, path-like or RetryingStore
        The folder of the data set, its URL, or its store.

    Returns
    -------
    Manifest
        As it was written.

    Raises
    ------
    UsageError
        If there is no such folder.
    DataError
        If there is no manifest, or one of another format.
    IntegrityError
        If the manifest is not the one that was written.

    Examples
    --------
    >>> from quickdraw_kit import load_manifest, prepare, write_sample
    >>> _ = write_sample("drawings", drawings=20, categories=["line"])
    >>> _ = prepare(["drawings"], "shards", workers=1)
    >>> load_manifest("shards").categories
    ('line',)
    """
    if not isinstance(location, RetryingStore):
        folder = parse_location(location)
        if isinstance(folder, Path):
            return _load_from_folder(folder)
        location = RetryingStore(folder)
    return parse_manifest(location.get(MANIFEST_NAME), f"{location}/{MANIFEST_NAME}")


def _load_from_folder(folder: Path) -> Manifest:
    path = folder / MANIFEST_NAME
    if not folder.exists():
        raise UsageError(f"{folder} does not exist: expected the folder of a data set")
    if not path.exists():
        raise DataError(
            f"{path} does not exist: {folder} is not a finished data set. "
            "If 'prepare' was interrupted there, run the same command again."
        )
    return parse_manifest(path.read_bytes(), str(path))


def parse_manifest(text: bytes, path: str = MANIFEST_NAME) -> Manifest:
    """Check the text of a manifest."""
    try:
        document = parse_json(text)
        version = document.pop("format_version")
        digest = document.pop("sha256")
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise IntegrityError(f"{path} is damaged: it is not a manifest ({error})") from error
    if version != FORMAT_VERSION:
        raise DataError(
            f"{path} has format version {version!r}, expected {FORMAT_VERSION}: "
            "it was written by another version of quickdraw_kit, or is damaged"
        )
    try:
        manifest = _from_document(document)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IntegrityError(f"{path} is damaged: {error}") from error
    if manifest.dumps().encode() != text:
        raise IntegrityError(
            f"{path} is damaged: its digest {digest} does not fit what it says. "
            "Prepare the data set again."
        )
    return manifest


def _from_document(document: dict[str, Any]) -> Manifest:
    return Manifest(
        **{
            **document,
            "categories": tuple(document["categories"]),
            "options": _options(document["options"]),
            "filters": _filters(document["filters"]),
            "sources": tuple(
                SourceEntry(**_counted(entry, "bytes", "read")) for entry in document["sources"]
            ),
            "shards": tuple(
                ShardEntry(**{**_counted(entry, "rows"), "files": _files(entry["files"])})
                for entry in document["shards"]
            ),
            "files": _files(document["files"]),
            "counts": Counts(**document["counts"]),
        }
    )


def _options(entry: dict[str, Any]) -> PrepareOptions:
    style, rule = RasterStyle(**entry["style"]), SplitRule(**entry["split_rule"])
    return PrepareOptions(**{**entry, "style": style, "split_rule": rule})


def _filters(entry: dict[str, Any]) -> Filters:
    fields: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in entry.items()
    }
    return Filters(**fields)


def _files(entries: list[dict[str, Any]]) -> tuple[FileEntry, ...]:
    """Check what becomes a path, on any platform: the names and the checksums."""
    files = tuple(FileEntry(**_counted(entry, "bytes")) for entry in entries)
    for file in files:
        if not re.fullmatch(r"[^/\\:\0]+", file.name) or file.name in (".", "..", MANIFEST_NAME):
            raise ValueError(f"{file.name!r} is not the name of a file in the folder")
        if not re.fullmatch("[0-9a-f]{64}", file.sha256):
            raise ValueError(f"{file.sha256!r} is not the sha256 of a file, expected 64 digits")
    return files


def _counted(entry: dict[str, Any], *names: str) -> dict[str, Any]:
    for name in names:
        if type(entry[name]) is not int or entry[name] < 0:
            raise ValueError(f"{name} is {entry[name]!r}, expected a whole number from 0 on")
    return entry


def _canonical(document: dict[str, Any]) -> bytes:
    return (json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode()
