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
    """How well each label is told from the others.

    Parameters
    ----------
    precision : ndarray of float64, shape (classes,)
        Share of the answers with this label that are right; 0 where it was never answered.
    recall : ndarray of float64, shape (classes,)
        Share of the rows of this label that were found; 0 where there is none.
    f1 : ndarray of float64, shape (classes,)
        Harmonic mean of both.
    support : ndarray of int64, shape (classes,)
        Rows of this label.
    macro_f1 : float
        Mean of `f1` over the labels that occur, in the truth or in the answers.

    See Also
    --------
    class_scores : makes it.
    """

    precision: Reals
    recall: Reals
    f1: Reals
    support: Counts
    macro_f1: float


@dataclass(frozen=True, slots=True)
class Confusion:
    """A pair of labels of which one was taken for the other.

    Parameters
    ----------
    truth, answer : str
        The labels.
    count : int
        How often.
    share : float
        Of the rows of `truth`.

    Examples
    --------
    >>> Confusion("cat", "lion", 12, 0.24).answer
    'lion'
    """

    truth: str
    answer: str
    count: int
    share: float


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """Whether answers that a model is 80 % sure of are right 80 times in 100.

    Parameters
    ----------
    edges : ndarray of float64, shape (bins + 1,)
        Of the bins of equal width, from 0 to 1; a bin holds its upper edge.
    counts : ndarray of int64, shape (bins,)
        Answers in each bin.
    confidence, accuracy : ndarray of float64, shape (bins,)
        Mean probability of the answers of a bin, and share of them that is right; NaN where
        there is none.

    Examples
    --------
    >>> sure = reliability(np.array([0.75, 0.75, 0.75, 0.75]), np.array([1, 1, 1, 0], bool))
    >>> sure.error
    0.0
    """

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
    """Say at which place the truth stands among the answers.

    Parameters
    ----------
    scores : ndarray of float, shape (n, classes)
        Higher is more likely; of equal ones the first stands before.
    labels : ndarray of int64, shape (n,)
        The truth.

    Returns
    -------
    ndarray of int64, shape (n,)
        From 0, the first answer; `classes` where the score of the truth is NaN.

    Examples
    --------
    >>> ranks_of(np.array([[0.1, 0.7, 0.2]]), np.array([2]))
    array([1])
    """
    own = np.take_along_axis(scores, labels[:, None], axis=1)
    behind = np.arange(scores.shape[1]) >= labels[:, None]
    # what is not surely behind the truth stands before it, so that NaN is never a right answer
    ranks: Counts = (~((own > scores) | ((own == scores) & behind))).sum(axis=1)
    return ranks


def top_k_accuracy(ranks: Counts, k: int) -> float:
    """Return the share of rows whose truth is among the first `k` answers.

    Parameters
    ----------
    ranks : ndarray of int64, shape (n,)
        As of `ranks_of`; at least one.
    k : int
        How many answers count.

    Returns
    -------
    float

    Examples
    --------
    >>> top_k_accuracy(np.array([0, 2, 1, 5]), 3)
    0.75
    """
    return float((ranks < k).mean())


def mean_average_precision(ranks: Counts, k: int = 3) -> float:
    """Return MAP@k, the score of the Kaggle competition about this data set.

    Parameters
    ----------
    ranks : ndarray of int64, shape (n,)
        As of `ranks_of`; at least one.
    k : int
        How many answers count.

    Returns
    -------
    float
        A truth at the first place counts 1, at the second 1/2, at the k-th 1/k, behind it nothing.

    Examples
    --------
    >>> mean_average_precision(np.array([0, 1, 7]))
    0.5
    """
    return float(np.where(ranks < k, 1 / (ranks + 1), 0).mean())


def class_scores(confusion: Counts) -> ClassScores:
    """Return precision, recall, F1 and support of each label.

    Parameters
    ----------
    confusion : ndarray of int64, shape (classes, classes)
        Row the truth, column the answer.

    Returns
    -------
    ClassScores

    Examples
    --------
    >>> scores = class_scores(np.array([[8, 2], [0, 5]]))
    >>> scores.recall, scores.support
    (array([0.8, 1. ]), array([10,  5]))
    """
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
    """Sort answers by how sure the model was, and count how many of them are right.

    Parameters
    ----------
    confidence : ndarray of float, shape (n,)
        Probability of each answer.
    right : ndarray of bool, shape (n,)
        Whether it is the truth.
    bins : int
        How many, of equal width.

    Returns
    -------
    Reliability

    Raises
    ------
    UsageError
        If there is no bin, or the lengths differ.

    Examples
    --------
    >>> reliability(np.array([0.9, 0.2]), np.array([True, False]), bins=2).counts
    array([1, 1])
    """
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
    """List the pairs of labels that are confused most often.

    Parameters
    ----------
    confusion : ndarray of int64, shape (classes, classes)
        Row the truth, column the answer.
    names : sequence of str
        Names in label order.
    most : int
        How many pairs, at most.

    Returns
    -------
    tuple of Confusion
        By count, the highest first; of equal ones, in label order.

    Examples
    --------
    >>> confused_pairs(np.array([[8, 2], [0, 5]]), ["cat", "dog"])
    (Confusion(truth='cat', answer='dog', count=2, share=0.2),)
    """
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
