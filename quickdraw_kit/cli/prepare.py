"""`prepare`: turn stroke files into shards."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quickdraw_kit.cli.options import (
    Address,
    ExecutorName,
    Json,
    SourcesOrAll,
    complete_categories,
    complete_list,
    executor_of,
    print_json,
    takes,
)
from quickdraw_kit.cli.progress import Progress, format_bytes, show_progress
from quickdraw_kit.errors import UsageError, format_count
from quickdraw_kit.recipe.steps import PrepareStep

if TYPE_CHECKING:
    from quickdraw_kit.shards.manifest import Manifest
    from quickdraw_kit.shards.prepare.plan import Plan
    from quickdraw_kit.shards.prepare.plan import Progress as PrepareProgress


def _complete_flags(incomplete: str) -> list[str]:
    from quickdraw_kit.shards.quality import QUALITY_FLAGS

    return complete_list(list(QUALITY_FLAGS), incomplete)


@takes(
    "step",
    PrepareStep,
    exclude=("sources",),
    mirror={"envvar": "QUICKDRAW_KIT_MIRROR"},
    categories={"autocompletion": complete_categories},
    exclude_flags={"autocompletion": _complete_flags},
)
def prepare(
    sources: SourcesOrAll = None,
    *,
    out: Annotated[
        str, typer.Option("--out", "-o", help="Folder of the data set, or a URL: s3://bucket/set.")
    ],
    every: Annotated[bool, typer.Option("--all", help="All 345 categories.")] = False,
    step: PrepareStep,
    executor: ExecutorName = "processes",
    address: Address = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace another data set or unfinished run.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be read and written, and exit.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Turn stroke files into split, shuffled, checksummed shards.

    The same command continues a run that was interrupted. The bytes do not depend on the number of
    workers or the order of the sources.

    Examples:

      quickdraw-kit prepare simplified/ --out shards

      quickdraw-kit prepare simplified/ -o pets -c cat,dog --max-per-category 10000

      quickdraw-kit prepare cat dog --download --no-keep-source --out shards

      quickdraw-kit prepare mnist/ --out mnist-shards

      quickdraw-kit prepare simplified/ -o shards --executor ray --address auto

      quickdraw-kit prepare 's3://bucket/*.ndjson' --out s3://bucket/shards
    """
    from quickdraw_kit.acquire.cache_entry import get_data_home
    from quickdraw_kit.acquire.download import DownloadOptions
    from quickdraw_kit.categories import CATEGORIES
    from quickdraw_kit.shards.prepare.pipeline import prepare as prepare_shards

    # both were given, or neither
    if bool(sources) == every:
        raise UsageError("name files, folders, globs or categories, or pass --all")
    download = DownloadOptions(step.mirror, step.keep_source, on_wait=_print_wait)
    arguments: dict[str, Any] = {
        "sources": list(CATEGORIES) if every else sources,
        "out": out,
        "data_home": get_data_home(),
        "variant": step.variant,
        "download": download if step.download else None,
        "filters": step.filters,
        "options": step.prepare_options,
    }
    # before an executor is opened, which may start a cluster
    if dry_run:
        _dry_run(arguments, step.split_ids, overwrite, as_json)
        return

    with show_progress(quiet=as_json) as progress, executor_of(executor, address) as pool:
        manifest = prepare_shards(
            **arguments,
            split_ids=step.split_ids,
            max_reject_rate=step.max_reject_rate,
            workers=step.workers,
            executor=pool,
            overwrite=overwrite,
            progress=lambda now: _update(progress, now),
        )
    _show_manifest(manifest, out, as_json)


def _print_wait(line: str) -> None:
    typer.echo(line, err=True)


def _update(progress: Progress, now: "PrepareProgress") -> None:
    if now.stage == "download":
        note = f"{format_bytes(now.done)} of {format_bytes(now.total)}"
        progress.update(now.stage, now.done, now.total, note, count=now.done, noun="byte")
    else:
        note = format_count(now.drawings, "drawing")
        progress.update(now.stage, now.done, now.total, note, count=now.drawings)


def _show_manifest(manifest: "Manifest", out: str, as_json: bool) -> None:
    counts = manifest.counts
    if as_json:
        print_json({"out": out, "rows": manifest.rows, **asdict(counts)})
        return
    rows = ", ".join(f"{number:,} {name}" for name, number in manifest.rows.items() if number)
    words = format_count(len(manifest.categories), "category", "categories")
    typer.echo(f"{out}: {format_count(counts.written, 'drawing')} of {words} ({rows})")

    flags = {name: number for name, number in counts.flags.items() if number}
    for title, reasons, note in (
        ("filtered", counts.filtered, ""),
        ("rejected", counts.rejected, f" (see {out}/rejects.ndjson)"),
        ("flagged", flags, ""),
    ):
        if reasons:
            parts = ", ".join(f"{number:,} {name}" for name, number in reasons.items())
            typer.echo(f"{title}: {parts}{note}")


def _dry_run(
    arguments: dict[str, Any], split_ids: str | None, overwrite: bool, as_json: bool
) -> None:
    from quickdraw_kit.shards.options import SplitRule
    from quickdraw_kit.shards.prepare.plan import plan_prepare
    from quickdraw_kit.shards.splits import read_split_ids

    # As the run does: a finished data set is recognized by its options, of which the checksum of
    # the list is one.
    if split_ids is not None:
        options = arguments["options"]
        checksum = read_split_ids(Path(split_ids)).sha256
        rule = SplitRule("ids", options.split_rule.unlisted, checksum)
        arguments |= {"options": replace(options, split_rule=rule)}
    plan = plan_prepare(**arguments)
    # before anything is printed: it raises where the run would not start
    is_finished = _is_finished(plan, arguments["out"], overwrite)
    _show_plan(plan, arguments["out"], as_json, is_finished)


def _is_finished(plan: "Plan", out: str, overwrite: bool) -> bool:
    """Return whether there is nothing to do; raise what the run would raise."""
    from quickdraw_kit.shards.prepare.upload import open_output

    return open_output(out, None).find_finished(plan, overwrite=overwrite) is not None


def _show_plan(plan: "Plan", out: str, as_json: bool, is_finished: bool) -> None:
    files = [
        {
            "name": source.name,
            "format": source.format.name,
            "bytes": source.size,
            "download": source.remote is not None and source.remote.state == "planned",
        }
        for source in plan.sources
    ]
    size = sum(source.size for source in plan.sources)
    if as_json:
        print_json(
            {
                "out": out,
                "finished": is_finished,
                "sources": files,
                "bytes": size,
                "bytes_to_download": plan.to_fetch,
                "drawings": plan.drawings,
                "output_bytes": plan.output_bytes,
                "scratch_bytes": plan.scratch_bytes,
            }
        )
        return

    for file in files:
        note = "  to download" if file["download"] else ""
        typer.echo(f"{file['bytes']:>14,}  {file['format']:<8} {file['name']}{note}")
    download = f", {plan.to_fetch / 1e6:,.1f} MB of them to download" if plan.to_fetch else ""
    typer.echo(
        f"{format_count(len(files), 'file')}, {size / 1e6:,.1f} MB{download}: about "
        f"{format_count(plan.drawings, 'drawing')} before filters, "
        f"{plan.output_bytes / 1e6:,.1f} MB of shards and {plan.scratch_bytes / 1e6:,.1f} MB of "
        f"temporary files in {out}"
    )
    if is_finished:
        typer.echo(f"{out} already has this data set: there is nothing to do")
