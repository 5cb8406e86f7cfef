"""Download files by name: look at all of them, check the disk space, fetch several at a time.

Whatever happens on the way, a file under its final name is complete and was verified. Anything else
is resumed by the next run. Files that are present need no network.
"""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from quickdraw_kit.acquire.cache_entry import CacheEntry, get_data_home
from quickdraw_kit.acquire.catalog import RemoteFile, Variant, remote_files
from quickdraw_kit.acquire.progress import DownloadProgress, ProgressReporter
from quickdraw_kit.acquire.results import DownloadedFile, DownloadError, DownloadReport
from quickdraw_kit.acquire.transfer import Session, adopt_existing, fetch, is_present, locate
from quickdraw_kit.errors import QuickdrawError, format_count
from quickdraw_kit.options import check, option
from quickdraw_kit.storage.file_info import FileInfo
from quickdraw_kit.storage.retry import PermanentError, RetryPolicy, TemporaryError

_WORKERS = 8
# `prepare` reads one file while the next ones arrive: more would only fill the disk
_WORKERS_BESIDE_OTHER_WORK = 2


@dataclass(frozen=True, slots=True)
class DownloadOptions:
    """How `prepare` downloads sources that are not on this machine.

    Parameters
    ----------
    mirror : str, optional
        Download from here; see `download`.
    keep : bool
        Whether the files stay in the folder of downloads. Otherwise they are downloaded to the
        workdir and deleted when they are processed; files that are present are used and stay.
    workers : int
        Files to download at the same time.
    retry_policy : RetryPolicy, optional
        How often and how long to retry.
    on_wait : callable, optional
        Called with a message for each wait while the files are located.

    Examples
    --------
    >>> from quickdraw_kit import DownloadOptions
    >>> DownloadOptions(keep=False).workers
    2
    """

    mirror: Annotated[str, option("Download from here instead of Google's bucket.")] | None = None
    keep: Annotated[bool, option("Keep the files in the folder of downloads.")] = True
    workers: Annotated[int, option("Files to download at the same time.", ge=1)] = (
        _WORKERS_BESIDE_OTHER_WORK
    )
    retry_policy: Annotated[RetryPolicy, option("How to retry.", cli=False)] | None = None
    on_wait: Annotated[Callable[[str], None], option("Called for waits.", cli=False)] | None = None

    def __post_init__(self) -> None:
        check(self)


def download(
    categories: Iterable[str] | None = None,
    *,
    variant: Variant = "simplified",
    data_home: str | os.PathLike[str] | None = None,
    mirror: str | None = None,
    workers: int = _WORKERS,
    dry_run: bool = False,
    verify: bool = False,
    progress: Callable[[DownloadProgress], None] | None = None,
    retry_policy: RetryPolicy | None = None,
) -> DownloadReport:
    """Download categories, MNIST or Fashion-MNIST, or resume where an earlier run stopped.

    Parameters
    ----------
    categories : iterable of str, optional
        Names of categories, ``mnist``, ``fashion-mnist``; by default all 345 categories.
    variant : {"simplified", "raw", "binary", "numpy_bitmap", "sketchrnn"}
        Which files of the categories.
    data_home : str or path-like, optional
        Folder of downloads; see `get_data_home` for the default.
    mirror : str, optional
        Folder or URL (``https://``, ``s3://``, ``gs://``, ...) to download from instead, laid out
        as Google's bucket or as a folder of downloads. By default the environment variable
        ``QUICKDRAW_KIT_MIRROR``, or else the official servers.
    workers : int
        Files to download at the same time.
    dry_run : bool
        Only look up sizes.
    verify : bool
        Read files that are present, and download those again whose checksums are wrong.
    progress : callable, optional
        Called with a `DownloadProgress` whenever something happens; from several threads, one at a
        time.
    retry_policy : RetryPolicy, optional
        How often and how long to retry.

    Returns
    -------
    DownloadReport
        What became of each file.

    Raises
    ------
    UsageError
        If a name or variant is unknown, or the driver of a mirror is not installed.
    QuickdrawError
        If the disk is too small; nothing is downloaded then.
    DownloadError
        If some files could not be downloaded; all others are complete.

    Examples
    --------
    >>> from quickdraw_kit import download, write_sample
    >>> _ = write_sample("mirror/simplified", drawings=20, categories=["star"])
    >>> report = download(["star"], data_home="data", mirror="mirror")
    >>> report.files[0].name, report.files[0].state
    ('simplified/star.ndjson', 'fetched')
    >>> download(["star"], data_home="data").files[0].state
    'present'
    """
    files = remote_files(categories, variant, mirror)
    root = get_data_home(data_home)
    with _open_fetcher(files, root, workers, verify, progress, retry_policy) as fetcher:
        planned = fetcher.plan()
        if dry_run:
            done = planned
        else:
            fetcher.check_space(planned)
            done = list(fetcher.fetch_all(planned))

    # files are complete in any order, and the report has that of the names
    order = {file.name: number for number, file in enumerate(files)}
    report = DownloadReport(root, tuple(sorted(done, key=lambda file: order[file.name])))
    if report.failures:
        raise DownloadError(report)
    return report


