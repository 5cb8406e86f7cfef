"""The metrics agree with scikit-learn, and with plain loops where it has none."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn import metrics as oracle
from sklearn.calibration import calibration_curve

from quickdraw_kit.errors import UsageError
from quickdraw_kit.learn.metrics import (
    calibration,
    class_scores,
    confused_pairs,
    mean_average_precision,
    top_k_accuracy,
    true_label_ranks,
)


@st.composite
def predictions(draw):
    """True and predicted labels, of which some may not occur."""
    count, size = draw(st.integers(1, 60)), draw(st.integers(2, 7))
    labels = arrays.arrays(np.int64, count, elements=st.integers(0, size - 1))
    return draw(labels), draw(labels), size


@st.composite
def scored(draw):
    """True labels and scores, among which ties are frequent."""
    count, size = draw(st.integers(1, 40)), draw(st.integers(2, 8))
    labels = draw(arrays.arrays(np.int64, count, elements=st.integers(0, size - 1)))
    values = st.integers(0, 6).map(lambda value: value / 6)
    return labels, draw(arrays.arrays(np.float64, (count, size), elements=values))


def confusion_of(true, predicted, size):
    return oracle.confusion_matrix(true, predicted, labels=range(size))


@given(predictions())
def test_class_scores(data):
    true, predicted, size = data
    scores = class_scores(confusion_of(true, predicted, size))
    expected = oracle.precision_recall_fscore_support(
        true, predicted, labels=range(size), zero_division=0
    )
    for actual, desired in zip(
        (scores.precision, scores.recall, scores.f1, scores.support), expected, strict=True
    ):
        np.testing.assert_allclose(actual, desired, rtol=1e-12)
    macro = oracle.f1_score(true, predicted, average="macro", zero_division=0)
    assert scores.macro_f1 == pytest.approx(macro)


@given(scored())
def test_the_first_of_equal_scores_has_the_better_rank(data):
    labels, scores = data
    ranking = np.argsort(-scores, axis=1, kind="stable")
    expected = [list(row).index(label) for row, label in zip(ranking, labels, strict=True)]
    assert true_label_ranks(scores, labels).tolist() == expected


@given(scored(), st.integers(1, 5))
def test_top_k(data, k):
    labels, scores = data
    # scikit-learn ranks the last of equal scores first: no scores are equal here
    scores = scores - np.arange(scores.shape[1]) * 1e-6
    size = scores.shape[1]
    if size == 2 or k >= size:  # scikit-learn raises or warns
        best = np.argsort(-scores, axis=1)[:, :k]
        expected = (best == labels[:, None]).any(axis=1).mean()
    else:
        expected = oracle.top_k_accuracy_score(labels, scores, k=k, labels=range(size))
    assert top_k_accuracy(true_label_ranks(scores, labels), k) == pytest.approx(expected)


@given(scored())
def test_map_over_all_ranks_is_the_mean_reciprocal_rank(data):
    labels, scores = data
    scores = scores - np.arange(scores.shape[1]) * 1e-6
    one_hot = np.eye(scores.shape[1])[labels]
    expected = oracle.label_ranking_average_precision_score(one_hot, scores)
    ranks = true_label_ranks(scores, labels)
    assert mean_average_precision(ranks, scores.shape[1]) == pytest.approx(expected)


@given(scored(), st.integers(1, 5))
def test_map_at_k_is_the_score_of_the_competition(data, k):
    labels, scores = data
    total = 0.0
    for label, row in zip(labels, scores, strict=True):
        for position, predicted in enumerate(np.argsort(-row, kind="stable")[:k], start=1):
            total += (predicted == label) / position
    assert mean_average_precision(true_label_ranks(scores, labels), k) == pytest.approx(
        total / len(labels)
    )


def test_a_score_of_nan_is_never_correct():
    scores = np.array([[np.nan, np.nan, np.nan], [0.9, np.nan, 0.1]])
    ranks = true_label_ranks(scores, np.array([0, 0]))
    assert ranks[0] == 3
    assert ranks[1] > 0


@given(
    st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=80),
    st.integers(1, 20),
)
def test_calibration_error_is_the_mean_gap(rows, bins):
    confidence = np.array([value for value, _ in rows])
    correct = np.array([value for _, value in rows])
    result = calibration(confidence, correct, bins=bins)
    edges = np.linspace(0, 1, bins + 1)
    total = 0.0
    for i in range(bins):
        low, high = edges[i], edges[i + 1]
        inside = [
            (value, mark) for value, mark in rows if low < value <= high or (i == 0 and value == 0)
        ]
        assert result.counts[i] == len(inside)
        if inside:
            mean_confidence, accuracy = np.mean(inside, axis=0)
            total += len(inside) / len(rows) * abs(mean_confidence - accuracy)
    assert result.error == pytest.approx(total)


def test_bins_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(size=2_000)
    correct = rng.uniform(size=2_000) < confidence**2
    accuracy, means = calibration_curve(correct, confidence, n_bins=15)
    result = calibration(confidence, correct, bins=15)
    np.testing.assert_allclose(result.accuracy, accuracy)
    np.testing.assert_allclose(result.confidence, means)
    assert result.error > 0.1
    assert calibration(confidence, rng.uniform(size=2_000) < confidence).error < 0.04


def test_invalid_bins_and_lengths_are_refused():
    with pytest.raises(UsageError, match="in 0 bins"):
        calibration(np.ones(1), np.ones(1, bool), bins=0)
    with pytest.raises(UsageError, match="2 confidences and 1 correctness flags"):
        calibration(np.ones(2), np.ones(1, bool))


@given(predictions(), st.integers(1, 6))
def test_confused_pairs(data, most):
    true, predicted, size = data
    names = [f"label {label}" for label in range(size)]
    pairs = confused_pairs(confusion_of(true, predicted, size), names, most=most)
    mistakes = Counter(
        (names[label], names[other])
        for label, other in zip(true, predicted, strict=True)
        if label != other
    )
    assert [pair.count for pair in pairs] == sorted(mistakes.values(), reverse=True)[:most]
    for pair in pairs:
        assert mistakes[pair.label, pair.predicted] == pair.count
        assert pair.fraction == pair.count / (true == names.index(pair.label)).sum()
