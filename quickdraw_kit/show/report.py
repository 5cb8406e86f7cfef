"""The report: one page with the pictures of a data set and of the model trained on it."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from quickdraw_kit.files import atomic_write
from quickdraw_kit.shards.dataset import ShardDataset, open_shards
from quickdraw_kit.shards.histogram import read_histogram
from quickdraw_kit.shards.order import SPLITS
from quickdraw_kit.show.figures import category_histogram, confusion_matrix, training_history
from quickdraw_kit.show.grids import prediction_grid
from quickdraw_kit.show.page import Picture, Section, Table, write_page
from quickdraw_kit.show.sheet import contact_sheet

if TYPE_CHECKING:
    from quickdraw_kit.learn.evaluate import Evaluation

__all__ = ["write_report"]

_SHOWN = 32  # predictions in a grid
_EACH = 8  # drawings of a category on the contact sheet
_CATEGORIES = 40  # on the contact sheet


def write_report(
    path: str | os.PathLike[str],
    title: str,
    shards: str | os.PathLike[str],
    model: str | os.PathLike[str] | None = None,
) -> None:
    """Write a page about a data set and, if there is one, a model; it opens from disk.

    Parameters
    ----------
    path : path-like
        The page. The pictures are in it, and as files in the folder ``figures`` beside it.
    title : str
        Its heading.
    shards : path-like
        Folder of the data set.
    model : path-like, optional
        Folder of a model with ``model.safetensors`` and ``metrics.jsonl``.

    Raises
    ------
    DataError
        If the data set or the model is not finished.
    OSError
        If a file cannot be read or written.
    """
    path = Path(path)
    figures = path.parent / "figures"
    figures.mkdir(parents=True, exist_ok=True)
    sections = _about_data(Path(shards), figures)
    if model is not None:
        sections += _about_model(Path(model), Path(shards), figures)
    write_page(path, title, sections)


def _about_data(folder: Path, figures: Path) -> list[Section]:
    dataset = open_shards(folder)
    manifest = dataset.manifest
    counts = {split: dict.fromkeys(manifest.categories, 0) for split in SPLITS}
    for row in read_histogram(folder):
        counts[row.split][row.category] += row.drawings
    category_histogram(counts, figures / "histogram.png")
    _contact_sheet(dataset, figures / "drawings.png")
    totals = manifest.counts
    rows: list[list[str]] = [
        ["drawings read", f"{totals.read:,}"],
        *([f"left out: {name}", f"{number:,}"] for name, number in totals.filtered.items()),
        *([f"refused: {name}", f"{number:,}"] for name, number in totals.rejected.items()),
        *([f"in {split}", f"{number:,}"] for split, number in manifest.rows.items()),
        ["categories", f"{len(manifest.categories):,}"],
        ["bitmaps", f"{dataset.side} x {dataset.side}"],
        ["split by", f"a hash of the key_id, shares {_shares(manifest.layout.fractions)}"],
        ["made by", f"quickdraw_kit {manifest.library_version}"],
    ]
    return [
        Section(
            "The data set",
            [
                f"{totals.written:,} drawings, from {len(manifest.sources)} files.",
                Table(["What went in, and what came out", ""], rows),
            ],
        ),
        Section(
            "Drawings of each category",
            [
                Picture(figures / "drawings.png", "A row of drawings for each category"),
                Picture(figures / "histogram.png", "Bars: drawings per category and split"),
            ],
        ),
    ]


def _contact_sheet(dataset: ShardDataset, path: Path) -> None:
    labels = dataset.labels
    chosen = np.concatenate(
        [np.flatnonzero(labels == label)[:_EACH] for label in range(len(dataset.label_names))]
        or [np.zeros(0, np.int64)]
    )
    chosen = chosen[labels[chosen] < _CATEGORIES]
    images = np.stack([dataset[int(row)][0] for row in chosen])
    contact_sheet(images, labels[chosen], dataset.label_names, path, columns=_EACH)


def _about_model(folder: Path, shards: Path, figures: Path) -> list[Section]:
    from quickdraw_kit.learn.evaluate import evaluate
    from quickdraw_kit.learn.model import load_model
    from quickdraw_kit.learn.networks import count_parameters
    from quickdraw_kit.learn.train import EpochMetrics

    model = load_model(folder / "model.safetensors")
    lines = (folder / "metrics.jsonl").read_text("utf-8").splitlines()
    training_history([EpochMetrics(**json.loads(line)) for line in lines], figures / "history.png")
    rows = []
    results: dict[str, Evaluation] = {}
    for split in SPLITS:
        data = open_shards(shards, split=split)
        if len(data):
            result = results[split] = evaluate(model, data)
            rows.append(
                [
                    split,
                    f"{len(data):,}",
                    f"{result.loss:.3f}",
                    f"{result.top1:.1%}",
                    f"{result.top3:.1%}",
                ]
            )
    with atomic_write(folder / "evaluation.json") as file:
        summary = {
            split: {"loss": result.loss, "top1": result.top1, "top3": result.top3}
            for split, result in results.items()
        }
        file.write(json.dumps(summary, indent=1).encode())
    parameters = count_parameters(model.network)
    header = ["split", "drawings", "loss", "top-1 accuracy", "top-3 accuracy"]
    grids = []
    shown = "test" if "test" in results else next(iter(results))
    for split in dict.fromkeys(("train", shown)):
        if split in results:
            grid = figures / f"predictions-{split}.png"
            _predictions(open_shards(shards, split=split), results[split], grid)
            caption = f"Answers on drawings of {split}: right ones ticked, wrong ones crossed."
            grids.append(Picture(grid, f"Answers on {split}", caption))
    confusion_matrix(results[shown].confusion, model.label_names, figures / "confusion.png")
    return [
        Section(
            "The model",
            [
                f"{model.architecture}, {parameters:,} parameters.",
                Table(header, rows),
                Picture(figures / "history.png", "Curves: loss and accuracy of each epoch"),
            ],
        ),
        Section(
            "Its answers",
            [
                *grids,
                Picture(
                    figures / "confusion.png",
                    "The confusion matrix",
                    f"What is taken for what, on drawings of {shown}.",
                ),
            ],
        ),
    ]


def _predictions(data: ShardDataset, result: "Evaluation", path: Path) -> None:
    # wrong answers are the interesting ones: up to a quarter of the grid
    wrong = np.flatnonzero(result.labels != result.predictions)[: _SHOWN // 4]
    right = np.flatnonzero(result.labels == result.predictions)[: _SHOWN - len(wrong)]
    rows = np.sort(np.concatenate([wrong, right]))
    images = np.stack([data[int(row)][0] for row in rows])
    prediction_grid(
        images,
        result.labels[rows],
        result.predictions[rows],
        data.label_names,
        path,
        confidence=result.confidence[rows],
    )


def _shares(fractions: dict[str, float]) -> str:
    return " / ".join(f"{share:.0%}" for share in fractions.values())
