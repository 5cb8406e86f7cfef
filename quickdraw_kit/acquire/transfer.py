"""Download one file: start or resume, retry, verify, and give it its final name."""

import contextlib
import dataclasses
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self, TypeVar

from quickdraw_kit.acquire.cache_entry import CacheEntry
from quickdraw_kit.acquire.catalog import RemoteFile
from quickdraw_kit.acquire.progress import ReportBytes
from quickdraw_kit.storage.file_info import FileInfo
from quickdraw_kit.storage.hashing import md5_and_crc32c, md5_of_content
from quickdraw_kit.storage.http import HTTPClient
from quickdraw_kit.storage.retry import (
    DEFAULT_RETRY_POLICY,
    ChangedError,
    PermanentError,
    RetryPolicy,
    TemporaryError,
    retry,
)
from quickdraw_kit.storage.store import Store, open_store
from quickdraw_kit.storage.urls import redact

_Result = TypeVar("_Result")

# a name that is not found mostly means no network, which should be reported soon
_MAX_LOOKUPS = 3  # of a host name, before anything was received
_MAX_DAMAGED = 2  # downloads with wrong checksums before a server is given up


class Session:
    """Connections, retry policy and stop flag of one run; on exit all transfers stop."""

    def __init__(self, retry_policy: RetryPolicy | None = None) -> None:
        self.retry_policy = retry_policy or DEFAULT_RETRY_POLICY
        self.client = HTTPClient(self.retry_policy)
        self.stop = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop.set()
        self.client.close()

    def open(self, url: str) -> Store:
        """Return the store at a URL, with the connections of this session."""
        return open_store(url, self.client)

    def check(self) -> None:
        """Raise `PermanentError` if the run is to stop."""
        if self.stop.is_set():
            raise PermanentError("stopped")

    def retry(
        self,
        attempt: Callable[[], _Result],
        *,
        progress: Callable[[], int] = lambda: 0,
        on_wait: Callable[[str], None] = lambda note: None,
        max_lookups: int | None = None,
    ) -> _Result:
        """Retry as the policy says. A host that was given up is not asked for other files."""
        try:
            return retry(
                attempt,
                self.retry_policy,
                stop=self.stop,
                progress=progress,
                on_wait=on_wait,
                max_lookups=max_lookups,
            )
        except TemporaryError as error:
            if error.unreachable:
                # otherwise each of 345 files would wait for the same host, for minutes
                self.client.unreachable.add(error.unreachable)
            raise


def locate(file: RemoteFile, session: Session, report: ReportBytes) -> FileInfo:
    """Return the first URL at which a file exists, with its size and version."""

    def stat(url: str) -> FileInfo:
        return session.retry(
            session.open(url).stat,
            on_wait=lambda note: report(0, None, note),
            max_lookups=_MAX_LOOKUPS,
        )

    return _first_success(file.urls, stat)


def fetch(
    file: RemoteFile,
    entry: CacheEntry,
    session: Session,
    report: ReportBytes,
    *,
    verify: bool = False,
) -> int | None:
    """Download a file and return the bytes received; None if it is present.

    With `verify`, a file that is present is read, and downloaded again if its checksums differ.
    """

    def on_wait(note: str) -> None:
        report(entry.partial_size(), None, note)

    with entry.lock(session.stop.is_set, on_wait):
        if verify and entry.is_complete() and not entry.is_intact():
            entry.remove()  # nothing damaged keeps the final name, even if the download fails
        if is_present(file, entry):  # another process may have completed it
            return None
        transfer = _Transfer(file, entry, session, report)
        _first_success(file.urls, transfer.run)
        return transfer.received


def is_present(file: RemoteFile, entry: CacheEntry) -> bool:
    """Return whether a file is complete, and from one of its URLs if only those count."""
    record = entry.record()
    if record is None or not entry.is_complete():
        return False
    # records have redacted URLs, and credentials may change between runs
    return not file.only_these_urls or redact(record.url) in map(redact, file.urls)


def adopt_existing(file: RemoteFile, entry: CacheEntry, version: FileInfo) -> bool:
    """Record a file that the user put under the final name, if its checksums are right."""
    if (file.md5 or version.md5 or version.crc32c) is None or not entry.path.is_file():
        return False
    # the size first, as checksums read all of the file
    if version.size not in (None, entry.path.stat().st_size):
        return False
    record, problem = _verify(entry.path, file, version)
    if problem is None:
        with contextlib.suppress(OSError):  # the folder may be read-only
            entry.adopt(record)
    return problem is None


