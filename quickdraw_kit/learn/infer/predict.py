"""`predict`: which labels a model assigns to drawings, whatever format they come in."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import cast

import numpy as np

from quickdraw_kit.errors import UsageError
from quickdraw_kit.learn.infer.inputs import (
    Input,
    InputBatch,
    OnError,
    Pixels,
    read_input,
    trace_bitmaps,
)
from quickdraw_kit.learn.infer.preprocess import model_preprocessing
from quickdraw_kit.learn.models.model import Model
from quickdraw_kit.strokes.batch import Drawing, DrawingBatch


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """The most probable labels of a drawing.

    Parameters
    ----------
    source : str
        Where the drawing comes from, such as ``cat.png`` or ``cats.ndjson:3``, counted from 1.
    labels : tuple of str
        The most probable labels, the best first.
    probabilities : tuple of float
        Probabilities of these labels.
    image : ndarray of uint8, shape (side, side)
        The bitmap that the model gets; for a model that takes strokes, these strokes rendered.
    original : ndarray of uint8, shape (h, w) or (h, w, channels), or Drawing
        What was given: pixels or strokes.

    Examples
    --------
    >>> from quickdraw_kit import Model, generate_drawings, predict
    >>> model = Model.new("tiny-cnn", ("star", "sun"))
    >>> prediction = predict(model, generate_drawings(("star",), 1))[0]
    >>> prediction.source, prediction.image.shape
    ('drawing:1', (28, 28))
    >>> sorted(prediction.labels)
    ['star', 'sun']
    """

    source: str
    labels: tuple[str, ...]
    probabilities: tuple[float, ...]
    image: Pixels
    original: Pixels | Drawing


def predict(model: Model, inputs: Input | Iterable[Input], k: int = 3) -> list[Prediction]:
    """Predict the labels of drawings.

    Parameters
    ----------
    model : Model
        Such as `open_model` returns; it takes images or strokes.
    inputs : path, bytes, DrawingBatch or ndarray, or an iterable of them
        Files and bytes are detected by their content: ndjson, raw or simplified; ``.npy``; PNG,
        JPEG, WebP, BMP or GIF pictures; SVG. Files may also be of any other format of drawings or
        bitmaps: ``.bin``, ``.npz``, CSV, Parquet, Arrow or IDX. A folder or a glob stands for the
        files in it, and the path ``-`` is standard input. Arrays are
        uint8: bitmaps of shape (n, side * side) or (n, side, side), or a picture of shape (h, w),
        (h, w, 3) or (h, w, 4).
    k : int
        Number of labels in a prediction.

    Returns
    -------
    list of Prediction
        One for each drawing, in order.

    Raises
    ------
    UsageError
        If `k` is below 1, a path does not exist, or a package is missing that reads the format.
    DataError
        If an input is damaged, empty or has an unsupported format.
    OSError
        If a file cannot be read.

    See Also
    --------
    iter_predict : The same in constant memory.

    Examples
    --------
    >>> import numpy as np
    >>> from quickdraw_kit import Model, predict
    >>> model = Model.new("tiny-cnn", ("cat", "dog"))
    >>> picture = np.full((200, 300), 255, np.uint8)
    >>> picture[90:100, 40:260] = 0
    >>> [prediction] = predict(model, picture)
    >>> prediction.image.shape, len(prediction.labels)
    ((28, 28), 2)
    """
    return list(iter_predict(model, inputs, k))


def iter_predict(
    model: Model,
    inputs: Input | Iterable[Input],
    k: int = 3,
    *,
    on_error: OnError | None = None,
) -> Iterator[Prediction]:
    """Predict the labels of drawings one after the other, in constant memory.

    Parameters
    ----------
    model, inputs, k
        As for `predict`.
    on_error : callable, optional
        Called with the `DataError` of a drawing with nothing to recognize, such as an empty bitmap
        in a file of many; the drawing is left out. By default the error is raised.

    Yields
    ------
    Prediction
        One for each drawing, in order.

    Raises
    ------
    UsageError, DataError, OSError
        As `predict`, when the input is reached.

    Examples
    --------
    >>> import numpy as np
    >>> from quickdraw_kit import Model, iter_predict
    >>> model = Model.new("tiny-cnn", ("cat", "dog"))
    >>> bitmaps = np.zeros((2, 28, 28), np.uint8)
    >>> bitmaps[1, 14, 4:24] = 255
    >>> for prediction in iter_predict(model, bitmaps, on_error=print):
    ...     print(prediction.source)
    array: bitmap 1 is empty: all its pixels are equal
    array:2
    """
    if k < 1:
        raise UsageError(f"k is {k}, expected at least 1")
    preprocessing = model_preprocessing(model)

    # a path is iterable too, and so are bytes, arrays and drawings
    is_single = isinstance(inputs, str | os.PathLike | bytes | DrawingBatch | np.ndarray)
    for source in cast("Iterable[Input]", [inputs] if is_single else inputs):
        for batch in read_input(source, preprocessing, on_error):
            # bitmaps come without strokes; a model of strokes needs them traced
            if model.input_type == "strokes" and batch.strokes is None:
                traced = trace_bitmaps(batch, on_error)
                if traced is None:
                    continue
                batch = traced
            yield from _predict_batch(model, batch, k)


def _predict_batch(model: Model, batch: InputBatch, k: int) -> Iterator[Prediction]:
    strokes = batch.strokes if model.input_type == "strokes" else None
    probabilities = model.probabilities(batch.images if strokes is None else strokes)

    # stable: equal probabilities are in label order, on every machine
    best = np.argsort(-probabilities, axis=1, kind="stable")[:, :k]
    for row, source in enumerate(batch.sources):
        yield Prediction(
            source=source,
            labels=tuple(model.label_names[label] for label in best[row]),
            probabilities=tuple(probabilities[row, best[row]].tolist()),
            image=batch.images[row],
            original=batch.originals[row],
        )
