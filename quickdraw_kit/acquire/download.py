"""Download what is named: look at all of it, see that the disk can hold it, fetch it side by side.

Whatever happens on the way, a file under its final name is whole and was checked; everything else
is taken up again by the next run. Files that are there already need no network.
"""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from quickdraw_kit.acquire.cache_entry import CacheEntry, get_data_home
from quickdraw_kit.acquire.catalog import RemoteFile, Variant, remote_files
from quickdraw_kit.acquire.progress import DownloadProgress, ProgressReporter
from quickdraw_kit.acquire.results import DownloadedFile, DownloadError, DownloadReport
from quickdraw_kit.acquire.transfer import Session, adopt_existing, fetch, is_present, locate
from quickdraw_kit.errors import QuickdrawError
from quickdraw_kit.storage.file_info import FileInfo
from quickdraw_kit.storage.retry import PermanentError, RetryPolicy, TemporaryError

__all__ = ["DownloadOptions", "Fetcher", "download", "fetching", "iter_download"]


@dataclass(frozen=True, slots=True)
class DownloadOptions:
    """How files are had that a longer work needs one after the other.

    Parameters
    ----------
    mirror : str, optional
        Where to get them instead; see `remote_files`.
    keep : bool
        Whether they stay in the folder of downloads; if not, they pass through the work's own
        folder, and what is in the folder of downloads already is used and stays.
    workers : int
        Files that are fetched side by side.
    patience : RetryPolicy, optional
        How long to bear with a server.
    on_wait : callable, optional
        Takes a line for each wait while the files are looked for: which, why and how long.

    Examples
    --------
    >>> DownloadOptions(keep=False).workers
    2
    """

    mirror: str | None = None
    keep: bool = True
    workers: int = 2
    retry_policy: RetryPolicy | None = None
    on_wait: Callable[[str], None] | None = None


def download(
    categories: Iterable[str] | None = None,
    *,
    variant: Variant = "simplified",
    data_home: str | os.PathLike[str] | None = None,
    mirror: str | None = None,
    workers: int = 8,
    dry_run: bool = False,
    verify: bool = False,
    progress: Callable[[DownloadProgress], None] | None = None,
    retry_policy: RetryPolicy | None = None,
) -> DownloadReport:
    """Download categories, MNIST or Fashion-MNIST, whole and checked, or go on where it stopped.

    Parameters
    ----------
    categories : iterable of str, optional
        Names of categories, ``mnist``, ``fashion-mnist``; all 345 categories by default.
    kind : {"simplified", "raw", "binary", "numpy_bitmap", "sketchrnn"}
        Form of the categories' files.
    home : str or path-like, optional
        Folder of downloads; see `data_home` for the default.
    mirror : str, optional
        Where to get the files instead; see `remote_files`.
    workers : int
        Files that are fetched side by side.
    dry_run : bool
        Look at sizes and fetch nothing.
    verify : bool
        Read files that are there already, and fetch those anew whose checkreporter are wrong.
    progress : callable, optional
        Takes a `Progress` whenever something happens; from several threads, one at a time.
    patience : RetryPolicy, optional
        How long to bear with a server.

    Returns
    -------
    DownloadReport
        What became of each file.

    Raises
    ------
    UsageError
        If a name or the kind is not known, or a mirror's driver is not installed.
    QuickdrawError
        If the disk is too small; nothing is fetched then.
    DownloadError
        If some files could not be had, after all others are in place.

    Examples
    --------
    >>> mirror, home = getfixture("tmp_path") / "mirror", getfixture("tmp_path") / "home"
    >>> (mirror / "binary").mkdir(parents=True)
    >>> _ = (mirror / "binary" / "cat.bin").write_bytes(bytes(100))
    >>> report = download(["cat"], variant="binary", data_home=home, mirror=str(mirror))
    >>> report.files[0].state, report.received
    ('fetched', 100)
    >>> download(["cat"], variant="binary", data_home=home).files[0].state
    'present'
    """
    files = remote_files(categories, variant, mirror)
    root = get_data_home(data_home)
    with _run(files, root, workers, verify, progress, retry_policy) as run:
        planned = run.plan()
        if dry_run:
            done = planned
        else:
            run.check_space(planned)
            done = list(run.fetch_all(planned))
    place = {file.name: number for number, file in enumerate(files)}
    report = DownloadReport(root, tuple(sorted(done, key=lambda file: place[file.name])))
    if report.failures:
        raise DownloadError(report)
    return report


