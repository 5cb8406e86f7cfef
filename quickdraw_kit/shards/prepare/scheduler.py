"""Extract stage, in the main process: sources are downloaded, extracted, hashed and removed.

Chunks of a downloaded source are extracted while the next sources arrive. The number of sources
that are here at a time is bounded, so that a run that does not keep them needs disk space for a few
files, and not for all of them.
"""

import functools
import json
import threading
from collections import Counter, deque
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

from quickdraw_kit.acquire.cache_entry import CacheEntry
from quickdraw_kit.acquire.download import DownloadOptions, Fetcher, fetching
from quickdraw_kit.acquire.progress import DownloadProgress
from quickdraw_kit.acquire.results import DownloadedFile, DownloadError, DownloadReport
from quickdraw_kit.acquire.sources import Source
from quickdraw_kit.errors import DataError
from quickdraw_kit.executors import (
    cancel_and_wait,
    max_in_flight,
    max_workers,
    translate_broken_pool,
)
from quickdraw_kit.shards.prepare.extract import ChecksumTask, ChunkTask, ExtractResult, run_task
from quickdraw_kit.shards.prepare.plan import Chunk, Plan, Progress, ProgressCallback
from quickdraw_kit.shards.prepare.workdir import WorkDir
from quickdraw_kit.shards.rejects import write_source_rejects
from quickdraw_kit.storage.files import atomic_write, detect_compression
from quickdraw_kit.storage.hashing import sha256_file
from quickdraw_kit.storage.urls import redact


