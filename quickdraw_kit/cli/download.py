"""The command `download`, and its bars: one per file under way, and one in all."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.filesize import decimal

from quickdraw_kit.cli.options import Json, _complete_category, print_json
from quickdraw_kit.errors import UsageError, format_count

if TYPE_CHECKING:
    from quickdraw_kit.acquire.progress import DownloadProgress

__all__ = ["add_to"]

_LINE_EVERY = 5.0  # seconds between plain lines


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="Drawings")(download)


def download(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Categories, mnist, fashion-mnist.",
            autocompletion=_complete_category,
            show_default=False,
        ),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All 345 categories.")] = False,
    from_file: Annotated[
        Path | None, typer.Option(help="File that names categories, one a line.")
    ] = None,
    variant: Annotated[
        str,
        typer.Option("--variant", "-k", help="simplified, raw, binary, numpy_bitmap, sketchrnn."),
    ] = "simplified",
    data_home: Annotated[
        Path | None,
        typer.Option(
            help="Folder of downloads; the platform's cache folder by default.",
            envvar="QUICKDRAW_KIT_HOME",
        ),
    ] = None,
    mirror: Annotated[
        str | None,
        typer.Option(
            help="Get the files from here: http(s)://, file://, gs://, s3:// or a folder.",
            envvar="QUICKDRAW_KIT_MIRROR",
        ),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Files side by side.")] = 8,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show files and sizes only.")] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read what is there again and mend what is damaged.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Download drawings, whole and checked; run it again to go on where it stopped.

    Examples:

      quickdraw-kit download cat dog "hot air balloon"

      quickdraw-kit download --all --variant numpy_bitmap --dry-run

      quickdraw-kit download mnist fashion-mnist
    """
    from quickdraw_kit.acquire.catalog import VARIANTS, read_names
    from quickdraw_kit.acquire.download import download as fetch

    wanted = [*(names or ()), *(read_names(from_file) if from_file else ())]
    if bool(wanted) == every:
        raise UsageError("name what to download, or pass --all for all 345 categories")
    if variant not in VARIANTS:
        raise UsageError(f"unknown --variant {variant!r}: expected one of {', '.join(VARIANTS)}")
    with _progress(quiet=as_json, bars=not dry_run) as progress:
        report = fetch(
            None if every else wanted,
            variant=variant,
            data_home=data_home,
            mirror=mirror,
            workers=workers,
            dry_run=dry_run,
            verify=verify,
            progress=progress,
        )
    if as_json:
        print_json(_document(report))
    elif dry_run:
        _show_plan(report)
    else:
        typer.echo(
            f"{format_count(len(report.paths), 'file')}, {decimal(report.size)} in {report.data_home}; "
            f"{decimal(report.received)} received"
        )


def _document(report: Any) -> dict[str, Any]:
    import dataclasses

    files = [dataclasses.asdict(file) | {"path": str(file.path)} for file in report.files]
    return {
        "data_home": str(report.data_home),
        "size": report.size,
        "to_fetch": report.to_fetch,
        "received": report.received,
        "files": files,
    }


def _show_plan(report: Any) -> None:
    for file in report.files:
        note = "  there already" if file.state == "present" else ""
        size = "unknown" if file.size is None else decimal(file.size)
        typer.echo(f"{size:>10}  {file.name}{note}")
    typer.echo(
        f"{decimal(report.size):>10}  in all, of which {decimal(report.to_fetch)} to fetch to "
        f"{report.data_home}"
    )


@contextmanager
def _progress(*, quiet: bool, bars: bool) -> Iterator[Callable[["DownloadProgress"], None] | None]:
    """Show on standard error how far it is; on a terminal with bars, elsewhere with lines."""
    if quiet:
        yield None
    elif bars and sys.stderr.isatty():
        with _bars() as show:
            yield show
    else:
        yield _lines()


@contextmanager
def _bars() -> Iterator[Callable[["DownloadProgress"], None]]:
    from rich import progress as rich
    from rich.console import Console

    bars = rich.Progress(
        rich.TextColumn("{task.description}", markup=False),
        rich.BarColumn(),
        rich.DownloadColumn(),
        rich.TransferSpeedColumn(),
        rich.TimeRemainingColumn(compact=True),
        rich.TextColumn("{task.fields[note]}", markup=False),
        console=Console(stderr=True),
    )
    tasks: dict[str, rich.TaskID] = {}

    def show(step: "DownloadProgress") -> None:
        if "" not in tasks:
            done, size = step.all_done, step.all_size
            tasks[""] = bars.add_task("all files", completed=done, total=size, note="")
        bars.update(tasks[""], completed=step.all_done, total=step.all_size)
        if step.state in ("receiving", "waiting"):
            if step.name not in tasks:
                tasks[step.name] = bars.add_task(
                    step.name, completed=step.done, total=step.size, note=step.note
                )
            bars.update(tasks[step.name], completed=step.done, total=step.size, note=step.note)
        else:
            if step.name in tasks:
                bars.remove_task(tasks.pop(step.name))
            if step.state != "present":
                bars.console.print(_line(step), markup=False, highlight=False)

    with bars:
        yield show


def _lines() -> Callable[["DownloadProgress"], None]:
    said = time.monotonic()

    def show(step: "DownloadProgress") -> None:
        nonlocal said
        if step.state in ("fetched", "failed") or (step.state == "waiting" and step.note):
            sys.stderr.write(_line(step) + "\n")
        elif step.state == "receiving" and time.monotonic() - said > _LINE_EVERY:
            said = time.monotonic()
            sys.stderr.write(f"{decimal(step.all_done)} of {decimal(step.all_size)}\n")

    return show


def _line(step: "DownloadProgress") -> str:
    if step.state == "fetched":
        return f"{step.name}: {decimal(step.done)}"
    if step.state == "failed":
        return f"{step.name}: failed"  # the reasons stand at the end
    return f"{step.name}: {step.note}"
