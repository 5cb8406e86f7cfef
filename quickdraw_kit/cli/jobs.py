"""Commands that run recipes: `run`, `demo`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from quickdraw_kit.cli.options import Json, print_json
from quickdraw_kit.cli.progress import progress_bar

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for command in (run, demo):
        app.command(rich_help_panel="Models and recipes")(command)


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