def iter_download(
    categories: Iterable[str] | None = None,
    *,
    variant: Variant = "simplified",
    data_home: str | os.PathLike[str] | None = None,
    mirror: str | None = None,
    workers: int = _WORKERS_BESIDE_OTHER_WORK,
    keep: bool = True,
    verify: bool = False,
    progress: Callable[[DownloadProgress], None] | None = None,
    retry_policy: RetryPolicy | None = None,
) -> Iterator[DownloadedFile]:
    """Download as `download` does, and yield each file as soon as it is complete.

    While the caller works on one file, up to `workers` others are downloaded, and no more: a caller
    that deletes each file after use never has many on the disk.
    """
    files = remote_files(categories, variant, mirror)
    root = get_data_home(data_home)
    with _open_fetcher(files, root, workers, verify, progress, retry_policy) as fetcher:
        planned = [replace(file, stays=keep) for file in fetcher.plan()]
        # one more than are downloaded: the caller still has the file that was yielded last
        fetcher.check_space(planned, at_once=workers + 1)
        yield from fetcher.fetch_all(planned)


@contextmanager
def fetching(
    root: Path,
    planned: Iterable[DownloadedFile],
    *,
    workers: int = _WORKERS_BESIDE_OTHER_WORK,
    at_once: int = 1,
    retry_policy: RetryPolicy | None = None,
    progress: Callable[[DownloadProgress], None] | None = None,
) -> Iterator["Fetcher"]:
    """Open a fetcher for files that a dry run of `download` has located.

    The disk needs space for `at_once` of the files that do not stay.
    """
    planned = list(planned)
    # the URL is fixed, because sizes and disk space are those of the file that was found there
    files = [RemoteFile(file.name, (file.url,), only_these_urls=True) for file in planned]
    with _open_fetcher(files, root, workers, False, progress, retry_policy) as fetcher:
        fetcher.reporter.start(planned)
        fetcher.check_space(planned, at_once)
        yield fetcher


@contextmanager
def _open_fetcher(
    files: Sequence[RemoteFile],
    root: Path,
    workers: int,
    verify: bool,
    progress: Callable[[DownloadProgress], None] | None,
    retry_policy: RetryPolicy | None,
) -> Iterator["Fetcher"]:
    workers = max(1, workers)
    by_name = {file.name: file for file in files}
    with Session(retry_policy) as session:
        pool = ThreadPoolExecutor(workers, thread_name_prefix="download")
        try:
            reporter = ProgressReporter(progress)
            yield Fetcher(by_name, root, session, pool, workers, verify, reporter)
        finally:
            session.stop.set()  # before waiting for the threads, so that none waits for a server
            pool.shutdown(cancel_futures=True)


