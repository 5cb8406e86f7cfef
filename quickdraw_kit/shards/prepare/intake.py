"""First pass: sources come, are set down unit by unit, get their checksums, and go if they may.

A source that is downloaded is worked on while the next ones come. How many may be here at a time is
bounded, so that a run that does not keep them needs room for a few files, not for all of them.
"""

import functools
import json
import threading
from collections import Counter, deque
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

from quickdraw_kit.acquire.cache_entry import CacheEntry
from quickdraw_kit.acquire.download import DownloadOptions, Fetcher, fetching
from quickdraw_kit.acquire.progress import DownloadProgress as Step
from quickdraw_kit.acquire.results import DownloadedFile, DownloadError, DownloadReport
from quickdraw_kit.acquire.sources import Source
from quickdraw_kit.errors import DataError
from quickdraw_kit.executors import (
    cancel_and_wait,
    max_in_flight,
    max_workers,
    translate_broken_pool,
)
from quickdraw_kit.formats.ndjson.files import detect_variant
from quickdraw_kit.shards.filters import Filters
from quickdraw_kit.shards.options import PrepareOptions
from quickdraw_kit.shards.prepare.chunks import Chunk
from quickdraw_kit.shards.prepare.extract import Collected, collect_unit
from quickdraw_kit.shards.prepare.plan import Plan, Progress, ProgressCallback
from quickdraw_kit.shards.rejects import write_refused
from quickdraw_kit.storage.files import atomic_write, detect_compression
from quickdraw_kit.storage.hashing import sha256_file
from quickdraw_kit.storage.urls import redact

__all__ = ["Intake"]


_Task: TypeAlias = tuple[int, Source, bool, Chunk | None]
"""Position of a source, the source, whether it is raw, and a unit; None for the checksum."""


