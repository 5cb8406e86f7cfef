"""Batches of training jobs: a grid of data, networks, settings and seeds, and one table of results.

A job is a pure function of its settings and its data that leaves a folder behind, with its note
written last. So a batch that was interrupted goes on with the jobs that have no note, a killed
job goes on from its checkpoint, and jobs may run in any order on any executor.
"""

import difflib
import itertools
import json
import time
import traceback
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from quickdraw_kit.errors import QuickdrawError, UsageError
from quickdraw_kit.executors import check_visible, map_unordered
from quickdraw_kit.learn.config import TrainConfig
from quickdraw_kit.storage.files import atomic_write, parse_json

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Job",
    "JobResult",
    "config_of",
    "expand",
    "run_jobs",
    "summarise",
    "write_jobs_page",
    "write_results",
]

_NOTE = "result.json"
_MEASURED = ("validation", "test")


@dataclass(frozen=True, slots=True)
class Job:
    """One training run of a batch."""

    name: str
    group: str
    config: TrainConfig


@dataclass(frozen=True, slots=True)
class JobResult:
    """What became of a job."""

    job: Job
    error: str | None
    figures: dict[str, float]

    @property
    def failed(self) -> bool:
        """Whether it did not end."""
        return self.error is not None


def config_of(settings: Mapping[str, Any], where: str = "train") -> TrainConfig:
    """Check settings as they come from a file, and make a configuration of them."""
    hints = typing.get_type_hints(TrainConfig)
    for key, value in settings.items():
        if key not in hints:
            near = difflib.get_close_matches(key, sorted(hints), n=1)
            hint = f"did you mean {near[0]}?" if near else f"expected {', '.join(sorted(hints))}"
            raise UsageError(f"unknown key {key!r} in [{where}]: {hint}")
        expected = str if key in ("data", "out") else hints[key]
        try:
            msgspec.convert(value, expected)
        except msgspec.ValidationError as error:
            raise UsageError(f"{key} in [{where}]: {error}") from None
    try:
        return TrainConfig(**settings)
    except UsageError as error:
        raise UsageError(f"[{where}]: {error}") from None


def expand(
    tables: Iterable[Mapping[str, Any]], defaults: Mapping[str, Any] | None = None
) -> tuple[Job, ...]:
    """Make jobs of tables in which a list stands for each of its values."""
    jobs = [job for table in tables for job in _jobs_of({**(defaults or {}), **table})]
    seen: set[str] = set()
    for job in jobs:
        if job.name in seen:
            raise UsageError(f"two jobs are called {job.name!r}: give their tables names")
        seen.add(job.name)
    return tuple(jobs)


def _jobs_of(table: dict[str, Any]) -> Iterable[Job]:
    name = table.pop("name", None) or str(table.get("network", "job"))
    if not isinstance(name, str) or not name.replace("-", "").replace("_", "").isalnum():
        raise UsageError(f"{name!r} cannot name a job: expected letters, digits, - and _")
    varying = [key for key, value in table.items() if isinstance(value, list) and key != "seed"]
    lists = {k: v if isinstance(v, list) else [v] for k, v in {"seed": 0, **table}.items()}
    if empty := [key for key, values in lists.items() if not values]:
        raise UsageError(f"{empty[0]} in [[jobs]] {name!r} is an empty list")
    order = [key for key in lists if key != "seed"] + ["seed"]
    for values in itertools.product(*(lists[key] for key in order)):
        settings = dict(zip(order, values, strict=True))
        config = config_of(settings, f"jobs: {name}")
        group = "-".join([name, *(_in_name(key, settings[key]) for key in varying)])
        yield Job(f"{group}-seed{config.seed}", group, config)


def _in_name(key: str, value: Any) -> str:
    if key == "data":
        return Path(str(value)).name
    return str(value) if isinstance(value, str) else f"{key}{value:g}"


def run_jobs(
    jobs: Sequence[Job],
    out: Path,
    *,
    executor: Executor | None = None,
    progress: Callable[[str, float, float, str], None] | None = None,
) -> list[JobResult]:
    """Run what is not done yet; a job that fails does not stop the others."""
    tell = progress or (lambda *_: None)
    out.mkdir(parents=True, exist_ok=True)
    done: dict[str, JobResult] = {}
    for job in jobs:
        if result := _finished(job, out / job.name):
            done[job.name] = result
    todo = [_Task(job, out / job.name) for job in jobs if job.name not in done]
    tell("jobs", len(done), len(jobs), f"{len(done)} were done before")
    for task, result in map_unordered(executor, _run, todo):
        done[task.job.name] = result
        note = result.error or f"test {result.figures.get('test_top1', 0):.2%}"
        tell("jobs", len(done), len(jobs), f"{task.job.name}: {note}")
    return [done[job.name] for job in jobs]


@dataclass(frozen=True, slots=True)
class _Task:
    job: Job
    folder: Path


def _run(task: _Task) -> JobResult:
    """Train and measure one job; a failure is a result."""
    check_visible(task.folder.parent)
    task.folder.mkdir(exist_ok=True)
    try:
        result = JobResult(task.job, None, _figures(task))
    except Exception as error:  # whatever it is, it is this job's, and the others go on
        known = isinstance(error, QuickdrawError)
        line = str(error) if known else f"{type(error).__name__}: {error}"
        with atomic_write(task.folder / "error.txt") as file:
            file.write(traceback.format_exc().encode())
        return JobResult(task.job, line, {})
    (task.folder / "error.txt").unlink(missing_ok=True)
    with atomic_write(task.folder / _NOTE) as file:
        note = {"settings": _settings(task.job), "figures": result.figures}
        file.write(json.dumps(note, indent=1).encode())
    return result