class ExtractScheduler:
    """Runs the extract stage. All state that outlives it is in the workdir."""

    def __init__(
        self, plan: Plan, workdir: WorkDir, executor: Executor, report: ProgressCallback
    ) -> None:
        self._plan, self._workdir = plan, workdir
        self._executor, self._report = executor, report
        self._report_lock = threading.Lock()  # downloads report from threads of their own
        self._download_options = plan.download or DownloadOptions()

        # sources by number; a downloaded one is replaced by its local copy when it arrives
        self.sources = list(plan.sources)
        self._remote = {
            number: self._destination(source.remote)
            for number, source in enumerate(plan.sources)
            if source.remote is not None
        }
        self._chunks: dict[int, list[Chunk]] = {number: [] for number in range(len(plan.sources))}
        for chunk in plan.chunks:
            self._chunks[chunk.source].append(chunk)

        # a source moves through these, from top to bottom
        self._to_download: deque[int] = deque()
        self._downloads: dict[Future[DownloadedFile], int] = {}
        self._local: set[int] = set()  # downloaded sources that are not done
        self._tasks: deque[ChunkTask | ChecksumTask] = deque()
        self._running: dict[Future[int], ChunkTask | ChecksumTask] = {}
        self._chunks_left: Counter[int] = Counter()

        self._total = sum(chunk.stop - chunk.start for chunk in plan.chunks)
        self._done = self._drawings = 0

    def run(self) -> list[str]:
        """Extract all sources, and return their checksums.

        Raises
        ------
        DownloadError
            If sources could not be downloaded; the others are done by then.
        """
        for number, source in enumerate(self.sources):
            if source.remote is None:
                self._add_tasks(number)
            elif self._is_done(number):
                # an earlier run has downloaded, extracted and perhaps removed it
                for chunk in self._chunks[number]:
                    read = ExtractResult.load(self._workdir.chunk_result(chunk)).read
                    self._count(chunk, read)
            else:
                self._to_download.append(number)
        self._report_extracted()

        failed: list[DownloadedFile] = []
        fetcher_or_none = self._fetcher(self._to_download) if self._to_download else nullcontext()
        with fetcher_or_none as fetcher, translate_broken_pool():
            try:
                while self._to_download or self._downloads or self._tasks or self._running:
                    self._start_downloads(fetcher)
                    self._submit_tasks()
                    pending: list[Future[Any]] = [*self._downloads, *self._running]
                    wait(pending, return_when=FIRST_COMPLETED)
                    for download in [future for future in self._downloads if future.done()]:
                        number, file = self._downloads.pop(download), download.result()
                        if file.state == "failed":
                            failed.append(file)
                        else:
                            self._receive(number, file)
                    for work in [future for future in self._running if future.done()]:
                        self._finish(self._running.pop(work), work.result())
            finally:
                # no worker may write into the folder after its lock is released
                cancel_and_wait(self._running)

        # only now, when all other sources are done: the next run has less to do
        if failed:
            by_name = {file.name: file for file in failed}
            files = tuple(by_name.get(file.name, file) for file in self._remote.values())
            raise DownloadError(DownloadReport(self._workdir.out, files))
        paths = map(self._workdir.source_checksum, self._chunks)
        return [path.read_text("ascii") for path in paths]

    def download_again(self, number: int) -> Source:
        """Download a source again that was removed, because some of its lines are needed.

        Raises
        ------
        DataError
            If it is not the file that was read.
        """
        source = self._plan.sources[number]
        with self._fetcher([number]) as fetcher:
            file = fetcher.start(self._remote[number]).result()
        if file.error is not None:
            raise DownloadError(DownloadReport(self._workdir.sources, (file,)))
        if sha256_file(file.path) != self._workdir.source_checksum(number).read_text("ascii"):
            raise DataError(
                f"{source.name} changed at {redact(file.url)} since it was read, and a line of it "
                "is needed for rejects.ndjson. Run again with overwrite (--overwrite)."
            )
        return replace(source, path=file.path, mtime_ns=file.path.stat().st_mtime_ns)

    def _destination(self, file: DownloadedFile) -> DownloadedFile:
        """Return a planned download with its path: in the workdir, unless it is kept."""
        if file.state == "present" or file.stays:
            return file
        return replace(file, path=self._workdir.sources / file.name)

    def _fetcher(self, numbers: Iterable[int]) -> AbstractContextManager[Fetcher]:
        options = self._download_options
        return fetching(
            self._workdir.sources,
            [self._remote[number] for number in numbers],
            workers=options.workers,
            retry_policy=options.retry_policy,
            progress=self._report_download,
            at_once=options.workers + max_workers(self._executor),
        )

    def _start_downloads(self, fetcher: Fetcher | None) -> None:
        """Start downloads, as many as there is disk space for."""
        if fetcher is None:
            return
        # a source on each worker and in each download is enough to keep both busy
        free = fetcher.workers + max_workers(self._executor) - len(self._local)
        while self._to_download and len(self._downloads) < min(fetcher.workers, free):
            number = self._to_download.popleft()
            file = self._remote[number]
            future: Future[DownloadedFile] = Future()
            if file.state == "present":  # in the data home
                future.set_result(file)
            else:
                future = fetcher.start(file)
            self._downloads[future] = number

    def _submit_tasks(self) -> None:
        work = functools.partial(run_task, self._plan.filters, self._plan.options, self._workdir)
        while self._tasks and len(self._running) < max_in_flight(self._executor):
            task = self._tasks.popleft()
            self._running[self._executor.submit(work, task)] = task

    def _receive(self, number: int, file: DownloadedFile) -> None:
        """Check that a downloaded file is the one that was planned, and add its tasks."""
        source = self.sources[number]
        record = CacheEntry(file.path).record()
        version = json.dumps([file.size, record and record.md5, record and record.crc32c])
        version_path = self._workdir.source_version(number)
        is_begun = any(self._workdir.chunk_result(chunk).exists() for chunk in self._chunks[number])

        # all chunks must be of one version, also when an earlier run has extracted some of them
        if file.size != source.size or (
            is_begun and version_path.exists() and version_path.read_text("ascii") != version
        ):
            raise DataError(
                f"{source.name} changed at {redact(file.url)} since the run began: {source.size} "
                f"bytes then, {file.size} now. Run again with overwrite (--overwrite)."
            )
        with atomic_write(version_path, sync=False) as out:
            out.write(version.encode())

        # the chunks were planned from the name alone
        compression = detect_compression(file.path)
        if compression != source.compression:
            raise DataError(
                f"{redact(file.url)} is {compression or 'not'} compressed, and its name says "
                f"{source.compression or 'not compressed'}. Rename it: .gz for gzip, .zst for zstd."
            )

        mtime_ns = file.path.stat().st_mtime_ns
        self.sources[number] = replace(source, path=file.path, mtime_ns=mtime_ns)
        self._local.add(number)
        self._add_tasks(number)

    def _add_tasks(self, number: int) -> None:
        source, chunks = self.sources[number], self._chunks[number]
        raw = source.format.variant_of(source.path) == "raw"
        self._chunks_left[number] = len(chunks)
        self._tasks.extend(ChunkTask(source, chunk, raw) for chunk in chunks)

    def _finish(self, task: ChunkTask | ChecksumTask, read: int) -> None:
        if isinstance(task, ChecksumTask):
            self._release(task.number)
            return

        # chunks of a source finish in any order; the last one triggers the checksum
        number = task.chunk.source
        self._count(task.chunk, read)
        self._report_extracted()
        self._chunks_left[number] -= 1
        if not self._chunks_left[number]:
            # next in the queue, while the file is in the page cache
            self._tasks.appendleft(ChecksumTask(task.source, number))

    def _release(self, number: int) -> None:
        """Remove a downloaded source that is not kept, after its rejected lines are saved."""
        self._local.discard(number)
        source = self.sources[number]
        if not source.path.is_relative_to(self._workdir.sources):
            return  # local, or kept in the data home

        results = [self._workdir.chunk_result(chunk) for chunk in self._chunks[number]]
        rejects = [reject for path in results for reject in ExtractResult.load(path).rejects]
        if rejects:
            with atomic_write(self._workdir.source_rejects(number), sync=False) as out:
                write_source_rejects(out, source, rejects)
        CacheEntry(source.path).remove()

    def _is_done(self, number: int) -> bool:
        return self._workdir.source_checksum(number).exists() and all(
            self._workdir.chunk_result(chunk).exists() for chunk in self._chunks[number]
        )

    def _count(self, chunk: Chunk, read: int) -> None:
        self._done += chunk.stop - chunk.start
        self._drawings += read

    def _report_extracted(self) -> None:
        self._report_progress(Progress("extract", self._done, self._total, self._drawings))

    def _report_download(self, step: DownloadProgress) -> None:
        self._report_progress(Progress("download", step.all_done, step.all_size, 0))

    def _report_progress(self, progress: Progress) -> None:
        with self._report_lock:
            self._report(progress)
