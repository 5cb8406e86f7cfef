"""`predict`: what a model takes a drawing for, whatever form the drawing comes in."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import cast

import numpy as np

from quickdraw_kit.errors import DataError, UsageError
from quickdraw_kit.learn.infer.input_batches import Part, Picture, Reject, traced
from quickdraw_kit.learn.infer.inputs import Input, read_input
from quickdraw_kit.learn.models.model import Model
from quickdraw_kit.raster.style import RasterStyle
from quickdraw_kit.strokes.batch import Drawing, DrawingBatch

__all__ = ["Prediction", "iter_predict", "model_style", "predict"]


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What a model takes a drawing for.

    Parameters
    ----------
    source : str
        Where the drawing comes from, such as ``cat.png`` or ``cats.ndjson:3``, from 1.
    labels : tuple of str
        The most probable ones, the best first.
    probabilities : tuple of float
        Of these labels.
    image : ndarray of uint8, shape (side, side)
        What the model sees; if it reads strokes, these strokes rendered.
    original : ndarray of uint8, shape (h, w) or (h, w, channels), or Drawing
        What was given: a picture or strokes.

    Examples
    --------
    >>> seen = np.zeros((28, 28), np.uint8)
    >>> Prediction("cat.png", ("cat", "dog"), (0.9, 0.06), seen, seen).labels[0]
    'cat'
    """

    source: str
    labels: tuple[str, ...]
    probabilities: tuple[float, ...]
    image: Picture
    original: Picture | Drawing


def predict(model: Model, inputs: Input | Iterable[Input], k: int = 3) -> list[Prediction]:
    """Say what drawings are.

    Parameters
    ----------
    model : Model
        Of images or of strokes.
    inputs : path, bytes, DrawingBatch or ndarray, or an iterable of them
        Files and bytes are told apart by their content: ndjson, raw or simplified; ``.npy``; PNG,
        JPEG, WebP, BMP or GIF pictures; SVG. A path ``-`` is standard input. Arrays are uint8:
        bitmaps, shape (n, side * side) or (n, side, side), or a picture, shape (h, w), (h, w, 3) or
        (h, w, 4).
    k : int
        How many labels to name.

    Returns
    -------
    list of Prediction
        One for each drawing, in order.

    Raises
    ------
    UsageError
        If `k` is below 1, or a library is missing that reads such an input.
    DataError
        If an input is damaged, empty or of no such form.
    OSError
        If a file cannot be read.

    Examples
    --------
    >>> model = Model.new("tiny-cnn", ("cat", "dog"))
    >>> picture = np.full((200, 300), 255, np.uint8)
    >>> picture[90:100, 40:260] = 0
    >>> answer, = predict(model, picture)
    >>> answer.image.shape, len(answer.labels)
    ((28, 28), 2)
    """
    return list(iter_predict(model, inputs, k))


def iter_predict(
    model: Model,
    inputs: Input | Iterable[Input],
    k: int = 3,
    *,
    on_error: Reject | None = None,
) -> Iterator[Prediction]:
    """Say what drawings are, one after the other, in constant memory.

    Parameters
    ----------
    model, inputs, k
        As for `predict`.
    on_error : callable, optional
        Called with the error of a drawing that has nothing to recognise, such as an empty bitmap
        among others, which is left out; by default it is raised.

    Yields
    ------
    Prediction
        One for each drawing, in order.

    Raises
    ------
    UsageError, DataError, OSError
        As `predict`, when the input's turn comes.
    """
    if k < 1:
        raise UsageError(f"k is {k}, expected at least 1")
    style = model_style(model)
    single = isinstance(inputs, str | os.PathLike | bytes | DrawingBatch | np.ndarray)
    sources = cast("Iterable[Input]", [inputs] if single else inputs)
    for source in sources:
        for part in read_input(source, style, on_error):
            bitmaps = model.input_type == "strokes" and part.strokes is None
            taken = traced(part, on_error) if bitmaps else part
            if taken is not None:
                yield from _answers(model, taken, k)


def model_style(model: Model) -> RasterStyle:
    """Return the style in which a model's drawings are rendered."""
    told = model.metadata.get("raster_style") or {"side": model.side}
    try:
        style = RasterStyle(**told)
    except (TypeError, UsageError) as error:
        raise DataError(f"the model's raster style is {told!r}: {error}") from error
    if style.side != model.side and model.input_type == "images":
        raise DataError(f"the model reads {model.side} pixels, but its style has {style.side}")
    return style


def _answers(model: Model, part: Part, k: int) -> Iterator[Prediction]:
    strokes = part.strokes if model.input_type == "strokes" else None
    chances = model.probabilities(part.images if strokes is None else strokes)
    best = np.argsort(-chances, axis=1, kind="stable")[:, :k]
    for row, source in enumerate(part.sources):
        yield Prediction(
            source=source,
            labels=tuple(model.label_names[label] for label in best[row]),
            probabilities=tuple(chances[row, best[row]].tolist()),
            image=part.images[row],
            original=part.originals[row],
        )
