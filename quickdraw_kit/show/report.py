"""The report: one page with the pictures of a data set and of the model trained on it."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from quickdraw_kit.shards.manifest import MANIFEST_NAME
from quickdraw_kit.shards.read.dataset import open_shards
from quickdraw_kit.show.figures import category_histogram
from quickdraw_kit.show.page import Picture, Section, Table, write_page
from quickdraw_kit.show.sheet import contact_sheet
from quickdraw_kit.storage.urls import parse_location

if TYPE_CHECKING:
    from quickdraw_kit.learn.data.dataset import Dataset
    from quickdraw_kit.learn.data.splits import Splits

__all__ = ["images_of", "write_report"]

_EACH = 8  # drawings of a category on the contact sheet
_FIT = 70  # categories whose figures fit on the page; more are to be enlarged
_STEP = 4096


def write_report(
    path: str | os.PathLike[str],
    title: str,
    data: str | os.PathLike[str],
    model: str | os.PathLike[str] | None = None,
) -> None:
    """Write a page about a data set and, if there is one, a model; it opens from disk.

    Parameters
    ----------
    path : path-like
        The page. The pictures are in it, and as files in the folder ``figures`` beside it.
    title : str
        Its heading.
    data : path-like
        Whatever `quickdraw_kit.learn.data.splits.open_splits` opens.
    model : path-like, optional
        Folder or file of a model; ``metrics.jsonl`` beside it is its history.

    Raises
    ------
    UsageError
        If there is no such model or data, or the labels of the model are not those of the data set.
    DataError
        If the data set or the model is not finished.
    OSError
        If a file cannot be read or written.

    Examples
    --------
    >>> folder = getfixture("tmp_path")
    >>> rng = np.random.default_rng(0)
    >>> for name in ("cat", "dog"):
    ...     np.save(folder / f"{name}.npy", rng.integers(0, 256, (50, 784), np.uint8))
    >>> write_report(folder / "page/index.html", "Noise", folder)
    >>> (folder / "page/figures/histogram.png").exists()
    True
    """
    from quickdraw_kit.learn.config import TrainConfig
    from quickdraw_kit.learn.data.splits import open_splits
    from quickdraw_kit.learn.evaluate import training_config
    from quickdraw_kit.learn.export import open_model
    from quickdraw_kit.show.model_sections import about_model

    loaded = open_model(model) if model is not None else None
    settings = training_config(loaded, data) if loaded is not None else TrainConfig(data=data)
    splits = open_splits(settings)
    path = Path(path)
    figures = path.parent / "figures"
    figures.mkdir(parents=True, exist_ok=True)
    sections = _about_data(data, splits, figures)
    if loaded is not None and model is not None:
        folder = Path(model) if Path(model).is_dir() else Path(model).parent
        sections += about_model(loaded, folder, splits, figures)
    write_page(path, title, sections, lead=str(splits.metadata.get("data", "")))


def images_of(dataset: "Dataset", rows: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    """Return some of the images of a data set; strokes are rendered."""
    from quickdraw_kit.raster.render import rasterize
    from quickdraw_kit.strokes.batch import DrawingBatch

    parts, order, start = [], np.argsort(rows, kind="stable"), 0
    wanted = rows[order]
    for batch, labels in dataset.batches(_STEP):
        first, last = np.searchsorted(wanted, [start, start + len(labels)])
        if last > first:
            inside = wanted[first:last] - start
            strokes = isinstance(batch, DrawingBatch)
            parts.append(rasterize(batch.take(inside)) if strokes else np.array(batch[inside]))
        start += len(labels)
    found: npt.NDArray[np.uint8] = np.concatenate(parts)[np.argsort(order)]
    return found


def _about_data(place: str | os.PathLike[str], splits: "Splits", figures: Path) -> list[Section]:
    counts = _counts(splits)
    category_histogram(counts, figures / "histogram.png")
    first = next(iter(splits.values()))
    _contact_sheet(first, figures / "drawings.png")
    rows: list[list[str]] = _origin(place)
    rows += [[f"in {split}", f"{len(part):,}"] for split, part in splits.items()]
    rows.append(["categories", f"{len(first.label_names):,}"])
    many = len(first.label_names) > _FIT
    return [
        Section("The data set", [Table(["What went in, and what came out", ""], rows)]),
        Section(
            "Drawings of each category",
            [
                Picture(
                    figures / "drawings.png",
                    "A row of drawings for each category",
                    "Drawings to train on" + (", to be enlarged by a click." if many else "."),
                    zoom=many,
                ),
                Picture(
                    figures / "histogram.png",
                    "Bars: drawings per category and split",
                    zoom=many,
                ),
            ],
        ),
    ]


def _counts(splits: Mapping[str, "Dataset"]) -> dict[str, dict[str, int]]:
    return {
        split: dict(
            zip(
                part.label_names,
                np.bincount(part.labels, minlength=len(part.label_names)).tolist(),
                strict=True,
            )
        )
        for split, part in splits.items()
    }


def _origin(place: str | os.PathLike[str]) -> list[list[str]]:
    """Say what the manifest of shards says of where they come from."""
    place = parse_location(place)
    if isinstance(place, Path) and not (place / MANIFEST_NAME).exists():
        return []
    manifest = open_shards(place).manifest
    totals, side = manifest.counts, manifest.options.style.side
    shares = " / ".join(f"{share:.0%}" for share in manifest.options.fractions.values())
    divided = {
        "hash": f"a hash of the key_id, shares {shares}",
        "sketch-rnn": "place in the file of the category, as Sketch-RNN's data",
        "ids": "a list of key_ids",
    }
    return [
        ["files", f"{len(manifest.sources):,}"],
        ["drawings read", f"{totals.read:,}"],
        *([f"left out: {name}", f"{number:,}"] for name, number in totals.filtered.items()),
        *([f"refused: {name}", f"{number:,}"] for name, number in totals.rejected.items()),
        ["bitmaps", f"{side} x {side}"],
        ["split by", divided[manifest.options.split_rule.by]],
        ["made by", f"quickdraw_kit {manifest.library_version}"],
    ]


def _contact_sheet(dataset: "Dataset", path: Path) -> None:
    labels = dataset.labels
    there = np.unique(labels)
    rows = np.concatenate([np.flatnonzero(labels == label)[:_EACH] for label in there])
    images = images_of(dataset, rows)
    contact_sheet(images, labels[rows], dataset.label_names, path, columns=_EACH)
