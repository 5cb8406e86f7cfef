"""The sections of a report about a data set, and images of its rows."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from quickdraw_kit.shards.manifest import MANIFEST_NAME, load_manifest
from quickdraw_kit.show.figures import category_histogram
from quickdraw_kit.show.page import Picture, Section, Table
from quickdraw_kit.show.sheet import contact_sheet
from quickdraw_kit.storage.urls import parse_location

if TYPE_CHECKING:
    from quickdraw_kit.learn.data.dataset import Dataset
    from quickdraw_kit.learn.data.splits import Splits

_PER_CATEGORY = 8  # drawings on the contact sheet
_MAX_READABLE = 70  # categories; figures of more can be enlarged
_BATCH = 4096


def render_rows(dataset: "Dataset", rows: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    """Return the images of some rows of a data set, in their order; strokes are rendered."""
    from quickdraw_kit.raster.render import rasterize
    from quickdraw_kit.strokes.batch import DrawingBatch

    # one pass in the order of the data set, because data on disk is read in batches
    images, order, start = [], np.argsort(rows, kind="stable"), 0
    sorted_rows = rows[order]
    for batch, labels in dataset.batches(_BATCH):
        first, last = np.searchsorted(sorted_rows, [start, start + len(labels)])
        if last > first:
            selected = sorted_rows[first:last] - start
            if isinstance(batch, DrawingBatch):
                images.append(rasterize(batch.take(selected)))
            else:
                images.append(np.array(batch[selected]))
        start += len(labels)

    # the inverse permutation restores the order of the caller
    result: npt.NDArray[np.uint8] = np.concatenate(images)[np.argsort(order)]
    return result


def data_sections(
    location: str | os.PathLike[str], splits: "Splits", figures: Path
) -> list[Section]:
    """Return the sections about a data set; write their figures to a folder."""
    counts = _counts(splits)
    category_histogram(counts, figures / "histogram.png")
    first = next(iter(splits.values()))
    _contact_sheet(first, figures / "drawings.png")

    rows: list[list[str]] = provenance(location)
    rows += [[f"in {split}", f"{len(dataset):,}"] for split, dataset in splits.items()]
    rows.append(["categories", f"{len(first.label_names):,}"])

    # names of so many categories are too small to read at the width of the page
    many = len(first.label_names) > _MAX_READABLE
    return [
        Section("The data set", [Table(["property", "value"], rows)]),
        Section(
            "Drawings of each category",
            [
                Picture(
                    figures / "drawings.png",
                    "One row of drawings per category",
                    "Drawings of the first split." + (" Click to enlarge." if many else ""),
                    zoom=many,
                ),
                Picture(
                    figures / "histogram.png",
                    "Drawings per category and split",
                    zoom=many,
                ),
            ],
        ),
    ]


def _counts(splits: Mapping[str, "Dataset"]) -> dict[str, dict[str, int]]:
    counts = {}
    for split, dataset in splits.items():
        names = dataset.label_names
        numbers = np.bincount(dataset.labels, minlength=len(names)).tolist()
        counts[split] = dict(zip(names, numbers, strict=True))
    return counts


def provenance(location: str | os.PathLike[str]) -> list[list[str]]:
    """Return rows about the origin of shards, from their manifest; none for other data sets."""
    location = parse_location(location)
    # bitmaps and drawings that were not prepared have no manifest
    if isinstance(location, Path) and not (location / MANIFEST_NAME).exists():
        return []
    manifest = load_manifest(location)
    totals, side = manifest.counts, manifest.options.style.side
    shares = " / ".join(f"{share:.0%}" for share in manifest.options.fractions.values())
    split_rules = {
        "hash": f"a hash of the key_id, fractions {shares}",
        "sketch-rnn": "the position in the file of the category, as in the Sketch-RNN data",
        "ids": "a list of key_ids",
    }
    return [
        ["source files", f"{len(manifest.sources):,}"],
        ["drawings read", f"{totals.read:,}"],
        # only the filters and reasons that occurred
        *([f"filtered: {name}", f"{number:,}"] for name, number in totals.filtered.items()),
        *([f"rejected: {name}", f"{number:,}"] for name, number in totals.rejected.items()),
        ["bitmaps", f"{side} x {side}"],
        ["split by", split_rules[manifest.options.split_rule.by]],
        ["written by", f"quickdraw_kit {manifest.library_version}"],
    ]


def _contact_sheet(dataset: "Dataset", path: Path) -> None:
    # the first drawings of each category: shards are shuffled, so they are a sample
    labels = dataset.labels
    nonempty = np.unique(labels)
    rows = np.concatenate([np.flatnonzero(labels == label)[:_PER_CATEGORY] for label in nonempty])
    images = render_rows(dataset, rows)
    contact_sheet(images, labels[rows], dataset.label_names, path, columns=_PER_CATEGORY)
