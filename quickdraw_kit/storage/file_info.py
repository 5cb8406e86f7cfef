"""What a store says of a file: its size, its version, its checksums."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from quickdraw_kit.storage.urls import path_from_url, redact


@dataclass(frozen=True, slots=True)
class FileInfo:
    """A file in a store. Size, entity tag and generation identify one version of it."""

    url: str
    size: int | None = None
    etag: str | None = None
    generation: str | None = None  # a version number, in Google Cloud Storage
    md5: str | None = None  # hexadecimal, as is crc32c
    crc32c: str | None = None

    @property
    def name(self) -> str:
        """The last part of its path."""
        return path_from_url(self.url).name

    @property
    def has_version(self) -> bool:
        """Whether this version can be distinguished from others of the same file."""
        # a size alone is not enough: a corrected file may have the same
        return self.size is not None and (self.etag or self.generation) is not None

    def same_version(self, other: "FileInfo") -> bool:
        """Return whether both are the same version of a file; False when that is unknown.

        Credentials do not count: the same file may be read with other ones.
        """

        def version(info: FileInfo) -> tuple[str, int | None, str | None, str | None]:
            return redact(info.url), info.size, info.etag, info.generation

        # without a version, two equal descriptions would only mean that nothing is known
        return self.has_version and version(self) == version(other)


class RangeReader(NamedTuple):
    """A file that is being read from some offset on."""

    info: FileInfo
    start: int  # offset of the first byte; 0 if the store sends the whole file instead
    chunks: Iterator[bytes]
