"""Ask a server for a file, or for the rest of it, and ask again when the failure may pass.

Two kinds of servers: the web, as Google's bucket speaks it, and any file system that fsspec knows.
Both answer with a `RemoteObject`, which pins one version of the file: the rest of a download is
taken only from the version that its beginning came from.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias, TypeVar, cast

from quickdraw_kit.errors import QuickdrawError

if TYPE_CHECKING:
    import httpx2
    from tenacity import RetryCallState

__all__ = [
    "ChangedError",
    "Patience",
    "PermanentError",
    "Reception",
    "RemoteObject",
    "Session",
    "TemporaryError",
    "look",
    "persist",
    "receive",
]

_Result = TypeVar("_Result")


class TemporaryError(QuickdrawError):
    """A failure that may pass: asked again later, the server may well answer."""

    def __init__(
        self, message: str, *, retry_after: float = 0.0, unreachable: str | None = None
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.unreachable = unreachable  # the host that did not answer at all


class ChangedError(TemporaryError):
    """The file is not the version that its beginning came from: it has to be fetched anew."""

    def __init__(self, message: str = "the file changed while it was fetched") -> None:
        super().__init__(message)


class PermanentError(QuickdrawError):
    """A failure that another try will not mend: the file is not there, or access is refused."""


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
        return self.pinned and (self.url, self.size, self.etag, self.generation) == (
            other.url,
            other.size,
            other.etag,
            other.generation,
        )


# What is received: the version, the offset of the first byte, the bytes piece by piece.
Reception: TypeAlias = tuple[RemoteObject, int, Iterator[bytes]]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to bear with a server.

    Parameters
    ----------
    attempts : int
        Failures in a row, without a new byte between them, after which to give up.
    first_wait, longest_wait : float
        Seconds before the second attempt, doubled before each further one, and their limit; up to
        `first_wait` more is added at random, so that many clients do not come back together.
    longest_retry_after : float
        Seconds that a server may ask for with ``Retry-After``; whoever asks for more is given up.
    connect, stall : float
        Seconds to wait for a connection, and for the next byte.

    Examples
    --------
    >>> Patience(attempts=2).stall
    30.0
    """

    attempts: int = 6
    first_wait: float = 1.0
    longest_wait: float = 60.0
    longest_retry_after: float = 600.0
    connect: float = 15.0
    stall: float = 30.0


@dataclass(slots=True)
class Session:
    """What the transfers of one run share.

    Parameters
    ----------
    client : httpx2.Client
        Pool of connections; safe to use from many threads.
    patience : Patience
        How long to bear with a server.
    stop : threading.Event
        Set when the run is to end; every wait and every transfer then ends at once.
    unreachable : set of str
        Hosts that did not answer one file's attempts; they are not tried again in this run.
    """

    client: "httpx2.Client"
    patience: Patience
    stop: threading.Event = field(default_factory=threading.Event)
    unreachable: set[str] = field(default_factory=set)

    def check(self) -> None:
        """Raise PermanentError when the run is to end."""
        if self.stop.is_set():
            raise PermanentError("stopped")


def look(session: Session, url: str) -> RemoteObject:
    """Ask what stands at an address, without its bytes."""
    if _is_web(url):
        from quickdraw_kit.acquire import web

        return web.look(session, url)
    from quickdraw_kit.acquire import filesystem

    return filesystem.look(url)


def receive(
    session: Session, url: str, offset: int = 0, pin: RemoteObject | None = None
) -> AbstractContextManager[Reception]:
    """Open a file from an offset on, provided that it is still the pinned version.

    The offset that comes back is the one asked for, or 0 when the server sends the whole file.
    """
    if _is_web(url):
        from quickdraw_kit.acquire import web

        return web.receive(session, url, offset, pin)
    from quickdraw_kit.acquire import filesystem

    return filesystem.receive(url, offset, pin)


def persist(
    session: Session,
    attempt: Callable[[], _Result],
    *,
    reached: Callable[[], int] = lambda: 0,
    on_wait: Callable[[str], None] = lambda note: None,
) -> _Result:
    """Call until it succeeds, as long as the failures are temporary and patience lasts.

    Failures are counted anew whenever `reached`, the length of what is received, is greater than
    ever before: a line that is cut every minute brings any file in the end, and a server that
    always starts from the beginning does not hold us for ever.
    """
    import tenacity

    patience = session.patience
    backoff = tenacity.wait_exponential(patience.first_wait, max=patience.longest_wait)
    jitter = tenacity.wait_random(0, patience.first_wait)
    farthest = reached()

    def failure(state: "RetryCallState") -> TemporaryError:
        return cast("TemporaryError", state.outcome and state.outcome.exception())

    def forgive(state: "RetryCallState") -> None:
        nonlocal farthest
        if (now := reached()) > farthest:
            farthest, state.attempt_number = now, 1

    def announce(state: "RetryCallState") -> None:
        on_wait(f"{failure(state)}; again in {state.upcoming_sleep:.0f} s")

    attempts = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(TemporaryError),
        after=forgive,
        wait=lambda state: max(backoff(state), failure(state).retry_after) + jitter(state),
        stop=lambda state: (
            state.attempt_number >= patience.attempts
            or session.stop.is_set()
            or failure(state).retry_after > patience.longest_retry_after
        ),
        before_sleep=announce,
        sleep=tenacity.sleep_using_event(session.stop),
        reraise=True,
    )
    try:
        return attempts(attempt)
    except TemporaryError as error:
        if error.unreachable:
            session.unreachable.add(error.unreachable)
        raise


def _is_web(url: str) -> bool:
    return url.lower().startswith(("http://", "https://"))
