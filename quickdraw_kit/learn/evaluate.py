"""`evaluate`: how good a model is on a data set, in one pass over it."""

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
    ClassScores,
    Reliability,
    class_scores,
    confused_pairs,
    mean_average_precision,
    ranks_of,
    reliability,
    top_k_accuracy,
)
from quickdraw_kit.learn.models.model import Model

__all__ = ["Evaluation", "evaluate", "settings_for"]

_PAIRS = 20  # confused pairs in a summary


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """What a model makes of a data set.

    Parameters
    ----------
    label_names : tuple of str
        Names in label order.
    labels, predictions : ndarray of int64, shape (n,)
        The truth and the first answer, in the order of the data set.
    confidence : ndarray of float32, shape (n,)
        Probability of the first answer.
    ranks : ndarray of int64, shape (n,)
        Place of the truth among the answers, from 0.
    losses : ndarray of float32, shape (n,)
        Cross entropy of each row, in nats.

    Examples
    --------
    >>> truth, answers, ranks = np.array([0, 0, 1]), np.array([0, 1, 1]), np.array([0, 1, 0])
    >>> sure, losses = np.full(3, 0.9, np.float32), np.array([0.1, 2.2, 0.1], np.float32)
    >>> result = Evaluation(("cat", "dog"), truth, answers, sure, ranks, losses)
    >>> result.confusion
    array([[1, 1],
           [0, 1]])
    >>> round(result.top1, 3), result.top3, round(result.macro_f1, 3)
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
        return float(self.losses.mean(dtype=np.float64))

    @property
    def top1(self) -> float:
        """Share of the rows whose label is the first of the answers."""
        return top_k_accuracy(self.ranks, 1)

    @property
    def top3(self) -> float:
        """Share of the rows whose label is among the first three of the answers."""
        return top_k_accuracy(self.ranks, 3)

    @property
    def top5(self) -> float:
        """Share of the rows whose label is among the first five of the answers."""
        return top_k_accuracy(self.ranks, 5)

    @property
    def map3(self) -> float:
        """Mean average precision at 3."""
        return mean_average_precision(self.ranks, 3)

    @property
    def confusion(self) -> npt.NDArray[np.int64]:
        """How often label i was taken for label j, shape (classes, classes)."""
        classes = len(self.label_names)
        cells = self.labels * classes + self.predictions
        return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)

    @property
    def classes(self) -> ClassScores:
        """Precision, recall, F1 and support of each label."""
        return class_scores(self.confusion)

    @property
    def macro_f1(self) -> float:
        """Mean F1 of the labels that occur."""
        return self.classes.macro_f1

    @property
    def reliability(self) -> Reliability:
        """Confidence against accuracy, in 15 bins."""
        return reliability(self.confidence, self.ranks == 0)

    @property
    def calibration_error(self) -> float:
        """Mean gap between confidence and accuracy: 0 for a model that knows how sure to be."""
        return self.reliability.error

    def figures(self) -> dict[str, float]:
        """Return the measures by their names.

        Returns
        -------
        dict of str to float
            ``loss``, ``top1``, ``top3``, ``top5``, ``map3``, ``macro_f1``, ``calibration_error``.
        """
        names = ("loss", "top1", "top3", "top5", "map3", "macro_f1", "calibration_error")
        return {name: getattr(self, name) for name in names}

    def summary(self) -> dict[str, Any]:
        """Return everything but the single answers, as JSON can hold it.

        Returns
        -------
        dict
            ``drawings``, the measures, ``per_class``, ``reliability`` (bins that are not empty)
            and the most frequent ``confused_pairs``.
        """
        scores, bins = self.classes, self.reliability
        return {
            "drawings": len(self),
            **self.figures(),
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
            "reliability": [
                {
                    "from": float(bins.edges[place]),
                    "to": float(bins.edges[place + 1]),
                    "answers": int(bins.counts[place]),
                    "confidence": float(bins.confidence[place]),
                    "accuracy": float(bins.accuracy[place]),
                }
                for place in np.flatnonzero(bins.counts)
            ],
            "confused_pairs": [
                asdict(pair)
                for pair in confused_pairs(self.confusion, self.label_names, most=_PAIRS)
            ],
        }


def evaluate(model: Model, dataset: Dataset, *, batch_size: int = 512) -> Evaluation:
    """Run a model over a data set.

    Parameters
    ----------
    model : Model
        On any device.
    dataset : Dataset
        With the labels of the model, of images or of strokes, as the model reads.
    batch_size : int
        Rows that are on the device at once.

    Returns
    -------
    Evaluation
        Every answer, and the measures.

    Raises
    ------
    UsageError
        If the data set is empty or its labels are not those of the model.
    DataError
        If its images have another size.

    Examples
    --------
    >>> from quickdraw_kit.learn.data.dataset import ArrayDataset
    >>> images, labels = np.zeros((4, 28, 28), np.uint8), np.array([0, 1, 1, 0])
    >>> dataset = ArrayDataset(images, labels, ("cat", "dog"))
    >>> result = evaluate(Model.new("tiny-cnn", ("cat", "dog")), dataset)
    >>> result.top1, int(result.confusion.sum())
    (0.5, 4)
    """
    if len(dataset) == 0:
        raise UsageError("the data set is empty: there is nothing to evaluate")
    if dataset.label_names != model.label_names:
        raise UsageError(
            f"the model knows {_some(model.label_names)}, but the data set has "
            f"{_some(dataset.label_names)}: labels must be the same, in the same order"
        )
    labels, predictions, confidence, ranks, losses = [], [], [], [], []
    model.network.eval()
    with torch.inference_mode():
        for rows, truth in dataset.batches(batch_size):
            logits = model.logits(rows).float()
            target = torch.from_numpy(np.array(truth)).to(logits.device)
            losses.append(cross_entropy(logits, target, reduction="none").cpu().numpy())
            confidence.append(softmax(logits, dim=1).amax(dim=1).cpu().numpy())
            scores = logits.cpu().numpy()
            labels.append(np.array(truth))
            predictions.append(scores.argmax(axis=1))
            ranks.append(ranks_of(scores, labels[-1]))
    return Evaluation(
        label_names=model.label_names,
        labels=np.concatenate(labels),
        predictions=np.concatenate(predictions),
        confidence=np.concatenate(confidence),
        ranks=np.concatenate(ranks),
        losses=np.concatenate(losses),
    )


def settings_for(model: Model, data: Any) -> TrainConfig:
    """Return the settings that open a data set as it was opened for the training of a model."""
    told = model.metadata.get("config")
    told = told if isinstance(told, Mapping) else {}
    shares = {name: told[name] for name in ("val_fraction", "test_fraction") if name in told}
    return TrainConfig(data=data, network=model.architecture, **shares)


def _some(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:4])
    return f"{shown} ... ({len(names)} labels)" if len(names) > 4 else shown
