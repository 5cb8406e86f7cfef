"""Running a recipe: its steps in the order of the data flow, those that are finished left out.

A finished step writes a record with its settings, so a recipe that was interrupted or changed
continues from the first step whose settings differ from its record.
"""

import json
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from quickdraw_kit.errors import DataError, format_count
from quickdraw_kit.jobs import JobResult, ProgressCallback, run_jobs, write_jobs_page, write_results
from quickdraw_kit.learn.config import TrainConfig
from quickdraw_kit.options import encode
from quickdraw_kit.recipe.load import Recipe, planned_jobs
from quickdraw_kit.recipe.steps import PrepareStep, ReportStep, SampleStep
from quickdraw_kit.storage.files import atomic_write


@dataclass(frozen=True, slots=True)
class RecipeResult:
    """The results of a recipe."""

    out: Path
    steps: dict[str, str]  # a line of text by step
    page: Path | None
    jobs: tuple[JobResult, ...] = ()


def check_inputs(recipe: Recipe, out: Path) -> None:
    """Check that the data exists that a recipe reads and does not make itself."""
    from quickdraw_kit.acquire.cache_entry import get_data_home
    from quickdraw_kit.acquire.sources import resolve_sources
    from quickdraw_kit.storage.urls import parse_location

    step = recipe.prepare
    if step is not None and not step.download:
        # what is below {out} is made by an earlier step
        inputs = [source for source in step.sources if "{out}" not in source]
        # URLs are checked by `prepare`: a look at the recipe should need no network
        if local := [source for source in inputs if isinstance(parse_location(source), Path)]:
            resolve_sources(local, data_home=get_data_home(), variant=step.variant)

    for job in planned_jobs(recipe, out):
        data = job.config.data
        if data is None:
            raise DataError(f"job {job.name} has no data: set it with data = (--set data=FOLDER)")
        location = parse_location(data)
        # a URL, the output of an earlier step, or a built-in data set
        if isinstance(location, str) or out in location.parents or str(data) == "mnist-5k":
            continue
        if not location.is_dir():
            raise DataError(
                f"{data}, the data of job {job.name}, does not exist: set another folder with "
                "data = (--set data=FOLDER)"
            )


def run_recipe(
    recipe: Recipe,
    out: Path,
    *,
    executor: Executor | None = None,
    part: tuple[int, int] | None = None,
    progress: ProgressCallback | None = None,
    on_step: Callable[[str, str], object] | None = None,
) -> RecipeResult:
    r"""Run the steps of a recipe that are not finished yet.

    Parameters
    ----------
    recipe : Recipe
        The recipe.
    out : Path
        Folder for everything that it makes.
    executor : concurrent.futures.Executor, optional
        Where chunks, shards and jobs are processed; by default in processes and, for jobs, one
        after the other.
    part : tuple of (int, int), optional
        Run only these jobs, such as (3, 8) for the third part of eight, and no report. A call
        without it gathers the results of all parts.
    progress : callable, optional
        Receives the name of a task, how much of it is done, its total, and a note.
    on_step : callable, optional
        Receives the name of a step and the line about it when it is finished.

    Returns
    -------
    RecipeResult
        A line about each step, the page and the results of the jobs.

    Raises
    ------
    DataError
        If data does not exist that the recipe reads.
    QuickdrawError
        If a step fails. The result of a job that fails has its error instead.

    Examples
    --------
    >>> from pathlib import Path
    >>> from quickdraw_kit import load_recipe, run_recipe
    >>> _ = Path("small.toml").write_text("[sample]\ndrawings = 54")
    >>> run_recipe(load_recipe(Path("small.toml")), Path("out")).steps
    {'sample': '54 generated drawings in 27 files'}
    """
    # first, or a missing folder would be noticed after hours of other steps
    check_inputs(recipe, out)
    out.mkdir(parents=True, exist_ok=True)
    run = _Run(recipe, out, executor, part, progress or (lambda *_: None))
    on_step = on_step or (lambda *_: None)
    lines: dict[str, str] = {}
    is_current = True  # whether the records of all steps so far have the settings of the recipe
    for name, run_step in _STEPS.items():
        step = getattr(recipe, name)
        # a report is about all jobs, of which a part has only some
        if step is None or (name == "report" and part is not None):
            continue
        if name == "jobs" or (name == "report" and recipe.jobs is not None):
            lines[name] = run_step(step, run)  # every job has a record of its own
            on_step(name, lines[name])
            continue

        record = out / f".{name}.done.json"
        settings = encode(step, flat=True)
        if is_current and record.exists():
            earlier = json.loads(record.read_bytes())
            # compared as JSON has them, in which tuples are lists
            if earlier["settings"] == json.loads(json.dumps(settings)):
                lines[name] = earlier["line"]
                on_step(name, lines[name])
                continue

        # its input is new, so every later step runs too
        is_current = False
        lines[name] = run_step(step, run)
        # last, so that a step that was interrupted has no record
        with atomic_write(record) as file:
            file.write(json.dumps({"settings": settings, "line": lines[name]}).encode())
        on_step(name, lines[name])

    page = out / "index.html" if recipe.report is not None else None
    return RecipeResult(out, lines, page, tuple(run.results))


