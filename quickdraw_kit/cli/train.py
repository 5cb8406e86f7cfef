"""`train`: train a network, or list the networks."""

import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quickdraw_kit.cli.options import Json, print_json, takes
from quickdraw_kit.cli.training_progress import show_epochs
from quickdraw_kit.errors import UsageError
from quickdraw_kit.learn.config import TrainConfig

if TYPE_CHECKING:
    from quickdraw_kit.learn.train import TrainResult


@takes("config", TrainConfig)
def train(
    folder: Annotated[
        str | None,
        typer.Argument(metavar="DATA", help="The same as --data.", show_default=False),
    ] = None,
    *,
    config: TrainConfig,
    list_models: Annotated[
        bool, typer.Option("--list-models", help="Show the networks, layer by layer, and exit.")
    ] = False,
    classes: Annotated[
        int | None,
        typer.Option(
            min=2,
            help="Number of labels for --list-models; by default 10 for the MNIST networks and 345 "
            "for the others.",
        ),
    ] = None,
    resume: Annotated[
        bool | None,
        typer.Option(
            help="Continue the unfinished training run in --out, or start it over; by default it "
            "is continued if there is one, and a finished one is left as it is."
        ),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite", help="Replace a model or an unfinished run of other settings in --out."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Train a network. The same command continues a run that was interrupted.

    Examples:

      quickdraw-kit train shards --out model

      quickdraw-kit train --data mnist-5k --out digits --network mnist-cnn --epochs 15

      quickdraw-kit train --list-models

      torchrun --nproc-per-node 2 -m quickdraw_kit train shards --out model
    """
    if list_models:  # which needs neither data nor a folder
        _list_models(classes, as_json)
        return
    # both were given, or neither
    if (folder is None) == (config.data is None):
        raise UsageError("name the data once: quickdraw-kit train DATA, or --data DATA")
    if config.out is None:
        raise UsageError("name a folder for the model: --out FOLDER")
    _train(replace(config, data=folder or config.data), resume, overwrite, as_json)


def _train(config: TrainConfig, resume: bool | None, overwrite: bool, as_json: bool) -> None:
    from quickdraw_kit.learn.data.splits import open_splits
    from quickdraw_kit.learn.train import train as train_network

    # torchrun starts a command per process
    is_rank_0 = os.environ.get("RANK", "0") == "0"  # the only one that prints
    splits = open_splits(config)
    if is_rank_0 and not as_json:
        rows = ", ".join(f"{len(part):,} {name}" for name, part in splits.items())
        typer.echo(f"{splits.metadata['data']}: {rows}")

    with show_epochs(config.epochs, config.batch_size, quiet=as_json or not is_rank_0) as (
        on_epoch,
        on_step,
    ):
        result = train_network(
            config,
            splits,
            on_epoch=on_epoch,
            on_step=on_step,
            resume=resume,
            overwrite=overwrite,
        )
    if is_rank_0:
        _show_result(config, result, as_json)


def _show_result(config: TrainConfig, result: "TrainResult", as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "out": str(config.out),
                "resumed_from_step": result.resumed_from_step,
                "metadata": result.model.metadata,
                "history": [asdict(row) for row in result.history],
            }
        )
        return
    path = Path(config.out or "") / "model.safetensors"
    if result.was_finished:
        typer.echo(f"{path} is already trained with these settings on this data")
        return
    if result.resumed_from_step:
        typer.echo(f"continued after step {result.resumed_from_step:,} of an earlier run")
    typer.echo(f"wrote {path}")


def _list_models(classes: int | None, as_json: bool) -> None:
    from quickdraw_kit.learn.models.networks import NETWORKS, STROKE_NETWORKS
    from quickdraw_kit.learn.models.summary import describe_network

    # as in MNIST and in Quick, Draw!
    labels = {name: classes or (10 if name.startswith("mnist") else 345) for name in NETWORKS}
    networks = {name: describe_network(name, labels[name]) for name in NETWORKS}
    inputs = {name: "strokes" if name in STROKE_NETWORKS else "images" for name in NETWORKS}
    counts = {name: sum(layer.parameters for layer in of) for name, of in networks.items()}
    if as_json:
        print_json(
            {
                name: {
                    "input_type": inputs[name],
                    "labels": labels[name],
                    "parameters": counts[name],
                    "layers": [asdict(layer) for layer in layers],
                }
                for name, layers in networks.items()
            }
        )
        return

    from rich.console import Console
    from rich.table import Table

    console = Console()
    for name, layers in networks.items():
        typer.echo(
            f"{name}: {counts[name]:,} parameters for {labels[name]} labels, input {inputs[name]}"
        )
        table = Table(box=None)
        table.add_column("layer")
        table.add_column("output", justify="right")
        table.add_column("parameters", justify="right")
        for layer in layers:
            count = f"{layer.parameters:,}" if layer.parameters else ""
            table.add_row(layer.kind, " x ".join(map(str, layer.shape)), count)
        console.print(table, "")
