"""The command that trains a network."""

from pathlib import Path
from typing import Annotated

import typer

from quickdraw_kit.cli.options import Folder, Json, print_json

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(rich_help_panel="Models and recipes")(train)


def train(
    data: Folder,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the model.")],
    network: Annotated[
        str, typer.Option(help="tiny-cnn, mnist-cnn or quickdraw-cnn.")
    ] = "quickdraw-cnn",
    epochs: Annotated[int, typer.Option(help="Passes over the training split.")] = 10,
    batch_size: Annotated[int, typer.Option(help="Images of a step.")] = 128,
    learning_rate: Annotated[float, typer.Option(help="Highest of the one-cycle schedule.")] = 3e-3,
    label_smoothing: Annotated[float, typer.Option(help="Of the cross entropy.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Of weights, order and dropout.")] = 0,
    device: Annotated[str, typer.Option(help="cpu, cuda, mps, or auto.")] = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="Of the processor.")] = None,
    as_json: Json = False,
) -> None:
    """Train a network on the shards of a data set.

    Examples:

      quickdraw-kit train shards --out model

      quickdraw-kit train mnist-shards --out model --network mnist-cnn --epochs 10
    """
    from quickdraw_kit.learn.train import EpochMetrics, TrainConfig
    from quickdraw_kit.learn.train import train as train_model

    config = TrainConfig(
        data=data,
        out=out,
        network=network,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        label_smoothing=label_smoothing,
        seed=seed,
        device=device,
        threads=threads,
    )

    def show(row: EpochMetrics) -> None:
        if not as_json:
            checked = (
                f", validation loss {row.validation_loss:.3f}, "
                f"accuracy {row.validation_accuracy:.2%}"
                if row.validation_loss is not None and row.validation_accuracy is not None
                else ""
            )
            typer.echo(
                f"epoch {row.epoch:>3} of {epochs}: loss {row.train_loss:.3f}, accuracy "
                f"{row.train_accuracy:.2%}{checked}, {row.seconds:.1f} s"
            )

    result = train_model(config, on_epoch=show)
    if as_json:
        import dataclasses

        print_json({"out": str(out), "history": [dataclasses.asdict(r) for r in result.history]})
    else:
        typer.echo(f"wrote {out / 'model.safetensors'}")
