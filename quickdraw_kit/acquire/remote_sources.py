"""Sources that are named by addresses: files, folders and patterns of stores, files of the web.

Such a source is fetched when its turn comes, passes through the work folder of whoever reads it,
and does not stay: it has a place already, in the store.
"""

import hashlib

from quickdraw_kit.acquire.results import DownloadedFile
from quickdraw_kit.errors import UsageError
from quickdraw_kit.storage.retry import RetryPolicy
from quickdraw_kit.storage.store import RetryingStore
from quickdraw_kit.storage.urls import path_from_url, redact

__all__ = ["resolve_url"]

_LONGEST = 100  # bytes of a name; what stands beside it has 40 more, and disks take 143 or 255


def resolve_url(url: str, *, retry_policy: RetryPolicy | None = None) -> list[DownloadedFile]:
    """Find the files that an address means, and fetch none."""
    found = RetryingStore(url, retry_policy or RetryPolicy(attempts=3)).list()
    if not found:
        raise UsageError(f"{redact(url)} does not exist, or holds no file")
    return [
        DownloadedFile(
            _name(file.url),
            path_from_url(file.url),
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
    end = path_from_url(url).name.encode()[-_LONGEST:].decode(errors="ignore")
    return f"{digest}/{end}"
