"""Files of a mirror that is a folder or a store in the cloud, through fsspec.

Google's and Amazon's stores need their drivers (``pip install "quickdraw-kit[cloud]"``), which find
credentials as they always do; for public buckets of Amazon set ``FSSPEC_S3_ANON=true``.
"""

import base64
import binascii
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from quickdraw_kit.acquire.remote import (
    ChangedError,
    PermanentError,
    Reception,
    RemoteObject,
    TemporaryError,
)
from quickdraw_kit.errors import QuickdrawError, UsageError

__all__ = ["failures", "find", "look", "receive"]

_PIECE = 8 << 20  # one request each, on a store in the cloud


def look(url: str) -> RemoteObject:
    """Ask a file system for a file's size and version.

    See `quickdraw_kit.acquire.remote.look`.
    """
    with failures():
        return _describe(url, *_open(url))


def find(url: str) -> list[RemoteObject]:
    """List the files that an address means: itself, those of a folder, or those of a pattern.

    See `quickdraw_kit.acquire.remote.find`.
    """
    with failures():
        system, path = _open(url)
        if system.isfile(path):
            paths = [path]
        elif system.isdir(path):
            entries = system.ls(path, detail=True)
            paths = [entry["name"] for entry in entries if entry["type"] == "file"]
        else:
            paths = [match for match in system.glob(path) if system.isfile(match)]
        return [_describe(system.unstrip_protocol(path), system, path) for path in sorted(paths)]


@contextmanager
def receive(url: str, offset: int, pin: RemoteObject | None) -> Iterator[Reception]:
    """Open a file from `offset` on, or from its beginning when it is not the version of `pin`.

    See `quickdraw_kit.acquire.remote.receive`.
    """
    with failures():
        system, path = _open(url)
        found = _describe(url, system, path)
        start = offset if pin is not None and found.is_same(pin) else 0
        file = system.open(path, "rb", cache_type="none")
    with file:
        yield found, start, _pieces(file, start, found)


def _pieces(file: Any, start: int, found: RemoteObject) -> Iterator[bytes]:
    with failures():
        file.seek(start)
        while piece := file.read(_PIECE):
            yield piece
        if not _describe(found.url, *_open(found.url)).is_same(found):
            raise ChangedError


def _open(url: str) -> tuple[Any, str]:
    """Return the file system of an address and the path in it."""
    import fsspec  # type: ignore[import-untyped]

    if url.lower().startswith("file:"):
        url = url2pathname(urlsplit(url).path)
    try:
        system, path = fsspec.url_to_fs(url)
    except ImportError as error:
        raise UsageError(
            f"{url} needs a driver that is not installed: {error}. "
            'Run: pip install "quickdraw-kit[cloud]"'
        ) from error
    except ValueError as error:
        raise UsageError(f"{url} is no address that is known: {error}") from error
    system.invalidate_cache()
    return system, path


def _describe(url: str, system: Any, path: str) -> RemoteObject:
    info = system.info(path)
    if info["type"] != "file":
        raise PermanentError("it is a folder, expected a file")
    return RemoteObject(
        url,
        info["size"],
        str(system.ukey(path)),
        str(info["generation"]) if "generation" in info else None,
        _hexadecimal(info.get("md5Hash")),
        _hexadecimal(info.get("crc32c")),
    )


def _hexadecimal(value: Any) -> str | None:
    try:
        return base64.b64decode(value, validate=True).hex() if value else None
    except (TypeError, binascii.Error):
        return None


@contextmanager
def failures() -> Iterator[None]:
    """Say of each failure of a file system whether it may pass.

    Raises
    ------
    TemporaryError
        If the file system fails in a way that may pass.
    PermanentError
        If a file is not there (then its cause is the FileNotFoundError), or access is refused.

    Examples
    --------
    >>> with failures():
    ...     raise TimeoutError("no answer")
    Traceback (most recent call last):
    ...
    quickdraw_kit.acquire.remote.TemporaryError: TimeoutError: no answer
    """
    try:
        yield
    except FileNotFoundError as error:
        raise PermanentError("it does not exist") from error
    except (PermissionError, IsADirectoryError, NotADirectoryError) as error:
        raise PermanentError(str(error)) from error
    except QuickdrawError:
        raise
    except Exception as error:  # drivers raise errors of their own for what a network does
        if "Credential" in type(error).__name__:
            raise PermanentError(
                f"the store wants to know who asks: {error}. Set the credentials that its driver "
                "looks for; for a public bucket of Amazon set FSSPEC_S3_ANON=true"
            ) from error
        raise TemporaryError(f"{type(error).__name__}: {error}") from error
