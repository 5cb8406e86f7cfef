"""Training runs below a folder: their histories, results and reports.

Folders that are not complete or not ours are skipped: training may write into one right now.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from quickdraw_kit.storage.files import parse_json

_METRICS = "metrics.jsonl"
_REPORTS = ("report.html", "index.html")
_MAX_RUNS = 1000
_MAX_FILE_BYTES = 16 << 20  # of a history: about 100,000 epochs


@dataclass(frozen=True, slots=True)
class Run:
    """A folder that `train` wrote."""

    name: str  # path below the root
    history: list[dict[str, Any]]  # the metrics of each epoch
    metadata: dict[str, Any] = field(default_factory=dict)  # the JSON files beside the history
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
            Run(
                name if name != "." else root.name,
                history,
                _read_metadata(folder),
                _find_report(folder, root),
            )
        )
    return runs


def _read_metadata(folder: Path) -> dict[str, Any]:
    metadata: dict[str, Any] = {}
    for name in ("result.json", "evaluation.json"):
        try:
            metadata[name.removesuffix(".json")] = parse_json((folder / name).read_bytes())
        except (OSError, ValueError):
            continue
    return metadata


def _find_report(folder: Path, root: Path) -> Path | None:
    """Return the report of a run, or of the batch of jobs that it belongs to."""
    for parent in (folder, folder.parent):
        for name in _REPORTS:
            # resolved first: a link must not lead out of the root
            path = (parent / name).resolve()
            if path.is_file() and path.is_relative_to(root.resolve()):
                return path
    return None