@dataclass(frozen=True, slots=True)
class Fetcher:
    """One run of downloads: its files by name, connections and threads."""

    files: dict[str, RemoteFile]
    root: Path
    session: Session
    pool: ThreadPoolExecutor
    workers: int
    verify: bool
    reporter: ProgressReporter

    def plan(self) -> list[DownloadedFile]:
        """Return for each file whether it is present, and if not, its URL and size."""
        planned = list(self.pool.map(self._plan_one, self.files.values()))
        self.reporter.start(planned)
        return planned

    def check_space(self, planned: Sequence[DownloadedFile], at_once: int = 1) -> None:
        """Check that the disk can hold the files that stay, and the largest `at_once` others."""
        missing: dict[bool, list[int]] = {True: [], False: []}
        for file in planned:
            if file.state == "planned":
                # what earlier runs received is on the disk already
                received = CacheEntry(file.path).partial_size()
                missing[file.stays].append((file.size or 0) - received)
        needed = sum(missing[True]) + sum(sorted(missing[False], reverse=True)[:at_once])

        # the folder may not exist yet; the nearest one above it is on the same disk
        folder = self.root
        while not folder.exists():
            folder = folder.parent
        free = shutil.disk_usage(folder).free
        if needed > free:
            from rich.filesize import decimal

            count = format_count(sum(map(len, missing.values())), "file")
            raise QuickdrawError(
                f"the disk of {self.root} has {decimal(free)} free, and the {count} to download "
                f"take {decimal(needed)}. Make room, name fewer categories, or use another disk "
                "(data_home, --data-home or QUICKDRAW_KIT_HOME)."
            )

    def fetch_all(self, planned: Sequence[DownloadedFile]) -> Iterator[DownloadedFile]:
        """Download the planned files, `workers` at a time, and yield every file when it is final.

        The next download starts when a file is yielded, so that a slow caller is never far behind.
        """
        waiting = iter([file for file in planned if file.state == "planned"])
        running: set[Future[DownloadedFile]] = set()

        def start_next() -> None:
            file = next(waiting, None)
            if file is not None:
                running.add(self.start(file))

        for _ in range(self.workers):
            start_next()
        # only now: the downloads above go on while the caller works on these
        yield from (file for file in planned if file.state != "planned")
        while running:
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                running.discard(future)
                # before the yield: no thread is idle while the caller works on this file
                start_next()
                yield future.result()

    def start(self, planned: DownloadedFile) -> Future[DownloadedFile]:
        """Start to download a file; the future never raises, a failure is a state."""
        return self.pool.submit(self.fetch_one, self.files[planned.name], planned)

    def fetch_one(self, file: RemoteFile, planned: DownloadedFile) -> DownloadedFile:
        """Download a file, from the URL where it was located first."""
        others = tuple(url for url in file.urls if url != planned.url)
        file = replace(file, urls=(planned.url, *others))
        entry = CacheEntry(planned.path)
        report = self.reporter.callback(file.name)
        try:
            received = fetch(file, entry, self.session, report, verify=self.verify)
        except (PermanentError, TemporaryError, OSError) as error:
            result = replace(planned, state="failed", error=str(error))
        else:
            # the size may have been unknown, or another, when the download was planned
            size = planned.path.stat().st_size
            state: Literal["present", "fetched"] = "present" if received is None else "fetched"
            result = replace(planned, state=state, size=size, received=received or 0)
        self.reporter.finish(result)
        return result

    def _plan_one(self, file: RemoteFile) -> DownloadedFile:
        # Checksums that are known in advance need no network, those of the server do.
        entry = CacheEntry(self.root / file.name)
        if is_present(file, entry) and (not self.verify or entry.is_intact()):
            return _present(file, entry)
        if adopt_existing(file, entry, FileInfo(file.urls[0])):
            return _present(file, entry)

        planned = DownloadedFile(file.name, entry.path, "planned", file.urls[0])
        try:
            info = locate(file, self.session, self.reporter.callback(file.name))
        # `locate` has retried what may pass. A UsageError, such as a missing driver, ends the run.
        except PermanentError as error:
            return replace(planned, state="failed", error=str(error))
        if adopt_existing(file, entry, info):
            return _present(file, entry)
        return replace(planned, url=info.url, size=info.size)


def _present(file: RemoteFile, entry: CacheEntry) -> DownloadedFile:
    record = entry.record() or FileInfo(file.urls[0])
    size = entry.path.stat().st_size
    return DownloadedFile(file.name, entry.path, "present", record.url, size)