class Intake:
    """The first pass of one run: its state is what lies in the work folder."""

    def __init__(self, plan: Plan, work: Path, pool: Executor, report: ProgressCallback) -> None:
        self.sources = list(plan.sources)  # those that have come know where they are
        self._plan, self._pool, self._report = plan, pool, report
        self._units, self._transit = work / "units", work / "sources"
        self._units.mkdir(exist_ok=True)
        self._options = plan.download or DownloadOptions()
        self._remote = {
            index: self._placed(source.remote)
            for index, source in enumerate(plan.sources)
            if source.remote is not None
        }
        self._of: dict[int, list[Chunk]] = {index: [] for index in range(len(plan.sources))}
        for unit in plan.units:
            self._of[unit.source].append(unit)
        self._lock = threading.Lock()
        self._waiting: deque[int] = deque()
        self._fetching: dict[Future[DownloadedFile], int] = {}
        self._tasks: deque[_Task] = deque()
        self._running: dict[Future[int], _Task] = {}
        self._left: Counter[int] = Counter()  # units that are to do, by source
        self._here: set[int] = set()  # sources that have come and are not done with
        self._total = sum(unit.stop - unit.start for unit in plan.units)
        self._done = self._drawings = 0

    def run(self) -> dict[int, str]:
        """Set down all sources."""
        for index, source in enumerate(self.sources):
            if source.remote is None:
                self._ready(index)
            elif self._is_set_down(index):
                for unit in self._of[index]:
                    self._count(unit, Collected.load(self._outcome(unit)).read)
            else:
                self._waiting.append(index)
        self._tell("read", self._done, self._total, self._drawings)
        failed: list[DownloadedFile] = []
        fetcher_or_none = self._fetcher(self._waiting) if self._waiting else nullcontext()
        with fetcher_or_none as fetcher, translate_broken_pool():
            try:
                while self._waiting or self._fetching or self._tasks or self._running:
                    self._start(fetcher)
                    under_way: list[Future[Any]] = [*self._fetching, *self._running]
                    wait(under_way, return_when=FIRST_COMPLETED)
                    for file in [future for future in self._fetching if future.done()]:
                        failed += self._arrived(self._fetching.pop(file), file.result())
                    for work in [future for future in self._running if future.done()]:
                        self._finished(self._running.pop(work), work.result())
            finally:
                cancel_and_wait(self._running)
        if failed:
            lost = {file.name: file for file in failed}
            files = tuple(lost.get(file.name, file) for file in self._remote.values())
            raise DownloadError(DownloadReport(self._plan.out, files))
        return {index: self._digest_of(index).read_text("ascii") for index in self._of}

    def bring_back(self, index: int) -> Source:
        """Fetch a source again that was let go, because a line of it is asked for."""
        source = self._plan.sources[index]
        with self._fetcher([index]) as fetcher:
            file = fetcher.start(self._remote[index]).result()
        if file.error is not None:
            raise DownloadError(DownloadReport(self._transit, (file,)))
        if sha256_file(file.path) != self._digest_of(index).read_text("ascii"):
            raise DataError(
                f"{source.name} changed at {redact(file.url)} since it was read, and a line of it "
                "is needed for the file of rejects. Run again with overwrite (--overwrite)."
            )
        return replace(source, path=file.path, mtime_ns=file.path.stat().st_mtime_ns)

    def refused_of(self, index: int) -> Path | None:
        """Return where the refused lines of a source are kept that was let go, or None."""
        path = self._units / f"source-{index:05d}.rejects"
        return path if path.exists() else None

    def _fetcher(self, indices: Iterable[int]) -> AbstractContextManager[Fetcher]:
        options = self._options
        return fetching(
            self._transit,
            [self._remote[index] for index in indices],
            workers=options.workers,
            retry_policy=options.retry_policy,
            progress=self._tell_step,
            at_once=options.workers + max_workers(self._pool),
        )

    def _placed(self, file: DownloadedFile) -> DownloadedFile:
        """Say where a file is to come: into the work folder if it is not to be kept."""
        if file.state == "present" or file.stays:
            return file
        return replace(file, path=self._transit / file.name)

    def _start(self, fetcher: Fetcher | None) -> None:
        """Begin as much as may be under way."""
        if fetcher is not None:
            room = fetcher.workers + max_workers(self._pool) - len(self._here)
            while self._waiting and len(self._fetching) < min(fetcher.workers, room):
                index = self._waiting.popleft()
                file = self._remote[index]
                future: Future[DownloadedFile] = Future()
                if file.state == "present":
                    future.set_result(file)
                else:
                    future = fetcher.start(file)
                self._fetching[future] = index
        work = functools.partial(_work, self._plan.filters, self._plan.options, self._units)
        while self._tasks and len(self._running) < max_in_flight(self._pool):
            task = self._tasks.popleft()
            self._running[self._pool.submit(work, task)] = task

    def _arrived(self, index: int, file: DownloadedFile) -> list[DownloadedFile]:
        """Take a file in; return it when it has not come."""
        if file.state == "failed":
            return [file]
        source = self.sources[index]
        record = CacheEntry(file.path).record()
        version = json.dumps([file.size, record and record.md5, record and record.crc32c])
        note = self._units / f"source-{index:05d}.version"
        begun = any(self._outcome(unit).exists() for unit in self._of[index])
        if file.size != source.size or (
            begun and note.exists() and note.read_text("ascii") != version
        ):
            raise DataError(
                f"{source.name} changed at {redact(file.url)} since the run began: {source.size} "
                f"bytes then, {file.size} now. Run again with overwrite (--overwrite)."
            )
        with atomic_write(note, sync=False) as out:
            out.write(version.encode())
        packed = detect_compression(file.path)
        if packed != source.compression:
            raise DataError(
                f"{file.url} is {packed or 'not'} compressed, which its name does not say, so that "
                f"it was planned for as {source.compression or 'plain'}. Rename it: .gz for gzip, "
                ".zst for zstd."
            )
        mtime_ns = file.path.stat().st_mtime_ns
        self.sources[index] = replace(source, path=file.path, mtime_ns=mtime_ns)
        self._here.add(index)
        self._ready(index)
        return []

    def _ready(self, index: int) -> None:
        source = self.sources[index]
        raw = source.format == "ndjson" and detect_variant(source.path) == "raw"
        self._left[index] = len(self._of[index])
        self._tasks.extend((index, source, raw, unit) for unit in self._of[index])

    def _finished(self, task: _Task, read: int) -> None:
        index, source, raw, unit = task
        if unit is None:
            self._let_go(index, source)
            return
        self._count(unit, read)
        self._tell("read", self._done, self._total, self._drawings)
        self._left[index] -= 1
        if not self._left[index]:
            del self._left[index]
            self._tasks.appendleft((index, source, raw, None))  # while it is in memory

    def _let_go(self, index: int, source: Source) -> None:
        self._here.discard(index)
        if not source.path.is_relative_to(self._transit):
            return
        units = self._of[index]
        lines = [line for unit in units for line in Collected.load(self._outcome(unit)).bad]
        if lines:
            with atomic_write(self._units / f"source-{index:05d}.rejects", sync=False) as out:
                write_refused(out, source, lines)
        CacheEntry(source.path).remove()

    def _is_set_down(self, index: int) -> bool:
        return self._digest_of(index).exists() and all(
            self._outcome(unit).exists() for unit in self._of[index]
        )

    def _outcome(self, unit: Chunk) -> Path:
        return self._units / f"{unit.number:05d}.json"

    def _digest_of(self, index: int) -> Path:
        return _digest_path(self._units, index)

    def _count(self, unit: Chunk, read: int) -> None:
        self._done += unit.stop - unit.start
        self._drawings += read

    def _tell_step(self, step: Step) -> None:
        self._tell("fetch", step.all_done, step.all_size, 0)

    def _tell(self, stage: str, done: int, total: int, drawings: int) -> None:
        with self._lock:
            self._report(Progress(stage, done, total, drawings))


def _work(filters: Filters, options: PrepareOptions, folder: Path, task: _Task) -> int:
    """Set a unit down, or compute the checksum of a source; return the drawings read."""
    index, source, raw, unit = task
    if unit is not None:
        return collect_unit(source, unit, raw=raw, filters=filters, options=options, folder=folder)
    known = _digest_path(folder, index)
    if not known.exists():
        digest = sha256_file(source.path)
        source.check_unchanged()
        with atomic_write(known, sync=False) as out:
            out.write(digest.encode())
    return 0


def _digest_path(folder: Path, index: int) -> Path:
    return folder / f"source-{index:05d}.sha256"
