"""What an address says, without asking anyone: whose machine it means, and what of it may be told.

Addresses hold secrets: a password before the host, a signature in the query. Names, records and
messages are made of the rest.
"""

import os
from pathlib import Path
from urllib.parse import unquote
from urllib.request import url2pathname

from quickdraw_kit.errors import UsageError

__all__ = ["is_web", "parse_place", "path_of", "redact"]

_HERE = {"file", "local"}
_WEB = {"http", "https"}


def parse_place(place: str | os.PathLike[str]) -> Path | str:
    """Tell what a person means by a place: a path of this machine, or the address of another.

    Parameters
    ----------
    place : str or path-like
        A path, or an address such as ``s3://bucket/shards``. ``file:///data/a%20b`` is the path
        ``/data/a b``.

    Returns
    -------
    Path or str
        A path for what is on this machine, the address as it stands for anything else.

    Raises
    ------
    UsageError
        If nothing stands behind ``://``, or a ``file://`` address names another machine.

    Examples
    --------
    >>> parse_place("s3://bucket/shards"), parse_place("shards").name
    ('s3://bucket/shards', 'shards')
    >>> parse_place("file:///data/hot%20air%20balloon.ndjson").name
    'hot air balloon.ndjson'
    """
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


def is_web(url: str) -> bool:
    """Tell whether an address is one of the web.

    Examples
    --------
    >>> is_web("HTTPS://host/cat.ndjson"), is_web("s3://bucket/cat.ndjson")
    (True, False)
    """
    scheme, mark, _ = url.partition("://")
    return bool(mark) and scheme.lower() in _WEB


def redact(url: str) -> str:
    """Write an address as it may be told to others: without credentials and without its query.

    Parameters
    ----------
    url : str
        An address, or a path, which is returned as it is.

    Returns
    -------
    str
        Where it leads, for people; not to be asked again.

    Examples
    --------
    >>> redact("https://me:secret@host/cat.ndjson?X-Amz-Signature=0f3a")
    'https://host/cat.ndjson?...'
    >>> redact("s3://bucket/what?.ndjson")
    's3://bucket/what?.ndjson'
    """
    bare = _without_query(url)
    return f"{_without_user(bare)}{'?...' if bare != url else ''}"


def path_of(url: str) -> Path:
    """Write an address as a path, from which names and forms are read.

    Parameters
    ----------
    url : str
        An address.

    Returns
    -------
    Path
        Host and path, and the scheme before them.

    Examples
    --------
    >>> path_of("https://me:secret@host/hot%20air%20balloon.ndjson?version=3").as_posix()
    'https:/host/hot air balloon.ndjson'
    """
    bare = _without_user(_without_query(url))
    return Path(unquote(bare) if is_web(url) else bare)


def _without_query(url: str) -> str:
    """Leave out what follows the path; in a store a question mark is part of a name."""
    return url.partition("#")[0].partition("?")[0] if is_web(url) else url


def _without_user(url: str) -> str:
    """Leave out who asks; what Azure writes before an @ without a password is a container."""
    scheme, mark, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    user, _, host = authority.rpartition("@")
    if is_web(url) or ":" in user:
        authority = host
    return f"{scheme}{mark}{authority}{slash}{path}"