class _Transfer:
    """The download of one file, which may take several attempts and several URLs."""

    def __init__(
        self, file: RemoteFile, entry: CacheEntry, session: Session, report: ReportBytes
    ) -> None:
        self._file, self._entry, self._session, self._report = file, entry, session, report
        self._damaged = 0
        self.received = 0

    def run(self, url: str) -> None:
        """Download the file from one URL."""
        # counted for each URL: another server may have an intact file
        self._damaged = 0
        self._session.retry(
            lambda: self._attempt(url),
            progress=self._entry.partial_size,
            on_wait=lambda note: self._report(self._entry.partial_size(), None, note),
        )

    def _attempt(self, url: str) -> None:
        try:
            partial, version = self._receive(url)
            self._verify_and_commit(partial, version)
        except ChangedError:
            # bytes of two versions must never be in one file
            self._entry.discard_partial()
            raise

    def _receive(self, url: str) -> tuple[Path, FileInfo]:
        """Receive the file, or what is missing of it."""
        self._session.check()
        store = self._session.open(url)

        # Resume only from a partial file whose version is known, and from the same URL.
        partial, version = self._entry.partial() or (None, None)
        offset = 0
        if partial and version and version.has_version and redact(version.url) == redact(url):
            offset = partial.stat().st_size
            if offset == version.size:  # killed between the last byte and the commit
                if not store.stat().same_version(version):
                    raise ChangedError
                return partial, version

        with store.open_range("", offset, version if offset else None) as reader:
            # the server may send the whole file although a range was requested
            if reader.start == 0 or partial is None or version is None:
                partial, version = self._entry.start_partial(reader.info), reader.info
            done = reader.start
            with partial.open("ab") as out:
                for chunk in reader.chunks:
                    self._session.check()
                    out.write(chunk)
                    out.flush()  # so that a kill loses nothing that was received
                    done += len(chunk)
                    self.received += len(chunk)
                    self._report(done, version.size, "")
        return partial, version

    def _verify_and_commit(self, partial: Path, version: FileInfo) -> None:
        """Compare the file with all that is known of it, and give it its final name."""
        size = partial.stat().st_size
        # too short: the partial file stays, and the next attempt resumes
        if version.size is not None and size < version.size:
            raise TemporaryError(f"the file was cut off after {size} of {version.size} bytes")
        # too long: it cannot be resumed, ChangedError discards it
        if version.size is not None and size > version.size:
            raise ChangedError(f"received {size} bytes, expected {version.size}")
        record, problem = _verify(partial, self._file, version)
        if problem is not None:
            self._damaged += 1
            # once may be a fault on the way: ChangedError discards the file and tries again
            if self._damaged < _MAX_DAMAGED:
                raise ChangedError(problem)
            self._entry.discard_partial()
            raise PermanentError(f"{problem}, {self._damaged} times")
        self._entry.commit(partial, record)


def _verify(path: Path, file: RemoteFile, version: FileInfo) -> tuple[FileInfo, str | None]:
    """Return the record of a file, and which checksum is wrong, or None."""
    md5, crc32c = md5_and_crc32c(path)
    record = dataclasses.replace(version, size=path.stat().st_size, md5=md5, crc32c=crc32c)
    checks: list[tuple[str, str | None, str | None]] = [
        ("md5", md5, version.md5),
        ("crc32c", crc32c, version.crc32c),
    ]
    # from the catalog, and so independent of what the server says
    if file.md5 is not None:
        checks.append(
            ("md5 of the content", md5_of_content(path), file.md5)
            if file.gunzip
            else ("md5", md5, file.md5)
        )
    for name, actual, expected in checks:
        if expected is not None and actual != expected:
            return record, f"the {name} is {actual}, expected {expected}"
    return record, None


def _first_success(urls: tuple[str, ...], get: Callable[[str], _Result]) -> _Result:
    """Return the result for the first URL that has one, or raise with the reasons of all."""
    reasons = []
    for url in urls:
        try:
            return get(url)
        except (TemporaryError, PermanentError) as error:
            reasons.append(f"{redact(url)}: {error}")
    raise PermanentError("; ".join(reasons))