def _figures(task: _Task) -> dict[str, float]:
    from quickdraw_kit.learn.data.splits import open_splits
    from quickdraw_kit.learn.evaluate import evaluate
    from quickdraw_kit.learn.models.networks import count_parameters
    from quickdraw_kit.learn.train import train

    config = replace(task.job.config, out=task.folder)
    start = time.perf_counter()
    splits = open_splits(config)
    trained = train(config, splits, overwrite=True)  # the folder is this job's, whatever it was
    figures = {
        "parameters": float(count_parameters(trained.model.network)),
        "epochs": float(len(trained.history)),
        "seconds": sum(row.seconds for row in trained.history),
    }
    for split in _MEASURED:
        if len(splits.get(split, ())):
            measured = evaluate(trained.model, splits[split])
            figures[f"{split}_loss"] = measured.loss
            figures[f"{split}_top1"] = measured.top1
            figures[f"{split}_top3"] = measured.top3
            figures[f"{split}_top5"] = measured.top5
    figures["seconds_in_all"] = time.perf_counter() - start
    return figures


def _settings(job: Job) -> dict[str, Any]:
    return {**job.config.fingerprint(), "data": str(job.config.data)}


def _finished(job: Job, folder: Path) -> JobResult | None:
    try:
        note = parse_json((folder / _NOTE).read_bytes())
    except (OSError, ValueError):
        return None
    if note["settings"] != json.loads(json.dumps(_settings(job))):
        return None
    return JobResult(job, None, note["figures"])


def write_results(results: Sequence[JobResult], folder: Path) -> "pd.DataFrame":
    """Write one row for each job, and one for each group of seeds."""
    import pandas as pd

    left_out = {"out", "tensorboard", "checkpoint_steps"}
    rows = [
        {
            "job": result.job.name,
            "group": result.job.group,
            "error": result.error,
            **{
                field.name: value
                for field in fields(TrainConfig)
                if field.name not in left_out
                for value in [asdict(result.job.config)[field.name]]
            },
            **result.figures,
        }
        for result in results
    ]
    table = pd.DataFrame(rows).sort_values("job", ignore_index=True)
    table["data"] = table["data"].astype(str)
    table["error"] = table["error"].astype("string")
    summary = summarise(results)
    with atomic_write(folder / "results.csv") as file:
        file.write(table.to_csv(index=False).encode())
    with atomic_write(folder / "results.parquet") as file:
        table.to_parquet(file)
    with atomic_write(folder / "summary.csv") as file:
        file.write(summary.to_csv(index=False).encode())
    return summary


def summarise(results: Sequence[JobResult]) -> "pd.DataFrame":
    """Take the mean and the spread over the seeds."""
    import pandas as pd

    rows = []
    for group in dict.fromkeys(result.job.group for result in results):
        mine = [result for result in results if result.job.group == group]
        ended = pd.DataFrame([result.figures for result in mine if not result.failed])
        row: dict[str, Any] = {
            "group": group,
            "seeds": len(ended),
            "failed": sum(result.failed for result in mine),
        }
        for name in ended.columns:
            row[f"{name}_mean"] = float(ended[name].mean())
            row[f"{name}_sd"] = float(ended[name].std())
        rows.append(row)
    return pd.DataFrame(rows)


def write_jobs_page(path: Path, title: str, results: Sequence[JobResult]) -> None:
    """Write a page with the results of a batch; it opens from disk."""
    from quickdraw_kit.show.page import Picture, Section, Table, write_page
    from quickdraw_kit.show.results import seed_spread

    groups: dict[str, list[float]] = {}
    for result in results:
        accuracies = groups.setdefault(result.job.group, [])
        if "test_top1" in result.figures:
            accuracies.append(result.figures["test_top1"])
    blocks: list[str | Table | Picture] = []
    if any(groups.values()):
        figure = path.parent / "figures" / "seeds.png"
        figure.parent.mkdir(parents=True, exist_ok=True)
        seed_spread(groups, figure, measure="accuracy on the test split")
        blocks.append(Picture(figure, "Dots: the accuracy of each seed, a row for each group"))
    summary = summarise(results)
    header = ["jobs", "seeds", "failed", "parameters", "epochs", "seconds", "top-1", "sd", "top-3"]
    columns = ["parameters_mean", "epochs_mean", "seconds_mean", "test_top1_mean", "test_top1_sd",
               "test_top3_mean"]  # fmt: skip
    rows = [
        [row["group"], int(row["seeds"]), int(row["failed"]), *(_cell(row, c) for c in columns)]
        for row in summary.to_dict("records")
    ]
    blocks.append(Table(header, rows))
    sections = [Section("Results, mean over the seeds", blocks)]
    if failed := [[r.job.name, r.error or ""] for r in results if r.failed]:
        sections.append(Section("Failed", [Table(["job", "why"], failed)]))
    write_page(path, title, sections)


def _cell(row: Mapping[Any, Any], column: str) -> str | int | None:
    value = row.get(column)
    if value is None or value != value:  # missing, or the spread of one seed
        return None
    return f"{value:.2%}" if "top" in column else round(value)
