"""Progress on standard error: bars on a terminal, a line every few seconds elsewhere.

Every command reports through a `Progress`, so that rates and remaining times are computed and
written in one place. Both are averages since the task was first reported in this run: what an
interrupted run has done before counts as done, but not as fast.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import rich.progress
    from rich.console import Console

_MIN_PROGRESS = 0.02  # fraction of a task, done in this run, before its remaining time is estimated
_MIN_SECONDS = 0.2  # of a task, before its rate is shown

Clock = Callable[[], float]


class Progress:
    """Receives the progress of tasks; this base class shows nothing."""

    def update(
        self,
        task: str,
        done: float,
        total: float,
        note: str = "",
        *,
        count: float | None = None,
        noun: str = "drawing",
        part_of_total: bool = False,
    ) -> None:
        """Show how much of a task is done.

        `count` is what the rate is measured in, in `noun`; "byte" for a transfer. A task that is
        part of another one, as a file of a download, is `part_of_total`: its only lines are notes.
        """

    def end(self, task: str) -> None:
        """Remove the bar of a task."""

    def print(self, line: str) -> None:
        """Print a line that stays, above the bars."""


@contextmanager
def show_progress(
    *,
    quiet: bool = False,
    bars: bool | None = None,
    seconds_per_line: float = 5.0,
    seconds_per_refresh: float = 0.1,
    console: "Console | None" = None,
    clock: Clock = time.monotonic,
) -> Iterator[Progress]:
    """Show progress while the context is open.

    `bars` are the default on a terminal, otherwise each task has a line every few seconds. Bars are
    on `console`, by default that of standard error.
    """
    progress: Progress
    context: AbstractContextManager[object] = nullcontext()
    if quiet:
        progress = Progress()
    elif sys.stderr.isatty() if bars is None else bars:
        progress = _Bars(console, seconds_per_refresh, clock)
        context = progress.bars
    else:
        progress = _Lines(seconds_per_line, clock)
    with context:
        _open.append(progress)
        try:
            yield progress
        finally:
            _open.remove(progress)


_open: list[Progress] = []  # what is shown now


class CompilationProgress:
    """Shows that kernels are compiled, as a part of what the command shows; for `report_to`."""

    def __init__(self) -> None:
        self._done = 0
        self._is_announced = False
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def __call__(self, done: int, total: int, seconds: float) -> None:
        """Begin to show, remember what is done, and end when it is all."""
        self._done = done
        # what takes less than a second needs no explanation
        if done == 0 and seconds >= 1:
            self._ended.clear()
            arguments = (total, max(1, round(seconds)))
            # in a thread that wakes up: some kernels take seconds
            self._thread = threading.Thread(target=self._show, args=arguments, daemon=True)
            self._thread.start()
        elif done == total and self._thread is not None:
            self._ended.set()
            self._thread.join()
            self._thread = None

    def _show(self, total: int, seconds: int) -> None:
        with nullcontext(_open[-1]) if _open else show_progress() as progress:
            if not self._is_announced:
                self._is_announced = True
                progress.print(f"compiling kernels, once after installation: about {seconds} s")
            while True:
                progress.update("compile", self._done, total, f"{self._done} of {total} kernels")
                if self._ended.wait(0.5):
                    break
            progress.end("compile")


def format_bytes(number: float) -> str:
    """Write a number of bytes, such as 3.2 MB."""
    from rich.filesize import decimal

    return decimal(int(number))


class _Timer:
    """The rate and the remaining time of a task."""

    def __init__(self, now: float, done: float, count: float | None) -> None:
        self.start, self.last_shown = now, now
        self._done, self._count = done, count or 0

    def describe(
        self, now: float, done: float, total: float, note: str, count: float | None, noun: str
    ) -> str:
        """Return the note, the rate and the remaining time, as far as they are known."""
        seconds, parts = now - self.start, [note]
        if count is not None and seconds > _MIN_SECONDS:
            rate = (count - self._count) / seconds
            is_bytes = noun == "byte"
            parts.append(f"{format_bytes(rate) if is_bytes else f'{rate:,.0f} {noun}s'}/s")
        if done - self._done > _MIN_PROGRESS * total:
            parts.append(f"ETA {seconds / (done - self._done) * (total - done):.0f} s")
        return ", ".join(part for part in parts if part)


class _Lines(Progress):
    """Progress in plain lines, for logs and pipes."""

    def __init__(self, every: float, clock: Clock) -> None:
        self._every, self._clock = every, clock
        self._timers: dict[str, _Timer] = {}

    def update(
        self,
        task: str,
        done: float,
        total: float,
        note: str = "",
        *,
        count: float | None = None,
        noun: str = "drawing",
        part_of_total: bool = False,
    ) -> None:
        # a download has hundreds of files: a line for each step would fill a log
        if part_of_total:
            if note:
                self.print(f"{task}: {note}")
            return
        now = self._clock()
        timer = self._timers.setdefault(task, _Timer(now, done, count))
        # the last line of a task is written at once, but tasks of a few seconds have none
        is_due = now - timer.last_shown >= self._every
        if not is_due and (done < total or now - timer.start < self._every):
            return
        timer.last_shown = now
        figures = timer.describe(now, done, total, note, count, noun)
        self.print(f"{task}: {done / max(total, 1):.0%}, {figures}".removesuffix(", "))

    def end(self, task: str) -> None:
        self._timers.pop(task, None)

    def print(self, line: str) -> None:
        sys.stderr.write(line + "\n")


class _Bars(Progress):
    """Progress in bars that are redrawn, for terminals."""

    def __init__(self, console: "Console | None", every: float, clock: Clock) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self.bars = Progress(
            TextColumn("{task.description:<6}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[figures]}", markup=False),
            console=console or Console(stderr=True),
            auto_refresh=False,  # a thread that redraws would take time from training
        )
        self._every, self._clock = every, clock
        self._tasks: dict[str, tuple[rich.progress.TaskID, _Timer]] = {}

    def update(
        self,
        task: str,
        done: float,
        total: float,
        note: str = "",
        *,
        count: float | None = None,
        noun: str = "drawing",
        part_of_total: bool = False,
    ) -> None:
        now = self._clock()
        if task not in self._tasks:
            bar = self.bars.add_task(task, total=total, completed=done, figures=note)  # type: ignore[arg-type]
            self._tasks[task] = bar, _Timer(now, done, count)
            # at once, as the next update may be seconds away
            self.bars.refresh()
            return

        bar, timer = self._tasks[task]
        # training reports thousands of steps a second, which would cost speed to draw
        is_due = now - timer.last_shown >= self._every
        if not is_due and done < total:
            return
        timer.last_shown = now
        figures = timer.describe(now, done, total, note, count, noun)
        self.bars.update(bar, completed=done, total=total, figures=figures, refresh=True)

    def end(self, task: str) -> None:
        if task in self._tasks:
            self.bars.remove_task(self._tasks.pop(task)[0])
            self.bars.refresh()

    def print(self, line: str) -> None:
        # names of files may contain [brackets], which are markup in rich
        self.bars.console.print(line, markup=False, highlight=False)
