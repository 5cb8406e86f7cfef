"""`evaluate`: measure a model on the splits of a data set."""

import csv
import io
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from quickdraw_kit.cli.options import Json, ModelPath, print_json

if TYPE_CHECKING:
    from quickdraw_kit.learn.evaluate import Evaluation
    from quickdraw_kit.learn.group_metrics import GroupMetrics

_MAX_ROWS = 8  # of the tables below the first
_METRICS = {  # heading and number format
    "loss": ("loss", "{:.3f}"),
    "top1": ("top-1", "{:.2%}"),
    "top3": ("top-3", "{:.2%}"),
    "top5": ("top-5", "{:.2%}"),
    "map3": ("MAP@3", "{:.4f}"),
    "macro_f1": ("macro F1", "{:.4f}"),
    "calibration_error": ("calibration error", "{:.4f}"),
}
_GROUPS = {"countrycode": "country", "recognized": "recognized"}


def evaluate(
    model: ModelPath,
    data: Annotated[
        str,
        typer.Argument(
            help="Folder or URL of shards; file, folder or glob of MNIST's files, of bitmaps or of "
            "drawings; or mnist-5k.",
            show_default=False,
        ),
    ],
    split: Annotated[
        str | None,
        typer.Option(help="train, validation or test; by default all."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="CSV file for the metrics of each label and split."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure a model on the splits of a data set.

    Prints loss, accuracy, macro F1 and calibration; the labels that are confused most often; and
    the accuracy by country and by whether the game recognized the drawing, where that is known.

    Examples:

      quickdraw-kit evaluate model shards

      quickdraw-kit evaluate model shards --split test --out labels.csv

      quickdraw-kit evaluate model shards --json > metrics.json
    """
    from quickdraw_kit.errors import UsageError
    from quickdraw_kit.learn.data.splits import open_splits
    from quickdraw_kit.learn.evaluate import evaluate as evaluate_split
    from quickdraw_kit.learn.evaluate import training_config
    from quickdraw_kit.learn.export import open_model
    from quickdraw_kit.learn.group_metrics import group_columns, metrics_by_group

    # the splits are those that training would make, or a test split would have training rows
    loaded = open_model(model)
    splits = open_splits(training_config(loaded, data))
    if split is not None and split not in splits:
        raise UsageError(f"--split {split!r}: {data} has {', '.join(splits)}")

    chosen = {name: part for name, part in splits.items() if split in (None, name)}
    results = {name: evaluate_split(loaded, part) for name, part in chosen.items()}
    groups = {
        name: {
            column: metrics_by_group(results[name], values)
            for column, values in group_columns(part).items()
        }
        for name, part in chosen.items()
    }

    if out is not None:
        _write_csv(out, results)
    # on standard error, so that the output of --json stays valid
    for line in _warnings(loaded.metadata, splits.metadata):
        sys.stderr.write(f"quickdraw-kit: {line}\n")
    if as_json:
        print_json(_document(str(model), data, results, groups))
    else:
        _print_tables(results, groups)
        if out is not None:
            typer.echo(f"wrote {out}")


def _warnings(model: Mapping[str, Any], data: Mapping[str, Any]) -> list[str]:
    lines = []
    # in both cases the figures look right, but do not mean what they seem to
    trained, given = model.get("raster_style"), data.get("raster_style")
    if trained and given and trained != given:
        lines.append(
            f"the model was trained on bitmaps of style {trained}, these have style {given}"
        )
    trained, given = model.get("data_sha256"), data.get("data_sha256")
    if trained and given and trained != given:
        lines.append(
            "this is not the data that the model was trained on: its training drawings may be in "
            "any split"
        )
    return lines


def _document(
    model: str,
    data: str,
    results: "dict[str, Evaluation]",
    groups: "Mapping[str, Mapping[str, Sequence[GroupMetrics]]]",
) -> dict[str, Any]:
    splits = {}
    for split, result in results.items():
        rows = {column: [asdict(row) for row in of] for column, of in groups[split].items()}
        splits[split] = {**result.summary(), "groups": rows}
    return {"model": model, "data": data, "splits": splits}


def _print_tables(
    results: "dict[str, Evaluation]",
    groups: "Mapping[str, Mapping[str, Sequence[GroupMetrics]]]",
) -> None:
    """Print the metrics of all splits, and details of the last one, which is the test split."""
    rows = [["drawings", *(f"{len(result):,}" for result in results.values())]]
    for metric, (heading, format) in _METRICS.items():
        values = (getattr(result, metric) for result in results.values())
        rows.append([heading, *(format.format(value) for value in values)])
    _print_table("", ["", *results], rows)

    split, result = next(reversed(results.items()))
    _print_confusions(split, result)
    # with two labels, the confusions above tell the same
    if len(result.label_names) > 2:
        _print_weakest_labels(split, result)
    for column, of_column in groups[split].items():
        _print_table(
            f"By {_GROUPS[column]} in {split}",
            [_GROUPS[column], "drawings", "loss", "top-1", "top-3"],
            [
                [g.name, f"{g.drawings:,}", f"{g.loss:.3f}", f"{g.top1:.2%}", f"{g.top3:.2%}"]
                for g in of_column[:_MAX_ROWS]
            ],
        )


def _print_confusions(split: str, result: "Evaluation") -> None:
    from quickdraw_kit.learn.metrics import confused_pairs

    pairs = confused_pairs(result.confusion, result.label_names, most=_MAX_ROWS)
    if pairs:
        _print_table(
            f"Confused most often in {split}",
            ["label", "prediction", "drawings", "fraction"],
            [[p.label, p.predicted, f"{p.count:,}", f"{p.fraction:.1%}"] for p in pairs],
            text_columns=2,
        )


def _print_weakest_labels(split: str, result: "Evaluation") -> None:
    scores = result.per_class
    # labels without drawings have an F1 of 0, which means nothing
    weakest = [label for label in scores.f1.argsort(kind="stable") if scores.support[label]]
    _print_table(
        f"Weakest labels in {split}",
        ["label", "precision", "recall", "F1", "drawings"],
        [
            [
                result.label_names[label],
                f"{scores.precision[label]:.1%}",
                f"{scores.recall[label]:.1%}",
                f"{scores.f1[label]:.3f}",
                f"{scores.support[label]:,}",
            ]
            for label in weakest[:_MAX_ROWS]
        ],
    )


def _print_table(
    title: str, header: Sequence[str], rows: Sequence[Sequence[str]], *, text_columns: int = 1
) -> None:
    """Print a table: the first columns are text, aligned left, and the others numbers."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    # Text, because rich takes [brackets] in a string for markup
    for index, name in enumerate(header):
        justify: Literal["left", "right"] = "left" if index < text_columns else "right"
        table.add_column(Text(name), justify=justify, no_wrap=True)
    for row in rows:
        table.add_row(*map(Text, row))
    console = Console(highlight=False)
    if title:
        console.print()
        console.print(Text(title, style="bold"))
    console.print(table)


def _write_csv(path: Path, results: "dict[str, Evaluation]") -> None:
    from quickdraw_kit.storage.files import atomic_write

    # csv writes text, and an atomic write takes bytes
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("split", "label", "precision", "recall", "f1", "support"))
    for split, result in results.items():
        for row in result.summary()["per_class"]:
            writer.writerow((split, *row.values()))
    with atomic_write(path) as file:
        file.write(text.getvalue().encode())
