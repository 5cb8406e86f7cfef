"""What an address says, without asking anyone: whose machine it means, and what of it may be told.

Addresses hold secrets: a password before the host, a signature in the query. Names, records and
messages are made of the rest.
"""

import os
from pathlib import Path
from urllib.parse import unquote
from urllib.request import url2pathname

from quickdraw_kit.errors import UsageError

__all__ = ["is_http_url", "parse_location", "path_of", "redact"]

_HERE = {"file", "local"}
_WEB = {"http", "https"}


def parse_location(place: str | os.PathLike[str]) -> Path | str:
    """Tell what a person means by a place: a path of this machine, or the address of another."""
    text = os.fspath(place)
    scheme, mark, rest = text.partition("://")
    if not mark:
        return Path(text)
    if scheme.lower() in _HERE:
        host, slash, path = rest.partition("/")
        if not slash or host not in ("", "localhost"):
            raise UsageError(
                f"{text} is no path of this machine: expected three slashes, as in "
                "file:///data/shards"
            )
        return Path(url2pathname(f"/{path}"))
    if not scheme or not rest.strip("/"):
        raise UsageError(f"{text} names no place: expected one such as s3://bucket/folder")
    return text


def is_http_url(url: str) -> bool:
    """Tell whether an address is one of the web."""
    scheme, mark, _ = url.partition("://")
    return bool(mark) and scheme.lower() in _WEB


def redact(url: str) -> str:
    """Write an address as it may be told to others: without credentials and without its query."""
    bare = _without_query(url)
    return f"{_without_user(bare)}{'?...' if bare != url else ''}"


def path_of(url: str) -> Path:
    """Write an address as a path, from which names and forms are read."""
    bare = _without_user(_without_query(url))
    return Path(unquote(bare) if is_http_url(url) else bare)


def _without_query(url: str) -> str:
    """Leave out what follows the path; in a store a question mark is part of a name."""
    return url.partition("#")[0].partition("?")[0] if is_http_url(url) else url


def _without_user(url: str) -> str:
    """Leave out who asks; what Azure writes before an @ without a password is a container."""
    scheme, mark, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    user, _, host = authority.rpartition("@")
    if is_http_url(url) or ":" in user:
        authority = host
    return f"{scheme}{mark}{authority}{slash}{path}"