def iter_download(
    categories: Iterable[str] | None = None,
    *,
    variant: Variant = "simplified",
    data_home: str | os.PathLike[str] | None = None,
    mirror: str | None = None,
    workers: int = 2,
    keep: bool = True,
    verify: bool = False,
    progress: Callable[[DownloadProgress], None] | None = None,
    retry_policy: RetryPolicy | None = None,
) -> Iterator[DownloadedFile]:
    """Download as `download` does, and yield each file as soon as it is there.

    While the caller works on one file, up to `workers` further ones are fetched, and no more: a
    caller that removes each file when it is done with it never has many on the disk.

    Parameters
    ----------
    categories, kind, home, mirror, workers, verify, progress, patience
        As in `download`.
    keep : bool
        Whether the files stay. If not, the disk need only have room for the largest `workers` + 1.

    Yields
    ------
    DownloadedFile
        In the order in which they are ready. One that could not be had is yielded as well, with
        its `error`; it is for the caller to stop or go on.

    Raises
    ------
    UsageError, QuickdrawError
        As in `download`, before the first file.

    Examples
    --------
    >>> mirror, home = getfixture("tmp_path") / "mirror", getfixture("tmp_path") / "home"
    >>> (mirror / "binary").mkdir(parents=True)
    >>> for name in ("cat", "dog"):
    ...     _ = (mirror / "binary" / f"{name}.bin").write_bytes(bytes(100))
    >>> names = ["dog", "cat"]
    >>> files = iter_download(names, variant="binary", data_home=home, mirror=str(mirror))
    >>> sorted(file.path.name for file in files)
    ['cat.bin', 'dog.bin']
    """
    files = remote_files(categories, variant, mirror)
    with _run(files, get_data_home(data_home), workers, verify, progress, retry_policy) as run:
        planned = [replace(file, stays=keep) for file in run.plan()]
        run.check_space(planned, at_once=workers + 1)
        yield from run.fetch_all(planned)


@contextmanager
def fetching(
    root: Path,
    planned: Iterable[DownloadedFile],
    *,
    workers: int = 2,
    at_once: int = 1,
    retry_policy: RetryPolicy | None = None,
    progress: Callable[[DownloadProgress], None] | None = None,
) -> Iterator["Fetcher"]:
    """Fetch files that a dry run of `download` has found, each when it is asked for."""
    planned = list(planned)
    files = [RemoteFile(file.name, (file.url,), only_these_urls=True) for file in planned]
    with _run(files, root, workers, False, progress, retry_policy) as fetcher:
        fetcher.reporter.start(planned)
        fetcher.check_space(planned, at_once)
        yield fetcher


@contextmanager
def _run(
    files: Sequence[RemoteFile],
    root: Path,
    workers: int,
    verify: bool,
    progress: Callable[[DownloadProgress], None] | None,
    retry_policy: RetryPolicy | None,
) -> Iterator["Fetcher"]:
    """Open the connections and the threads of a run, and end them whatever happens."""
    with Session(retry_policy) as session:
        pool = ThreadPoolExecutor(max(1, workers), thread_name_prefix="download")
        try:
            by_name = {file.name: file for file in files}
            yield Fetcher(
                by_name, root, session, pool, max(1, workers), verify, ProgressReporter(progress)
            )
        finally:
            session.stop.set()
            pool.shutdown(cancel_futures=True)


