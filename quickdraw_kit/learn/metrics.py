"""Metrics from arrays: the ones that papers report, and calibration.

All follow the definitions of scikit-learn where it has the metric; the tests compare with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import UsageError

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class ClassScores:
    """Precision, recall, F1 and support of each label, shape (classes,), and the macro F1."""

    precision: FloatArray  # 0 for a label that was never predicted
    recall: FloatArray  # 0 for a label without rows
    f1: FloatArray
    support: IntArray  # rows of the label
    macro_f1: float  # mean over the labels that occur or were predicted


@dataclass(frozen=True, slots=True)
class ConfusedPair:
    """A label, another one that was predicted for it, and how often."""

    label: str
    predicted: str
    count: int
    fraction: float  # of the rows of `label`


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """Mean confidence and accuracy of the predictions, in bins of equal width by confidence."""

    edges: FloatArray  # shape (bins + 1,)
    counts: IntArray  # shape (bins,)
    confidence: FloatArray  # NaN in an empty bin
    accuracy: FloatArray  # NaN in an empty bin

    @property
    def error(self) -> float:
        """Expected calibration error (Guo et al. 2017): mean gap of the bins, by their counts."""
        gaps = np.abs(self.accuracy - self.confidence)
        return float(np.nansum(gaps * self.counts) / max(int(self.counts.sum()), 1))


def true_label_ranks(scores: npt.NDArray[np.floating], labels: IntArray) -> IntArray:
    """Return the rank of the true label in each row of scores; 0 is the best.

    Equal scores rank in label order, as `argmax` and a stable sort do.
    """
    true = np.take_along_axis(scores, labels[:, None], axis=1)
    later = np.arange(scores.shape[1]) >= labels[:, None]
    behind = (true > scores) | ((true == scores) & later)

    # NaN compares false, so it counts as ahead of the true label and is never a correct prediction
    ranks: IntArray = (~behind).sum(axis=1)
    return ranks


def top_k_accuracy(ranks: IntArray, k: int) -> float:
    """Return the fraction of rows whose true label is among the first `k`."""
    return float((ranks < k).mean())


def mean_average_precision(ranks: IntArray, k: int = 3) -> float:
    """Return MAP@k, the score of the Kaggle competition on this data set (k = 3)."""
    return float(np.where(ranks < k, 1 / (ranks + 1), 0).mean())


def class_scores(confusion: IntArray) -> ClassScores:
    """Compute the scores of each label from a confusion matrix (true label, predicted label)."""
    correct = np.diag(confusion)
    predicted, support = confusion.sum(axis=0), confusion.sum(axis=1)
    f1 = _divide(2 * correct, predicted + support)
    occurs = predicted + support > 0
    return ClassScores(
        precision=_divide(correct, predicted),
        recall=_divide(correct, support),
        f1=f1,
        support=support,
        macro_f1=float(f1[occurs].mean()) if occurs.any() else 0.0,
    )


def calibration(
    confidence: npt.NDArray[np.floating], correct: npt.NDArray[np.bool_], *, bins: int = 15
) -> Calibration:
    """Bin predictions by confidence; an edge belongs to the bin below it, and 0 to the first."""
    if bins < 1 or len(confidence) != len(correct):
        raise UsageError(
            f"{len(confidence)} confidences and {len(correct)} correctness flags in {bins} bins: "
            "expected equal lengths and at least 1 bin"
        )
    edges = np.linspace(0, 1, bins + 1)
    bin_of_row = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    counts = np.bincount(bin_of_row, minlength=bins)

    with np.errstate(invalid="ignore"):  # 0 / 0: the mean of an empty bin is NaN
        means = [
            np.bincount(bin_of_row, values.astype(np.float64), bins) / counts
            for values in (confidence, correct)
        ]
    return Calibration(edges, counts, *means)


def confused_pairs(
    confusion: IntArray, names: Sequence[str], *, most: int = 20
) -> tuple[ConfusedPair, ...]:
    """List the most frequent confusions, at most `most`; equal counts are in label order."""
    mistakes = confusion.copy()
    np.fill_diagonal(mistakes, 0)
    count = min(most, np.count_nonzero(mistakes))
    cells = np.argsort(-mistakes, axis=None, kind="stable")[:count]

    support = confusion.sum(axis=1)
    pairs = []
    for cell in cells.tolist():
        label, predicted = divmod(cell, len(names))
        times = int(mistakes[label, predicted])
        fraction = times / int(support[label])
        pairs.append(ConfusedPair(names[label], names[predicted], times, fraction))
    return tuple(pairs)


def _divide(numerator: IntArray, denominator: IntArray) -> FloatArray:
    """Divide, with 0 where the denominator is 0."""
    result = np.zeros(len(denominator))
    return np.divide(numerator, denominator, out=result, where=denominator > 0)
