"""Ask a server for a file, or for the rest of it, and tell failures that may pass from others.

Two kinds of servers: the web, as Google's bucket speaks it, and any file system that fsspec knows.
Both answer with a `RemoteObject`, which pins one version of the file: the rest of a download is
taken only from the version that its beginning came from.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from quickdraw_kit.errors import QuickdrawError
from quickdraw_kit.storage.urls import is_http_url, redact

if TYPE_CHECKING:
    from quickdraw_kit.storage.retry import Session

__all__ = [
    "ChangedError",
    "PermanentError",
    "Reception",
    "RemoteObject",
    "TemporaryError",
    "find",
    "look",
    "receive",
]


class TemporaryError(QuickdrawError):
    """A failure that may pass: asked again later, the server may well answer."""

    def __init__(
        self,
        message: str,
        *,
        retry_after: float = 0.0,
        unreachable: str | None = None,
        unresolved: bool = False,
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.unreachable = unreachable
        self.unresolved = unresolved


class ChangedError(TemporaryError):
    """What was received is of no use, as the file is another one now: it is to be fetched anew."""

    def __init__(self, message: str = "the file changed while it was fetched") -> None:
        super().__init__(message)


class PermanentError(QuickdrawError):
    """A failure that another try will not mend: the file is not there, or access is refused."""


@dataclass(frozen=True, slots=True)
class RemoteObject:
    """One version of a file, as a server describes it."""

    url: str
    size: int | None = None
    etag: str | None = None
    generation: str | None = None
    md5: str | None = None
    crc32c: str | None = None

    @property
    def pinned(self) -> bool:
        """Whether another answer can be told to be of the same version."""
        return self.size is not None and (self.etag or self.generation) is not None

    def is_same(self, other: "RemoteObject") -> bool:
        """Tell whether another answer is of the same version; when in doubt, it is not."""
        here = (redact(self.url), self.size, self.etag, self.generation)
        return self.pinned and here == (
            redact(other.url),
            other.size,
            other.etag,
            other.generation,
        )


# What is received: the version, the offset of the first byte, the bytes piece by piece.
Reception: TypeAlias = tuple[RemoteObject, int, Iterator[bytes]]


def look(session: "Session", url: str) -> RemoteObject:
    """Ask what stands at an address, without its bytes."""
    if is_http_url(url):
        from quickdraw_kit.storage import http as web

        return web.look(session, url)
    from quickdraw_kit.storage import object_store as filesystem

    return filesystem.look(url)


def find(session: "Session", url: str) -> list[RemoteObject]:
    """Ask which files an address means: itself, those of a folder, or those of a pattern."""
    if is_http_url(url):
        return [look(session, url)]
    from quickdraw_kit.storage import object_store as filesystem

    return filesystem.find(url)


def receive(
    session: "Session", url: str, offset: int = 0, pin: RemoteObject | None = None
) -> AbstractContextManager[Reception]:
    """Open a file from an offset on, provided that it is still the pinned version."""
    if is_http_url(url):
        from quickdraw_kit.storage import http as web

        return web.receive(session, url, offset, pin)
    from quickdraw_kit.storage import object_store as filesystem

    return filesystem.receive(url, offset, pin)
