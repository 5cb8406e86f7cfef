"""The command that asks a model what drawings are."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quickdraw_kit.cli.options import Json, print_json

if TYPE_CHECKING:
    from quickdraw_kit.learn.infer.predict import Prediction
    from quickdraw_kit.learn.models.model import Model

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(rich_help_panel="Models and recipes")(predict)


def predict(
    model: Annotated[Path, typer.Argument(help="Folder or file of a model.", show_default=False)],
    inputs: Annotated[
        list[str],
        typer.Argument(
            help="Pictures, photos, SVG, ndjson or .npy files; - is standard input.",
            show_default=False,
        ),
    ],
    top: Annotated[int, typer.Option("--top", "-k", min=1, help="Labels to name.")] = 3,
    figure: Annotated[
        Path | None, typer.Option(help="Show what was given and what the model sees, .png or .svg.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Ask a model what drawings are, from strokes, pictures or photos of paper.

    Examples:

      quickdraw-kit predict model photo.jpg

      quickdraw-kit predict model cats.ndjson drawing.svg --top 5 --json

      quickdraw-kit predict model - --figure seen.png < drawing.png
    """
    from quickdraw_kit.learn.export import open_model
    from quickdraw_kit.learn.infer.inputs import check_input
    from quickdraw_kit.show.canvas import figure_format

    for source in inputs:
        check_input(source)
    if figure is not None:
        figure_format(figure)
    loaded = open_model(model)
    answers: list[Prediction] = []
    failures: list[dict[str, str]] = []
    for source in inputs:
        _ask(loaded, source, top, answers, failures)
    if as_json:
        print_json([*map(_plain, answers), *failures])
    elif answers:
        _print_table(answers)
    if figure is not None and answers:
        from quickdraw_kit.show.predictions import prediction_figure

        prediction_figure(answers, figure)
    for failure in failures:
        sys.stderr.write(f"quickdraw-kit: {failure['error']}\n")
    if failures:
        raise typer.Exit(1)


def _ask(
    model: "Model",
    source: str,
    top: int,
    answers: "list[Prediction]",
    failures: list[dict[str, str]],
) -> None:
    from quickdraw_kit.errors import QuickdrawError, UsageError
    from quickdraw_kit.learn.infer.predict import iter_predict

    def fail(error: Exception) -> None:
        failures.append({"source": source, "error": str(error)})

    try:
        for answer in iter_predict(model, source, top, on_error=fail):
            answers.append(answer)
    except UsageError:
        raise
    except (QuickdrawError, OSError) as error:  # the other inputs may still be good
        fail(error)


def _plain(answer: "Prediction") -> dict[str, Any]:
    pairs = zip(answer.labels, answer.probabilities, strict=True)
    return {
        "source": answer.source,
        "predictions": [
            {"label": label, "probability": round(chance, 6)} for label, chance in pairs
        ],
    }


def _print_table(answers: "list[Prediction]") -> None:
    width = max(len(answer.source) for answer in answers)
    for answer in answers:
        pairs = zip(answer.labels, answer.probabilities, strict=True)
        named = "".join(f"  {chance:>6.1%} {label:<14}" for label, chance in pairs)
        typer.echo(f"{answer.source:<{width}}{named}".rstrip())
