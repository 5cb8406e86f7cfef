"""Sources that are given as URLs: files, folders and patterns of stores, files of web servers.

Such a source is downloaded when its turn comes, into the workdir of the run, and is not kept: its
home is the store.
"""

import hashlib

from quickdraw_kit.acquire.results import DownloadedFile
from quickdraw_kit.errors import DataError, QuickdrawError, UsageError
from quickdraw_kit.storage.retry import RetryPolicy
from quickdraw_kit.storage.store import RetryingStore
from quickdraw_kit.storage.urls import path_from_url, redact

_MAX_NAME = 100  # bytes; file systems allow 143 or 255, and files beside it have 40 more


def resolve_url(url: str, *, retry_policy: RetryPolicy | None = None) -> list[DownloadedFile]:
    """List the files that a URL means, without downloading them."""
    try:
        # fewer attempts than for a download, as nothing has been received that could be lost
        files = RetryingStore(url, retry_policy or RetryPolicy(attempts=3)).list()
    # a QuickdrawError, too, but its exit code is that of wrong usage
    except UsageError:
        raise
    except QuickdrawError as error:
        raise DataError(str(error)) from error
    if not files:
        raise UsageError(f"{redact(url)} does not exist, or contains no file")
    return [
        DownloadedFile(
            _transit_name(file.url),
            path_from_url(file.url),
            "planned",
            file.url,
            file.size,
            stays=False,
            version=file.generation or file.etag,
        )
        for file in files
    ]


def _transit_name(url: str) -> str:
    """Return a unique name for a file in the workdir, which cannot point outside it.

    It ends as the name of the file does, for its suffixes, and is short enough for any disk.
    """
    # URLs of different folders may end in the same name
    digest = hashlib.sha256(url.encode()).hexdigest()[:16]
    # cut in bytes, which file systems count; a character that is cut in two is dropped
    end = path_from_url(url).name.encode()[-_MAX_NAME:].decode(errors="ignore")
    return f"{digest}/{end}"
