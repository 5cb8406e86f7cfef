"""Batches of training jobs: a grid of data, networks, options and seeds, and one results table.

A job is a pure function of its options and its data. It writes into a folder of its own, its
result last. An interrupted batch therefore continues with the jobs that have no result, a killed
job continues from its checkpoint, and jobs may run in any order on any executor.
"""

import itertools
import json
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from quickdraw_kit.errors import QuickdrawError, UsageError
from quickdraw_kit.executors import check_visible, map_unordered
from quickdraw_kit.learn.config import TrainConfig
from quickdraw_kit.options import decode
from quickdraw_kit.storage.files import atomic_write, parse_json

if TYPE_CHECKING:
    import pandas as pd

ProgressCallback: TypeAlias = Callable[[str, float, float, str], None]
"""Receives a task, how much of it is done, its total, and a note."""

_RESULT_FILE = "result.json"
_EVALUATED_SPLITS = ("validation", "test")
_NOT_IN_RESULTS = {"out", "tensorboard", "checkpoint_steps"}


@dataclass(frozen=True, slots=True)
class Job:
    """A training run of a batch."""

    name: str
    group: str  # the name without the seed
    config: TrainConfig


@dataclass(frozen=True, slots=True)
class JobResult:
    """The result of a job: its figures, or why it failed."""

    job: Job
    error: str | None
    figures: dict[str, float]

    @property
    def failed(self) -> bool:
        """Whether the job ended with an error."""
        return self.error is not None


def expand(
    tables: Iterable[Mapping[str, Any]], defaults: Mapping[str, Any] | None = None
) -> tuple[Job, ...]:
    """Make a job of each combination of values in tables where a list has alternatives."""
    jobs = [job for table in tables for job in _jobs_of({**(defaults or {}), **table})]
    # a job writes to a folder of its name, so two would overwrite each other
    names: set[str] = set()
    for job in jobs:
        if job.name in names:
            raise UsageError(f"two jobs are called {job.name!r}: give their tables names")
        names.add(job.name)
    return tuple(jobs)


def _jobs_of(table: dict[str, Any]) -> Iterable[Job]:
    name = table.pop("name", None) or str(table.get("network", "job"))
    # the name becomes that of a folder
    if not isinstance(name, str) or not name.replace("-", "").replace("_", "").isalnum():
        raise UsageError(f"{name!r} is not a name of a job: expected letters, digits, - and _")
    varying = [key for key, value in table.items() if isinstance(value, list) and key != "seed"]
    lists = {k: v if isinstance(v, list) else [v] for k, v in {"seed": 0, **table}.items()}
    if empty := [key for key, values in lists.items() if not values]:
        raise UsageError(f"[[jobs]] {name}: {empty[0]} is an empty list")

    # seeds vary fastest, so that the jobs of a group are together
    order = [key for key in lists if key != "seed"] + ["seed"]
    for values in itertools.product(*(lists[key] for key in order)):
        settings = dict(zip(order, values, strict=True))
        config = decode(TrainConfig, settings, f"[[jobs]] {name}:")
        group = "-".join([name, *(_in_name(key, settings[key]) for key in varying)])
        yield Job(f"{group}-seed{config.seed}", group, config)


def _in_name(key: str, value: Any) -> str:
    """Return the part of a job's name that tells the value of a varying option."""
    if key == "data":
        return Path(str(value)).name
    return str(value) if isinstance(value, str) else f"{key}{value:g}"


def run_jobs(
    jobs: Sequence[Job],
    out: Path,
    *,
    executor: Executor | None = None,
    progress: ProgressCallback | None = None,
) -> list[JobResult]:
    """Run the jobs that have no result yet; a job that fails does not stop the others."""
    progress = progress or (lambda *_: None)
    out.mkdir(parents=True, exist_ok=True)
    results: dict[str, JobResult] = {}
    for job in jobs:
        if result := _read_result(job, out / job.name):
            results[job.name] = result
    tasks = [_Task(job, out / job.name) for job in jobs if job.name not in results]

    progress("jobs", len(results), len(jobs), f"{len(results)} were done before")
    for task, result in map_unordered(executor, _run, tasks):
        results[task.job.name] = result
        note = result.error or f"test {result.figures.get('test_top1', 0):.2%}"
        progress("jobs", len(results), len(jobs), f"{task.job.name}: {note}")
    # in the order of the jobs, not in that in which they ended
    return [results[job.name] for job in jobs]


@dataclass(frozen=True, slots=True)
class _Task:
    job: Job
    folder: Path


def _run(task: _Task) -> JobResult:
    """Train and evaluate one job; a failure is a result."""
    # first, for a message that says what is wrong on this node
    check_visible(task.folder.parent)
    task.folder.mkdir(exist_ok=True)
    try:
        result = JobResult(task.job, None, _train_and_evaluate(task))
    except Exception as error:  # any error is one of this job, and the others continue
        is_expected = isinstance(error, QuickdrawError)
        message = str(error) if is_expected else f"{type(error).__name__}: {error}"
        # there is no result file, so the next run tries this job again
        with atomic_write(task.folder / "error.txt") as file:
            file.write(traceback.format_exc().encode())
        return JobResult(task.job, message, {})

    # of an earlier run; removed first, so that a job with a result never has an error
    (task.folder / "error.txt").unlink(missing_ok=True)
    with atomic_write(task.folder / _RESULT_FILE) as file:
        document = {"settings": _settings(task.job), "figures": result.figures}
        file.write(json.dumps(document, indent=1).encode())
    return result


