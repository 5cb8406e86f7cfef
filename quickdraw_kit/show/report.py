"""The report: one HTML page about a data set and a model that was trained on it."""

import os
from pathlib import Path

from quickdraw_kit.show.data_sections import data_sections
from quickdraw_kit.show.page import write_page


def write_report(
    path: str | os.PathLike[str],
    title: str,
    data: str | os.PathLike[str],
    model: str | os.PathLike[str] | None = None,
) -> None:
    """Write an HTML report about a data set, and about a model if one is given.

    The report is one file that needs no server and no network. It shows samples of the drawings,
    the number of drawings per category, and for a model its layers, training curves, calibration,
    sample predictions, confusion matrix and per-class metrics. The metrics are also written to
    ``evaluation.json`` beside the model.

    Parameters
    ----------
    path : path-like
        The HTML file. Its pictures are embedded, and also written to the folder ``figures`` beside
        it.
    title : str
        Heading of the page.
    data : path-like
        Data set, in any form that `open_splits` accepts.
    model : path-like, optional
        Folder or file of a model. Training curves are drawn if ``metrics.jsonl`` is beside it.

    Raises
    ------
    UsageError
        If the model or the data set does not exist, or their labels differ.
    DataError
        If the data set or the model is damaged or incomplete.
    OSError
        If a file cannot be read or written.

    Examples
    --------
    >>> import numpy as np
    >>> from quickdraw_kit import write_report
    >>> for name in ("cat", "dog"):
    ...     np.save(f"{name}.npy", np.random.default_rng(0).integers(0, 256, (50, 784), np.uint8))
    >>> write_report("report/index.html", "Noise", ".")
    """
    # torch and the figures are loaded only when a report is written
    from quickdraw_kit.learn.config import TrainConfig
    from quickdraw_kit.learn.data.splits import open_splits
    from quickdraw_kit.learn.evaluate import training_config
    from quickdraw_kit.learn.export import open_model
    from quickdraw_kit.show.model_sections import model_sections

    # the settings of the training run decide how the model must see the data
    loaded = open_model(model) if model is not None else None
    config = training_config(loaded, data) if loaded is not None else TrainConfig(data=data)
    splits = open_splits(config)

    path = Path(path)
    # pictures also as files, for slides and papers
    figures = path.parent / "figures"
    figures.mkdir(parents=True, exist_ok=True)

    # the page is written last: a failure leaves no page with missing sections
    sections = data_sections(data, splits, figures)
    if loaded is not None and model is not None:
        folder = Path(model) if Path(model).is_dir() else Path(model).parent
        sections += model_sections(loaded, folder, splits, figures)
    write_page(path, title, sections, lead=str(splits.metadata.get("data", "")))
