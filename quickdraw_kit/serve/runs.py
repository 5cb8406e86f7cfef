"""Training runs below some folders: their settings, histories and reports."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from quickdraw_kit.storage.files import parse_json

_METRICS = "metrics.jsonl"
_REPORTS = ("report.html", "index.html")
_MAX_RUNS = 1000
_MAX_FILE_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Run:
    """A folder that `train` wrote."""

    name: str
    history: list[dict[str, Any]]
    metadata: dict[str, Any] = field(default_factory=dict)
    report: Path | None = None


def find_runs(root: Path) -> list[Run]:
    """Return the training runs below a folder."""
    runs = []
    for path in sorted(root.rglob(_METRICS))[:_MAX_RUNS]:
        try:
            if path.stat().st_size > _MAX_FILE_BYTES:
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
    description: dict[str, Any] = {}
    for name in ("result.json", "evaluation.json"):
        try:
            content = parse_json((folder / name).read_bytes())
        except (OSError, ValueError):
            continue
        description[name.removesuffix(".json")] = content
    return description


def _report(folder: Path, root: Path) -> Path | None:
    for index in (folder, folder.parent):
        for name in _REPORTS:
            path = (index / name).resolve()
            if path.is_file() and path.is_relative_to(root.resolve()):
                return path
    return None
