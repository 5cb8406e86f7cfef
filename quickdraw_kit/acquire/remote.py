"""Ask a server for a file, or for the rest of it, and tell failures that may pass from others.

Two kinds of servers: the web, as Google's bucket speaks it, and any file system that fsspec knows.
Both answer with a `RemoteObject`, which pins one version of the file: the rest of a download is
taken only from the version that its beginning came from.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from quickdraw_kit.acquire.addresses import is_web, redact
from quickdraw_kit.errors import QuickdrawError

if TYPE_CHECKING:
    from quickdraw_kit.acquire.session import Session

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
    """A failure that may pass: asked again later, the server may well answer.

    Parameters
    ----------
    message : str
        What happened.
    retry_after : float
        Seconds that the server asks to wait; 0 when it does not.
    unreachable : str, optional
        The host, when it did not answer at all.
    unresolved : bool
        Whether its name leads nowhere: perhaps there is no network, or no such host.

    Examples
    --------
    >>> TemporaryError("the server answered 503", retry_after=7).retry_after
    7
    """

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
    """What was received is of no use, as the file is another one now: it is to be fetched anew.

    Parameters
    ----------
    message : str
        What was found.

    Examples
    --------
    >>> str(ChangedError())
    'the file changed while it was fetched'
    """

    def __init__(self, message: str = "the file changed while it was fetched") -> None:
        super().__init__(message)


class PermanentError(QuickdrawError):
    """A failure that another try will not mend: the file is not there, or access is refused.

    Examples
    --------
    >>> issubclass(PermanentError, TemporaryError)
    False
    """


@dataclass(frozen=True, slots=True)
class RemoteObject:
    """One version of a file, as a server describes it.

    Parameters
    ----------
    url : str
        Where it was asked for.
    size : int, optional
        Bytes; None when the server does not tell.
    etag : str, optional
        The server's strong tag of this version, with its quotes.
    generation : str, optional
        The bucket's number of this version.
    md5, crc32c : str, optional
        Checksums of the whole file, hexadecimal.

    Examples
    --------
    >>> first = RemoteObject("https://x/cat.bin", 10, etag='"a"')
    >>> first.is_same(RemoteObject("https://x/cat.bin", 10, etag='"b"'))
    False
    """

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
    """Ask what stands at an address, without its bytes.

    Parameters
    ----------
    session : Session
        The run that asks.
    url : str
        A web address, or one that fsspec knows, or a path.

    Returns
    -------
    RemoteObject
        Its size is None when the server does not tell.

    Raises
    ------
    TemporaryError
        If the server fails in a way that may pass.
    PermanentError
        If nothing stands there, or access is refused.
    UsageError
        If the address needs a driver that is not installed.

    Examples
    --------
    >>> path = getfixture("tmp_path") / "a"
    >>> _ = path.write_bytes(b"12345")
    >>> from quickdraw_kit.acquire.session import Patience, Session
    >>> look(Session(None, Patience()), str(path)).size
    5
    """
    if is_web(url):
        from quickdraw_kit.acquire import web

        return web.look(session, url)
    from quickdraw_kit.acquire import filesystem

    return filesystem.look(url)


def find(session: "Session", url: str) -> list[RemoteObject]:
    """Ask which files an address means: itself, those of a folder, or those of a pattern.

    Parameters
    ----------
    session : Session
        The run that asks.
    url : str
        As in `look`. The web knows neither folders nor patterns.

    Returns
    -------
    list of RemoteObject
        By address; empty if nothing stands there.

    Raises
    ------
    TemporaryError, PermanentError, UsageError
        As in `look`.

    Examples
    --------
    >>> folder = getfixture("tmp_path")
    >>> for name in ("cat.ndjson", "dog.ndjson"):
    ...     _ = (folder / name).write_bytes(b"12345")
    >>> from quickdraw_kit.acquire.session import Patience, Session
    >>> [file.size for file in find(Session(None, Patience()), f"{folder}/c*.ndjson")]
    [5]
    """
    if is_web(url):
        return [look(session, url)]
    from quickdraw_kit.acquire import filesystem

    return filesystem.find(url)


def receive(
    session: "Session", url: str, offset: int = 0, pin: RemoteObject | None = None
) -> AbstractContextManager[Reception]:
    """Open a file from an offset on, provided that it is still the pinned version.

    Parameters
    ----------
    session : Session
        The run that asks.
    url : str
        As in `look`.
    offset : int
        Bytes that are at hand.
    pin : RemoteObject, optional
        The version that they came from; without it the whole file is asked for.

    Returns
    -------
    context manager
        Gives the version, the offset of the first byte and the bytes piece by piece. The offset
        is the one asked for, or 0 when the whole file comes, because there is no pin, because the
        server ignores ranges, or because it has another version by now.

    Raises
    ------
    ChangedError
        If the server has another version, and does not send it at once.
    TemporaryError, PermanentError, UsageError
        As in `look`; also while the pieces come.

    Examples
    --------
    >>> path = getfixture("tmp_path") / "a"
    >>> _ = path.write_bytes(b"12345")
    >>> from quickdraw_kit.acquire.session import Patience, Session
    >>> session = Session(None, Patience())
    >>> with receive(session, str(path), 3, look(session, str(path))) as (_, start, pieces):
    ...     start, b"".join(pieces)
    (3, b'45')
    """
    if is_web(url):
        from quickdraw_kit.acquire import web

        return web.receive(session, url, offset, pin)
    from quickdraw_kit.acquire import filesystem

    return filesystem.receive(url, offset, pin)
