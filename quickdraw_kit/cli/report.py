"""The command that draws: a page about a run, or a network."""

from pathlib import Path
from typing import Annotated

import typer

from quickdraw_kit.errors import UsageError

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(rich_help_panel="Models and recipes")(report)


def report(
    run: Annotated[
        Path | None,
        typer.Argument(metavar="MODEL_DIR", help="Folder or file of a model."),
    ] = None,
    data: Annotated[
        str | None,
        typer.Argument(
            help="Folder or address of shards; folder of MNIST's IDX files, of <category>.npy or "
            "of <category>.ndjson; or mnist-5k.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="The page, report.html by default; with --model a .svg, .png or .dot file, "
            "model.svg by default.",
        ),
    ] = None,
    title: Annotated[str | None, typer.Option(help="Heading of the page.")] = None,
    model: Annotated[
        str | None,
        typer.Option(help="Draw this network as a graph: a name of train --list-models, or a file"),
    ] = None,
    classes: Annotated[
        int | None, typer.Option(min=2, help="Labels of the network that is drawn by its name.")
    ] = None,
) -> None:
    """Write a page about a model and its data, or draw a network.

    The page is one file that opens from disk and asks for nothing. It shows the drawings, how the
    model learnt, its answers and its mistakes, what it confuses, and whether it knows how sure to
    be. Its pictures are also in the folder figures beside it.

    Examples:

      quickdraw-kit report model shards --out report.html

      quickdraw-kit report --model quickdraw-resnet --out network.svg

      quickdraw-kit report --model model/model.safetensors --out network.png
    """
    if model is not None:
        if run is not None or data is not None or title is not None:
            raise UsageError("--model draws a network: it goes with --out and --classes only")
        _draw(model, classes, out or Path("model.svg"))
        return
    if run is None or data is None:
        raise UsageError(
            "give the folder of a model and the data: quickdraw-kit report model shards; "
            "or a network to draw: --model NAME"
        )
    if classes is not None:
        raise UsageError("--classes goes with --model: a trained model has its labels")
    from quickdraw_kit.show.report import write_report

    page = out or Path("report.html")
    write_report(page, title or f"{run.resolve().name} on {Path(data).name}", data, run)
    typer.echo(f"wrote {page}")


def _draw(model: str, classes: int | None, out: Path) -> None:
    from quickdraw_kit.learn.models.graph import network_graph
    from quickdraw_kit.learn.models.networks import NETWORKS
    from quickdraw_kit.show.network import draw_network

    if model in NETWORKS:
        labels = classes or (10 if model.startswith("mnist") else 345)
        graph = network_graph(model, labels)
    elif Path(model).exists():
        from quickdraw_kit.learn.export import open_model

        loaded = open_model(model)
        if classes not in (None, len(loaded.label_names)):
            raise UsageError(f"{model} has {len(loaded.label_names)} labels, not {classes}")
        graph = network_graph(loaded.architecture, len(loaded.label_names), side=loaded.side)
    else:
        raise UsageError(f"--model {model!r}: expected a file or one of {', '.join(NETWORKS)}")
    draw_network(graph, out)
    typer.echo(f"wrote {out}: {graph.name}, {graph.parameters:,} parameters")
