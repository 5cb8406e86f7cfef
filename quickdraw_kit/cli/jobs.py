"""Commands that train and run recipes: `train`, `evaluate`, `run`, `demo`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from quickdraw_kit.cli.options import Folder, Json, print_json
from quickdraw_kit.cli.progress import progress_bar

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for command in (train, evaluate, run, demo):
        app.command(rich_help_panel="Models and recipes")(command)


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


def run(
    recipe: Annotated[Path, typer.Argument(help="A TOML file.", show_default=False)],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder; out/<name> by default.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the recipe, show its steps, and stop.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Run a recipe; steps that are done already are passed over.

    Examples:

      quickdraw-kit run pipelines/demo.toml

      quickdraw-kit run pipelines/quickdraw.toml --dry-run
    """
    from quickdraw_kit.recipe import load_recipe

    loaded = load_recipe(recipe)
    folder = out if out is not None else Path("out") / recipe.stem
    if dry_run:
        import msgspec

        steps = {name: step for name, step in msgspec.to_builtins(loaded).items() if step}
        print_json({"out": str(folder), **steps})
        return
    _run(loaded, folder, as_json)


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder.")] = Path("out/demo"),
    as_json: Json = False,
) -> None:
    """Run the whole main job on generated drawings, offline: strokes to shards to a model.

    Examples:

      quickdraw-kit demo
    """
    from quickdraw_kit.recipe import demo_recipe

    _run(demo_recipe(), out, as_json)


def _run(recipe: Any, out: Path, as_json: bool) -> None:
    from quickdraw_kit.recipe import run_recipe

    with progress_bar(quiet=as_json) as advance:
        result = run_recipe(recipe, out, report=advance)
    if as_json:
        print_json({"out": str(out), "steps": result.steps})
        return
    for step, line in result.steps.items():
        typer.echo(f"{step + ':':<9} {line}")
