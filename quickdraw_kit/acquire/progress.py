"""How far a download is: one step at a time, with the sums over all files."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from quickdraw_kit.acquire.cache_entry import Place
from quickdraw_kit.acquire.results import DownloadedFile

__all__ = ["Progress", "Sums"]


@dataclass(frozen=True, slots=True)
class Progress:
    """One step of one file, with the sums over all files."""

    name: str
    state: Literal["receiving", "waiting", "present", "fetched", "failed"]
    done: int
    size: int | None
    all_done: int
    all_size: int
    note: str = ""


class Sums:
    """Adds up what the files of a run tell, and passes it on, never two steps at once."""

    def __init__(self, progress: Callable[[Progress], None] | None) -> None:
        self._progress, self._lock = progress, threading.Lock()
        self._done: dict[str, int] = {}
        self._size: dict[str, int] = {}
        self._all_done = self._all_size = 0

    def begin(self, planned: Iterable[DownloadedFile]) -> None:
        """Take note of the sizes of all files and of what earlier runs left of them."""
        final = []
        for file in planned:
            if file.state == "planned":
                self._count(file.name, Place(file.path).partial_size(), file.size or 0)
            else:
                final.append(file)
        for file in final:
            self.finish(file)

    def teller(self, name: str) -> Callable[[int, int | None, str], None]:
        """Return what a file tells its steps to: bytes at hand, bytes in all, a note to wait."""

        def tell(done: int, size: int | None, note: str) -> None:
            with self._lock:
                self._count(name, done, size)
                self._step(name, "waiting" if note else "receiving", done, note)

        return tell

    def finish(self, file: DownloadedFile) -> None:
        """Tell the last step of a file."""
        state, size = file.state, file.size or 0
        with self._lock:
            if state == "fetched":
                self._count(file.name, size, size)
                self._step(file.name, "fetched", size, "")
            elif state in ("present", "failed"):
                self._all_done -= self._done.pop(file.name, 0)
                self._all_size -= self._size.pop(file.name, 0)
                final: Literal["present", "failed"] = "present" if state == "present" else "failed"
                self._step(file.name, final, size if final == "present" else 0, file.error or "")

    def _count(self, name: str, done: int, size: int | None) -> None:
        """Take note of the bytes of a file; a size that is None stays what it was."""
        self._all_done += done - self._done.get(name, 0)
        self._done[name] = done
        if size is not None:
            self._all_size += size - self._size.get(name, 0)
            self._size[name] = size

    def _step(
        self,
        name: str,
        state: Literal["receiving", "waiting", "present", "fetched", "failed"],
        done: int,
        note: str,
    ) -> None:
        if self._progress is not None:
            size, sums = self._size.get(name), (self._all_done, self._all_size)
            self._progress(Progress(name, state, done, size, *sums, note))
