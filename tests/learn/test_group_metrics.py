"""The metrics of a group are those of its rows alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickdraw_kit.errors import UsageError
from quickdraw_kit.learn.data.dataset import ArrayDataset
from quickdraw_kit.learn.data.splits import open_splits
from quickdraw_kit.learn.evaluate import Evaluation, evaluate, training_config
from quickdraw_kit.learn.group_metrics import group_columns, metrics_by_group
from quickdraw_kit.learn.models.model import Model
from quickdraw_kit.shards.read.dataset import open_shards


def evaluation_of(labels, predictions, classes):
    """An evaluation of which only labels and predictions matter."""
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    ranks = (labels != predictions).astype(np.int64)
    half = np.full(len(labels), 0.5, np.float32)
    losses = np.abs(labels - predictions).astype(np.float32)
    names = tuple(f"label {label}" for label in range(classes))
    return Evaluation(names, labels, predictions, half, ranks, losses)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.sampled_from("abc")), min_size=1)
)
def test_the_metrics_of_a_group_are_those_of_its_rows_alone(rows):
    labels, predictions, values = map(np.array, zip(*rows, strict=True))
    groups = metrics_by_group(evaluation_of(labels, predictions, 4), values)
    assert sum(group.drawings for group in groups) == len(rows)
    sizes = [group.drawings for group in groups]
    assert sizes == sorted(sizes, reverse=True)
    for group in groups:
        rows_of_group = values == group.name
        alone = evaluation_of(labels[rows_of_group], predictions[rows_of_group], 4)
        assert group.drawings == len(alone)
        assert group.loss == pytest.approx(alone.loss)
        assert (group.top1, group.top3) == pytest.approx((alone.top1, alone.top3))


def test_groups_need_a_value_for_each_row():
    with pytest.raises(UsageError, match="1 values for 2 rows"):
        metrics_by_group(evaluation_of([0, 1], [0, 1], 2), np.array(["DE"]))


@pytest.mark.parametrize("format", ["npy", "parquet"])
def test_group_columns_are_in_row_order(shards, format):
    dataset = open_shards(shards / format)
    frame, columns = dataset.to_pandas(), group_columns(dataset)
    assert frame["label"].tolist() == dataset.labels.tolist()
    assert columns["countrycode"].tolist() == frame["countrycode"].tolist()
    assert (columns["recognized"] == "yes").tolist() == frame["recognized"].tolist()
    assert {"yes", "no"} == set(columns["recognized"])


def test_strokes_have_the_group_columns_of_their_images(shards):
    model = Model.new("stroke-cnn", open_shards(shards / "parquet").label_names)
    splits = open_splits(training_config(model, shards / "parquet"))
    images = open_shards(shards / "parquet", split="train")
    columns, expected = group_columns(splits["train"]), group_columns(images)
    assert {name: values.tolist() for name, values in columns.items()} == {
        name: values.tolist() for name, values in expected.items()
    }


def test_bitmaps_have_no_group_columns():
    images, labels = np.zeros((2, 28, 28), np.uint8), np.zeros(2, np.int64)
    assert group_columns(ArrayDataset(images, labels, ("cat",))) == {}


@pytest.fixture(scope="module")
def bitmaps(tmp_path_factory):
    """Generated drawings as official bitmaps, which have no metadata."""
    from quickdraw_kit.raster.render import rasterize
    from quickdraw_kit.synthetic.generator import generate_drawings

    folder = tmp_path_factory.mktemp("bitmaps")
    batch = generate_drawings(("moon", "sun"), 40, seed=3, raw=False)
    for code, name in enumerate(batch.words):
        images = rasterize(batch.filter(batch.word_code == code))
        np.save(folder / f"{name}.npy", images.reshape(-1, 784))
    return folder


def test_a_column_without_values_is_left_out(bitmaps, tmp_path):
    from quickdraw_kit.shards.prepare.pipeline import prepare

    prepare([bitmaps], tmp_path / "shards", workers=1)
    assert group_columns(open_shards(tmp_path / "shards")) == {}


def test_rows_without_a_value_are_a_group(bitmaps, shards, tmp_path):
    from quickdraw_kit.shards.prepare.pipeline import prepare

    prepare([bitmaps / "moon.npy", shards / "sample"], tmp_path / "shards", workers=1)
    dataset = open_shards(tmp_path / "shards")
    result = evaluate(Model.new("tiny-cnn", dataset.label_names), dataset)
    moons = int((dataset.labels == dataset.label_names.index("moon")).sum())
    for values in group_columns(dataset).values():
        groups = {group.name: group.drawings for group in metrics_by_group(result, values)}
        assert groups.pop("unknown") == moons > 0
        assert sum(groups.values()) == len(dataset) - moons
