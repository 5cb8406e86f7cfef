"""`evaluate`: the metrics of a model on a data set, in one pass over it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.functional import cross_entropy, softmax

from quickdraw_kit.errors import UsageError
from quickdraw_kit.learn.config import TrainConfig
from quickdraw_kit.learn.data.dataset import Dataset, Labels
from quickdraw_kit.learn.metrics import (
    Calibration,
    ClassScores,
    calibration,
    class_scores,
    confused_pairs,
    mean_average_precision,
    top_k_accuracy,
    true_label_ranks,
)
from quickdraw_kit.learn.models.model import Model

_METRICS = ("loss", "top1", "top3", "top5", "map3", "macro_f1", "calibration_error")
_PAIRS = 20  # confused pairs in a summary


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """The predictions of a model for a data set, and their metrics.

    Parameters
    ----------
    label_names : tuple of str
        Names in label order.
    labels, predictions : ndarray of int64, shape (n,)
        The true and the most probable label of each row, in the order of the data set.
    confidence : ndarray of float32, shape (n,)
        Probability of the predicted label.
    ranks : ndarray of int64, shape (n,)
        Rank of the true label among all labels by probability; 0 is the most probable.
    losses : ndarray of float32, shape (n,)
        Cross entropy of each row, in nats.

    See Also
    --------
    evaluate : Evaluate a model on a data set.

    Examples
    --------
    >>> import numpy as np
    >>> from quickdraw_kit import Evaluation
    >>> evaluation = Evaluation(
    ...     label_names=("cat", "dog"),
    ...     labels=np.array([0, 0, 1]),
    ...     predictions=np.array([0, 1, 1]),
    ...     confidence=np.array([0.9, 0.9, 0.9], np.float32),
    ...     ranks=np.array([0, 1, 0]),
    ...     losses=np.array([0.1, 2.2, 0.1], np.float32),
    ... )
    >>> evaluation.confusion
    array([[1, 1],
           [0, 1]])
    >>> round(evaluation.top1, 3), evaluation.top3, round(evaluation.macro_f1, 3)
    (0.667, 1.0, 0.667)
    """

    label_names: tuple[str, ...]
    labels: Labels
    predictions: Labels
    confidence: npt.NDArray[np.float32]
    ranks: Labels
    losses: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def loss(self) -> float:
        """Mean cross entropy, in nats."""
        return float(self.losses.mean(dtype=np.float64))  # float32 sums of millions drift

    @property
    def top1(self) -> float:
        """Fraction of rows whose true label is the most probable one: the accuracy."""
        return top_k_accuracy(self.ranks, 1)

    @property
    def top3(self) -> float:
        """Fraction of rows whose true label is among the three most probable ones."""
        return top_k_accuracy(self.ranks, 3)

    @property
    def top5(self) -> float:
        """Fraction of rows whose true label is among the five most probable ones."""
        return top_k_accuracy(self.ranks, 5)

    @property
    def map3(self) -> float:
        """Mean average precision at 3."""
        return mean_average_precision(self.ranks, 3)

    @property
    def confusion(self) -> npt.NDArray[np.int64]:
        """Confusion matrix: rows of label i for which j was predicted, shape (classes, classes)."""
        # cells of the matrix are numbered row by row, and counted in one pass
        classes = len(self.label_names)
        cells = self.labels * classes + self.predictions
        return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)

    @property
    def per_class(self) -> ClassScores:
        """Precision, recall, F1 and support of each label."""
        return class_scores(self.confusion)

    @property
    def macro_f1(self) -> float:
        """Mean F1 of the labels that occur."""
        return self.per_class.macro_f1

    @property
    def calibration(self) -> Calibration:
        """Confidence and accuracy of the predictions, in 15 bins of confidence."""
        return calibration(self.confidence, self.ranks == 0)

    @property
    def calibration_error(self) -> float:
        """Expected calibration error: the mean gap between confidence and accuracy."""
        return self.calibration.error

    def metrics(self) -> dict[str, float]:
        """Return the metrics that are single numbers.

        Returns
        -------
        dict of str to float
            ``loss``, ``top1``, ``top3``, ``top5``, ``map3``, ``macro_f1`` and
            ``calibration_error``.

        Examples
        --------
        >>> import numpy as np
        >>> from quickdraw_kit import Evaluation
        >>> labels, ones = np.array([0, 1]), np.ones(2, np.float32)
        >>> evaluation = Evaluation(("cat", "dog"), labels, labels, ones, labels * 0, 0 * ones)
        >>> evaluation.metrics()["top1"]
        1.0
        """
        return {name: getattr(self, name) for name in _METRICS}

    def summary(self) -> dict[str, Any]:
        """Return everything but the single predictions, as JSON can hold it.

        Returns
        -------
        dict
            ``drawings``, the `metrics`, ``per_class``, ``calibration`` (bins that are not empty)
            and the most frequent ``confused_pairs``.

        Examples
        --------
        >>> import json
        >>> import numpy as np
        >>> from quickdraw_kit import Evaluation
        >>> labels, ones = np.array([0, 1]), np.ones(2, np.float32)
        >>> evaluation = Evaluation(("cat", "dog"), labels, labels, ones, labels * 0, 0 * ones)
        >>> text = json.dumps(evaluation.summary())
        >>> evaluation.summary()["per_class"][1]["support"]
        1
        """
        scores, bins = self.per_class, self.calibration
        return {
            "drawings": len(self),
            **self.metrics(),
            "per_class": [
                {
                    "label": name,
                    "precision": float(scores.precision[label]),
                    "recall": float(scores.recall[label]),
                    "f1": float(scores.f1[label]),
                    "support": int(scores.support[label]),
                }
                for label, name in enumerate(self.label_names)
            ],
            # empty bins hold NaN, which JSON cannot hold
            "calibration": [
                {
                    "from": float(bins.edges[i]),
                    "to": float(bins.edges[i + 1]),
                    "drawings": int(bins.counts[i]),
                    "confidence": float(bins.confidence[i]),
                    "accuracy": float(bins.accuracy[i]),
                }
                for i in np.flatnonzero(bins.counts)
            ],
            "confused_pairs": [
                asdict(pair)
                for pair in confused_pairs(self.confusion, self.label_names, most=_PAIRS)
            ],
        }


def evaluate(model: Model, dataset: Dataset, *, batch_size: int = 512) -> Evaluation:
    """Evaluate a model on a data set.

    Parameters
    ----------
    model : Model
        On any device. Its network is left in evaluation mode.
    dataset : ArrayDataset, ShardDataset or another data set of `open_splits`
        Its labels must be those of the model, in the same order; its rows must be images or
        strokes, whichever the model takes.
    batch_size : int
        Rows that are on the device at once.

    Returns
    -------
    Evaluation
        The prediction for every row, and the metrics.

    Raises
    ------
    UsageError
        If the data set is empty or has other labels than the model.
    DataError
        If its images have another size than the model expects.

    See Also
    --------
    predict : Recognize drawings without knowing their labels.

    Examples
    --------
    >>> import numpy as np
    >>> from quickdraw_kit import ArrayDataset, Model, evaluate
    >>> images, labels = np.zeros((4, 28, 28), np.uint8), np.array([0, 1, 1, 0])
    >>> dataset = ArrayDataset(images, labels, ("cat", "dog"))
    >>> evaluation = evaluate(Model.new("tiny-cnn", ("cat", "dog")), dataset)
    >>> evaluation.top1, int(evaluation.confusion.sum())
    (0.5, 4)
    """
    # before the pass: with other labels, all metrics would be plausible and wrong
    if len(dataset) == 0:
        raise UsageError("the data set is empty: there is nothing to evaluate")
    if dataset.label_names != model.label_names:
        raise UsageError(
            f"the model has the labels {_shorten(model.label_names)}, but the data set has "
            f"{_shorten(dataset.label_names)}: expected the same labels in the same order"
        )

    labels, predictions, confidence, ranks, losses = [], [], [], [], []
    model.network.eval()
    with torch.inference_mode():
        for rows, batch_labels in dataset.batches(batch_size):
            logits = model.logits(rows).float()  # metrics are float32 even for a bfloat16 network

            # copied, for labels may be a view of a memory map, which torch cannot write to
            true_labels = np.array(batch_labels)
            target = torch.from_numpy(true_labels).to(logits.device)
            losses.append(cross_entropy(logits, target, reduction="none").cpu().numpy())
            confidence.append(softmax(logits, dim=1).amax(dim=1).cpu().numpy())

            # ranks come from logits: softmax rounds close ones to equal probabilities
            scores = logits.cpu().numpy()
            labels.append(true_labels)
            predictions.append(scores.argmax(axis=1))
            ranks.append(true_label_ranks(scores, true_labels))
    return Evaluation(
        label_names=model.label_names,
        labels=np.concatenate(labels),
        predictions=np.concatenate(predictions),
        confidence=np.concatenate(confidence),
        ranks=np.concatenate(ranks),
        losses=np.concatenate(losses),
    )


def training_config(model: Model, data: Any) -> TrainConfig:
    """Return a config with which `open_splits` splits `data` as for the training of a model.

    A model without a saved config gets the default fractions.
    """
    saved = model.metadata.get("config")
    saved = saved if isinstance(saved, Mapping) else {}
    fractions = {name: saved[name] for name in ("val_fraction", "test_fraction") if name in saved}
    return TrainConfig(data=data, network=model.architecture, **fractions)


def _shorten(names: tuple[str, ...]) -> str:
    listed = ", ".join(names[:4])
    return f"{listed} ... ({len(names)} labels)" if len(names) > 4 else listed
