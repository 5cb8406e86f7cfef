"""Progress for people: a bar with rate and time left on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["progress_bar"]

_LINE_EVERY = 5.0  # seconds between plain lines
_TELLING = 0.02  # share of the work, done in this run, from which the rest can be foretold
Advance = Callable[[str, float, float, str], None]


@contextmanager
def progress_bar(*, quiet: bool = False) -> Iterator[Advance]:
    """Show how far some work is, on standard error.

    Parameters
    ----------
    quiet : bool
        Show nothing.

    Yields
    ------
    callable
        Takes what is being done, how much is done, how much there is, and a note such as the
        number of drawings; to be called as the work goes on.
    """
    if quiet:
        yield lambda stage, done, total, note: None
    elif sys.stderr.isatty():
        with _bar() as advance:
            yield advance
    else:
        yield _plain_lines()


@contextmanager
def _bar() -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("{task.description:<6}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(compact=True),
        console=Console(stderr=True),
        transient=False,
    )
    tasks: dict[str, tuple[int, float]] = {}
    with bar:

        def advance(stage: str, done: float, total: float, note: str) -> None:
            if stage not in tasks:
                tasks[stage] = (int(bar.add_task(stage, total=total, note="")), time.monotonic())
            bar.update(tasks[stage][0], completed=done, total=total, note=note)  # type: ignore[arg-type]

        yield advance


def _plain_lines() -> Advance:
    started: dict[str, tuple[float, float]] = {}
    shown: dict[str, float] = {}

    def advance(stage: str, done: float, total: float, note: str) -> None:
        now = time.monotonic()
        begin, before = started.setdefault(stage, (now, done))
        if done < total and now - shown.get(stage, begin) < _LINE_EVERY:
            return
        if done >= total and now - begin < 2:
            return
        shown[stage] = now
        line = f"{stage}: {done / max(total, 1):.0%}, {note}"
        if done - before > _TELLING * total:
            line += f", {(now - begin) / (done - before) * (total - done):.0f} s left"
        sys.stderr.write(line + "\n")

    return advance
