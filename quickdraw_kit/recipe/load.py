"""Recipes: TOML files that describe a result, from drawings to a page.

A recipe is read and checked as a whole before anything starts: each section, then what concerns
several of them, and the options of every job.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from quickdraw_kit.errors import DataError, UsageError
from quickdraw_kit.jobs import Job, expand
from quickdraw_kit.learn.config import TrainConfig
from quickdraw_kit.options import decode
from quickdraw_kit.recipe.steps import PrepareStep, ReportStep, SampleStep
from quickdraw_kit.spelling import did_you_mean

_Section = TypeVar("_Section")


@dataclass(frozen=True, slots=True)
class Recipe:
    """A title, and the steps of a recipe in the order in which they run.

    Parameters
    ----------
    title : str
        Heading of the page.
    sample : SampleStep, optional
        Generate drawings, into ``{out}/sample``.
    prepare : PrepareStep, optional
        Make shards, in ``{out}/shards``.
    train : TrainConfig, optional
        Train a network on the shards, into ``{out}/model``.
    defaults : dict
        Options of `TrainConfig` that the jobs share.
    jobs : tuple of dict, optional
        Tables of options of `TrainConfig`, in which a list has alternatives: a batch of jobs, into
        ``{out}/jobs``.
    report : ReportStep, optional
        Write a page with the results, ``{out}/index.html``.

    Examples
    --------
    >>> from quickdraw_kit import Recipe
    >>> Recipe(title="Drawings and shards").train is None
    True
    """

    title: str = "A recipe"
    sample: SampleStep | None = None
    prepare: PrepareStep | None = None
    train: TrainConfig | None = None
    defaults: dict[str, Any] = field(default_factory=dict)
    jobs: tuple[dict[str, Any], ...] | None = None
    report: ReportStep | None = None


def load_recipe(path: Path, *, overrides: Iterable[str] = ()) -> Recipe:
    r"""Read and check a recipe.

    Parameters
    ----------
    path : Path
        A TOML file.
    overrides : iterable of str
        Options such as ``epochs=2`` that replace those of all jobs.

    Returns
    -------
    Recipe
        The recipe, checked as a whole.

    Raises
    ------
    UsageError
        If the file does not exist, is not TOML, or has an unknown key or an invalid value. The
        message names the section and the key.

    Examples
    --------
    >>> from pathlib import Path
    >>> from quickdraw_kit import load_recipe
    >>> _ = Path("small.toml").write_text("[sample]\ndrawings = 100")
    >>> load_recipe(Path("small.toml")).sample.drawings
    100
    >>> _ = Path("wrong.toml").write_text("[sample]\ndrawing = 100")
    >>> load_recipe(Path("wrong.toml"))
    Traceback (most recent call last):
        ...
    quickdraw_kit.errors.UsageError: ... [sample] has no option 'drawing': did you mean drawings?
    """
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{path} does not exist") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not TOML: {error}") from None
    except RecursionError:
        raise UsageError(f"{path} is not a recipe: its lists are nested too deeply") from None

    try:
        recipe = _decode_recipe(document, dict(map(_parse_override, overrides)))
        _check_steps(recipe)
    except (UsageError, DataError) as error:
        raise UsageError(f"{path}: {error}") from None
    return recipe


def demo_recipe() -> Recipe:
    """Return the recipe of the demo, which comes with the package."""
    package = Path(__file__).parents[1]
    # the recipes are beside the package in a checkout, and inside an installed one
    folders = [package / "pipelines", package.parent / "pipelines"]
    return load_recipe(next(folder for folder in folders if folder.is_dir()) / "demo.toml")


def _decode_recipe(document: dict[str, Any], overrides: dict[str, Any]) -> Recipe:
    """Make a recipe of a TOML document, with options that replace those of the jobs."""
    known = [each.name for each in fields(Recipe)]
    for key in document:
        if key not in known:
            raise UsageError(f"unknown key {key!r}: {did_you_mean(key, known)}")

    tables = document.get("jobs")
    if overrides and tables is None:
        raise UsageError("there are no [[jobs]] whose options --set could replace")
    if not isinstance(title := document.get("title", Recipe().title), str):
        raise UsageError(f"title is {title!r}, expected a string")
    # [jobs] instead of [[jobs]] is valid TOML and an easy mistake
    if tables is not None and not isinstance(tables, list):
        raise UsageError("[jobs] is one table, expected a list of them: [[jobs]]")

    return Recipe(
        title,
        sample=_decode_section(SampleStep, document, "sample"),
        prepare=_decode_section(PrepareStep, document, "prepare"),
        train=_decode_section(TrainConfig, document, "train", exclude=("data", "out")),
        defaults=_table(document.get("defaults", {}), "[defaults]"),
        jobs=None
        if tables is None
        else tuple(_table(each, "[[jobs]]") | overrides for each in tables),
        report=_decode_section(ReportStep, document, "report"),
    )


def _decode_section(
    cls: type[_Section], document: Mapping[str, Any], name: str, exclude: Iterable[str] = ()
) -> _Section | None:
    if name not in document:
        return None
    values = _table(document[name], f"[{name}]")
    for key in exclude:
        if key in values:
            raise UsageError(f"[{name}] {key} is set by the recipe: remove it")
    return decode(cls, values, f"[{name}]", flat=True)


def _table(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UsageError(f"{where} is {value!r}, expected a table")
    return value


def _parse_override(text: str) -> tuple[str, Any]:
    """Read ``name=value``, where the value is TOML or, if it is not, text."""
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"--set {text!r}: expected name=value, such as epochs=2")
    try:
        # as TOML, so that 2 is a number and [1, 2] has two alternatives
        return name.strip(), tomllib.loads(f"value = {value}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError):
        # a name or a path, from which the shell has removed the quotes
        return name.strip(), value.strip()


def _check_steps(recipe: Recipe) -> None:
    """Check what concerns several steps, and the options of each job."""
    if recipe.prepare is not None and not recipe.prepare.sources:
        raise UsageError("[prepare] sources is missing, expected a list of files or folders")
    if recipe.train is not None and recipe.prepare is None:
        raise UsageError("[train] needs [prepare], on whose shards it trains")
    if recipe.jobs is not None:
        planned_jobs(recipe, Path())  # raises for an invalid option of any job
    elif recipe.defaults:
        raise UsageError("[defaults] has options of [[jobs]], but there are no jobs")
    if recipe.report is not None and recipe.prepare is None and recipe.jobs is None:
        raise UsageError("[report] needs [prepare] or [[jobs]], whose results it shows")


def planned_jobs(recipe: Recipe, out: Path) -> tuple[Job, ...]:
    """Return the jobs of a recipe."""
    from quickdraw_kit.acquire.cache_entry import get_data_home

    def fill_in(value: Any) -> Any:
        # the alternatives of an option, each of which may contain {out}
        if isinstance(value, list):
            return [fill_in(each) for each in value]
        if not isinstance(value, str):
            return value
        return value.replace("{out}", str(out)).replace("{data_home}", str(get_data_home()))

    tables = [{key: fill_in(value) for key, value in table.items()} for table in recipe.jobs or ()]
    # the next run looks for results below {out}/jobs, and nowhere else
    for table in [recipe.defaults, *tables]:
        if "out" in table:
            raise UsageError("[[jobs]] out is set by the recipe: remove it")
    return expand(tables, {key: fill_in(value) for key, value in recipe.defaults.items()})
