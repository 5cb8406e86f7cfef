"""Confusion matrices: numbers for a few labels, clusters for many, and every name is written."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image
from scipy.cluster.hierarchy import cophenet, linkage
from scipy.spatial.distance import squareform

from quickdraw_kit.categories import CATEGORIES
from quickdraw_kit.errors import UsageError
from quickdraw_kit.show.confusion import confusion_matrix, most_confused, similarity_order


def test_small_matrix_has_numbers(tmp_path, texts):
    matrix = np.array([[8, 2, 0], [0, 5, 0], [0, 0, 0]])
    confusion_matrix(matrix, ["cat", "dog", "eel"], tmp_path / "confusion.svg")
    written = texts(tmp_path / "confusion.svg")
    assert [text for text in written if text.isdigit()] == ["80", "20", "100"]
    assert "86.7 % of 15 predictions are correct" in written
    assert written.count("eel") == 2


def test_rare_confusions_are_marked(tmp_path, texts):
    confusion_matrix(np.array([[999, 1], [0, 1000]]), ["cat", "dog"], tmp_path / "confusion.svg")
    assert "·" in texts(tmp_path / "confusion.svg")


@pytest.mark.slow
def test_large_matrix_has_all_names_and_the_most_confused_pairs(tmp_path, texts):
    matrix = np.diag(np.full(345, 50))
    cat, lion = CATEGORIES.index("cat"), CATEGORIES.index("lion")
    matrix[cat, lion] = 1_777
    matrix[lion, cat] = 9
    confusion_matrix(matrix, CATEGORIES, tmp_path / "confusion.svg")
    written = texts(tmp_path / "confusion.svg")
    assert all(written.count(name) >= 2 for name in CATEGORIES)
    pairs = [text for text in written if " → " in text]
    assert pairs == ["cat → lion", "lion → cat"]
    assert "1,777" in written


@pytest.mark.parametrize("classes", [1, 31])
def test_matrices_of_any_size(tmp_path, classes):
    names = [f"label {label}" for label in range(classes)]
    confusion_matrix(np.ones((classes, classes), np.int64), names, tmp_path / "confusion.png")
    with Image.open(tmp_path / "confusion.png") as image:
        assert image.width > 200


def test_matrix_and_names_must_match(tmp_path):
    with pytest.raises(
        UsageError, match=r"matrix is \(2, 2\), expected a row and a column for each of 1 names"
    ):
        confusion_matrix(np.zeros((2, 2), np.int64), ["cat"], tmp_path / "confusion.svg")


@given(
    st.integers(1, 12).flatmap(
        lambda size: arrays.arrays(np.int64, (size, size), elements=st.integers(0, 50))
    )
)
def test_order_is_a_permutation(matrix):
    assert sorted(similarity_order(matrix)) == list(range(len(matrix)))


def test_clusters_are_contiguous():
    rng = np.random.default_rng(0)
    member = rng.permutation(np.repeat(np.arange(8), 5))
    same = member[:, None] == member
    matrix = np.where(same, rng.integers(5, 20, (40, 40)), rng.integers(0, 2, (40, 40)))
    order = similarity_order(matrix + 60 * np.eye(40, dtype=int))
    assert (np.diff(member[order]) != 0).sum() == 7


def test_clusters_match_scipy():
    """At any height, the labels of a cluster of SciPy are next to each other."""
    rng = np.random.default_rng(1)
    matrix = rng.integers(0, 1000, (30, 30))
    shares = matrix / matrix.sum(axis=1, keepdims=True)
    distance = 1 - (shares + shares.T) / 2
    np.fill_diagonal(distance, 0)
    heights = squareform(cophenet(linkage(squareform(distance, checks=False), "average")))
    position = np.argsort(similarity_order(matrix))
    for height in np.unique(heights):
        for label in range(30):
            cluster = np.sort(position[heights[label] <= height])
            assert (np.diff(cluster) == 1).all()


def test_most_confused_labels_are_those_of_the_most_frequent_pairs(tmp_path, texts):
    matrix = np.diag(np.full(345, 50))
    frequent = [
        ("cat", "lion", 50),
        ("lion", "tiger", 40),
        ("car", "truck", 30),
        ("bed", "pool", 1),
    ]
    for truth, prediction, count in frequent:
        matrix[CATEGORIES.index(truth), CATEGORIES.index(prediction)] = count
    most_confused(matrix, CATEGORIES, tmp_path / "confused.svg", most=5)
    written = texts(tmp_path / "confused.svg")
    labels = {"cat", "lion", "tiger", "car", "truck"}
    assert {name for name in written if name in CATEGORIES} == labels
    assert "50" in written  # cat: 50 of the complete row, which is 100
    assert "44" in written  # lion: 40 of 90


def test_most_confused_labels_of_no_confusions(tmp_path):
    with pytest.raises(UsageError, match="no labels are confused"):
        most_confused(np.eye(3, dtype=np.int64), ["a", "b", "c"], tmp_path / "confused.svg")
    with pytest.raises(UsageError, match="most is 31, expected 2 to 30 labels"):
        most_confused(np.ones((3, 3), np.int64), ["a", "b", "c"], tmp_path / "c.svg", most=31)


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_same_numbers_same_bytes(tmp_path, suffix):
    paths = [tmp_path / f"{copy}.{suffix}" for copy in "12"]
    for path in paths:
        confusion_matrix(np.eye(31, dtype=np.int64), [str(n) for n in range(31)], path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