def _train_and_evaluate(task: _Task) -> dict[str, float]:
    from quickdraw_kit.learn.data.splits import open_splits
    from quickdraw_kit.learn.evaluate import evaluate
    from quickdraw_kit.learn.models.networks import count_parameters
    from quickdraw_kit.learn.train import train

    config = replace(task.job.config, out=task.folder)
    start = time.perf_counter()
    splits = open_splits(config)
    # the folder belongs to the job: what other settings have left in it is replaced
    trained = train(config, splits, overwrite=True)
    figures = {
        "parameters": float(count_parameters(trained.model.network)),
        "epochs": float(len(trained.history)),
        # of training alone; `total_seconds` includes opening the data and the evaluation
        "seconds": sum(row.seconds for row in trained.history),
    }

    for split in _EVALUATED_SPLITS:
        if len(splits.get(split, ())):
            evaluation = evaluate(trained.model, splits[split])
            figures[f"{split}_loss"] = evaluation.loss
            figures[f"{split}_top1"] = evaluation.top1
            figures[f"{split}_top3"] = evaluation.top3
            figures[f"{split}_top5"] = evaluation.top5
    figures["total_seconds"] = time.perf_counter() - start
    return figures


def _settings(job: Job) -> dict[str, Any]:
    # the fingerprint does not contain the folder of the data
    return {**job.config.fingerprint(), "data": str(job.config.data)}


def _read_result(job: Job, folder: Path) -> JobResult | None:
    """Return the result of an earlier run, if it had the same settings."""
    try:
        document = parse_json((folder / _RESULT_FILE).read_bytes())
    except (OSError, ValueError):
        return None
    # compared as JSON has them, in which tuples are lists
    if document["settings"] != json.loads(json.dumps(_settings(job))):
        return None
    return JobResult(job, None, document["figures"])


def write_results(results: Sequence[JobResult], folder: Path) -> "pd.DataFrame":
    """Write a row for each job, and one for each group of seeds; return the latter."""
    import pandas as pd

    rows = []
    for result in results:
        config = asdict(result.job.config)
        settings = {name: value for name, value in config.items() if name not in _NOT_IN_RESULTS}
        names = {"job": result.job.name, "group": result.job.group, "error": result.error}
        rows.append({**names, **settings, **result.figures})
    table = pd.DataFrame(rows).sort_values("job", ignore_index=True)
    # Parquet has no type for paths, and no type for a column that is all None
    table["data"] = table["data"].astype(str)
    table["error"] = table["error"].astype("string")

    summary = summarize(results)
    with atomic_write(folder / "results.csv") as file:
        file.write(table.to_csv(index=False, lineterminator="\n").encode())
    with atomic_write(folder / "results.parquet") as file:
        table.to_parquet(file)
    with atomic_write(folder / "summary.csv") as file:
        file.write(summary.to_csv(index=False, lineterminator="\n").encode())
    return summary


def summarize(results: Sequence[JobResult]) -> "pd.DataFrame":
    """Return mean and standard deviation over the seeds of each group."""
    import pandas as pd

    rows = []
    for group in dict.fromkeys(result.job.group for result in results):
        members = [result for result in results if result.job.group == group]
        # a failed job has no figures, which must not count as zeros
        figures = pd.DataFrame([result.figures for result in members if not result.failed])
        row: dict[str, Any] = {
            "group": group,
            "seeds": len(figures),
            "failed": sum(result.failed for result in members),
        }
        for name in figures.columns:
            row[f"{name}_mean"] = float(figures[name].mean())
            # of a sample (n - 1), so that of one seed is NaN
            row[f"{name}_sd"] = float(figures[name].std())
        rows.append(row)
    return pd.DataFrame(rows)


def write_jobs_page(path: Path, title: str, results: Sequence[JobResult]) -> None:
    """Write a page with the results of a batch, in one file."""
    from quickdraw_kit.show.job_results import seed_spread
    from quickdraw_kit.show.page import Picture, Section, Table, write_page

    accuracies: dict[str, list[float]] = {}
    for result in results:
        group = accuracies.setdefault(result.job.group, [])
        if "test_top1" in result.figures:
            group.append(result.figures["test_top1"])

    blocks: list[str | Table | Picture] = []
    if any(accuracies.values()):
        figure = path.parent / "figures" / "seeds.png"
        figure.parent.mkdir(parents=True, exist_ok=True)
        seed_spread(accuracies, figure, measure="accuracy on the test split")
        blocks.append(Picture(figure, "Accuracy of each seed; one row per group"))

    header = ["jobs", "seeds", "failed", "parameters", "epochs", "seconds", "top-1", "sd", "top-3"]
    columns = ["parameters_mean", "epochs_mean", "seconds_mean", "test_top1_mean", "test_top1_sd",
               "test_top3_mean"]  # fmt: skip
    rows = [
        [row["group"], int(row["seeds"]), int(row["failed"]), *(_cell(row, c) for c in columns)]
        for row in summarize(results).to_dict("records")
    ]
    blocks.append(Table(header, rows))

    sections = [Section("Results, mean over the seeds", blocks)]
    if failed := [[r.job.name, r.error or ""] for r in results if r.failed]:
        sections.append(Section("Failed jobs", [Table(["job", "error"], failed)]))
    write_page(path, title, sections)


def _cell(row: Mapping[Any, Any], column: str) -> str | int | None:
    value = row.get(column)
    if value is None or value != value:  # missing, or the standard deviation of one seed
        return None
    return f"{value:.2%}" if "top" in column else round(value)