@dataclass(slots=True)
class _Run:
    """What the steps of a run share."""

    recipe: Recipe
    out: Path
    executor: Executor | None
    part: tuple[int, int] | None
    progress: ProgressCallback
    results: list[JobResult] = field(default_factory=list)


def _run_sample(step: SampleStep, run: _Run) -> str:
    from quickdraw_kit.formats.ndjson.format import NDJSON
    from quickdraw_kit.shards.prepare.pipeline import compile_kernels
    from quickdraw_kit.synthetic.generator import write_sample

    # at once, also for the next step: with more to compile, more cores have something to do
    if run.recipe.prepare is not None:
        compile_kernels([NDJSON], also=["quickdraw_kit.formats.ndjson.print_kernels"])

    def report(done: int, total: int) -> None:
        run.progress("sample", done, total, format_count(done, "drawing"))

    paths = write_sample(run.out / "sample", **encode(step), progress=report)
    drawings = format_count(step.drawings, "generated drawing")
    return f"{drawings} in {format_count(len(paths), 'file')}"


def _run_prepare(step: PrepareStep, run: _Run) -> str:
    from quickdraw_kit.acquire.cache_entry import get_data_home
    from quickdraw_kit.acquire.download import DownloadOptions
    from quickdraw_kit.shards.prepare.pipeline import prepare

    out = str(run.out)
    # overwrite, because shards of earlier settings may be in this folder, which is the recipe's own
    manifest = prepare(
        [source.replace("{out}", out) for source in step.sources],
        run.out / "shards",
        filters=step.filters,
        options=step.prepare_options,
        data_home=get_data_home(),
        variant=step.variant,
        download=DownloadOptions(step.mirror, step.keep_source) if step.download else None,
        split_ids=step.split_ids and step.split_ids.replace("{out}", out),
        max_reject_rate=step.max_reject_rate,
        workers=step.workers,
        executor=run.executor,
        overwrite=True,
        progress=lambda now: run.progress(
            now.stage, now.done, now.total, format_count(now.drawings, "drawing")
        ),
    )
    rows = ", ".join(f"{rows:,} {split}" for split, rows in manifest.rows.items())
    words = format_count(len(manifest.categories), "category", "categories")
    return f"{format_count(manifest.counts.written, 'drawing')} of {words} ({rows})"


def _run_train(config: TrainConfig, run: _Run) -> str:
    from quickdraw_kit.learn.train import train

    # overwrite, for the same reason as in `_run_prepare`
    result = train(
        replace(config, data=run.out / "shards", out=run.out / "model"),
        on_epoch=lambda row: run.progress(
            "train", row.epoch, config.epochs, f"validation {row.validation_accuracy or 0:.1%}"
        ),
        overwrite=True,
    )
    last = result.history[-1]
    return (
        f"{config.network}, {format_count(config.epochs, 'epoch')}: accuracy "
        f"{last.train_accuracy:.1%} in training, {last.validation_accuracy or 0:.1%} in validation"
    )


def _run_jobs(tables: tuple[dict[str, Any], ...], run: _Run) -> str:
    jobs = planned_jobs(run.recipe, run.out)
    if run.part is not None:
        number, parts = run.part
        # not consecutive jobs, of which some machines would have only the slow ones
        jobs = jobs[number - 1 :: parts]
    run.results = run_jobs(jobs, run.out / "jobs", executor=run.executor, progress=run.progress)

    failed = [result for result in run.results if result.failed]
    line = f"{len(jobs) - len(failed)} of {len(jobs)} jobs done"
    # a table of some jobs would replace that of all
    if run.part is None:
        write_results(run.results, run.out)
        line += f", see {run.out / 'summary.csv'}"
    if failed:
        line += f"; {len(failed)} failed, the first: {failed[0].job.name}: {failed[0].error}"
    return line


def _run_report(step: ReportStep, run: _Run) -> str:
    title, page = step.title or run.recipe.title, run.out / "index.html"
    run.progress("report", 0, 1, "measuring and drawing")
    if run.recipe.jobs is not None:
        write_jobs_page(page, title, run.results)
    else:
        from quickdraw_kit.show.report import write_report

        model = run.out / "model" if run.recipe.train is not None else None
        write_report(page, title, run.out / "shards", model)
    return str(page)


# in the order in which they run
_STEPS: dict[str, Callable[[Any, _Run], str]] = {
    "sample": _run_sample,
    "prepare": _run_prepare,
    "train": _run_train,
    "jobs": _run_jobs,
    "report": _run_report,
}
