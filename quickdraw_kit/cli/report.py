"""`report`: write a page about a model, or draw a network."""

from pathlib import Path
from typing import Annotated

import typer

from quickdraw_kit.errors import UsageError


def report(
    path: Annotated[
        Path | None,
        typer.Argument(metavar="MODEL", help="Folder of a model, or its file."),
    ] = None,
    data: Annotated[
        str | None,
        typer.Argument(
            help="Folder or URL of shards; file, folder or glob of MNIST's files, of bitmaps or of "
            "drawings; or mnist-5k.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Page, by default report.html; with --model a .svg, .png or .dot file, by "
            "default model.svg.",
        ),
    ] = None,
    title: Annotated[str | None, typer.Option(help="Heading of the page.")] = None,
    model: Annotated[
        str | None,
        typer.Option(help="Draw this network instead: a name from train --list-models, or a file."),
    ] = None,
    classes: Annotated[
        int | None, typer.Option(min=2, help="Number of labels, for --model with a name.")
    ] = None,
) -> None:
    """Write a page about a model and its data, or draw a network.

    The page is one file that needs no server and no network. It has a sample of the drawings, the
    training curves, sample predictions, the confusion matrix, per-class metrics and calibration.
    Its figures are also in the folder figures beside it.

    Examples:

      quickdraw-kit report model shards --out report.html

      quickdraw-kit report --model quickdraw-resnet --out network.svg

      quickdraw-kit report --model model/model.safetensors --out network.png
    """
    if model is not None:
        if path is not None or data is not None or title is not None:
            raise UsageError("--model draws a network: use only --out and --classes with it")
        _draw(model, classes, out or Path("model.svg"))
        return

    if path is None or data is None:
        raise UsageError(
            "name a model and its data: quickdraw-kit report model shards; "
            "or a network to draw: --model NAME"
        )
    if classes is not None:
        raise UsageError("--classes needs --model: a trained model has its own labels")

    from quickdraw_kit.show.report import write_report

    page = out or Path("report.html")
    # resolved, as the path . has no name
    write_report(page, title or f"{path.resolve().name} on {Path(data).name}", data, path)
    typer.echo(f"wrote {page}")


def _draw(model: str, classes: int | None, out: Path) -> None:
    from quickdraw_kit.learn.models.graph import network_graph
    from quickdraw_kit.learn.models.networks import NETWORKS
    from quickdraw_kit.show.network import draw_network

    if model in NETWORKS:
        # as in the data that these networks are made for
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
