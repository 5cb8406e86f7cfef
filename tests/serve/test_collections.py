"""Collections: filters, metadata and nearest neighbors."""

import numpy as np
import pytest

from quickdraw_kit.errors import DataError, QuickdrawError
from quickdraw_kit.serve.collections import Filter, open_collection
from quickdraw_kit.shards.prepare.pipeline import prepare
from tests.conftest import official_line


@pytest.fixture(scope="module", params=["drawings", "shards"])
def collection(request, served):
    return open_collection(served / request.param)


def test_each_filter_selects_its_drawings(collection):
    descriptions = [collection.describe(row) for row in range(len(collection))]
    for name, key in (("category", "word"), ("country", "country")):
        for value in {description[key] for description in descriptions}:
            rows = collection.select(Filter(**{name: value}))
            assert rows.tolist() == [
                i for i, description in enumerate(descriptions) if description[key] == value
            ]
            assert collection.facets()[name][value] == len(rows)
    for value in (True, False):
        rows = collection.select(
            Filter(recognized={None: "unknown", False: "false", True: "true"}[value])
        )
        assert rows.tolist() == [
            i for i, description in enumerate(descriptions) if description["recognized"] == value
        ]


def test_filters_are_combined(collection):
    both = collection.select(Filter(category="star", country="US"))
    one, other = (collection.select(c) for c in (Filter(category="star"), Filter(country="US")))
    assert set(both.tolist()) == set(one.tolist()) & set(other.tolist())


def test_unknown_names_select_nothing(collection):
    assert len(collection.select(Filter(category="unknown"))) == 0
    assert len(collection.select(Filter(flag="unknown"))) == 0


def test_shards_have_splits(served):
    collection = open_collection(served / "shards")
    counts = collection.facets()["split"]
    assert sum(counts.values()) == len(collection)
    rows = collection.select(Filter(split="test"))
    assert len(rows) == counts["test"]
    assert {collection.describe(int(row))["split"] for row in rows} == {"test"}


def test_shards_and_files_have_the_same_drawings(served):
    def contents(name):
        collection = open_collection(served / name)
        images = collection.images(np.arange(len(collection)))
        descriptions = [collection.describe(row) for row in range(len(collection))]
        return {
            each["key_id"]: (each["word"], each["country"], image.tobytes())
            for each, image in zip(descriptions, images, strict=True)
        }

    assert contents("drawings") == contents("shards")


def test_neighbors_are_sorted_without_the_drawing_itself(collection):
    neighbors = collection.nearest(7, 12)
    assert len(neighbors) == 12
    assert 7 not in [row for row, _ in neighbors]
    differences = [difference for _, difference in neighbors]
    assert differences == sorted(differences)
    images = collection.images(np.arange(len(collection))).astype(np.float64)
    expected = np.sqrt(np.square(images - images[7]).mean(axis=(1, 2)))
    expected[7] = np.inf
    np.testing.assert_allclose(differences, np.sort(expected)[:12], rtol=1e-4)


@pytest.mark.parametrize("row", [-1, 10**9])
def test_row_out_of_range(collection, row):
    with pytest.raises(DataError, match="drawing"):
        collection.describe(row)
    with pytest.raises(DataError, match="drawing"):
        collection.nearest(row, 3)


def test_empty_folder_is_rejected(tmp_path):
    with pytest.raises(QuickdrawError):
        open_collection(tmp_path)


def test_shards_of_bitmaps_have_no_metadata(tmp_path):
    np.save(tmp_path / "cat.npy", np.random.default_rng(0).integers(0, 256, (40, 784), np.uint8))
    prepare([tmp_path / "cat.npy"], tmp_path / "shards", workers=1)
    collection = open_collection(tmp_path / "shards")
    assert collection.facets()["recognized"] == {"false": 0, "true": 0, "unknown": 40}
    description = collection.describe(0)
    assert description["recognized"] is None
    assert description["time"] is None
    assert len(collection.select(Filter(recognized="true"))) == 0


def test_unknown_metadata_of_files_can_be_selected(tmp_path):
    lines = [official_line(1), b'{"word":"cat","drawing":[[[0,9],[0,9]]]}\n']
    (tmp_path / "mine.ndjson").write_bytes(b"".join([*lines, b'{"drawing":[[[0],[0]]]}\n']))
    collection = open_collection(tmp_path)
    assert collection.facets() == {
        "category": {"cat": 2, "unknown": 1},
        "country": {"US": 1, "unknown": 2},
        "recognized": {"false": 0, "true": 1, "unknown": 2},
    }
    assert collection.select(Filter(recognized="unknown", category="cat")).tolist() == [1]
    assert collection.select(Filter(country="unknown")).tolist() == [1, 2]
    description = collection.describe(2)
    known = [description[name] for name in ("word", "country", "time", "recognized")]
    assert known == [None] * 4
