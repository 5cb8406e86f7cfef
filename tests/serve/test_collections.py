"""Collections: filters choose what they say, and neighbours are near."""

import numpy as np
import pytest

from quickdraw_kit.errors import DataError, QuickdrawError
from quickdraw_kit.serve.collections import Choice, open_collection


@pytest.fixture(scope="module", params=["drawings", "shards"])
def collection(request, places):
    return open_collection(places / request.param)


def test_each_filter_chooses_what_it_says(collection):
    everything = [collection.describe(row) for row in range(len(collection))]
    for name, key in (("category", "word"), ("country", "country")):
        for value in {told[key] for told in everything}:
            rows = collection.choose(Choice(**{name: value}))
            assert rows.tolist() == [i for i, told in enumerate(everything) if told[key] == value]
            assert collection.facets()[name][value] == len(rows)
    for value in (True, False):
        rows = collection.choose(Choice(recognized=value))
        assert rows.tolist() == [
            i for i, told in enumerate(everything) if told["recognized"] == value
        ]


def test_filters_are_joined(collection):
    both = collection.choose(Choice(category="star", country="US"))
    one, other = (collection.choose(c) for c in (Choice(category="star"), Choice(country="US")))
    assert set(both.tolist()) == set(one.tolist()) & set(other.tolist())


def test_names_that_are_not_there_choose_nothing(collection):
    assert len(collection.choose(Choice(category="no such"))) == 0
    assert len(collection.choose(Choice(flag="no such"))) == 0


def test_shards_know_their_splits(places):
    collection = open_collection(places / "shards")
    counts = collection.facets()["split"]
    assert sum(counts.values()) == len(collection)
    rows = collection.choose(Choice(split="test"))
    assert len(rows) == counts["test"]
    assert {collection.describe(int(row))["split"] for row in rows} == {"test"}


def test_shards_and_drawings_are_the_same_drawings(places):
    def seen(name):
        collection = open_collection(places / name)
        images = collection.images(np.arange(len(collection)))
        told = [collection.describe(row) for row in range(len(collection))]
        return {
            t["key_id"]: (t["word"], t["country"], image.tobytes())
            for t, image in zip(told, images, strict=True)
        }

    assert seen("drawings") == seen("shards")


def test_neighbours_come_in_order_and_without_the_drawing_itself(collection):
    near = collection.neighbours(7, 12)
    assert len(near) == 12
    assert 7 not in [row for row, _ in near]
    differences = [difference for _, difference in near]
    assert differences == sorted(differences)
    images = collection.images(np.arange(len(collection))).astype(np.float64)
    all_ = np.sqrt(np.square(images - images[7]).mean(axis=(1, 2)))
    all_[7] = np.inf
    np.testing.assert_allclose(differences, np.sort(all_)[:12], rtol=1e-4)


@pytest.mark.parametrize("row", [-1, 10**9])
def test_a_row_that_is_not_there(collection, row):
    with pytest.raises(DataError, match="drawing"):
        collection.describe(row)
    with pytest.raises(DataError, match="drawing"):
        collection.neighbours(row, 3)


def test_an_empty_folder_is_no_collection(tmp_path):
    with pytest.raises(QuickdrawError):
        open_collection(tmp_path)
