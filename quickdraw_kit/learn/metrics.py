"""Measures of answers, from arrays: what the papers report, and whether a model knows when it errs.

All follow the definitions of scikit-learn where it has the measure; the tests hold them to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from quickdraw_kit.errors import UsageError

__all__ = [
    "ClassScores",
    "Confusion",
    "Reliability",
    "class_scores",
    "confused_pairs",
    "mean_average_precision",
    "ranks_of",
    "reliability",
    "top_k_accuracy",
]

Counts = npt.NDArray[np.int64]
Reals = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class ClassScores:
    """How well each label is told from the others."""

    precision: Reals
    recall: Reals
    f1: Reals
    support: Counts
    macro_f1: float


@dataclass(frozen=True, slots=True)
class Confusion:
    """A pair of labels of which one was taken for the other."""

    truth: str
    answer: str
    count: int
    share: float


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """Whether answers that a model is 80 % sure of are right 80 times in 100."""

    edges: Reals
    counts: Counts
    confidence: Reals
    accuracy: Reals

    @property
    def error(self) -> float:
        """Expected calibration error (Guo et al. 2017): mean gap of the bins, by their counts."""
        gaps = np.abs(self.accuracy - self.confidence)
        return float(np.nansum(gaps * self.counts) / max(int(self.counts.sum()), 1))


def ranks_of(scores: npt.NDArray[np.floating], labels: Counts) -> Counts:
    """Say at which place the truth stands among the answers."""
    own = np.take_along_axis(scores, labels[:, None], axis=1)
    behind = np.arange(scores.shape[1]) >= labels[:, None]
    # what is not surely behind the truth stands before it, so that NaN is never a right answer
    ranks: Counts = (~((own > scores) | ((own == scores) & behind))).sum(axis=1)
    return ranks


def top_k_accuracy(ranks: Counts, k: int) -> float:
    """Return the share of rows whose truth is among the first `k` answers."""
    return float((ranks < k).mean())


def mean_average_precision(ranks: Counts, k: int = 3) -> float:
    """Return MAP@k, the score of the Kaggle competition about this data set."""
    return float(np.where(ranks < k, 1 / (ranks + 1), 0).mean())


def class_scores(confusion: Counts) -> ClassScores:
    """Return precision, recall, F1 and support of each label."""
    right = np.diag(confusion)
    answered, support = confusion.sum(axis=0), confusion.sum(axis=1)
    f1 = _ratio(2 * right, answered + support)
    occurs = answered + support > 0
    return ClassScores(
        precision=_ratio(right, answered),
        recall=_ratio(right, support),
        f1=f1,
        support=support,
        macro_f1=float(f1[occurs].mean()) if occurs.any() else 0.0,
    )


def reliability(
    confidence: npt.NDArray[np.floating], right: npt.NDArray[np.bool_], *, bins: int = 15
) -> Reliability:
    """Sort answers by how sure the model was, and count how many of them are right."""
    if bins < 1 or len(confidence) != len(right):
        raise UsageError(
            f"{len(confidence)} confidences and {len(right)} marks in {bins} bins: expected as "
            "many of each, and a bin"
        )
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    counts = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):  # an empty bin has no mean
        means = [
            np.bincount(place, values.astype(np.float64), bins) / counts
            for values in (confidence, right)
        ]
    return Reliability(edges, counts, *means)


def confused_pairs(
    confusion: Counts, names: Sequence[str], *, most: int = 20
) -> tuple[Confusion, ...]:
    """List the pairs of labels that are confused most often."""
    wrong = confusion.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[: min(most, np.count_nonzero(wrong))]
    support = confusion.sum(axis=1)
    pairs = []
    for cell in order.tolist():
        truth, answer = divmod(cell, len(names))
        count = int(wrong[truth, answer])
        pairs.append(Confusion(names[truth], names[answer], count, count / int(support[truth])))
    return tuple(pairs)


def _ratio(part: Counts, whole: Counts) -> Reals:
    return np.divide(part, whole, out=np.zeros(len(whole)), where=whole > 0)
