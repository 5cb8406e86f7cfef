"""Commands that run recipes: `run`, `demo`."""

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from quickdraw_kit.cli.options import Address, Engine, Json, engine, print_json
from quickdraw_kit.cli.progress import progress_bar
from quickdraw_kit.errors import UsageError, format_count

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
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Setting of all jobs in place of the recipe's: 'epochs=2'."),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Jobs that run at once.")] = 1,
    part: Annotated[
        str | None,
        typer.Option(help="Only these jobs, for many machines: '3/8' is the third part."),
    ] = None,
    executor: Engine = "processes",
    address: Address = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the recipe, show its steps, and stop.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Run a recipe; steps and jobs that are done already are passed over.

    A job that fails does not stop the others; the exit code is then 1. Interrupted jobs go on
    where they were when the same command is given again.

    Examples:

      quickdraw-kit run pipelines/demo.toml

      quickdraw-kit run pipelines/sweep.toml --dry-run

      quickdraw-kit run pipelines/mnist.toml --set data=mnist/ --set seed=0
    """
    from quickdraw_kit.recipe import check_inputs, load_recipe

    loaded = load_recipe(recipe, overrides=settings or ())
    folder = out if out is not None else Path("out") / recipe.stem
    mine = _part(part)
    if dry_run:
        _show_recipe(loaded, folder, as_json, mine)
        check_inputs(loaded, folder)
        return
    with _pool(executor, address, workers) as pool:
        _run(loaded, folder, as_json, pool, mine)


def _show_recipe(recipe: Any, out: Path, as_json: bool, part: tuple[int, int] | None) -> None:
    import msgspec

    from quickdraw_kit.learn.config import TrainConfig
    from quickdraw_kit.recipe import planned_jobs

    mine, of = part or (1, 1)
    jobs = planned_jobs(recipe, out)[mine - 1 :: of]
    settings = {
        job.name: {"data": str(job.config.data), **job.config.fingerprint()} for job in jobs
    }
    steps = {name: step for name, step in msgspec.to_builtins(recipe).items() if step}
    del steps["title"]
    if recipe.jobs is not None:
        steps.pop("defaults", None)  # each job shows its own
        steps["jobs"] = [{"name": name, "settings": each} for name, each in settings.items()]
    if as_json:
        print_json({"out": str(out), "title": recipe.title, **steps})
        return
    typer.echo(f"{out}: {recipe.title}")
    for name, step in steps.items():
        made = format_count(len(jobs), "job")
        line = made if name == "jobs" else _line(step, _usual(getattr(recipe, name)))
        typer.echo(f"{name + ':':<9} {line}".rstrip())
    for name, each in settings.items():
        typer.echo(f"  {name}: {_line(each, TrainConfig().fingerprint())}")


def _usual(step: Any) -> dict[str, Any]:
    """Return the settings of a step of which nothing but the necessary is said."""
    import msgspec

    if not isinstance(step, msgspec.Struct):
        return {}
    necessary = {field.name: () for field in msgspec.structs.fields(step) if field.required}
    usual: dict[str, Any] = msgspec.to_builtins(type(step)(**necessary))
    return usual


def _line(settings: dict[str, Any], usual: dict[str, Any]) -> str:
    """Write the settings that are set, and not as usual, in one line."""
    import json

    told = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in settings.items()
        if (value != usual[name] if name in usual else value)
    }
    return ", ".join(f"{name} = {value}" for name, value in told.items())


def _part(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    first, slash, step = text.partition("/")
    if not (slash and first.isdigit() and step.isdigit() and 1 <= int(first) <= int(step)):
        raise UsageError(f"--part {text!r}: expected such as 3/8, the third of eight parts")
    return int(first), int(step)


@contextmanager
def _pool(name: str, address: str | None, workers: int) -> Iterator[Executor | None]:
    with engine(name, address) as pool:
        if pool is not None or workers == 1:
            yield pool
            return
        from quickdraw_kit.executors import process_pool

        with process_pool(workers) as processes:
            yield processes


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


def _run(
    recipe: Any,
    out: Path,
    as_json: bool,
    pool: Executor | None = None,
    part: tuple[int, int] | None = None,
) -> None:
    from quickdraw_kit.recipe import run_recipe

    with progress_bar(quiet=as_json) as advance:
        result = run_recipe(recipe, out, executor=pool, part=part, report=advance)
    if as_json:
        jobs = [{"job": each.job.name, "error": each.error, **each.figures} for each in result.jobs]
        print_json({"out": str(out), "steps": result.steps, "jobs": jobs})
    else:
        for step, line in result.steps.items():
            typer.echo(f"{step + ':':<9} {line}")
        _show_jobs(result.jobs)
    if any(each.failed for each in result.jobs):
        raise typer.Exit(1)


def _show_jobs(results: Any) -> None:
    if not results:
        return
    from quickdraw_kit.jobs import summarise

    table = summarise(results)
    width = max(map(len, table["group"]))
    for row in table.to_dict("records"):
        spread = row.get("test_top1_sd")
        accuracy = (
            f"test {row['test_top1_mean']:.2%}" if "test_top1_mean" in row else "no result"
        ) + (f" ± {spread:.2%}" if spread is not None and spread == spread else "")
        seeds = f"{row['seeds']} seed{'s' if row['seeds'] != 1 else ''}"
        failed = f", {row['failed']} failed" if row["failed"] else ""
        typer.echo(f"  {row['group']:<{width}}  {accuracy}, {seeds}{failed}")
