"""Commands on drawings: `categories`, `sample`, `inspect`, `convert`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from quickdraw_kit.cli.options import Categories, Json, Sources, names, print_json
from quickdraw_kit.cli.progress import progress_bar
from quickdraw_kit.errors import format_count

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for command in (categories, sample, inspect, convert):
        app.command(rich_help_panel="Drawings")(command)


def categories(
    search: Annotated[
        str | None, typer.Argument(help="Part of a name; near matches when there is none.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the 345 categories in label order, or search among them.

    Examples:

      quickdraw-kit categories

      quickdraw-kit categories ball
    """
    from quickdraw_kit.categories import CATEGORIES, search_categories

    found = CATEGORIES if search is None else search_categories(search)
    labels = {name: CATEGORIES.index(name) for name in found}
    if as_json:
        print_json([{"label": label, "name": name} for name, label in labels.items()])
    else:
        for name, label in labels.items():
            typer.echo(f"{label:>3}  {name}")
    if not found:
        typer.echo(f"no category is like {search!r}", err=True)
        raise typer.Exit(1)


def sample(
    out: Annotated[Path, typer.Argument(help="Folder to write to: one file per category.")],
    drawings: Annotated[
        int, typer.Option("--drawings", "-n", min=1, help="How many in all.")
    ] = 1200,
    categories: Categories = None,
    seed: Annotated[int, typer.Option(help="Another seed, other drawings.")] = 0,
    raw: Annotated[
        bool, typer.Option("--raw", help="Raw drawings with times, instead of simplified ones.")
    ] = False,
) -> None:
    """Generate drawings that look hand-made, as official ndjson. They are not real data.

    Examples:

      quickdraw-kit sample drawings/

      quickdraw-kit sample load-test/ --drawings 1000000 --raw
    """
    from quickdraw_kit.synthetic.generator import write_sample

    with progress_bar() as advance:
        paths = write_sample(
            out,
            drawings=drawings,
            categories=names(categories),
            seed=seed,
            raw=raw,
            progress=lambda done, total: advance("sample", done, total, f"{done:,} drawings"),
        )
    typer.echo(f"{out}: {format_count(drawings, 'drawing')} in {format_count(len(paths), 'file')}")


