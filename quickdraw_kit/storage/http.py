"""Files on web servers: ranges, entity tags, and what Google's bucket adds to them.

Google Cloud Storage names the version (generation) and the checksums of a file in headers of its
own. Other servers may send an entity tag, or nothing; then a download cannot be resumed.
"""

import base64
import binascii
import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import quote

from quickdraw_kit.errors import UsageError
from quickdraw_kit.storage.file_info import FileInfo, RangeReader
from quickdraw_kit.storage.retry import (
    DEFAULT_RETRY_POLICY,
    ChangedError,
    NotFoundError,
    PermanentError,
    RetryPolicy,
    TemporaryError,
)
from quickdraw_kit.storage.urls import redact

if TYPE_CHECKING:
    import httpx2

_RETRYABLE = {408, 425, 429}  # beside 5xx
# by servers that know GET only
_HEAD_UNSUPPORTED = {405, 501}
_NOT_FOUND = {404, 410}


class HTTPClient:
    """A pool of connections, and the hosts to which no connection was possible.

    A process that was forked gets connections of its own.
    """

    def __init__(self, policy: RetryPolicy | None = None) -> None:
        self._policy = policy or DEFAULT_RETRY_POLICY
        self._lock = threading.Lock()
        self._client: httpx2.Client | None = None
        self._process = 0
        self.unreachable: set[str] = set()

    def close(self) -> None:
        """Close all connections."""
        # a forked process must not close the connections of its parent
        if self._client is not None and self._process == os.getpid():
            self._client.close()

    @contextmanager
    def request(
        self, method: str, url: str, headers: dict[str, str] | None = None
    ) -> Iterator["httpx2.Response"]:
        """Send a request; failures of the network become temporary or permanent errors."""
        import httpx2

        host = "the server"
        try:
            host = httpx2.URL(url).host
            if host in self.unreachable:
                raise PermanentError(f"not asked, as there was no connection to {host}")
            with self._connections().stream(method, url, headers=headers) as response:
                yield response
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            raise TemporaryError(
                f"no connection to {host} ({error or 'timeout'})",
                unreachable=host,
                unresolved=_is_unresolved(error),
            ) from error
        except httpx2.TimeoutException as error:
            raise TemporaryError(f"no byte for {self._policy.read_timeout:g} s") from error
        except (httpx2.UnsupportedProtocol, httpx2.InvalidURL, httpx2.TooManyRedirects) as error:
            raise PermanentError(str(error)) from error
        except httpx2.TransportError as error:
            raise TemporaryError(f"the connection was cut ({error})") from error

    def _connections(self) -> "httpx2.Client":
        import httpx2

        from quickdraw_kit import __version__

        # several threads send their first requests at the same time
        with self._lock:
            if self._client is None or self._process != os.getpid():
                # pool=None: a thread may wait for a free connection as long as others are in use
                timeout = httpx2.Timeout(
                    self._policy.read_timeout, connect=self._policy.connect_timeout, pool=None
                )
                # identity: checksums and ranges are those of the stored bytes
                headers = {
                    "User-Agent": f"quickdraw-kit/{__version__}",
                    "Accept-Encoding": "identity",
                }
                self._client = httpx2.Client(
                    headers=headers, timeout=timeout, follow_redirects=True
                )
                self._process = os.getpid()
            return self._client


