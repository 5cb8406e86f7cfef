"""Collections: filters choose what they say, and neighbors are near."""

import numpy as np
import pytest

from quickdraw_kit.errors import DataError, QuickdrawError
from quickdraw_kit.serve.collections import Filter, open_collection
from quickdraw_kit.shards.prepare.pipeline import prepare


@pytest.fixture(scope="module", params=["drawings", "shards"])
def collection(request, places):
    return open_collection(places / request.param)


def test_each_filter_chooses_what_it_says(collection):
    everything = [collection.describe(row) for row in range(len(collection))]
    for name, key in (("category", "word"), ("country", "country")):
        for value in {description[key] for description in everything}:
            rows = collection.select(Filter(**{name: value}))
            assert rows.tolist() == [
                i for i, description in enumerate(everything) if description[key] == value
            ]
            assert collection.facets()[name][value] == len(rows)
    for value in (True, False):
        rows = collection.select(Filter(recognized=value))
        assert rows.tolist() == [
            i for i, description in enumerate(everything) if description["recognized"] == value
        ]


def test_filters_are_joined(collection):
    both = collection.select(Filter(category="star", country="US"))
    one, other = (collection.select(c) for c in (Filter(category="star"), Filter(country="US")))
    assert set(both.tolist()) == set(one.tolist()) & set(other.tolist())


def test_names_that_are_not_there_choose_nothing(collection):
    assert len(collection.select(Filter(category="no such"))) == 0
    assert len(collection.select(Filter(flag="no such"))) == 0


def test_shards_know_their_splits(places):
    collection = open_collection(places / "shards")
    counts = collection.facets()["split"]
    assert sum(counts.values()) == len(collection)
    rows = collection.select(Filter(split="test"))
    assert len(rows) == counts["test"]
    assert {collection.describe(int(row))["split"] for row in rows} == {"test"}


def test_shards_and_drawings_are_the_same_drawings(places):
    def seen(name):
        collection = open_collection(places / name)
        images = collection.images(np.arange(len(collection)))
        description = [collection.describe(row) for row in range(len(collection))]
        return {
            t["key_id"]: (t["word"], t["country"], image.tobytes())
            for t, image in zip(description, images, strict=True)
        }

    assert seen("drawings") == seen("shards")


def test_neighbors_come_in_order_and_without_the_drawing_itself(collection):
    near = collection.nearest(7, 12)
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
        collection.nearest(row, 3)


def test_an_empty_folder_is_no_collection(tmp_path):
    with pytest.raises(QuickdrawError):
        open_collection(tmp_path)


def test_shards_of_bitmaps_have_no_metadata(tmp_path):
    """Nobody knows who drew a bitmap, and the page says so."""
    np.save(tmp_path / "cat.npy", np.random.default_rng(0).integers(0, 256, (40, 784), np.uint8))
    prepare([tmp_path / "cat.npy"], tmp_path / "shards", workers=1)
    collection = open_collection(tmp_path / "shards")
    assert collection.facets()["recognized"] == {"false": 0, "true": 0, "unknown": 40}
    description = collection.describe(0)
    assert description["recognized"] is None
    assert description["time"] is None
    assert len(collection.select(Filter(recognized=True))) == 0
