"""The sections of a report about a model: layers, curves, predictions, confusion, labels."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from quickdraw_kit.learn.data.dataset import Dataset
from quickdraw_kit.learn.evaluate import Evaluation, evaluate
from quickdraw_kit.learn.group_metrics import group_columns, metrics_by_group
from quickdraw_kit.learn.history import read_history
from quickdraw_kit.learn.metrics import confused_pairs
from quickdraw_kit.learn.models.graph import network_graph
from quickdraw_kit.learn.models.model import Model
from quickdraw_kit.learn.models.networks import count_parameters
from quickdraw_kit.learn.models.summary import describe_network
from quickdraw_kit.show.confusion import MAX_NUMBERED_LABELS, confusion_matrix, most_confused
from quickdraw_kit.show.data_sections import render_rows
from quickdraw_kit.show.figures import reliability_diagram, training_history
from quickdraw_kit.show.grids import prediction_grid
from quickdraw_kit.show.network import draw_network
from quickdraw_kit.show.page import Block, Picture, Section, Table
from quickdraw_kit.storage.files import atomic_write

Row: TypeAlias = Sequence[str | int | float | None]

_GRID_SIZE = 32  # predictions in a figure
_MAX_PAIRS = 20  # in the table of confusions
# header of the column, and title of the table
_GROUPS = {
    "countrycode": ("country", "By country"),
    "recognized": ("recognized by the game", "By recognition in the game"),
}
_MAX_GROUPS = 15
_HEADER = ["drawings", "loss", "top-1, %", "top-3, %", "top-5, %", "MAP@3", "macro F1"]


def model_sections(
    model: Model, folder: Path, splits: Mapping[str, Dataset], figures: Path
) -> list[Section]:
    """Evaluate a model and return its sections.

    Metrics are written to ``evaluation.json`` in `folder`, the folder of the model, which also has
    the history; figures to `figures`.
    """
    # every section needs the predictions, so each split is evaluated once
    results = {split: evaluate(model, data) for split, data in splits.items()}
    with atomic_write(folder / "evaluation.json") as file:
        summary = {
            split: {"drawings": len(result), **result.metrics()}
            for split, result in results.items()
        }
        file.write(json.dumps(summary, indent=1).encode())

    last = next(reversed(results))  # test, if there is one
    return [
        _network(model, figures),
        _training_curves(folder, results, figures),
        _sample_predictions(last, splits, results, figures),
        _confusion_matrix(last, results[last], figures),
        _per_class_metrics(last, splits[last], results[last]),
    ]


def _network(model: Model, figures: Path) -> Section:
    classes = len(model.label_names)
    layers = describe_network(model.architecture, classes, side=model.side)
    draw_network(network_graph(model.architecture, classes, side=model.side), figures / "model.svg")
    rows: list[Row] = [
        [layer.kind, " x ".join(map(str, layer.shape)), layer.parameters or None]
        for layer in layers
    ]

    parameters = count_parameters(model.network)
    text: list[Block] = [f"{model.architecture}: {parameters:,} parameters, {classes} labels."]
    if model.metadata.get("data"):
        text.append(f"Trained on: {model.metadata['data']}.")
    return Section(
        "The model",
        [
            *text,
            Table(["layer", "output", "parameters"], rows, "Layers", folded=len(rows) > 16),
            Picture(figures / "model.svg", "The network as a graph", "Layers and connections."),
        ],
    )


def _training_curves(folder: Path, results: dict[str, Evaluation], figures: Path) -> Section:
    # a model from elsewhere has no history, but it has metrics
    blocks: list[Block] = []
    if history := read_history(folder):
        training_history(history, figures / "history.png")
        blocks.append(
            Picture(
                figures / "history.png",
                "Curves: loss and accuracy by epoch",
                "Training loss and accuracy are measured while the weights change, and on "
                "augmented drawings if there is augmentation, so they may be worse than those of "
                "validation.",
            )
        )

    rows: list[Row] = [
        [split, len(r), r.loss, 100 * r.top1, 100 * r.top3, 100 * r.top5, r.map3, r.macro_f1]
        for split, r in results.items()
    ]
    calibrations = {split: result.calibration for split, result in results.items()}
    reliability_diagram(calibrations, figures / "reliability.png")
    blocks += [
        Table(["split", *_HEADER], rows, "Metrics of the final weights"),
        Picture(
            figures / "reliability.png",
            "Calibration: accuracy against confidence",
            "Calibration: the closer the curve is to the diagonal, the better confidence and "
            "accuracy match.",
        ),
    ]
    return Section("Training curves", blocks)


def _sample_predictions(
    last: str, splits: Mapping[str, Dataset], results: dict[str, Evaluation], figures: Path
) -> Section:
    # the training split too: mistakes there are often drawings with a wrong word
    blocks: list[Block] = []
    for split in dict.fromkeys(("train", last)):
        if split in results:
            path = figures / f"predictions-{split}.png"
            _draw_grid(splits[split], results[split], _sample_rows(results[split]), path)
            caption = (
                f"Predictions in {split}: correct ones are green with a check mark, wrong ones red "
                "with a cross and the true label. Up to a quarter of the sample are wrong."
            )
            blocks.append(Picture(path, f"predictions in {split}", caption))

    mistakes = _most_confident_mistakes(results[last])
    if len(mistakes):
        path = figures / f"mistakes-{last}.png"
        _draw_grid(splits[last], results[last], mistakes, path)
        caption = f"The most confident mistakes in {last}."
        blocks.append(Picture(path, f"mistakes in {last}", caption))
    else:
        blocks.append(f"There are no mistakes in {last}.")
    return Section("Sample predictions", blocks)


def _confusion_matrix(split: str, result: Evaluation, figures: Path) -> Section:
    confusion, names = result.confusion, result.label_names
    many = len(names) > MAX_NUMBERED_LABELS
    pairs = confused_pairs(confusion, names, most=_MAX_PAIRS)
    confusion_matrix(confusion, names, figures / "confusion.png")

    # a matrix of many labels has no numbers, so the most confused ones come first, with numbers
    blocks: list[Block] = []
    if many and pairs:
        most_confused(confusion, names, figures / "confused.png")
        caption = "Percentages of the drawings with the true label; a dot means less than 0.5 %."
        blocks.append(
            Picture(figures / "confused.png", "The labels that are confused most", caption)
        )

    caption = f"True and predicted labels in {split}."
    if many:
        caption += " Click to enlarge."
    blocks.append(Picture(figures / "confusion.png", "Confusion matrix", caption, zoom=many))

    if pairs:
        rows: list[Row] = [
            [pair.label, pair.predicted, pair.count, 100 * pair.fraction] for pair in pairs
        ]
        header = ["true label", "predicted", "count", "% of the true label"]
        blocks.append(Table(header, rows, "Most frequent confusions"))
    return Section("Confusion matrix", blocks)


def _per_class_metrics(split: str, dataset: Dataset, result: Evaluation) -> Section:
    scores = result.per_class
    # the worst labels first, because they are what a reader looks for
    order = np.argsort(scores.f1, kind="stable")
    rows: list[Row] = [
        [
            result.label_names[label],
            int(scores.support[label]),
            100 * float(scores.precision[label]),
            100 * float(scores.recall[label]),
            float(scores.f1[label]),
        ]
        for label in order
    ]
    header = ["label", "drawings", "precision, %", "recall, %", "F1"]
    title = f"Labels in {split}, lowest F1 first"
    blocks: list[Block] = [Table(header, rows, title, folded=len(rows) > MAX_NUMBERED_LABELS)]

    # empty for data without metadata, such as bitmaps
    for column, values in group_columns(dataset).items():
        groups = metrics_by_group(result, values)
        table: list[Row] = [
            [group.name, group.drawings, group.loss, 100 * group.top1, 100 * group.top3]
            for group in groups[:_MAX_GROUPS]
        ]
        name, title = _GROUPS[column]
        header = [name, "drawings", "loss", "top-1, %", "top-3, %"]
        title += f", {split}"
        if len(groups) > _MAX_GROUPS:
            title += f": the {_MAX_GROUPS} most frequent of {len(groups)}"
        blocks.append(Table(header, table, title))
    return Section("Per-class metrics", blocks)


def _sample_rows(result: Evaluation) -> npt.NDArray[np.int64]:
    """Return a random sample of the rows, with wrong predictions in up to a quarter of them."""
    rng = np.random.default_rng(0)  # random, because a data set may be sorted by label
    order = rng.permutation(len(result))
    correct = (result.ranks == 0)[order]
    wrong = order[~correct][: _GRID_SIZE // 4]
    return rng.permutation(np.concatenate([wrong, order[correct][: _GRID_SIZE - len(wrong)]]))


def _most_confident_mistakes(result: Evaluation) -> npt.NDArray[np.int64]:
    wrong = np.flatnonzero(result.ranks > 0)
    return wrong[np.argsort(-result.confidence[wrong], kind="stable")][:_GRID_SIZE]


def _draw_grid(data: Dataset, result: Evaluation, rows: npt.NDArray[np.int64], path: Path) -> None:
    prediction_grid(
        render_rows(data, rows),
        result.labels[rows],
        result.predictions[rows],
        result.label_names,
        path,
        confidence=result.confidence[rows],
    )
