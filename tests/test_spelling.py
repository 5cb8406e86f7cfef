"""Suggestions for misspelled names."""

import pytest

from quickdraw_kit.spelling import did_you_mean, edit_distance, nearest


@pytest.mark.parametrize(
    ("typed", "meant", "distance"),
    [("cat", "cat", 0), ("cta", "cat", 1), ("catt", "cat", 1), ("", "cat", 3), ("dog", "cat", 3)],
)
def test_edits_are_counted(typed, meant, distance):
    assert edit_distance(typed, meant) == edit_distance(meant, typed) == distance


def test_the_nearest_name_comes_first():
    assert nearest("epoch", ["patience", "epochs", "each"]) == ["epochs"]
    assert nearest("Tiny-CNN", ["mnist-tiny", "tiny-cnn"]) == ["tiny-cnn"]


def test_without_a_near_name_all_are_listed():
    assert did_you_mean("epcohs", ["epochs", "seed"]) == "did you mean epochs?"
    assert did_you_mean("qqq", ["epochs", "seed"]) == "expected epochs, seed"
