"""The progress of a training run: a row for each epoch, and how far the current one is."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

import typer

from quickdraw_kit.cli.progress import Clock, show_progress

if TYPE_CHECKING:
    from quickdraw_kit.learn.history import EpochMetrics

OnEpoch: TypeAlias = "Callable[[EpochMetrics], None]"
OnStep: TypeAlias = Callable[[int, int, int], None]


@contextmanager
def show_epochs(
    epochs: int, batch_size: int, *, quiet: bool = False, clock: Clock = time.monotonic
) -> Iterator[tuple["OnEpoch", OnStep]]:
    """Return the callbacks `on_epoch` and `on_step` of `train` that show its progress.

    On a terminal, a table grows above the bar of the current epoch. Elsewhere each epoch is a line
    on standard output, and long epochs have lines on standard error.
    """
    from rich.console import Console

    console = Console()
    is_terminal = console.is_terminal
    # Rows and bars share a console, or a bar would be drawn over the rows.
    with show_progress(
        quiet=quiet,
        bars=is_terminal,
        seconds_per_line=10.0,
        seconds_per_refresh=1.0,
        console=console,
        clock=clock,
    ) as progress:
        is_first = True

        def on_epoch(row: "EpochMetrics") -> None:
            nonlocal is_first
            cells = _cells(row, epochs)
            # first, or the row would be printed above a bar that is out of date
            progress.end(_task(row.epoch, epochs))
            if is_terminal:
                if is_first:
                    progress.print("  ".join(cells))
                is_first = False
                progress.print("  ".join(f"{cell:>{len(name)}}" for name, cell in cells.items()))
            elif not quiet:
                named = (f"{name.strip()} {cell}" for name, cell in cells.items() if cell)
                typer.echo(", ".join(named))

        def on_step(epoch: int, done: int, total: int) -> None:
            progress.update(_task(epoch, epochs), done, total, count=done * batch_size)

        yield on_epoch, on_step


def _task(epoch: int, epochs: int) -> str:
    return f"epoch {epoch} of {epochs}"


def _cells(row: "EpochMetrics", epochs: int) -> dict[str, str]:
    """Return the cells of an epoch by their headings, which are as wide as the columns."""
    is_validated = row.validation_loss is not None and row.validation_accuracy is not None
    return {
        f"{'epoch':>10}": f"{row.epoch:>3} of {epochs}",
        f"{'loss':>6}": f"{row.train_loss:.3f}",
        "accuracy": f"{row.train_accuracy:.2%}",
        "validation loss": f"{row.validation_loss:.3f}" if is_validated else "",
        "validation accuracy": f"{row.validation_accuracy:.2%}" if is_validated else "",
        f"{'time':>9}": f"{row.seconds:.1f} s",
    }
