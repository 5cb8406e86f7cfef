"""`run` and `demo`: run recipes."""

import json
import sys
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quickdraw_kit.cli.options import Address, ExecutorName, Json, executor_of, print_json
from quickdraw_kit.cli.progress import show_progress
from quickdraw_kit.errors import UsageError, format_count

if TYPE_CHECKING:
    from quickdraw_kit.jobs import JobResult
    from quickdraw_kit.recipe.load import Recipe


def run(
    recipe: Annotated[Path, typer.Argument(help="A TOML file.", show_default=False)],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Output folder; by default out/<name>.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Replace an option of all jobs: 'epochs=2'."),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Jobs to run at the same time.")] = 1,
    part: Annotated[
        str | None,
        typer.Option(help="Run only these jobs, to use several machines: '3/8' is the third part."),
    ] = None,
    executor: ExecutorName = "processes",
    address: Address = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the recipe, show its steps, and exit.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Run a recipe. Steps and jobs that are finished are skipped.

    A job that fails does not stop the others; the exit code is then 1. The same command continues
    interrupted jobs.

    Examples:

      quickdraw-kit run pipelines/demo.toml

      quickdraw-kit run pipelines/sweep.toml --dry-run

      quickdraw-kit run pipelines/mnist.toml --set data=mnist/ --set seed=0
    """
    from quickdraw_kit.recipe.load import load_recipe
    from quickdraw_kit.recipe.run import check_inputs

    loaded = load_recipe(recipe, overrides=settings or ())
    folder = out if out is not None else Path("out") / recipe.stem
    selected = _parse_part(part)
    if dry_run:
        # first, so that the steps are shown even if an input is missing
        _show_recipe(loaded, folder, as_json, selected)
        check_inputs(loaded, folder)
        return
    with _open_executor(executor, address, workers) as pool:
        _run(loaded, folder, as_json, pool, selected)


def _show_recipe(recipe: "Recipe", out: Path, as_json: bool, part: tuple[int, int] | None) -> None:
    from quickdraw_kit.learn.config import TrainConfig
    from quickdraw_kit.options import encode
    from quickdraw_kit.recipe.load import planned_jobs

    number, parts = part or (1, 1)
    # as `run_recipe` selects the jobs of a part
    jobs = planned_jobs(recipe, out)[number - 1 :: parts]
    settings = {
        job.name: {"data": str(job.config.data), **job.config.fingerprint()} for job in jobs
    }
    options = {
        name: step
        for name in ("sample", "prepare", "train", "report")
        if (step := getattr(recipe, name)) is not None
    }
    if as_json:
        steps: dict[str, Any] = {name: encode(step, flat=True) for name, step in options.items()}
        if recipe.jobs is not None:
            steps["jobs"] = [{"name": name, "settings": each} for name, each in settings.items()]
        print_json({"out": str(out), "title": recipe.title, **steps})
        return

    lines = {
        name: _format_options(encode(step, flat=True), encode(type(step)(), flat=True))
        for name, step in options.items()
    }
    if recipe.jobs is not None:
        lines["jobs"] = format_count(len(jobs), "job")
    typer.echo(f"{out}: {recipe.title}")
    for name in ("sample", "prepare", "train", "jobs", "report"):  # the order in which they run
        if name in lines:
            typer.echo(f"{name + ':':<9} {lines[name]}".rstrip())
    for name, each in settings.items():
        typer.echo(f"  {name}: {_format_options(each, TrainConfig().fingerprint())}")


def _format_options(options: dict[str, Any], defaults: dict[str, Any]) -> str:
    """Write the options that differ from the defaults in one line."""
    texts = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in options.items()
        if name not in defaults or value != defaults[name]
    }
    return ", ".join(f"{name} = {text}" for name, text in texts.items())


def _parse_part(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    number, slash, parts = text.partition("/")
    if not (slash and number.isdigit() and parts.isdigit() and 1 <= int(number) <= int(parts)):
        raise UsageError(f"--part {text!r}: expected a part such as 3/8, the third of eight")
    return int(number), int(parts)


@contextmanager
def _open_executor(name: str, address: str | None, workers: int) -> Iterator[Executor | None]:
    with executor_of(name, address) as executor:
        # None is one job after the other, in this process
        if executor is not None or workers == 1:
            yield executor
            return
        from quickdraw_kit.executors import process_pool

        with process_pool(workers) as pool:
            yield pool


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Output folder.")] = Path("out/demo"),
    as_json: Json = False,
) -> None:
    """Run everything once, offline, on generated drawings: strokes, shards, a model, a report.

    Examples:

      quickdraw-kit demo
    """
    from quickdraw_kit.recipe.load import demo_recipe

    _run(demo_recipe(), out, as_json)


def _run(
    recipe: "Recipe",
    out: Path,
    as_json: bool,
    executor: Executor | None = None,
    part: tuple[int, int] | None = None,
) -> None:
    from quickdraw_kit.recipe.run import run_recipe

    # Where the lines are read by a program or kept in a log, each is written when its step ends. A
    # terminal has them at the end, below the bars. This is the stream itself: bars replace it.
    stdout = sys.stdout
    at_once = not as_json and not stdout.isatty()

    def show_step(step: str, line: str) -> None:
        stdout.write(f"{step + ':':<9} {line}\n")
        stdout.flush()

    with show_progress(quiet=as_json) as progress:
        progress.print(f"{out}: {recipe.title}")
        result = run_recipe(
            recipe,
            out,
            executor=executor,
            part=part,
            progress=progress.update,
            on_step=show_step if at_once else None,
        )
    if as_json:
        jobs = [{"job": each.job.name, "error": each.error, **each.figures} for each in result.jobs]
        print_json({"out": str(out), "steps": result.steps, "jobs": jobs})
    else:
        if not at_once:
            for step, line in result.steps.items():
                show_step(step, line)
        _show_jobs(result.jobs)
    # after the results, because those of the other jobs are valid
    if any(each.failed for each in result.jobs):
        raise typer.Exit(1)


def _show_jobs(results: "tuple[JobResult, ...]") -> None:
    if not results:
        return
    from quickdraw_kit.jobs import summarize

    table = summarize(results)
    width = max(map(len, table["group"]))
    for row in table.to_dict("records"):
        accuracy = f"test {row['test_top1_mean']:.2%}" if "test_top1_mean" in row else "no result"
        deviation = row.get("test_top1_sd")
        if deviation is not None and deviation == deviation:  # not NaN, as that of one seed
            accuracy += f" ± {deviation:.2%}"
        failed = f", {row['failed']} failed" if row["failed"] else ""
        seeds = format_count(row["seeds"], "seed")
        typer.echo(f"  {row['group']:<{width}}  {accuracy}, {seeds}{failed}")
