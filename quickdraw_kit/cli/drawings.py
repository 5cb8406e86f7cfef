"""Commands on drawings: `categories`, `inspect`, `convert`."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quickdraw_kit.cli.options import Json, Sources, print_json, takes
from quickdraw_kit.cli.progress import Progress, show_progress
from quickdraw_kit.errors import DataError, UsageError, format_count
from quickdraw_kit.formats.picture_export import FolderOptions
from quickdraw_kit.formats.picture_style import PictureStyle
from quickdraw_kit.shards.filters import Filters

if TYPE_CHECKING:
    from collections.abc import Callable

    from quickdraw_kit.formats.ndjson.scanner import Reject
    from quickdraw_kit.shards.inspect import Inspection

_MOST_COMMON = 10  # categories and countries that `inspect` prints
_DRAWINGS_PER_SHEET_ROW = 10


def categories(
    search: Annotated[
        str | None,
        typer.Argument(help="Part of a name; near matches if no name contains it."),
    ] = None,
    as_json: Json = False,
) -> None:
    """List the 345 categories in label order, or search them.

    Examples:

      quickdraw-kit categories

      quickdraw-kit categories ball
    """
    from quickdraw_kit.categories import CATEGORIES, search_categories

    names = CATEGORIES if search is None else search_categories(search)
    labels = {name: CATEGORIES.index(name) for name in names}
    if as_json:
        print_json([{"label": label, "name": name} for name, label in labels.items()])
    else:
        for name, label in labels.items():
            typer.echo(f"{label:>3}  {name}")
    # for scripts, as grep does
    if not names:
        typer.echo(f"no category is similar to {search!r}", err=True)
        raise typer.Exit(1)


def inspect(
    sources: Sources,
    preview: Annotated[
        int, typer.Option(help="Show this many drawings of each category in the terminal.")
    ] = 0,
    sheet: Annotated[
        Path | None, typer.Option(help="Write a contact sheet, ten drawings of each category.")
    ] = None,
    quality: Annotated[
        bool,
        typer.Option("--quality", help="Count flawed drawings; the contact sheet shows them."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Summarize files: drawings, strokes, points, countries, bad lines.

    Examples:

      quickdraw-kit inspect cat.ndjson

      quickdraw-kit inspect simplified/ --sheet sheet.png

      quickdraw-kit inspect cat.ndjson --quality --sheet flawed.png
    """
    from quickdraw_kit.acquire.cache_entry import get_data_home
    from quickdraw_kit.shards.inspect import inspect as inspect_sources

    if quality and preview:
        raise UsageError("--preview does nothing with --quality: use --sheet, or leave one out")
    if quality:
        _inspect_quality(sources, sheet, as_json)
        return

    with show_progress(quiet=as_json) as progress:
        inspection = inspect_sources(
            sources,
            examples=_DRAWINGS_PER_SHEET_ROW if sheet is not None else preview,
            data_home=get_data_home(),
            progress=_reading(progress),
        )
    if sheet is not None:
        from quickdraw_kit.show.sheet import contact_sheet

        labels = {word: label for label, word in enumerate(inspection.categories)}
        rows = [labels[word] for word in inspection.example_words]
        contact_sheet(inspection.examples, rows, tuple(inspection.categories), sheet)

    # examples are arrays, for the sheet and the preview only
    if as_json:
        document = asdict(inspection)
        for name in ("examples", "example_words", "first_reject"):
            del document[name]
        print_json(document)
    else:
        _show_inspection(inspection)
    # after the reasons, which say more than an error alone
    if inspection.rejects and not inspection.drawings:
        number = format_count(sum(inspection.rejects.values()), "line is", "lines are")
        first = inspection.first_reject
        where = "" if first is None else f". The first: {first.source}, line {first.line}: "
        raise DataError(
            f"no drawing was found: {number} not valid{where}"
            + ("" if first is None else first.reason)
        )
    if as_json:
        return
    if preview:
        from quickdraw_kit.show.terminal import gallery

        # 12 categories at most, of `preview` drawings each
        shown = slice(preview * 12)
        typer.echo(gallery(inspection.examples[shown], inspection.example_words[shown]))
    if sheet is not None:
        typer.echo(f"wrote {sheet}")


def _inspect_quality(sources: list[str], sheet: Path | None, as_json: bool) -> None:
    from quickdraw_kit.acquire.cache_entry import get_data_home
    from quickdraw_kit.shards.inspect import inspect_quality

    with show_progress(quiet=as_json) as progress:
        counts, images, flags = inspect_quality(
            sources, data_home=get_data_home(), progress=_reading(progress)
        )
    if sheet is not None and flags:
        from quickdraw_kit.show.sheet import contact_sheet

        names = tuple(counts)
        contact_sheet(images, [names.index(flag) for flag in flags], names, sheet)

    if as_json:
        print_json({"flags": counts})
        return

    for name, number in counts.items():
        typer.echo(f"{name:<15} {number:>9,}")
    if sheet is not None:
        typer.echo(f"wrote {sheet}" if flags else "no drawing has a flag: no sheet was written")


def _reading(progress: Progress) -> "Callable[[int, int, int], None]":
    """Return a callback that shows how much of the sources is read."""

    def update(done: int, total: int, drawings: int) -> None:
        progress.update("read", done, total, format_count(drawings, "drawing"), count=drawings)

    return update