class HTTPStore:
    """Files below a URL, read only. See `quickdraw_kit.storage.store.Store`."""

    def __init__(self, url: str, client: HTTPClient | None = None) -> None:
        self.url = url
        self._client = client or HTTPClient()

    def __str__(self) -> str:
        return redact(self.url)

    def stat(self, name: str = "") -> FileInfo:
        """Return what is known of a file; a server without HEAD leaves its size unknown."""
        url = self._url(name)
        with self._client.request("HEAD", url) as response:
            if response.status_code in _HEAD_UNSUPPORTED:
                return FileInfo(url)
            _check_status(response)
            return _describe(url, response.headers, _content_length(response.headers))

    def list(self, name: str = "") -> tuple[FileInfo, ...]:
        """Return the file itself: HTTP has neither folders nor patterns."""
        return (self.stat(name),)

    def get(self, name: str = "") -> bytes:
        """Return the bytes of a file."""
        with self.open_range(name) as reader:
            return b"".join(reader.chunks)

    @contextmanager
    def open_range(
        self, name: str = "", offset: int = 0, expected: FileInfo | None = None
    ) -> Iterator[RangeReader]:
        """Read a file from `offset` on, provided that it is still the `expected` version."""
        url, headers = self._url(name), {}
        # a range of an unknown version might not fit the bytes received before
        if offset and expected is not None:
            headers["Range"] = f"bytes={offset}-"
            if expected.etag:  # the bucket documents If-Match, but not If-Range
                headers["If-Match"] = expected.etag
        with self._client.request("GET", url, headers) as response:
            _check_status(response)
            # the server ignores ranges and sends the whole file
            if response.status_code != HTTPStatus.PARTIAL_CONTENT:
                info = _describe(url, response.headers, _content_length(response.headers))
                yield RangeReader(info, 0, response.iter_raw())
                return

            # A server that ignores If-Match may have sent a range of another version.
            start, size = _content_range(response.headers.get("Content-Range", ""))
            info = _describe(url, response.headers, size)
            if start != offset or expected is None or not info.same_version(expected):
                raise ChangedError
            yield RangeReader(info, start, response.iter_raw())

    def put(self, name: str, data: bytes | Path) -> None:
        """Raise `UsageError`."""
        self._refuse(name)

    def delete(self, name: str) -> None:
        """Raise `UsageError`."""
        self._refuse(name)

    def _refuse(self, name: str) -> NoReturn:
        raise UsageError(
            f"{redact(self._url(name))} cannot be written: web servers are read-only. "
            "Name a folder, or a store such as s3://bucket/folder."
        )

    def _url(self, name: str) -> str:
        """Return the URL of a file; a query, such as a signature, stays at the end."""
        if not name:
            return self.url
        base, mark, query = self.url.partition("?")
        return f"{base.rstrip('/')}/{quote(name)}{mark}{query}"


def _is_unresolved(error: BaseException | None) -> bool:
    """Return whether the cause of a failure is a host name that was not found."""
    while error is not None:
        # the HTTP client wraps the error of the socket several times
        if isinstance(error, socket.gaierror):
            return True
        error = error.__cause__ or error.__context__
    return False


def _check_status(response: "httpx2.Response") -> None:
    status = response.status_code
    if response.is_success:
        return
    # 412 is the reply to If-Match
    if status == HTTPStatus.PRECONDITION_FAILED:
        raise ChangedError
    if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        raise ChangedError("the file is shorter now than what was received of it")

    answer = f"the server answered {status} {response.reason_phrase}".rstrip()
    if status in _RETRYABLE or response.is_server_error:
        seconds = _retry_after(response.headers)
        wait = f" and asks to wait {seconds:.0f} s" if seconds else ""
        raise TemporaryError(answer + wait, retry_after=seconds)
    raise NotFoundError(answer) if status in _NOT_FOUND else PermanentError(answer)


def _describe(url: str, headers: "httpx2.Headers", size: int | None) -> FileInfo:
    etag = headers.get("ETag")
    checksums = _checksums(headers.get("x-goog-hash", ""))
    return FileInfo(
        url,
        size,
        etag if etag and not etag.startswith("W/") else None,  # weak: the bytes may differ
        headers.get("x-goog-generation"),
        checksums.get("md5"),
        checksums.get("crc32c"),
    )


def _checksums(header: str) -> dict[str, str]:
    """Parse ``crc32c=n03x6A==, md5=Ojk9c3dhfxgoKVVHYwFbHQ==``; values become hexadecimal."""
    checksums = {}
    for item in header.split(","):
        name, _, value = item.strip().partition("=")
        try:
            checksums[name] = base64.b64decode(value, validate=True).hex()
        except binascii.Error:
            continue
    return checksums


def _content_length(headers: "httpx2.Headers") -> int | None:
    text = headers.get("Content-Length", "")
    return int(text) if text.isascii() and text.isdigit() else None


def _content_range(header: str) -> tuple[int, int]:
    """Parse ``bytes 3-8/9`` into the offset of the first byte and the size of the file."""
    match = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", header.strip())
    if match is None:
        raise TemporaryError(f"a partial answer without a valid Content-Range ({header!r})")
    return int(match[1]), int(match[2])


def _retry_after(headers: "httpx2.Headers") -> float:
    """Return the seconds of ``Retry-After``, a number or a date; 0 if there is none."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    until, now = _timestamp(text), _timestamp(headers.get("Date", ""))
    if until is None:
        return 0.0
    # The date is one of the server's clock, which may differ from ours.
    return max(0.0, until - (time.time() if now is None else now))


def _timestamp(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return None
