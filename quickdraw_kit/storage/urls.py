"""Locations: a path or a URL, and what of a URL may be shown.

URLs contain secrets: a password before the host, a signature in the query. File names, records and
messages are made of the rest.
"""

import os
from pathlib import Path
from urllib.parse import unquote

from quickdraw_kit.errors import UsageError

# both are names of this machine in fsspec
_LOCAL = {"file", "local"}
_HTTP = {"http", "https"}


def parse_location(location: str | os.PathLike[str]) -> Path | str:
    """Return a path of this machine, from a path or a file URL; or another URL as it is."""
    text = os.fspath(location)
    scheme, mark, rest = text.partition("://")
    if not mark:
        return Path(text)
    if scheme.lower() in _LOCAL:
        # file://data/shards would be the path /shards of a host called data
        host, slash, path = rest.partition("/")
        if not slash or host not in ("", "localhost"):
            raise UsageError(
                f"{text} is not a path of this machine: expected three slashes, as in "
                "file:///data/shards"
            )
        from urllib.request import url2pathname  # which imports half of the network modules

        return Path(url2pathname(f"/{path}"))
    if not scheme or not rest.strip("/"):
        raise UsageError(f"{text} is not a location: expected one such as s3://bucket/folder")
    return text


def is_http_url(url: str) -> bool:
    """Return whether a URL starts with http:// or https://."""
    scheme, mark, _ = url.partition("://")
    return bool(mark) and scheme.lower() in _HTTP


def redact(url: str) -> str:
    """Return a URL without credentials and without its query."""
    bare = _without_query(url)
    # shows readers of a message that a query was left out
    return f"{_without_user(bare)}{'?...' if bare != url else ''}"


def path_from_url(url: str) -> Path:
    """Return a redacted URL as a path, whose name and suffixes are those of the file."""
    bare = _without_user(_without_query(url))
    # only HTTP URLs are percent-encoded: in an object store, % is part of a name
    return Path(unquote(bare) if is_http_url(url) else bare)


def _without_query(url: str) -> str:
    """Remove query and fragment; in an object store a question mark is part of a name."""
    return url.partition("#")[0].partition("?")[0] if is_http_url(url) else url


def _without_user(url: str) -> str:
    """Remove the user; but what Azure writes before an @, without a password, is a container."""
    scheme, mark, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    user, _, host = authority.rpartition("@")
    if is_http_url(url) or ":" in user:
        authority = host
    return f"{scheme}{mark}{authority}{slash}{path}"