@dataclass(frozen=True, slots=True)
class Fetcher:
    """A run: its files by name, connections, threads and reporter."""

    files: dict[str, RemoteFile]
    root: Path
    session: Session
    pool: ThreadPoolExecutor
    workers: int
    verify: bool
    reporter: ProgressReporter

    def plan(self) -> list[DownloadedFile]:
        """Tell for each file whether it is there, and if not, where it is and how large."""
        planned = list(self.pool.map(self._look, self.files.values()))
        self.reporter.start(planned)
        return planned

    def check_space(self, planned: Sequence[DownloadedFile], at_once: int = 1) -> None:
        """Refuse when the disk cannot hold what stays and the largest few of what does not."""
        missing: dict[bool, list[int]] = {True: [], False: []}
        for file in planned:
            if file.state == "planned":
                missing[file.stays].append((file.size or 0) - CacheEntry(file.path).partial_size())
        needed = sum(missing[True]) + sum(sorted(missing[False], reverse=True)[:at_once])
        folder = self.root
        while not folder.exists():
            folder = folder.parent
        free = shutil.disk_usage(folder).free
        if needed > free:
            from rich.filesize import decimal

            count = sum(map(len, missing.values()))
            raise QuickdrawError(
                f"the disk of {self.root} has {decimal(free)} free, and the {count} "
                f"files to fetch take {decimal(needed)}. Make room, name fewer categories, or "
                "put the data elsewhere with --data-home or QUICKDRAW_KIT_HOME."
            )

    def fetch_all(self, planned: Sequence[DownloadedFile]) -> Iterator[DownloadedFile]:
        """Fetch the planned files, `workers` at once, and yield every file when it is final."""
        waiting = iter([file for file in planned if file.state == "planned"])
        running: set[Future[DownloadedFile]] = set()

        def start_next() -> None:
            file = next(waiting, None)
            if file is not None:
                running.add(self.start(file))

        for _ in range(self.workers):
            start_next()
        yield from (file for file in planned if file.state != "planned")
        while running:
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                running.discard(future)
                start_next()
                yield future.result()

    def start(self, planned: DownloadedFile) -> Future[DownloadedFile]:
        """Begin to fetch one of the files; the result tells what became of it."""
        return self.pool.submit(self._fetch, self.files[planned.name], planned)

    def _look(self, file: RemoteFile) -> DownloadedFile:
        place = CacheEntry(self.root / file.name)
        if is_present(file, place) and (not self.verify or place.is_intact()):
            return self._present(file, place)
        if adopt_existing(file, place, FileInfo(file.urls[0])):
            return self._present(file, place)
        planned = DownloadedFile(file.name, place.path, "planned", file.urls[0])
        try:
            found = locate(file, self.session, self.reporter.callback(file.name))
        except PermanentError as error:
            return replace(planned, state="failed", error=str(error))
        if adopt_existing(file, place, found):
            return self._present(file, place)
        return replace(planned, url=found.url, size=found.size)

    def _present(self, file: RemoteFile, place: CacheEntry) -> DownloadedFile:
        record = place.record() or FileInfo(file.urls[0])
        size = place.path.stat().st_size
        return DownloadedFile(file.name, place.path, "present", record.url, size)

    def _fetch(self, file: RemoteFile, planned: DownloadedFile) -> DownloadedFile:
        others = tuple(url for url in file.urls if url != planned.url)
        file = replace(file, urls=(planned.url, *others))
        place = CacheEntry(planned.path)
        try:
            received = fetch(
                file, place, self.session, self.reporter.callback(file.name), verify=self.verify
            )
        except (PermanentError, TemporaryError, OSError) as error:
            result = replace(planned, state="failed", error=str(error))
        else:
            size = planned.path.stat().st_size
            state: Literal["present", "fetched"] = "present" if received is None else "fetched"
            result = replace(planned, state=state, size=size, received=received or 0)
        self.reporter.finish(result)
        return result