def _show_inspection(inspection: "Inspection") -> None:
    formats = " and ".join(inspection.formats)
    recognized = ""
    if inspection.recognized_known:
        recognized = f", {inspection.recognized / inspection.recognized_known:.1%} recognized"
    # some formats do not hold it, and files of several formats may be mixed
    if 0 < inspection.recognized_known < inspection.drawings:
        recognized += f" of the {inspection.recognized_known:,} for which it is known"
    typer.echo(
        f"{format_count(len(inspection.sources), 'file')} of {formats}, "
        f"{format_count(inspection.bytes, 'byte')}: "
        f"{format_count(inspection.drawings, 'drawing')} of "
        f"{format_count(len(inspection.categories), 'category', 'categories')}{recognized}"
    )
    for name, spread in (("strokes", inspection.strokes), ("points", inspection.points)):
        if spread.quantiles:
            smallest, _, low, median, high, _, largest = spread.quantiles.values()
            typer.echo(
                f"{f'{name} per drawing':<20} mean {spread.mean:.1f}, median {median}, "
                f"middle half {low} to {high}, all {smallest} to {largest}"
            )
    _show_most_common("categories", inspection.categories)
    _show_most_common("countries", inspection.countries)
    if inspection.rejects:
        _show_most_common("bad lines", inspection.rejects)
    if inspection.dropped:
        _show_most_common("values not read", inspection.dropped)


def _show_most_common(title: str, counts: dict[str, int]) -> None:
    ordered = sorted(counts.items(), key=lambda pair: -pair[1])
    shown = ", ".join(f"{name or 'unknown'} {number:,}" for name, number in ordered[:_MOST_COMMON])
    more = f" and {len(ordered) - _MOST_COMMON} more" if len(ordered) > _MOST_COMMON else ""
    if shown:
        typer.echo(f"{title:<20} {shown}{more}")


@takes("style", PictureStyle)
@takes("folder", FolderOptions)
@takes("filters", Filters, exclude=("allow_unknown_labels", "exclude_flags"))
def convert(
    source: Annotated[
        Path,
        typer.Argument(help="File to read; - is ndjson from standard input.", show_default=False),
    ],
    target: Annotated[
        Path,
        typer.Argument(
            help="File to write, in the format of its suffix, or a folder of pictures.",
            show_default=False,
        ),
    ],
    *,
    index: Annotated[
        int, typer.Option(min=0, help="Which drawing to render as a picture, counted from 0.")
    ] = 0,
    columns: Annotated[
        int | None,
        typer.Option(min=1, help="Write a PNG of all drawings, so many in a row."),
    ] = None,
    word: Annotated[
        str | None, typer.Option(help="Category, where the source does not have it.")
    ] = None,
    simplify: Annotated[
        bool, typer.Option("--simplify", help="Simplify raw drawings as the official files are.")
    ] = False,
    epsilon: Annotated[float, typer.Option(help="Tolerance of --simplify, in the 256 frame.")] = 2,
    allow_loss: Annotated[
        bool, typer.Option("--allow-loss", help="Drop what the target format cannot hold.")
    ] = False,
    style: PictureStyle,
    folder: FolderOptions,
    filters: Filters,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Skip and report lines that are not drawings.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Convert drawings from one format to another.

    Without --allow-loss, it is an error if the target format cannot hold everything. Bitmaps and
    pictures are renderings, without metadata. A picture shows one drawing, chosen by --index, or
    all of them, with --columns; a folder gets a picture of each, in a folder per class. Pictures
    that are read are traced to strokes.

    Reads .ndjson, .bin, .npz (Sketch-RNN), .csv (Kaggle), .parquet, .arrow, also with .gz, .zst,
    .bz2 or .xz, or as the only file of a .zip;
    writes .ndjson, .bin, .npz, .parquet, .arrow, .npy (bitmaps), .svg, .png, .gif and .webp.

    Examples:

      quickdraw-kit convert cat.ndjson cat.parquet

      quickdraw-kit convert cat.ndjson cat.svg --index 12

      quickdraw-kit convert raw/cat.ndjson cat.bin --simplify --allow-loss

      quickdraw-kit convert cat.ndjson pictures/ --side 224 --max-per-category 1000

      quickdraw-kit convert cat.ndjson poster.png --columns 40 --ink navy
    """
    from quickdraw_kit.conversion import convert as convert_file

    conversion = convert_file(
        source,
        target,
        index=index,
        word=word,
        simplify=simplify,
        epsilon=epsilon,
        allow_loss=allow_loss,
        style=style,
        folder=folder,
        columns=columns,
        filters=filters if filters != Filters() else None,
        on_reject=_print_reject if skip_bad else None,
    )

    if as_json:
        print_json(asdict(conversion))
        return
    parts = [f"{target}: {format_count(conversion.drawings, 'drawing')}", *conversion.notes]
    if conversion.filtered:
        filtered = (f"{number:,} {name}" for name, number in conversion.filtered.items())
        parts.append(f"left out: {', '.join(filtered)}")
    if conversion.rejects:
        parts.append(f"skipped {format_count(conversion.rejects, 'bad line')}")
    if conversion.lost:
        parts.append(f"lost: {', '.join(conversion.lost)}")
    typer.echo("; ".join(parts))


def _print_reject(reject: "Reject") -> None:
    typer.echo(f"{reject.source}, line {reject.line}: {reject.reason}", err=True)
