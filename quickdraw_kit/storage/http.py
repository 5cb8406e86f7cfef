"""Files on the web, as Google's bucket serves them: ranges, entity tags, generations, checksums."""

import base64
import binascii
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

from quickdraw_kit.storage.remote import (
    ChangedError,
    PermanentError,
    Reception,
    RemoteObject,
    TemporaryError,
)
from quickdraw_kit.storage.retry import Session

if TYPE_CHECKING:
    import httpx2

__all__ = ["look", "new_client", "receive"]

_WAIT = {408, 425, 429}  # beside 5xx, the statuses that ask to come again
_NO_HEAD = {405, 501}


def new_client(*, connect: float, stall: float) -> "httpx2.Client":
    """Make a pool of connections that takes files as they are stored, not compressed anew."""
    import httpx2

    from quickdraw_kit import __version__

    return httpx2.Client(
        headers={"User-Agent": f"quickdraw-kit/{__version__}", "Accept-Encoding": "identity"},
        timeout=httpx2.Timeout(stall, connect=connect, pool=None),
        follow_redirects=True,
    )


def look(session: Session, url: str) -> RemoteObject:
    """Ask for the headers of a file; a server that has no HEAD leaves its size unknown.

    See `quickdraw_kit.storage.remote.look`.
    """
    with _answer(session, "HEAD", url, {}) as response:
        if response.status_code in _NO_HEAD:
            return RemoteObject(url)
        _check(response)
        return _describe(url, response.headers, _length(response.headers))


@contextmanager
def receive(
    session: Session, url: str, offset: int, pin: RemoteObject | None
) -> Iterator[Reception]:
    """Ask for a file from `offset` on, if it is still the version of `pin`.

    See `quickdraw_kit.storage.remote.receive`.
    """
    headers = {}
    if offset and pin is not None:
        headers["Range"] = f"bytes={offset}-"
        if pin.etag:  # the bucket knows If-Match; If-Range it does not document
            headers["If-Match"] = pin.etag
    with _answer(session, "GET", url, headers) as response:
        _check(response)
        if response.status_code != HTTPStatus.PARTIAL_CONTENT:
            found = _describe(url, response.headers, _length(response.headers))
            yield found, 0, response.iter_raw()
            return
        start, size = _content_range(response.headers.get("Content-Range", ""))
        found = _describe(url, response.headers, size)
        if start != offset or pin is None or not found.is_same(pin):
            raise ChangedError
        yield found, start, response.iter_raw()


@contextmanager
def _answer(
    session: Session, method: str, url: str, headers: dict[str, str]
) -> Iterator["httpx2.Response"]:
    """Send a request, and say of each failure of the network whether it may pass."""
    import httpx2

    if session.client is None:
        raise PermanentError("this session has no connections to the web")
    try:
        host = httpx2.URL(url).host
        if host in session.unreachable:
            raise PermanentError(f"not asked, as there was no connection to {host}")
        with session.client.stream(method, url, headers=headers) as response:
            yield response
    except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
        raise TemporaryError(
            f"no connection to {host} ({error or 'timeout'})",
            unreachable=host,
            unresolved=_is_unresolved(error),
        ) from error
    except httpx2.TimeoutException as error:
        raise TemporaryError(f"no byte for {session.retry_policy.stall:g} s") from error
    except (httpx2.UnsupportedProtocol, httpx2.InvalidURL, httpx2.TooManyRedirects) as error:
        raise PermanentError(str(error)) from error
    except httpx2.TransportError as error:
        raise TemporaryError(f"the connection was cut ({error})") from error


def _is_unresolved(error: BaseException | None) -> bool:
    """Tell whether a failure began with the look-up of a name."""
    while error is not None:
        if isinstance(error, socket.gaierror):
            return True
        error = error.__cause__ or error.__context__
    return False


def _check(response: "httpx2.Response") -> None:
    status = response.status_code
    if response.is_success:
        return
    if status == HTTPStatus.PRECONDITION_FAILED:
        raise ChangedError
    if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        raise ChangedError("the server has no such range of the file")
    answer = f"the server answered {status} {response.reason_phrase}".rstrip()
    if status in _WAIT or response.is_server_error:
        pause = _retry_after(response.headers)
        asks = f" and asks to wait {pause:.0f} s" if pause else ""
        raise TemporaryError(answer + asks, retry_after=pause)
    raise PermanentError(answer)


def _describe(url: str, headers: "httpx2.Headers", size: int | None) -> RemoteObject:
    etag = headers.get("ETag")
    sums = _hashes(headers.get("x-goog-hash", ""))
    return RemoteObject(
        url,
        size,
        etag if etag and not etag.startswith("W/") else None,
        headers.get("x-goog-generation"),
        sums.get("md5"),
        sums.get("crc32c"),
    )


def _hashes(header: str) -> dict[str, str]:
    """Read ``crc32c=n03x6A==, md5=Ojk9c3dhfxgoKVVHYwFbHQ==`` as hexadecimal digits by name."""
    found = {}
    for item in header.split(","):
        name, _, value = item.strip().partition("=")
        try:
            found[name] = base64.b64decode(value, validate=True).hex()
        except binascii.Error:
            continue
    return found


def _length(headers: "httpx2.Headers") -> int | None:
    text = headers.get("Content-Length", "")
    return int(text) if text.isascii() and text.isdigit() else None


def _content_range(header: str) -> tuple[int, int]:
    match = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", header.strip())
    if match is None:
        raise TemporaryError(f"a partial answer without a readable Content-Range ({header!r})")
    return int(match[1]), int(match[2])


def _retry_after(headers: "httpx2.Headers") -> float:
    """Seconds that the server asks to wait, from a number or a date; 0 when it does not ask."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    until, now = _time(text), _time(headers.get("Date", ""))
    if until is None:
        return 0.0
    # by the server's clock, which is the one that it means
    return max(0.0, until - (time.time() if now is None else now))


def _time(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return None
