"""The command that measures a model."""

from pathlib import Path
from typing import Annotated

import typer

from quickdraw_kit.cli.options import Folder, Json, print_json

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(rich_help_panel="Models and recipes")(evaluate)


def evaluate(
    model: Annotated[Path, typer.Argument(help="Folder or file of a model.", show_default=False)],
    data: Folder,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    as_json: Json = False,
) -> None:
    """Measure a model on one split of a data set.

    Examples:

      quickdraw-kit evaluate model shards
    """
    from quickdraw_kit.learn.evaluate import evaluate as measure
    from quickdraw_kit.learn.model import load_model
    from quickdraw_kit.shards.dataset import open_shards

    file = model / "model.safetensors" if model.is_dir() else model
    result = measure(load_model(file), open_shards(data, split=split))
    if as_json:
        print_json(
            {
                "split": split,
                "drawings": len(result.labels),
                "loss": result.loss,
                "top1": result.top1,
                "top3": result.top3,
            }
        )
    else:
        typer.echo(
            f"{split}: {len(result.labels):,} drawings, loss {result.loss:.3f}, "
            f"top-1 {result.top1:.2%}, top-3 {result.top3:.2%}"
        )
