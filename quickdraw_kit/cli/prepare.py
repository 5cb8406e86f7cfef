"""The command `prepare`."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quickdraw_kit.cli.options import (
    Address,
    Categories,
    Engine,
    Json,
    SourcesOrAll,
    Workers,
    bounds,
    engine,
    names,
    print_json,
    shares,
)
from quickdraw_kit.cli.progress import progress_bar
from quickdraw_kit.errors import UsageError, format_count

if TYPE_CHECKING:
    from quickdraw_kit.shards.prepare.plan import Plan, Progress

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="Shards")(prepare)


def _complete_flag(incomplete: str) -> list[str]:
    from quickdraw_kit.shards.quality import QUALITY_FLAGS

    *before, last = incomplete.split(",")
    start = "".join(f"{name}," for name in before)
    return [start + name for name in QUALITY_FLAGS if name.startswith(last)]


def prepare(
    out: Annotated[
        str, typer.Option("--out", "-o", help="Folder of the data set, or a URL: s3://bucket/set.")
    ],
    sources: SourcesOrAll = None,
    every: Annotated[bool, typer.Option("--all", help="All 345 categories.")] = False,
    variant: Annotated[
        str,
        typer.Option("--variant", "-k", help="Form of categories: simplified, raw, binary, ..."),
    ] = "simplified",
    download: Annotated[
        bool, typer.Option("--download", help="Fetch categories while others are worked on.")
    ] = False,
    no_keep_source: Annotated[
        bool,
        typer.Option(
            "--no-keep-source", help="Delete each file that is downloaded when it is set down."
        ),
    ] = False,
    mirror: Annotated[
        str | None,
        typer.Option(
            help="Download from here: http(s)://, file://, gs://, s3:// or a folder.",
            envvar="QUICKDRAW_KIT_MIRROR",
        ),
    ] = None,
    categories: Categories = None,
    recognized_only: Annotated[
        bool, typer.Option("--recognized-only", help="Only drawings that the game recognised.")
    ] = False,
    countries: Annotated[
        str | None, typer.Option(help="Only these countries, two letters each: 'US,BR'.")
    ] = None,
    max_per_category: Annotated[
        int | None, typer.Option(help="At most so many drawings of a category.")
    ] = None,
    strokes: Annotated[
        str | None, typer.Option(help="Bounds on the strokes of a drawing: '2:50', '2:', ':50'.")
    ] = None,
    points: Annotated[str | None, typer.Option(help="Bounds on the points of a drawing.")] = None,
    allow_unknown_labels: Annotated[
        bool,
        typer.Option("--allow-unknown-labels", help="Accept words outside the 345 categories."),
    ] = False,
    format: Annotated[str, typer.Option(help="npy or parquet.")] = "npy",
    split: Annotated[
        str,
        typer.Option(
            help="Shares of the splits, or sketch-rnn: the first 70,000 of each file for training, "
            "then 2,500 for validation and 2,500 for testing.",
            show_default="80, 10 and 10 %",
        ),
    ] = "train=0.8,validation=0.1,test=0.1",
    split_ids: Annotated[
        Path | None,
        typer.Option(help="Splits by a list: .csv with key_id and split, or .json."),
    ] = None,
    unlisted: Annotated[
        str, typer.Option(help="What becomes of the rest: filter, train, validation or test.")
    ] = "filter",
    salt: Annotated[str, typer.Option(help="Another salt, another split and order.")] = "",
    side: Annotated[int, typer.Option(help="Pixels of a side.")] = 28,
    line_diameter: Annotated[float, typer.Option(help="Pen, in units of the 256 frame.")] = 16,
    padding: Annotated[float, typer.Option(help="Margin, in units of the 256 frame.")] = 16,
    rows_per_shard: Annotated[
        int | None, typer.Option(help="Rows of a shard, about; 50 MB of pixels by default.")
    ] = None,
    keep_strokes: Annotated[
        bool, typer.Option("--keep-strokes", help="Put the strokes into the metadata too.")
    ] = False,
    quality: Annotated[
        bool, typer.Option("--quality", help="Add a column of quality flags; renders twice.")
    ] = False,
    exclude_flag: Annotated[
        str | None,
        typer.Option(
            help="Leave out drawings with one of these flags: dot, scribble, many-points, "
            "time-limit, unknown-word, duplicate, near-duplicate.",
            autocompletion=_complete_flag,
        ),
    ] = None,
    max_reject_rate: Annotated[
        float, typer.Option(help="Share of the drawings that may be refused.")
    ] = 0.01,
    workers: Workers = None,
    executor: Engine = "processes",
    address: Address = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace what 'prepare' left in the folder.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be read and written, and stop.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Turn stroke files into split, shuffled, checksummed shards.

    A run that is interrupted goes on when the same command is given again. The bytes do not depend
    on the number of workers or the order of the sources.

    Examples:

      quickdraw-kit prepare simplified/ --out shards

      quickdraw-kit prepare simplified/ -o pets -c cat,dog --max-per-category 10000

      quickdraw-kit prepare cat dog --download --no-keep-source --out shards

      quickdraw-kit prepare mnist/ --out mnist-shards

      quickdraw-kit prepare simplified/ -o shards --executor ray --address auto

      quickdraw-kit prepare 's3://bucket/*.ndjson' --out s3://bucket/shards
    """
    from quickdraw_kit.acquire.cache_entry import get_data_home
    from quickdraw_kit.acquire.catalog import VARIANTS
    from quickdraw_kit.acquire.download import DownloadOptions
    from quickdraw_kit.categories import CATEGORIES
    from quickdraw_kit.raster.style import RasterStyle
    from quickdraw_kit.shards.filters import Filters
    from quickdraw_kit.shards.options import PrepareOptions, SplitRule
    from quickdraw_kit.shards.prepare import pipeline as module
    from quickdraw_kit.shards.prepare.plan import plan_prepare
    from quickdraw_kit.shards.splits import read_split_ids

    if bool(sources) == every:
        raise UsageError("name files, folders, globs or categories, or pass --all")
    if variant not in VARIANTS:
        raise UsageError(f"unknown --variant {variant!r}: expected one of {', '.join(VARIANTS)}")
    if no_keep_source and not download:
        raise UsageError("--no-keep-source is about what --download fetches: pass both")
    if unlisted != "filter" and split_ids is None:
        raise UsageError("--unlisted is about key_ids that --split-ids does not list: pass both")
    given: dict[str, Any] = {
        "sources": list(CATEGORIES) if sources is None else sources,
        "data_home": get_data_home(),
        "kind": variant,
        "download": DownloadOptions(mirror, not no_keep_source, on_wait=_say) if download else None,
    }
    filters = Filters(
        categories=names(categories),
        recognized_only=recognized_only,
        countries=names(countries),
        max_per_category=max_per_category,
        strokes=bounds(strokes, "strokes"),
        points=bounds(points, "points"),
        allow_unknown_labels=allow_unknown_labels,
        exclude_flags=names(exclude_flag) or (),
    )
    options = PrepareOptions(
        format=format,  # type: ignore[arg-type]
        style=RasterStyle(side, line_diameter, padding),
        **({} if split == "sketch-rnn" else {"fractions": shares(split)}),
        split_rule=SplitRule("sketch-rnn" if split == "sketch-rnn" else "hash", unlisted),  # type: ignore[arg-type]
        salt=salt,
        rows_per_shard=rows_per_shard,
        keep_strokes=keep_strokes,
        quality=quality or bool(filters.exclude_flags),
    )
    if dry_run:
        if split_ids is not None:
            ids = read_split_ids(split_ids).sha256
            options = replace(options, split_rule=SplitRule("ids", unlisted, ids))  # type: ignore[arg-type]
        plan = plan_prepare(out=out, filters=filters, options=options, **given)
        there = _is_there(plan, out, overwrite)
        _show_plan(plan, out, as_json, there)
        return
    with progress_bar(quiet=as_json) as advance, engine(executor, address) as pool:
        rate = _Rate()
        manifest = module.prepare(
            out=out,
            filters=filters,
            options=options,
            **given,
            split_ids=split_ids,
            max_reject_rate=max_reject_rate,
            workers=workers,
            executor=pool,
            overwrite=overwrite,
            progress=lambda now: advance(now.stage, now.done, now.total, rate(now)),
        )
    counts = manifest.counts
    if as_json:
        import dataclasses

        print_json({"out": str(out), "rows": manifest.rows, **dataclasses.asdict(counts)})
        return
    rows = ", ".join(f"{number:,} {name}" for name, number in manifest.rows.items() if number)
    words = format_count(len(manifest.categories), "category", "categories")
    typer.echo(f"{out}: {format_count(counts.written, 'drawing')} of {words} ({rows})")
    told = (
        ("filtered", counts.filtered),
        ("refused", counts.rejected),
        ("flagged", {name: number for name, number in counts.flags.items() if number}),
    )
    for what, reasons in told:
        if reasons:
            parts = ", ".join(f"{number:,} {name}" for name, number in reasons.items())
            where = f" (see {out}/rejects.ndjson)" if what == "refused" else ""
            typer.echo(f"{what}: {parts}{where}")


