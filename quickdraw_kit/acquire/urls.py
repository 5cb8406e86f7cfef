"""Sources that are named by addresses: files, folders and patterns of stores, files of the web.

Such a source is fetched when its turn comes, passes through the work folder of whoever reads it,
and does not stay: it has a place already, in the store.
"""

import hashlib

from quickdraw_kit.acquire.addresses import path_of, redact
from quickdraw_kit.acquire.remote import PermanentError, TemporaryError, find
from quickdraw_kit.acquire.report import DownloadedFile
from quickdraw_kit.acquire.session import Patience, connected, persist
from quickdraw_kit.errors import DataError, UsageError

__all__ = ["find_urls"]

_LONGEST = 100  # bytes of a name; what stands beside it has 40 more, and disks take 143 or 255


def find_urls(url: str, *, patience: Patience | None = None) -> list[DownloadedFile]:
    """Find the files that an address means, and fetch none.

    Parameters
    ----------
    url : str
        A file, a folder (its files, not its subfolders) or a glob pattern of a store that fsspec
        knows, such as ``s3://bucket/simplified/*.ndjson``; or a file of the web.
    patience : Patience, optional
        How long to bear with a server; not long by default, because nothing is lost yet.

    Returns
    -------
    list of DownloadedFile
        By address. Their `path` tells what they are and where, and nothing stands there.

    Raises
    ------
    UsageError
        If nothing stands there, or a driver is not installed.
    DataError
        If the server does not answer, or refuses.

    Examples
    --------
    >>> import fsspec
    >>> fsspec.filesystem("memory").pipe("/shelf/cat.ndjson", b"12345")
    >>> [(file.path.as_posix(), file.size) for file in find_urls("memory://shelf/*.ndjson")]
    [('memory:/shelf/cat.ndjson', 5)]
    """
    with connected(patience or Patience(attempts=3)) as session:
        try:
            found = persist(session, lambda: find(session, url))
        except (TemporaryError, PermanentError) as error:
            raise DataError(f"{redact(url)}: {error}") from error
    if not found:
        raise UsageError(f"{redact(url)} does not exist, or holds no file")
    return [
        DownloadedFile(
            _name(file.url),
            path_of(file.url),
            "planned",
            file.url,
            file.size,
            stays=False,
            version=file.generation or file.etag,
        )
        for file in found
    ]


def _name(url: str) -> str:
    """Give a file that passes through a name of its own, which cannot point elsewhere.

    It ends as the file's own name does, and leaves room for what stands beside it on the way.
    """
    digest = hashlib.sha256(url.encode()).hexdigest()[:16]
    end = path_of(url).name.encode()[-_LONGEST:].decode(errors="ignore")
    return f"{digest}/{end}"
