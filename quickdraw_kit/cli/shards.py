"""Commands on finished data sets: `histogram`, `verify`."""

import csv
import io
from dataclasses import astuple, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quickdraw_kit.cli.options import Json, print_json
from quickdraw_kit.cli.progress import format_bytes, show_progress
from quickdraw_kit.errors import UsageError, format_count

if TYPE_CHECKING:
    from quickdraw_kit.shards.histogram import HistogramRow

_Location = Annotated[
    str, typer.Argument(help="Folder or URL of a data set.", metavar="SHARDS", show_default=False)
]


def histogram(
    location: _Location,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Write a figure (.png, .svg) or a table (.csv)."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the number of drawings of each category in a data set.

    Examples:

      quickdraw-kit histogram shards

      quickdraw-kit histogram s3://bucket/shards --out histogram.svg
    """
    from quickdraw_kit.shards.histogram import read_histogram
    from quickdraw_kit.shards.manifest import load_manifest

    manifest = load_manifest(location)
    rows = read_histogram(location)
    if out is not None:
        _write_histogram(out, manifest.categories, rows)
        typer.echo(f"wrote {out}")
        return

    totals = dict.fromkeys(manifest.categories, 0)  # categories without drawings have a row, too
    for row in rows:
        totals[row.category] += row.drawings
    if as_json:
        print_json({"categories": totals, "splits": manifest.rows})
        return
    from quickdraw_kit.show.terminal import bars

    typer.echo(bars(totals))


def _write_histogram(out: Path, categories: tuple[str, ...], rows: "list[HistogramRow]") -> None:
    from quickdraw_kit.storage.files import atomic_write

    # the rows are written again, not copied: the data set may be in a store
    if out.suffix == ".csv":
        with atomic_write(out) as file:
            file.write(_csv(rows))
    elif out.suffix in (".png", ".svg"):
        from quickdraw_kit.shards.keyed_hashes import SPLITS
        from quickdraw_kit.show.figures import category_histogram

        # with zeros for what the data set does not have
        counts = {split: dict.fromkeys(categories, 0) for split in SPLITS}
        for row in rows:
            counts[row.split][row.category] += row.drawings
        category_histogram(counts, out)
    else:
        raise UsageError(f"--out {out}: expected a name that ends with .png, .svg or .csv")


def _csv(rows: "list[HistogramRow]") -> bytes:
    text = io.StringIO()
    # the default, \r\n, would differ from the file in the data set
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([field.name for field in fields(rows[0])] if rows else [])
    writer.writerows(astuple(row) for row in rows)
    return text.getvalue().encode()


def verify(location: _Location, as_json: Json = False) -> None:
    """Check every checksum and count of a data set again; exit with 1 if something is wrong.

    Examples:

      quickdraw-kit verify shards

      quickdraw-kit verify s3://bucket/shards
    """
    from quickdraw_kit.shards.verify import verify as verify_shards

    with show_progress(quiet=as_json) as progress:

        def update(done: int, total: int) -> None:
            note = f"{format_bytes(done)} of {format_bytes(total)}"
            progress.update("verify", done, total, note, count=done, noun="byte")

        result = verify_shards(location, progress=update)
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
            f"{location}: all is well: {format_count(result.files, 'file')}, "
            f"{format_count(result.bytes, 'byte')}, {format_count(result.drawings, 'drawing')}"
        )
    else:
        for problem in result.problems:
            typer.echo(problem, err=True)
    if not result.ok:
        raise typer.Exit(1)
