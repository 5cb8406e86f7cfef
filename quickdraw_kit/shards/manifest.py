"""The manifest: what a data set contains, what it was made of, and the checksum of every file.

It is written last, by rename: without it the data set does not exist. It contains nothing that
differs between two runs over the same data (no time, no number of workers, no absolute path), and
its own digest, so that a flipped bit is found in it as in any other file.
"""

import dataclasses
import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import msgspec

from quickdraw_kit.errors import DataError, IntegrityError, UsageError
from quickdraw_kit.shards.filters import Filters
from quickdraw_kit.shards.keyed_hashes import SPLITS
from quickdraw_kit.shards.options import PrepareOptions
from quickdraw_kit.storage.files import atomic_write, parse_json
from quickdraw_kit.storage.hashing import FileEntry
from quickdraw_kit.storage.store import RetryingStore
from quickdraw_kit.storage.urls import parse_location

MANIFEST_NAME = "manifest.json"
FORMAT_VERSION = 1

_Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]


@dataclass(frozen=True, slots=True)
class SourceEntry:
    """A source that was read."""

    name: str
    format: str
    bytes: _Count
    sha256: str
    read: _Count  # lines or rows in it


@dataclass(frozen=True, slots=True)
class ShardEntry:
    """A shard and its files."""

    split: str
    index: _Count  # within the split
    rows: _Count
    files: tuple[FileEntry, ...]


@dataclass(frozen=True, slots=True)
class Counts:
    """Drawings by what happened to them; read = written + filtered + rejected."""

    read: _Count
    written: _Count
    filtered: dict[str, int] = field(default_factory=dict)  # by filter
    rejected: dict[str, int] = field(default_factory=dict)  # by kind of reject
    flags: dict[str, int] = field(default_factory=dict)  # written drawings by quality flag
    dropped: dict[str, int] = field(default_factory=dict)  # values that are not valid, by field

    @property
    def reconciles(self) -> bool:
        """Whether every drawing that was read is accounted for."""
        dropped = sum(self.filtered.values()) + sum(self.rejected.values())
        return self.read == self.written + dropped


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a data set contains.

    Parameters
    ----------
    library_version : str
        Version of quickdraw_kit that wrote it.
    categories : tuple of str
        Label names in label order: label 0 is the first.
    options : PrepareOptions
        Format, style, splits, salt and size of the shards.
    filters : Filters
        Which drawings were kept.
    sources : tuple of SourceEntry
        What was read.
    shards : tuple of ShardEntry
        What was written, in order.
    files : tuple of FileEntry
        The other files: histogram and rejects.
    counts : Counts
        Drawings read, written, filtered and rejected.

    See Also
    --------
    load_manifest : Read the manifest of a data set.

    Examples
    --------
    >>> from quickdraw_kit import prepare, write_sample
    >>> _ = write_sample("drawings", drawings=60)
    >>> manifest = prepare(["drawings"], "shards", workers=1)
    >>> manifest.counts.read, manifest.counts.reconciles
    (60, True)
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
        """Rows of each split, including splits without a row."""
        totals = dict.fromkeys(SPLITS, 0)
        for shard in self.shards:
            totals[shard.split] += shard.rows
        return totals

    def all_files(self) -> Iterator[FileEntry]:
        """Yield every file of the data set but the manifest itself.

        Yields
        ------
        FileEntry
            Files of the shards in order, then the others.

        Examples
        --------
        >>> from quickdraw_kit import prepare, write_sample
        >>> _ = write_sample("drawings", drawings=60)
        >>> manifest = prepare(["drawings"], "shards", workers=1)
        >>> next(manifest.all_files()).name
        'train-00000-of-00001.images.npy'
        """
        for shard in self.shards:
            yield from shard.files
        yield from self.files

    def dumps(self) -> str:
        """Return the text of ``manifest.json``, with its digest.

        Returns
        -------
        str
            JSON.
        """
        document = {"format_version": FORMAT_VERSION, **dataclasses.asdict(self)}
        return _with_digest(document).decode()

    def save(self, folder: Path) -> None:
        """Write ``manifest.json`` atomically.

        Parameters
        ----------
        folder : Path
            Folder of the data set, whose other files are complete.
        """
        with atomic_write(folder / MANIFEST_NAME) as file:
            file.write(self.dumps().encode())


def load_manifest(location: str | os.PathLike[str] | RetryingStore) -> Manifest:
    """Read and check the manifest of a data set."""
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
    """Decode and check the text of a manifest; `path` names it in messages."""
    try:
        document = parse_json(text)
        version = document.pop("format_version")
        digest = document.pop("sha256")
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise IntegrityError(f"{path} is damaged: it is not a manifest ({error})") from error
    # before the rest, which another version may have changed
    if version != FORMAT_VERSION:
        raise DataError(
            f"{path} has format version {version!r}, expected {FORMAT_VERSION}: "
            "it was written by another version of quickdraw_kit, or is damaged"
        )

    try:
        manifest = msgspec.convert(document, Manifest)
        _check_shards(manifest.shards)
        _check_files(manifest.all_files())
        if msgspec.json.decode(msgspec.json.encode(manifest)) != document:
            raise ValueError("it has fields that are not known")  # msgspec ignores them
    except (ValueError, TypeError) as error:
        raise IntegrityError(f"{path} is damaged: {error}") from error

    # last: where a value is wrong, the message above says which
    if _with_digest({"format_version": version, **document}) != text:
        raise IntegrityError(
            f"{path} is damaged: its digest {digest} does not match its content. "
            "Prepare the data set again."
        )
    return manifest


def _check_shards(shards: Iterable[ShardEntry]) -> None:
    for shard in shards:
        if shard.split not in SPLITS:
            raise ValueError(f"unknown split {shard.split!r}, expected one of {', '.join(SPLITS)}")


def _check_files(files: Iterable[FileEntry]) -> None:
    """Check names and checksums, which become parts of paths: none may leave a folder."""
    for file in files:
        if file.bytes < 0:
            raise ValueError(f"{file.name} has {file.bytes} bytes, expected at least 0")
        # a colon would name a drive or a stream on Windows
        if not re.fullmatch(r"[^/\\:\0]+", file.name) or file.name in (".", "..", MANIFEST_NAME):
            raise ValueError(f"{file.name!r} is not the name of a file in the folder")
        if not re.fullmatch("[0-9a-f]{64}", file.sha256):
            raise ValueError(f"{file.sha256!r} is not the sha256 of a file, expected 64 digits")


def _with_digest(document: dict[str, Any]) -> bytes:
    """Return the canonical text of a document to which its digest is added."""
    digest = hashlib.sha256(_canonical(document)).hexdigest()
    return _canonical({**document, "sha256": digest})


def _canonical(document: dict[str, Any]) -> bytes:
    # sorted and indented in one way only: the text is compared with the file byte by byte
    return (json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode()
