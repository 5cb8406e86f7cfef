"""Commands on finished data sets: `histogram`, `verify`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from quickdraw_kit.cli.options import Folder, Json, print_json
from quickdraw_kit.cli.progress import progress_bar
from quickdraw_kit.errors import UsageError, format_count

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for command in (histogram, verify):
        app.command(rich_help_panel="Shards")(command)


def histogram(
    folder: Folder,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Write a figure (.png, .svg) or table (.csv)."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show how many drawings of each category a data set has.

    Examples:

      quickdraw-kit histogram shards

      quickdraw-kit histogram shards --out histogram.svg
    """
    from quickdraw_kit.shards.histogram import read_histogram
    from quickdraw_kit.shards.manifest import load_manifest

    manifest = load_manifest(folder)
    rows = read_histogram(folder)
    if out is not None:
        _write_histogram(folder, out, manifest.categories, rows)
        typer.echo(f"wrote {out}")
        return
    totals = dict.fromkeys(manifest.categories, 0)
    for row in rows:
        totals[row.category] += row.drawings
    if as_json:
        print_json({"categories": totals, "splits": manifest.rows})
        return
    from quickdraw_kit.show.terminal import bars

    typer.echo(bars(totals))


def _write_histogram(folder: Path, out: Path, categories: tuple[str, ...], rows: list[Any]) -> None:
    from quickdraw_kit.storage.files import atomic_write

    if out.suffix == ".csv":
        with atomic_write(out) as file:
            file.write((folder / "histogram.csv").read_bytes())
    elif out.suffix in (".png", ".svg"):
        from quickdraw_kit.shards.hashes import SPLITS
        from quickdraw_kit.show.figures import category_histogram

        counts = {split: dict.fromkeys(categories, 0) for split in SPLITS}
        for row in rows:
            counts[row.split][row.category] += row.drawings
        category_histogram(counts, out)
    else:
        raise UsageError(f"--out {out}: expected a name that ends in .png, .svg or .csv")


def verify(
    place: Annotated[
        str, typer.Argument(help="Folder or address of a data set.", show_default=False)
    ],
    as_json: Json = False,
) -> None:
    """Re-check every checksum and count of a data set; exit with 1 when something is wrong.

    Examples:

      quickdraw-kit verify shards

      quickdraw-kit verify s3://bucket/shards
    """
    from quickdraw_kit.shards import verify as module

    with progress_bar(quiet=as_json) as advance:
        result = module.verify(
            place,
            progress=lambda done, total: advance(
                "verify", done, total, f"{done / 1e6:,.0f} of {total / 1e6:,.0f} MB"
            ),
        )
    if as_json:
        print_json(
            {
                "ok": result.ok,
                "files": result.files,
                "bytes": result.bytes,
                "drawings": result.drawings,
                "problems": list(result.problems),
            }
        )
    elif result.ok:
        typer.echo(
            f"{place}: all is well: {format_count(result.files, 'file')}, "
            f"{format_count(result.bytes, 'byte')}, {format_count(result.drawings, 'drawing')}"
        )
    else:
        for problem in result.problems:
            typer.echo(problem, err=True)
    if not result.ok:
        raise typer.Exit(1)
