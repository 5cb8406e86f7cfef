"""Files in folders and object stores, through fsspec.

Google's and Amazon's stores need drivers (``pip install "quickdraw-kit[cloud]"``), which find
credentials and endpoints as they always do. For public buckets of Amazon set
``FSSPEC_S3_ANON=true``.
"""

import base64
import binascii
import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from quickdraw_kit.errors import QuickdrawError, UsageError
from quickdraw_kit.storage.file_info import FileInfo, RangeReader
from quickdraw_kit.storage.retry import (
    ChangedError,
    NotFoundError,
    PermanentError,
    TemporaryError,
)
from quickdraw_kit.storage.urls import parse_location, redact

CHUNK_BYTES = 8 << 20
"""Bytes that are read at once; in an object store each chunk is a request."""

# Errors of a program or of its settings, which another attempt would meet as well. All other errors
# that drivers define come from a network. Some exceptions of aiohttp, botocore, requests, gcsfs and
# google-auth derive from these although they may pass: certificates that a proxy replaces and all
# of requests, which are OSErrors as well, and what parsing a proxy's error page raises. Permanent
# ValueErrors are aiohttp's InvalidURL, botocore's UnknownEndpointError and what gcsfs and s3fs make
# of a request that is refused as invalid. Errors of settings for which botocore has other bases are
# listed by name.
_PERMANENT = (TypeError, ValueError, AttributeError, RuntimeError)
_TEMPORARY = (OSError, json.JSONDecodeError, UnicodeDecodeError)
_SETTINGS = {
    "ConfigNotFound",
    "ConfigParseError",
    "EndpointProviderError",
    "InvalidConfigError",
    "NoRegionError",
    "ParamValidationError",
    "ProfileNotFound",
}


class FilesystemStore:
    """A folder, or a folder in an object store. See `quickdraw_kit.storage.store.Store`."""

    def __init__(self, location: str | os.PathLike[str], *, chunk_bytes: int = CHUNK_BYTES) -> None:
        parsed = parse_location(location)
        self.url = parsed.rstrip("/") if isinstance(parsed, str) else str(parsed)
        self._protocol = self.url.partition("://")[0] if isinstance(parsed, str) else "file"
        self._chunk_bytes = chunk_bytes
        self._connect()

    def __str__(self) -> str:
        return redact(self.url)

    def __reduce__(self) -> tuple[Any, ...]:
        return _make, (self.url, self._chunk_bytes)

    def stat(self, name: str = "") -> FileInfo:
        """Return size and version of a file."""
        with translate_errors():
            # drivers keep listings, and another process may have written since
            self.driver.invalidate_cache()
            return _describe(self._url(name), self.driver.info(self._path(name)))

    def list(self, name: str = "") -> tuple[FileInfo, ...]:
        """Return the file itself, the files in the folder, or those that match the pattern."""
        path = self._path(name)
        with translate_errors():
            self.driver.invalidate_cache()
            try:
                entry = self.driver.info(path)
            except FileNotFoundError:
                # only now: the name of an existing file may contain brackets
                entries = self.driver.glob(path, detail=True)
            else:
                in_folder = [] if entry["type"] == "file" else self.driver.ls(path, detail=True)
                entries = {path: entry} | {entry["name"]: entry for entry in in_folder}
            return tuple(
                _describe(self._url_of_path(path), entry)
                for path, entry in sorted(entries.items())
                if entry["type"] == "file"
            )

    def get(self, name: str = "") -> bytes:
        """Return the bytes of a file."""
        with translate_errors():
            content: bytes = self.driver.cat_file(self._path(name))
            return content

    @contextmanager
    def open_range(
        self, name: str = "", offset: int = 0, expected: FileInfo | None = None
    ) -> Iterator[RangeReader]:
        """Read a file from `offset` on, or from its start if it is not the `expected` version."""
        info = self.stat(name)
        start = offset if expected is not None and info.same_version(expected) else 0
        with translate_errors():
            # without a cache: the file is read once, front to back
            file = self.driver.open(self._path(name), "rb", cache_type="none")
        with file:
            yield RangeReader(info, start, self._chunks(file, start, name, info))

    def put(self, name: str, data: bytes | Path) -> None:
        """Write bytes, or send a local file."""
        with translate_errors():
            if isinstance(data, Path):
                self.driver.put_file(str(data), self._path(name))
            else:
                self.driver.pipe_file(self._path(name), data)

    def delete(self, name: str) -> None:
        """Delete a file; it need not exist."""
        with contextlib.suppress(NotFoundError), translate_errors():
            self.driver.rm_file(self._path(name))

    @property
    def driver(self) -> Any:
        """The fsspec file system; a forked process gets its own, for it has threads and sockets."""
        if self._process != os.getpid():
            self._connect()
        return self._driver

    def _connect(self) -> None:
        import fsspec  # type: ignore[import-untyped]

        try:
            if "::" in self._protocol:  # a chain, such as simplecache::s3://bucket/folder
                self._driver, self._root = fsspec.url_to_fs(self.url)
            else:
                # not url_to_fs, which takes a name that contains :: for a chain
                driver = fsspec.get_filesystem_class(self._protocol)
                self._driver = driver(**driver._get_kwargs_from_urls(self.url))
                self._root = driver._strip_protocol(self.url)
        except ImportError as error:
            raise UsageError(
                f"{self} needs a driver that is not installed: {error}. "
                'Run: pip install "quickdraw-kit[cloud]"'
            ) from error
        except ValueError as error:
            raise UsageError(f"{self} is not the address of a known store: {error}") from error
        self._process = os.getpid()

    def _chunks(self, file: Any, start: int, name: str, info: FileInfo) -> Iterator[bytes]:
        with translate_errors():
            file.seek(start)
            while chunk := file.read(self._chunk_bytes):
                yield chunk
        # Chunks are separate requests, without a precondition that all stores know.
        if not self.stat(name).same_version(info):
            raise ChangedError

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}" if name else self._root

    def _url(self, name: str) -> str:
        return f"{self.url}/{name}" if name else self.url

    def _url_of_path(self, path: str) -> str:
        """Return the URL of a path of the driver at or below this location."""
        if "::" in self._protocol:
            return f"{self.url}{path.removeprefix(self._root)}"
        if not self._driver._get_kwargs_from_urls(self.url):
            return str(self._driver.unstrip_protocol(path))
        # The URL contains host and user, which the path does not.
        return f"{self.url.removesuffix(self._root.rstrip('/'))}{path}"