def inspect(
    sources: Sources,
    preview: Annotated[
        int, typer.Option(help="Show so many drawings of each category in the terminal.")
    ] = 0,
    sheet: Annotated[
        Path | None, typer.Option(help="Write a contact sheet, ten drawings of each category.")
    ] = None,
    quality: Annotated[
        bool, typer.Option("--quality", help="Look for flawed drawings; the sheet shows those.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Say what is in some files: drawings, strokes, points, countries, bad lines.

    Examples:

      quickdraw-kit inspect cat.ndjson

      quickdraw-kit inspect simplified/ --sheet sheet.png

      quickdraw-kit inspect cat.ndjson --quality --sheet flawed.png
    """
    from quickdraw_kit.acquire.cache_entry import get_data_home
    from quickdraw_kit.shards import inspect as module

    if quality:
        _inspect_quality(sources, sheet, as_json)
        return
    with progress_bar(quiet=as_json) as advance:
        found = module.inspect(
            sources,
            examples=10 if sheet is not None else preview,
            data_home=get_data_home(),
            progress=lambda done, total, drawings: advance(
                "read", done, total, f"{drawings:,} drawings"
            ),
        )
    if sheet is not None:
        from quickdraw_kit.show.sheet import contact_sheet

        codes = {word: code for code, word in enumerate(found.categories)}
        labels = [codes[word] for word in found.example_words]
        contact_sheet(found.examples, labels, tuple(found.categories), sheet)
    if as_json:
        print_json(_document(found))
        return
    _show(found)
    if preview:
        from quickdraw_kit.show.terminal import gallery

        typer.echo(gallery(found.examples[: preview * 12], found.example_words[: preview * 12]))
    if sheet is not None:
        typer.echo(f"wrote {sheet}")


def _inspect_quality(sources: list[str], sheet: Path | None, as_json: bool) -> None:
    from quickdraw_kit.acquire.cache_entry import get_data_home
    from quickdraw_kit.shards.inspect import inspect_quality

    with progress_bar(quiet=as_json) as advance:
        counts, images, flags = inspect_quality(
            sources,
            data_home=get_data_home(),
            progress=lambda done, total, drawings: advance(
                "read", done, total, f"{drawings:,} drawings"
            ),
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
        typer.echo(f"wrote {sheet}" if flags else "no drawing has a flag: there is no sheet")


def _document(found: Any) -> dict[str, Any]:
    import dataclasses

    document = dataclasses.asdict(found)
    for name in ("examples", "example_words"):
        del document[name]
    return document


def _show(found: Any) -> None:
    kind = " and ".join(found.formats)
    share = (
        f", {found.recognized / found.recognized_known:.1%} recognised"
        if found.recognized_known
        else ""
    )
    if 0 < found.recognized_known < found.drawings:
        share += f" of the {found.recognized_known:,} of which it is known"
    typer.echo(
        f"{format_count(len(found.sources), 'file')} of {kind}, {format_count(found.bytes, 'byte')}: "
        f"{format_count(found.drawings, 'drawing')} of "
        f"{format_count(len(found.categories), 'category', 'categories')}{share}"
    )
    for name, spread in (("strokes", found.strokes), ("points", found.points)):
        if spread.quantiles:
            least, _, low, middle, high, _, most = spread.quantiles.values()
            typer.echo(
                f"{name + ' of a drawing':<20} mean {spread.mean:.1f}, median {middle}, "
                f"half of them {low} to {high}, all {least} to {most}"
            )
    _show_most("categories", found.categories)
    _show_most("countries", found.countries)
    if found.rejects:
        _show_most("bad lines", found.rejects)


def _show_most(name: str, counts: dict[str, int]) -> None:
    most = sorted(counts.items(), key=lambda pair: -pair[1])
    shown = ", ".join(f"{value or 'unknown'} {number:,}" for value, number in most[:10])
    more = f" and {len(most) - 10} more" if len(most) > 10 else ""
    if shown:
        typer.echo(f"{name:<20} {shown}{more}")


def convert(
    source: Annotated[
        Path,
        typer.Argument(help="What to read; - is ndjson from standard input.", show_default=False),
    ],
    target: Annotated[
        Path, typer.Argument(help="File to write; its suffix says the form.", show_default=False)
    ],
    index: Annotated[int, typer.Option(min=0, help="Which drawing, for a picture.")] = 0,
    word: Annotated[
        str | None, typer.Option(help="Category, where the source does not name it.")
    ] = None,
    simplify: Annotated[
        bool, typer.Option("--simplify", help="Simplify raw drawings as Google did.")
    ] = False,
    epsilon: Annotated[float, typer.Option(help="Tolerance of --simplify, in the 256 frame.")] = 2,
    allow_loss: Annotated[
        bool, typer.Option("--allow-loss", help="Drop what the target cannot hold.")
    ] = False,
    side: Annotated[int, typer.Option(help="Pixels of a side, for bitmaps.")] = 28,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out lines that are no drawings, and say so.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Convert drawings from one form to another.

    What the target cannot hold is not dropped without --allow-loss. Bitmaps and pictures are
    renderings, which hold no metadata, and a picture is of one drawing: it is said of which.

    Reads .ndjson, .bin, .npz (Sketch-RNN), .csv (Kaggle), .parquet, .arrow, also with .gz or .zst;
    writes .ndjson, .bin, .npz, .parquet, .arrow, .npy (bitmaps), .svg, .png and .gif.

    Examples:

      quickdraw-kit convert cat.ndjson cat.parquet

      quickdraw-kit convert cat.ndjson cat.svg --index 12

      quickdraw-kit convert raw/cat.ndjson cat.bin --simplify --allow-loss
    """
    from quickdraw_kit import conversion
    from quickdraw_kit.raster.style import RasterStyle

    done = conversion.convert(
        source,
        target,
        index=index,
        word=word,
        simplify=simplify,
        epsilon=epsilon,
        allow_loss=allow_loss,
        style=RasterStyle(side),
        on_reject=_say_bad if skip_bad else None,
    )
    if as_json:
        import dataclasses

        print_json(dataclasses.asdict(done))
        return
    told = [f"{target}: {format_count(done.drawings, 'drawing')}", *done.notes]
    if done.rejects:
        told.append(f"{format_count(done.rejects, 'bad line')} left out")
    if done.lost:
        told.append(f"lost: {', '.join(done.lost)}")
    typer.echo("; ".join(told))


def _say_bad(reject: Any) -> None:
    typer.echo(f"{reject.source}, line {reject.line}: {reject.reason}", err=True)
