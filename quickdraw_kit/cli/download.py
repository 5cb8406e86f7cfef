"""`download`: fetch official files, with a bar for each file in progress and one for all."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quickdraw_kit.acquire.catalog import VARIANTS
from quickdraw_kit.cli.options import Json, complete_categories, print_json, takes
from quickdraw_kit.cli.progress import Progress, format_bytes, show_progress
from quickdraw_kit.errors import UsageError, format_count
from quickdraw_kit.storage.retry import RetryPolicy

if TYPE_CHECKING:
    from quickdraw_kit.acquire.progress import DownloadProgress
    from quickdraw_kit.acquire.results import DownloadReport


@takes("retry_policy", RetryPolicy, group="Retries")
def download(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Categories, mnist, fashion-mnist.",
            autocompletion=complete_categories,
            show_default=False,
        ),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All 345 categories.")] = False,
    from_file: Annotated[
        Path | None, typer.Option(help="File with the names of categories, one per line.")
    ] = None,
    variant: Annotated[
        str,
        typer.Option(
            "--variant",
            "-k",
            help=f"Variant of the categories ({', '.join(VARIANTS)}).",
            autocompletion=lambda: list(VARIANTS),
        ),
    ] = "simplified",
    data_home: Annotated[
        Path | None,
        typer.Option(
            help="Folder of downloads; by default the platform's cache folder.",
            envvar="QUICKDRAW_KIT_HOME",
        ),
    ] = None,
    mirror: Annotated[
        str | None,
        typer.Option(
            help="Download from this http(s)://, file://, gs:// or s3:// URL, or folder.",
            envvar="QUICKDRAW_KIT_MIRROR",
        ),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Files to download at the same time.")] = 8,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show files and sizes, and exit.")
    ] = False,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Check existing files, and download damaged ones again."),
    ] = False,
    *,
    retry_policy: RetryPolicy,
    as_json: Json = False,
) -> None:
    """Download files and check them. The same command continues an interrupted download.

    Examples:

      quickdraw-kit download cat dog "hot air balloon"

      quickdraw-kit download --all --variant numpy_bitmap --dry-run

      quickdraw-kit download mnist fashion-mnist
    """
    from quickdraw_kit.acquire.catalog import read_names
    from quickdraw_kit.acquire.download import download as download_files

    if variant not in VARIANTS:
        raise UsageError(f"--variant is {variant!r}, expected one of {', '.join(VARIANTS)}")
    wanted = [*(names or ()), *(read_names(from_file) if from_file else ())]
    # both were given, or neither
    if bool(wanted) == every:
        raise UsageError("name what to download, or pass --all for all 345 categories")
    # a dry run receives nothing that a bar could show
    with show_progress(quiet=as_json, bars=False if dry_run else None) as progress:
        report = download_files(
            None if every else wanted,
            variant=variant,
            data_home=data_home,
            mirror=mirror,
            workers=workers,
            dry_run=dry_run,
            verify=verify,
            retry_policy=retry_policy,
            progress=report_to(progress),
        )

    if as_json:
        print_json(_document(report))
    elif dry_run:
        _show_plan(report)
    else:
        typer.echo(
            f"{format_count(len(report.paths), 'file')}, {format_bytes(report.size)} in "
            f"{report.data_home}; {format_bytes(report.received)} received"
        )


def _document(report: "DownloadReport") -> dict[str, Any]:
    files = [asdict(file) | {"path": str(file.path)} for file in report.files]
    return {
        "data_home": str(report.data_home),
        "size": report.size,
        "to_fetch": report.to_fetch,
        "received": report.received,
        "files": files,
    }


def _show_plan(report: "DownloadReport") -> None:
    for file in report.files:
        note = "  already downloaded" if file.state == "present" else ""
        size = "unknown" if file.size is None else format_bytes(file.size)
        typer.echo(f"{size:>10}  {file.name}{note}")
    typer.echo(
        f"{format_bytes(report.size):>10}  in total, {format_bytes(report.to_fetch)} of it to "
        f"download to {report.data_home}"
    )


def report_to(progress: Progress) -> Callable[["DownloadProgress"], None]:
    """Return a callback for `download` that shows how much of it is done."""

    def update(now: "DownloadProgress") -> None:
        note = f"{format_bytes(now.all_done)} of {format_bytes(now.all_size)}"
        progress.update(
            "all files", now.all_done, now.all_size, note, count=now.all_done, noun="byte"
        )
        if now.state in ("receiving", "waiting"):
            # of unknown size, all of it is what was received
            size = now.size or now.done
            progress.update(now.name, now.done, size, now.note, part_of_total=True)
            return
        progress.end(now.name)
        if now.state == "fetched":
            progress.print(f"{now.name}: {format_bytes(now.done)}")
        elif now.state == "failed":
            progress.print(f"{now.name}: failed")  # the error at the end has the reason

    return update
