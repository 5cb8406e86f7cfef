"""How a training goes, for people: its epochs as they come, and how far the present one is."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeAlias

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from quickdraw_kit.learn.history import EpochMetrics

__all__ = ["show_epochs"]

OnEpoch: TypeAlias = "Callable[[EpochMetrics], None]"
OnStep: TypeAlias = Callable[[int, int, int], None]

_BAR_EVERY, _LINE_EVERY = 1.0, 10.0  # seconds


@contextlib.contextmanager
def show_epochs(
    epochs: int, batch_size: int, *, quiet: bool = False
) -> Iterator[tuple["OnEpoch", OnStep]]:
    """Show a training: a table that grows over a bar on a terminal, else a line for each epoch.

    Where there is no terminal, epochs that take long also tell how far they are, on standard error.

    Parameters
    ----------
    epochs, batch_size : int
        Of the training.
    quiet : bool
        Show nothing.

    Yields
    ------
    on_epoch, on_step : callable
        As of `quickdraw_kit.learn.train.train`.
    """
    from rich.console import Console

    console = Console()
    if quiet:
        yield lambda row: None, lambda epoch, done, total: None
    elif console.is_terminal:
        with _table(console, epochs, batch_size) as show:
            yield show
    else:
        yield lambda row: typer.echo(_line(row, epochs)), _plain_lines(epochs, batch_size)


class _Pace:
    """Steps per second of the present epoch, at times."""

    def __init__(self, every: float) -> None:
        self._every = every
        self._epoch = 0

    def __call__(self, epoch: int, done: int) -> float | None:
        """Take a step; return the pace when it is time to show it again."""
        now = time.monotonic()
        if epoch != self._epoch:
            self._epoch, self._first, self._began, self._shown = epoch, done, now, now
        if now - self._shown < self._every:
            return None
        self._shown = now
        return (done - self._first) / (now - self._began)


def _cells(row: "EpochMetrics", epochs: int) -> dict[str, str]:
    checked = row.validation_loss is not None and row.validation_accuracy is not None
    return {
        "epoch": f"{row.epoch:>3} of {epochs}",
        "loss": f"{row.train_loss:.3f}",
        "accuracy": f"{row.train_accuracy:.2%}",
        "validation loss": f"{row.validation_loss:.3f}" if checked else "",
        "validation accuracy": f"{row.validation_accuracy:.2%}" if checked else "",
        "time": f"{row.seconds:.1f} s",
    }


def _line(row: "EpochMetrics", epochs: int) -> str:
    return ", ".join(f"{name} {cell}" for name, cell in _cells(row, epochs).items() if cell)


def _plain_lines(epochs: int, batch_size: int) -> OnStep:
    pace = _Pace(_LINE_EVERY)

    def on_step(epoch: int, done: int, total: int) -> None:
        if rate := pace(epoch, done):
            sys.stderr.write(
                f"epoch {epoch} of {epochs}: {done / total:.0%}, "
                f"{rate * batch_size:,.0f} drawings/s, {(total - done) / rate:.0f} s left\n"
            )

    return on_step


@contextlib.contextmanager
def _table(console: "Console", epochs: int, batch_size: int) -> Iterator[tuple["OnEpoch", OnStep]]:
    from rich.console import Group
    from rich.live import Live
    from rich.progress import BarColumn, Progress, TextColumn
    from rich.segment import Segments
    from rich.table import Table

    table = Table(box=None)
    for name in ("epoch", "loss", "accuracy", "validation loss", "validation accuracy", "time"):
        table.add_column(name, justify="right")
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[note]}"),
        console=console,
    )
    task = bar.add_task("", visible=False, note="")
    pace = _Pace(_BAR_EVERY)
    with Live(Group(table, bar), console=console, auto_refresh=False) as live:

        def on_epoch(row: "EpochMetrics") -> None:
            table.add_row(*_cells(row, epochs).values())
            bar.update(task, visible=False)
            # laid out once an epoch: with every step of the bar it would cost speed
            live.update(Group(Segments(console.render(table)), bar), refresh=True)

        def on_step(epoch: int, done: int, total: int) -> None:
            if rate := pace(epoch, done):
                left = (total - done) / rate
                note = f"{rate * batch_size:,.0f} drawings/s, {left:.0f} s left"
                name = f"epoch {epoch} of {epochs}"
                bar.update(
                    task, description=name, completed=done, total=total, note=note, visible=True
                )
                live.refresh()

        yield on_epoch, on_step