def _make(url: str, chunk_bytes: int) -> FilesystemStore:
    return FilesystemStore(url, chunk_bytes=chunk_bytes)


def _describe(url: str, info: dict[str, Any]) -> FileInfo:
    if info["type"] != "file":
        raise PermanentError("it is a folder, expected a file")
    return FileInfo(
        url,
        info["size"],
        info.get("ETag") or info.get("etag") or _fingerprint(info),
        str(info["generation"]) if "generation" in info else None,
        _hexadecimal(info.get("md5Hash")),
        _hexadecimal(info.get("crc32c")),
    )


def _fingerprint(info: dict[str, Any]) -> str:
    """Hash all that a driver without entity tags knows of a file, such as its time."""
    return hashlib.sha256(str(info).encode()).hexdigest()


def _hexadecimal(base64_digest: Any) -> str | None:
    try:
        return base64.b64decode(base64_digest, validate=True).hex() if base64_digest else None
    except (TypeError, binascii.Error):
        return None


@contextmanager
def translate_errors() -> Iterator[None]:
    """Turn what drivers raise into `PermanentError` or `TemporaryError`."""
    try:
        yield
    except FileNotFoundError as error:
        raise NotFoundError("it does not exist") from error
    except (PermissionError, IsADirectoryError, NotADirectoryError) as error:
        raise PermanentError(str(error)) from error
    except QuickdrawError:
        raise
    except Exception as error:  # drivers raise errors of their own for network failures
        if "Credential" in type(error).__name__:
            raise PermanentError(
                f"credentials are needed: {error}. Set those that the driver of the store "
                "looks for; for a public bucket of Amazon set FSSPEC_S3_ANON=true"
            ) from error
        message = f"{type(error).__name__}: {error}"
        if type(error).__name__ in _SETTINGS or (
            isinstance(error, _PERMANENT) and not isinstance(error, _TEMPORARY)
        ):
            raise PermanentError(message) from error
        raise TemporaryError(message) from error
