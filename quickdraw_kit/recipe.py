"""Recipes: TOML files that say what to make, from drawings to a page, and the run that makes it.

A recipe is read and checked as a whole before anything starts. Its sections are steps, run in the
order of the data flow. A step that is done leaves a note with its settings, so a recipe that was
interrupted, or changed further down, goes on from the first step whose settings are not those of
its note.
"""

import difflib
import json
import tomllib
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec

from quickdraw_kit.acquire.catalog import VARIANTS
from quickdraw_kit.errors import DataError, UsageError, format_count
from quickdraw_kit.jobs import Job, JobResult, config_of, expand
from quickdraw_kit.raster.style import RasterStyle
from quickdraw_kit.shards.filters import Filters
from quickdraw_kit.shards.options import PrepareOptions, SplitRule
from quickdraw_kit.storage.files import atomic_write

__all__ = [
    "Recipe",
    "RecipeResult",
    "check_inputs",
    "demo_recipe",
    "load_recipe",
    "planned_jobs",
    "run_recipe",
]

Report = Callable[[str, float, float, str], None]
"""Takes what is being done, how much is done, how much there is, and a note."""


class _Step(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A section of a recipe; unknown keys are refused."""


class SampleStep(_Step, frozen=True):
    """``[sample]``: generate drawings into ``{out}/sample``."""

    drawings: int = 2700
    categories: tuple[str, ...] | None = None
    seed: int = 0
    raw: bool = False


class PrepareStep(_Step, frozen=True):
    """``[prepare]``: make shards in ``{out}/shards``."""

    sources: tuple[str, ...]
    variant: str = "simplified"
    download: bool = False
    keep_source: bool = True
    mirror: str | None = None
    categories: tuple[str, ...] | None = None
    recognized_only: bool = False
    countries: tuple[str, ...] | None = None
    max_per_category: int | None = None
    strokes: tuple[int, int | None] = (0, None)
    points: tuple[int, int | None] = (0, None)
    allow_unknown_labels: bool = False
    format: str = "npy"
    side: int = 28
    line_diameter: float = 16.0
    padding: float = 16.0
    split: dict[str, float] | Literal["sketch-rnn"] = msgspec.field(
        default_factory=lambda: {"train": 0.8, "validation": 0.1, "test": 0.1}
    )
    split_ids: str | None = None
    unlisted: str = "filter"
    salt: str = ""
    rows_per_shard: int | None = None
    keep_strokes: bool = False
    quality: bool = False
    exclude_flags: tuple[str, ...] = ()
    max_reject_rate: float = 0.01
    workers: int | None = None


class ReportStep(_Step, frozen=True):
    """``[report]``: a page with the pictures, ``{out}/index.html``."""

    title: str | None = None


class Recipe(_Step, frozen=True):
    """A recipe: a title, and its steps in the order they run."""

    title: str = "A recipe"
    sample: SampleStep | None = None
    prepare: PrepareStep | None = None
    train: dict[str, Any] | None = None
    """Settings of `TrainConfig`: train a network on the shards, into ``{out}/model``."""
    defaults: dict[str, Any] = msgspec.field(default_factory=dict)
    """Settings that the jobs share."""
    jobs: tuple[dict[str, Any], ...] | None = None
    """Tables of `expand`: a batch of jobs, into ``{out}/jobs``."""
    report: ReportStep | None = None


@dataclass(frozen=True, slots=True)
class RecipeResult:
    """What a recipe has made."""

    out: Path
    steps: dict[str, str]
    page: Path | None
    jobs: tuple[JobResult, ...] = ()


def load_recipe(path: Path, *, overrides: Iterable[str] = ()) -> Recipe:
    r"""Read and check a recipe.

    Parameters
    ----------
    path : Path
        A TOML file.
    overrides : iterable of str
        Settings such as ``epochs=2`` that all jobs take in place of their own.

    Returns
    -------
    Recipe
        Complete and of the right types.

    Raises
    ------
    UsageError
        If it is not there, is not TOML, has a key that is not known (with the nearest one that is)
        or a value of the wrong type.

    Examples
    --------
    >>> path = getfixture("tmp_path") / "small.toml"
    >>> _ = path.write_text("[sample]\ndrawing = 100")
    >>> load_recipe(path)
    Traceback (most recent call last):
    ...
    quickdraw_kit.errors.UsageError: ...: unknown key 'drawing' in [sample]: did you mean drawings?
    """
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{path} does not exist") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not TOML: {error}") from None
    except RecursionError:
        raise UsageError(f"{path} is no recipe: lists within lists without end") from None
    _check_keys(path, document)
    if changes := dict(map(_override, overrides)):
        if "jobs" not in document:
            raise UsageError(f"{path} has no [[jobs]] whose settings could be changed")
        document["jobs"] = [{**table, **changes} for table in document["jobs"]]
    try:
        recipe = msgspec.convert(document, Recipe)
    except msgspec.ValidationError as error:
        raise UsageError(f"{path}: {error}") from None
    _check_values(path, recipe)
    return recipe


def demo_recipe() -> Recipe:
    """Return the recipe of the demo, which comes with the package."""
    here = Path(__file__).parent
    # in a checkout the recipes lie beside the package, in an installed one inside
    places = [here / "pipelines", here.parent / "pipelines"]
    return load_recipe(next(place for place in places if place.is_dir()) / "demo.toml")


def run_recipe(
    recipe: Recipe,
    out: Path,
    *,
    executor: Executor | None = None,
    part: tuple[int, int] | None = None,
    report: Report | None = None,
) -> RecipeResult:
    """Run the steps of a recipe that are not done yet.

    Parameters
    ----------
    recipe : Recipe
        What to make.
    out : Path
        Folder for everything that it makes.
    executor : concurrent.futures.Executor, optional
        Where shards are prepared and jobs run; by default processes of this machine for shards,
        and one job after the other in this one.
    part : tuple of int, optional
        Of (i, n): run only every n-th job from the i-th, counted from 1, and write no table, so
        that n calls on n machines with one folder share the jobs. A call without it gathers.
    report : callable, optional
        Called as the work goes on.

    Returns
    -------
    RecipeResult
        What became of each step, and of each job.

    Raises
    ------
    QuickdrawError
        As the steps do. A job that fails is not an error but a result.
    """
    out.mkdir(parents=True, exist_ok=True)
    run = _Run(out, executor, part, report or (lambda *_: None))
    lines: dict[str, str] = {}
    fresh = True  # whether all steps so far are those of the notes
    for name in _STEPS:
        step = getattr(recipe, name)
        if step is None:
            continue
        if name == "report" and part is not None:
            continue  # it is for all jobs
        if name == "jobs" or (name == "report" and recipe.jobs is not None):
            # every job has a note of its own
            lines[name] = _STEPS[name](step, recipe, run)
            continue
        note = out / f".{name}.done.json"
        settings = json.loads(msgspec.json.encode(step))
        if fresh and note.exists():
            left = json.loads(note.read_bytes())
            if left["settings"] == settings:
                lines[name] = left["line"]
                continue
        fresh = False
        lines[name] = _STEPS[name](step, recipe, run)
        with atomic_write(note) as file:
            file.write(json.dumps({"settings": settings, "line": lines[name]}).encode())
    page = out / "index.html"
    return RecipeResult(out, lines, page if recipe.report is not None else None, tuple(run.results))


@dataclass(slots=True)
class _Run:
    """What the steps of one run share."""

    out: Path
    executor: Executor | None
    part: tuple[int, int] | None
    tell: Report
    results: list[JobResult] = field(default_factory=list)


def _sample(step: SampleStep, recipe: Recipe, run: _Run) -> str:
    from quickdraw_kit.synthetic.generator import write_sample

    paths = write_sample(
        run.out / "sample",
        drawings=step.drawings,
        categories=step.categories,
        seed=step.seed,
        raw=step.raw,
        progress=lambda done, total: run.tell("sample", done, total, format_count(done, "drawing")),
    )
    return (
        f"{format_count(step.drawings, 'generated drawing')} in {format_count(len(paths), 'file')}"
    )


def _prepare(step: PrepareStep, recipe: Recipe, run: _Run) -> str:
    from quickdraw_kit.acquire.cache_entry import get_data_home
    from quickdraw_kit.acquire.download import DownloadOptions
    from quickdraw_kit.shards.prepare.pipeline import prepare

    manifest = prepare(
        [source.replace("{out}", str(run.out)) for source in step.sources],
        run.out / "shards",
        filters=_filters(step),
        options=_options(step),
        data_home=get_data_home(),
        variant=step.variant,  # type: ignore[arg-type]
        download=DownloadOptions(step.mirror, step.keep_source) if step.download else None,
        split_ids=step.split_ids and step.split_ids.replace("{out}", str(run.out)),
        max_reject_rate=step.max_reject_rate,
        workers=step.workers,
        executor=run.executor,
        overwrite=True,
        progress=lambda now: run.tell(
            now.stage, now.done, now.total, format_count(now.drawings, "drawing")
        ),
    )
    rows = ", ".join(f"{rows:,} {split}" for split, rows in manifest.rows.items())
    words = format_count(len(manifest.categories), "category", "categories")
    return f"{format_count(manifest.counts.written, 'drawing')} of {words} ({rows})"


def _train(step: dict[str, Any], recipe: Recipe, run: _Run) -> str:
    from quickdraw_kit.learn.train import train

    config = config_of({**step, "data": str(run.out / "shards"), "out": str(run.out / "model")})
    result = train(
        config,
        on_epoch=lambda row: run.tell(
            "train", row.epoch, config.epochs, f"validation {row.validation_accuracy or 0:.1%}"
        ),
        overwrite=True,
    )
    last = result.history[-1]
    return (
        f"{config.network}, {config.epochs} epochs: accuracy {last.train_accuracy:.1%} in "
        f"training, {last.validation_accuracy or 0:.1%} in validation"
    )


def _jobs(tables: tuple[dict[str, Any], ...], recipe: Recipe, run: _Run) -> str:
    from quickdraw_kit.jobs import run_jobs, write_results

    jobs = planned_jobs(recipe, run.out)
    if run.part is not None:
        mine, of = run.part
        jobs = jobs[mine - 1 :: of]
    run.results = run_jobs(jobs, run.out / "jobs", executor=run.executor, progress=run.tell)
    failed = [result for result in run.results if result.failed]
    line = f"{len(jobs) - len(failed)} of {len(jobs)} jobs done"
    if run.part is None:
        write_results(run.results, run.out)
        line += f", see {run.out / 'summary.csv'}"
    if failed:
        first = failed[0]
        line += f"; {len(failed)} failed, the first: {first.job.name}: {first.error}"
    return line


def _report(step: ReportStep, recipe: Recipe, run: _Run) -> str:
    title, page = step.title or recipe.title, run.out / "index.html"
    if recipe.jobs is not None:
        from quickdraw_kit.jobs import write_jobs_page

        write_jobs_page(page, title, run.results)
    else:
        from quickdraw_kit.show.report import write_report

        model = run.out / "model" if recipe.train is not None else None
        write_report(page, title, run.out / "shards", model)
    return f"{page}"


_STEPS: dict[str, Callable[[Any, Recipe, _Run], str]] = {
    "sample": _sample,
    "prepare": _prepare,
    "train": _train,
    "jobs": _jobs,
    "report": _report,
}
_SECTIONS: dict[str, type[_Step]] = {
    "sample": SampleStep,
    "prepare": PrepareStep,
    "report": ReportStep,
}


def planned_jobs(recipe: Recipe, out: Path) -> tuple[Job, ...]:
    """List the jobs of a recipe."""
    from quickdraw_kit.acquire.cache_entry import get_data_home

    def placed(value: Any) -> Any:
        if isinstance(value, list):
            return [placed(each) for each in value]
        if not isinstance(value, str):
            return value
        return value.replace("{out}", str(out)).replace("{home}", str(get_data_home()))

    tables = [{k: placed(v) for k, v in table.items()} for table in recipe.jobs or ()]
    return expand(tables, {k: placed(v) for k, v in recipe.defaults.items()})


def check_inputs(recipe: Recipe, out: Path) -> None:
    """Look whether the data is there that a recipe reads and does not make."""
    from quickdraw_kit.acquire.cache_entry import get_data_home
    from quickdraw_kit.acquire.sources import resolve_sources
    from quickdraw_kit.storage.urls import parse_location

    step = recipe.prepare
    if step is not None and not step.download:
        given = [source for source in step.sources if "{out}" not in source]
        if here := [source for source in given if isinstance(parse_location(source), Path)]:
            resolve_sources(here, data_home=get_data_home(), variant=step.variant)  # type: ignore[arg-type]
    for job in planned_jobs(recipe, out):
        data = job.config.data
        if data is None:
            raise DataError(f"job {job.name} has no data: give it with data = (--set data=FOLDER)")
        place = parse_location(data)
        made = isinstance(place, Path) and out in place.parents
        if isinstance(place, Path) and not (made or place.is_dir() or str(data) == "mnist-5k"):
            raise DataError(
                f"{data}, the data of job {job.name}, does not exist: give another folder with "
                "data = (--set data=FOLDER)"
            )


def _filters(step: PrepareStep) -> Filters:
    return Filters(
        categories=step.categories,
        recognized_only=step.recognized_only,
        countries=step.countries,
        max_per_category=step.max_per_category,
        strokes=step.strokes,
        points=step.points,
        allow_unknown_labels=step.allow_unknown_labels,
        exclude_flags=step.exclude_flags,
    )


def _options(step: PrepareStep) -> PrepareOptions:
    return PrepareOptions(
        format=step.format,  # type: ignore[arg-type]
        style=RasterStyle(step.side, step.line_diameter, step.padding),
        **({} if step.split == "sketch-rnn" else {"fractions": step.split}),
        split_rule=SplitRule("sketch-rnn" if step.split == "sketch-rnn" else "hash", step.unlisted),  # type: ignore[arg-type]
        salt=step.salt,
        rows_per_shard=step.rows_per_shard,
        keep_strokes=step.keep_strokes,
        quality=step.quality or bool(step.exclude_flags),
    )


def _override(text: str) -> tuple[str, Any]:
    """Read ``name=value``; the value is TOML, or text as it stands."""
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"--set {text!r}: expected name=value, such as epochs=2")
    try:
        return name.strip(), tomllib.loads(f"value = {value}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError):
        return name.strip(), value.strip()


def _check_keys(path: Path, document: dict[str, Any]) -> None:
    """Refuse keys that are not known, before types are looked at, and offer the nearest."""
    known = {"title", "defaults", *_STEPS}
    _check_known(path, document, known, "")
    for section, content in document.items():
        if section in _SECTIONS and isinstance(content, dict):
            fields = {field.name for field in msgspec.structs.fields(_SECTIONS[section])}
            _check_known(path, content, fields, f" in [{section}]")


def _check_known(path: Path, table: dict[str, Any], known: set[str], where: str) -> None:
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, sorted(known), n=1)
            hint = f"did you mean {near[0]}?" if near else f"expected {', '.join(sorted(known))}"
            raise UsageError(f"{path}: unknown key {key!r}{where}: {hint}")


def _check_values(path: Path, recipe: Recipe) -> None:
    """Make what the steps will make of their settings, so that a mistake shows before a start."""
    try:
        if recipe.prepare is not None:
            if recipe.prepare.variant not in VARIANTS:
                raise UsageError(f"kind {recipe.prepare.variant!r}: expected {', '.join(VARIANTS)}")
            _filters(recipe.prepare)
            _options(recipe.prepare)
        if recipe.train is not None:
            config_of(recipe.train)
            if recipe.prepare is None:
                raise UsageError("[train] needs [prepare], whose shards it trains on")
        if recipe.jobs is not None:
            planned_jobs(recipe, Path())
        elif recipe.defaults:
            raise UsageError("[defaults] are those of [[jobs]], and there are none")
        if recipe.report is not None and recipe.prepare is None and recipe.jobs is None:
            raise UsageError("[report] needs [prepare] or [[jobs]], which it shows")
    except (UsageError, DataError) as error:
        raise UsageError(f"{path}: {error}") from None
