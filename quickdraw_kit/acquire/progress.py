"""Progress of a download: one file at a time, with the totals over all files."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from quickdraw_kit.acquire.cache_entry import CacheEntry
from quickdraw_kit.acquire.results import DownloadedFile

_State: TypeAlias = Literal["receiving", "waiting", "present", "fetched", "failed"]

ReportBytes: TypeAlias = Callable[[int, int | None, str], None]
"""Called with the bytes received of a file, its size (None: unknown), and why we wait, or ''."""


@dataclass(frozen=True, slots=True)
class DownloadProgress:
    """What has just happened to one file, with the totals over all files, in bytes."""

    name: str
    state: _State
    done: int
    size: int | None
    all_done: int
    all_size: int
    note: str = ""  # why we wait, or why the file failed


class ProgressReporter:
    """Adds up the progress of all files, and calls `progress` from one thread at a time."""

    def __init__(self, progress: Callable[[DownloadProgress], None] | None) -> None:
        self._progress, self._lock = progress, threading.Lock()
        self._done: dict[str, int] = {}
        self._size: dict[str, int] = {}
        self._all_done = self._all_size = 0

    def start(self, planned: Iterable[DownloadedFile]) -> None:
        """Count all planned files, and what earlier runs received of them."""
        final = []
        # no lock is needed: no download has started yet
        for file in planned:
            if file.state == "planned":
                self._count(file.name, CacheEntry(file.path).partial_size(), file.size or 0)
            else:
                final.append(file)
        # only now: the totals in their reports are those of all files
        for file in final:
            self.finish(file)

    def callback(self, name: str) -> ReportBytes:
        """Return the function to which the transfer of a file reports."""

        def report(done: int, size: int | None, note: str) -> None:
            # the call is under the lock, too, so that totals are received in order
            with self._lock:
                self._count(name, done, size)
                self._report(name, "waiting" if note else "receiving", done, note)

        return report

    def finish(self, file: DownloadedFile) -> None:
        """Report what became of a file. Files without a download leave the totals."""
        state, size = file.state, file.size or 0
        with self._lock:
            if state == "fetched":
                self._count(file.name, size, size)
                self._report(file.name, "fetched", size, "")
            elif state in ("present", "failed"):
                # present files need no work, and failed ones would keep the total below 100 %
                self._all_done -= self._done.pop(file.name, 0)
                self._all_size -= self._size.pop(file.name, 0)
                final: Literal["present", "failed"] = "present" if state == "present" else "failed"
                self._report(file.name, final, size if final == "present" else 0, file.error or "")

    def _count(self, name: str, done: int, size: int | None) -> None:
        """Update the totals; an unknown size leaves the one that was known before."""
        self._all_done += done - self._done.get(name, 0)
        self._done[name] = done
        if size is not None:
            self._all_size += size - self._size.get(name, 0)
            self._size[name] = size

    def _report(self, name: str, state: _State, done: int, note: str) -> None:
        if self._progress is not None:
            size, totals = self._size.get(name), (self._all_done, self._all_size)
            self._progress(DownloadProgress(name, state, done, size, *totals, note))
