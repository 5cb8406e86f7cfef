"""Training runs, found below some folders: their settings, their curves, their reports."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from quickdraw_kit.files import parse_json

__all__ = ["Run", "find_runs"]

_METRICS = "metrics.jsonl"
_REPORTS = ("report.html", "index.html")
_MOST_RUNS = 1000
_MOST_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Run:
    """A folder that `train` wrote.

    Parameters
    ----------
    name : str
        Its path below the folder that was searched.
    history : list of dict
        The metrics of each epoch.
    about : dict
        What the model says of itself, and its measurements.
    report : Path or None
        The page about it, when there is one.

    Examples
    --------
    >>> Run("mnist", [{"epoch": 1}]).report is None
    True
    """

    name: str
    history: list[dict[str, Any]]
    about: dict[str, Any] = field(default_factory=dict)
    report: Path | None = None


def find_runs(root: Path) -> list[Run]:
    """Find the runs below a folder.

    Parameters
    ----------
    root : Path
        Where to look.

    Returns
    -------
    list of Run
        By name; what cannot be read is passed over, for another process may be writing it.

    Examples
    --------
    >>> folder = getfixture("tmp_path") / "first"
    >>> folder.mkdir()
    >>> _ = (folder / "metrics.jsonl").write_text('{"epoch": 1, "train_loss": 0.5}')
    >>> [run.name for run in find_runs(getfixture("tmp_path"))]
    ['first']
    """
    runs = []
    for path in sorted(root.rglob(_METRICS))[:_MOST_RUNS]:
        try:
            if path.stat().st_size > _MOST_BYTES:
                continue
            history = [parse_json(line) for line in path.read_text("utf-8").splitlines() if line]
        except (OSError, ValueError):
            continue
        if not all(isinstance(row, dict) for row in history):
            continue
        folder = path.parent
        name = folder.relative_to(root).as_posix()
        runs.append(
            Run(name if name != "." else root.name, history, _about(folder), _report(folder, root))
        )
    return runs


def _about(folder: Path) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for name in ("result.json", "evaluation.json"):
        try:
            content = parse_json((folder / name).read_bytes())
        except (OSError, ValueError):
            continue
        told[name.removesuffix(".json")] = content
    return told


def _report(folder: Path, root: Path) -> Path | None:
    for place in (folder, folder.parent):
        for name in _REPORTS:
            path = (place / name).resolve()
            if path.is_file() and path.is_relative_to(root.resolve()):
                return path
    return None
