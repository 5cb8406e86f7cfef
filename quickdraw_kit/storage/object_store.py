"""Files of a mirror that is a folder or a store in the cloud, through fsspec.

Google's and Amazon's stores need their drivers (``pip install "quickdraw-kit[cloud]"``), which find
credentials as they always do; for public buckets of Amazon set ``FSSPEC_S3_ANON=true``.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from quickdraw_kit.errors import QuickdrawError, UsageError
from quickdraw_kit.storage.remote import (
    ChangedError,
    PermanentError,
    Reception,
    RemoteObject,
    TemporaryError,
)
from quickdraw_kit.storage.urls import parse_location, redact

__all__ = ["failures", "find", "look", "receive"]

_PIECE = 8 << 20  # one request each, on a store in the cloud

# Mistakes of a program or of its settings, which another try will not mend; all other errors that
# drivers have of their own are of a network. Among the exceptions of aiohttp, asyncio, botocore,
# requests, gcsfs and google-auth that derive from these are some that may pass: certificates that
# a proxy spoils and the whole of requests, which are OSErrors as well, and what comes of reading
# the page of a proxy as if it were the store's answer. aiohttp's InvalidURL, botocore's
# UnknownEndpointError and what gcsfs and s3fs make of a request that is refused as invalid are
# ValueErrors by right. Errors of settings that botocore derives from none of these stand by name.
_MISTAKES = (TypeError, ValueError, AttributeError, RuntimeError)
_MAY_PASS = (OSError, json.JSONDecodeError, UnicodeDecodeError)
_WRONG_SETTINGS = {
    "ConfigNotFound",
    "ConfigParseError",
    "EndpointProviderError",
    "InvalidConfigError",
    "NoRegionError",
    "ParamValidationError",
    "ProfileNotFound",
}


def look(url: str) -> RemoteObject:
    """Ask a file system for a file's size and version.

    See `quickdraw_kit.storage.remote.look`.
    """
    with failures():
        system, path = _open(url)
        return _describe(url, system.info(path))


def find(url: str) -> list[RemoteObject]:
    """List the files that an address means: itself, those of a folder, or those of a pattern.

    See `quickdraw_kit.storage.remote.find`.
    """
    with failures():
        system, path = _open(url)
        try:
            entry = system.info(path)
        except FileNotFoundError:
            entries = system.glob(path, detail=True)
        else:
            inside = [] if entry["type"] == "file" else system.ls(path, detail=True)
            entries = {path: entry} | {entry["name"]: entry for entry in inside}
        return [
            _describe(_address(url, system, path, name), entry)
            for name, entry in sorted(entries.items())
            if entry["type"] == "file"
        ]


@contextmanager
def receive(url: str, offset: int, pin: RemoteObject | None) -> Iterator[Reception]:
    """Open a file from `offset` on, or from its beginning when it is not the version of `pin`.

    See `quickdraw_kit.storage.remote.receive`.
    """
    with failures():
        system, path = _open(url)
        found = _describe(url, system.info(path))
        start = offset if pin is not None and found.is_same(pin) else 0
        file = system.open(path, "rb", cache_type="none")
    with file:
        yield found, start, _pieces(file, start, found)


def _pieces(file: Any, start: int, found: RemoteObject) -> Iterator[bytes]:
    with failures():
        file.seek(start)
        while piece := file.read(_PIECE):
            yield piece
    if not look(found.url).is_same(found):
        raise ChangedError


def _open(url: str) -> tuple[Any, str]:
    """Return the file system of an address and the path in it."""
    from fsspec import get_filesystem_class  # type: ignore[import-untyped]

    place = parse_location(url)
    try:
        # not url_to_fs, which takes a name that holds :: for two addresses
        kind = get_filesystem_class(place.partition("://")[0] if isinstance(place, str) else "file")
        system = kind(**kind._get_kwargs_from_urls(str(place)))
        path = kind._strip_protocol(str(place))
    except ImportError as error:
        raise UsageError(
            f"{redact(url)} needs a driver that is not installed: {error}. "
            'Run: pip install "quickdraw-kit[cloud]"'
        ) from error
    except ValueError as error:
        raise UsageError(f"{redact(url)} is no address that is known: {error}") from error
    system.invalidate_cache()
    return system, path


def _address(url: str, system: Any, path: str, name: str) -> str:
    """Write the address of a file that was found at another address, or below it."""
    if not system._get_kwargs_from_urls(url):
        return str(system.unstrip_protocol(name))
    head = url.rstrip("/").removesuffix(path.rstrip("/"))  # it names the host, and who asks
    return f"{head}{name}"


def _describe(url: str, info: dict[str, Any]) -> RemoteObject:
    if info["type"] != "file":
        raise PermanentError("it is a folder, expected a file")
    return RemoteObject(
        url,
        info["size"],
        info.get("ETag") or info.get("etag") or _hash_of(info),
        str(info["generation"]) if "generation" in info else None,
        _hexadecimal(info.get("md5Hash")),
        _hexadecimal(info.get("crc32c")),
    )


def _hash_of(info: dict[str, Any]) -> str:
    """Tell versions apart, where the file system does not, by all that it says of a file."""
    return hashlib.sha256(str(info).encode()).hexdigest()


def _hexadecimal(value: Any) -> str | None:
    try:
        return base64.b64decode(value, validate=True).hex() if value else None
    except (TypeError, binascii.Error):
        return None


@contextmanager
def failures() -> Iterator[None]:
    """Say of each failure of a file system whether it may pass."""
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
                f"credentials are needed: {error}. Set those that the driver of the store "
                "looks for; for a public bucket of Amazon set FSSPEC_S3_ANON=true"
            ) from error
        told = f"{type(error).__name__}: {error}"
        if type(error).__name__ in _WRONG_SETTINGS or (
            isinstance(error, _MISTAKES) and not isinstance(error, _MAY_PASS)
        ):
            raise PermanentError(told) from error
        raise TemporaryError(told) from error
