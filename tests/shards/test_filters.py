"""Filters: a drawing that fails counts once, at the first filter that it fails."""

from dataclasses import replace

import numpy as np
import pytest

from quickdraw_kit.errors import UsageError
from quickdraw_kit.shards.filters import Filters
from quickdraw_kit.strokes.batch import DrawingBatch


@pytest.fixture
def batch():
    drawings = [[([0] * n, [0] * n)] * k for n, k in [(1, 1), (5, 1), (5, 2), (9, 3)]]
    batch = DrawingBatch.from_strokes(drawings, words=["cat", "dog", "cat", "cat"])
    batch = replace(batch, recognized_known=None)
    batch.countrycode[:] = [b"US", b"BR", b"BR", b"DE"]
    batch.recognized[:] = [True, True, False, True]
    return batch


@pytest.mark.parametrize(
    ("filters", "kept", "filtered"),
    [
        (Filters(), [1, 1, 1, 1], {}),
        (Filters(categories=("cat",)), [1, 0, 1, 1], {"category": 1}),
        (Filters(recognized_only=True), [1, 1, 0, 1], {"unrecognized": 1}),
        (Filters(countries=("br", "de")), [0, 1, 1, 1], {"country": 1}),
        (Filters(strokes=(2, None)), [0, 0, 1, 1], {"strokes": 2}),
        (Filters(points=(5, 10)), [0, 1, 1, 0], {"points": 2}),
        (
            Filters(categories=("cat",), recognized_only=True, points=(2, 30)),
            [0, 0, 0, 1],
            {"category": 1, "unrecognized": 1, "points": 1},
        ),
    ],
)
def test_filters(batch, filters, kept, filtered):
    keep, counts = filters.keep(batch)
    assert keep.tolist() == np.array(kept, bool).tolist()
    assert counts == filtered
    assert sum(kept) + sum(filtered.values()) == len(batch)


def test_what_is_not_known_is_counted_as_such(batch):
    batch = replace(
        batch,
        countrycode=np.array([b"US", b"", b"BR", b""]),
        recognized=np.array([True, False, False, False]),
        recognized_known=np.array([True, True, False, False]),
    )
    keep, counts = Filters(recognized_only=True).keep(batch)
    assert keep.tolist() == [True, False, False, False]
    assert counts == {"unrecognized": 1, "recognized unknown": 2}
    keep, counts = Filters(countries=("us",)).keep(batch)
    assert keep.tolist() == [True, False, False, False]
    assert counts == {"country": 1, "country unknown": 2}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"categories": ("catt",)}, "did you mean cat"),
        ({"countries": ("USA", "DE")}, "countries USA: expected two letters"),
        ({"max_per_category": 0}, "at least 1"),
        ({"strokes": (5, 2)}, "strokes 5:2: expected 0 <= smallest <= largest"),
        ({"points": (-1, None)}, "points -1:: expected"),
    ],
)
def test_invalid_filters(options, message):
    with pytest.raises(UsageError, match=message):
        Filters(**options)


def test_unknown_labels_are_allowed_on_request():
    assert Filters(categories=("my cat", "ant"), allow_unknown_labels=True).categories == (
        "ant",
        "my cat",
    )