def _say(line: str) -> None:
    typer.echo(line, err=True)


class _Rate:
    """Drawings, or bytes that are fetched, and their number per second, as text."""

    def __init__(self) -> None:
        self._started: dict[str, float] = {}

    def __call__(self, step: "Progress") -> str:
        import time

        if step.stage == "download":
            return f"{step.done / 1e6:,.1f} of {step.total / 1e6:,.1f} MB"
        now, drawings = time.monotonic(), step.drawings
        seconds = now - self._started.setdefault(step.stage, now)
        rate = f"{drawings / seconds:,.0f} drawings/s" if seconds > 0.2 else ""
        return f"{format_count(drawings, 'drawing')} {rate}".strip()


def _is_there(plan: "Plan", out: str, overwrite: bool) -> bool:
    """Tell whether there is nothing to do; raise where the run would not begin either."""
    from quickdraw_kit.shards.prepare.upload import open_output

    return open_output(out, None).find_finished(plan, overwrite=overwrite) is not None


def _show_plan(plan: "Plan", out: str, as_json: bool, there: bool) -> None:
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
                "there": there,
                "sources": files,
                "bytes": size,
                "to_fetch": plan.to_fetch,
                "drawings": plan.drawings,
                "output_bytes": plan.output_bytes,
                "scratch_bytes": plan.scratch_bytes,
            }
        )
        return
    for file in files:
        note = "  to fetch" if file["download"] else ""
        typer.echo(f"{file['bytes']:>14,}  {file['format']:<8} {file['name']}{note}")
    fetch = f", of which {plan.to_fetch / 1e6:,.1f} MB to fetch" if plan.to_fetch else ""
    typer.echo(
        f"{format_count(len(files), 'file')}, {size / 1e6:,.1f} MB{fetch}: about "
        f"{format_count(plan.drawings, 'drawing')} before filters, {plan.output_bytes / 1e6:,.1f} MB of "
        f"shards and {plan.scratch_bytes / 1e6:,.1f} MB of scratch in {out}"
    )
    if there:
        typer.echo(f"{out} holds this data set already: there is nothing to do")
