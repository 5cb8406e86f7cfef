"""`predict`: label drawings and pictures with a model."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quickdraw_kit.cli.options import Json, ModelPath, print_json

if TYPE_CHECKING:
    from quickdraw_kit.learn.infer.predict import Prediction
    from quickdraw_kit.learn.models.model import Model


def predict(
    model: ModelPath,
    inputs: Annotated[
        list[str],
        typer.Argument(
            help="Pictures, photos, SVG, files of drawings or bitmaps, folders and globs of them; "
            "- is standard input.",
            show_default=False,
        ),
    ],
    top: Annotated[int, typer.Option("--top", "-k", min=1, help="Labels per input.")] = 3,
    figure: Annotated[
        Path | None, typer.Option(help="Write a figure of each input and its bitmap, .png or .svg.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Predict the labels of strokes, pictures or photos of drawings on paper.

    Examples:

      quickdraw-kit predict model photo.jpg

      quickdraw-kit predict model cats.ndjson drawing.svg --top 5 --json

      quickdraw-kit predict model pictures/

      quickdraw-kit predict model - --figure inputs.png < drawing.png
    """
    from quickdraw_kit.learn.export import open_model
    from quickdraw_kit.learn.infer.inputs import find_inputs
    from quickdraw_kit.show.canvas import figure_format

    # mistakes in arguments are reported before the model is loaded, which takes seconds
    files = [str(file) for source in inputs for file in find_inputs(source)]
    if figure is not None:
        figure_format(figure)

    loaded = open_model(model)
    predictions: list[Prediction] = []
    failures: list[dict[str, str]] = []
    for source in files:
        _predict(loaded, source, top, predictions, failures)

    if as_json:
        print_json([*map(_document, predictions), *failures])
    elif predictions:
        _print_table(predictions)
    if figure is not None and predictions:
        from quickdraw_kit.show.predictions import prediction_figure

        prediction_figure(predictions, figure)

    # failures are last, where they are seen after a long table
    for failure in failures:
        sys.stderr.write(f"quickdraw-kit: {failure['error']}\n")
    if failures:
        raise typer.Exit(1)


def _predict(
    model: "Model",
    source: str,
    top: int,
    predictions: "list[Prediction]",
    failures: list[dict[str, str]],
) -> None:
    from quickdraw_kit.errors import QuickdrawError, UsageError
    from quickdraw_kit.learn.infer.predict import iter_predict

    def fail(error: Exception) -> None:
        failures.append({"source": source, "error": str(error)})

    try:
        # one by one, so that those before an error are kept
        for prediction in iter_predict(model, source, top, on_error=fail):
            predictions.append(prediction)
    except UsageError:
        # a mistake in the command concerns all inputs
        raise
    except (QuickdrawError, OSError) as error:  # the other inputs may be valid
        fail(error)


def _document(prediction: "Prediction") -> dict[str, Any]:
    pairs = zip(prediction.labels, prediction.probabilities, strict=True)
    return {
        "source": prediction.source,
        "predictions": [
            {"label": label, "probability": round(probability, 6)} for label, probability in pairs
        ],
    }


def _print_table(predictions: "list[Prediction]") -> None:
    width = max(len(prediction.source) for prediction in predictions)
    for prediction in predictions:
        pairs = zip(prediction.labels, prediction.probabilities, strict=True)
        cells = "".join(f"  {probability:>6.1%} {label:<14}" for label, probability in pairs)
        typer.echo(f"{prediction.source:<{width}}{cells}".rstrip())
