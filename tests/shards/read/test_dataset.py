"""`open_shards`: batches and single rows give the same data."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickdraw_kit.errors import DataError, IntegrityError, UsageError
from quickdraw_kit.shards.options import PrepareOptions
from quickdraw_kit.shards.prepare.pipeline import prepare
from quickdraw_kit.shards.read.dataset import open_shards
from quickdraw_kit.synthetic.generator import write_sample
from tests.conftest import examples, official_line


@pytest.fixture(scope="module", params=["npy", "parquet"])
def folder(request, tmp_path_factory):
    parent = tmp_path_factory.mktemp("dataset")
    source = parent / "in.ndjson"
    words = ["cat", "dog", "ant"]
    source.write_bytes(b"".join(official_line(i, words[i % 3]) for i in range(500)))
    prepare(
        [source], parent / "out", options=PrepareOptions(format=request.param, rows_per_shard=70)
    )
    return parent / "out"


@examples(30)
@given(
    batch_size=st.integers(1, 300),
    shuffle=st.booleans(),
    seed=st.integers(0, 5),
    shuffle_buffer=st.integers(1, 600),
    drop_last=st.booleans(),
)
def test_batches_have_each_row_once(folder, batch_size, shuffle, seed, shuffle_buffer, drop_last):
    dataset = open_shards(folder, split="train")
    options = {
        "shuffle": shuffle,
        "seed": seed,
        "shuffle_buffer": shuffle_buffer,
        "drop_last": drop_last,
    }
    batches = list(dataset.batches(batch_size, **options))
    sizes = [len(labels) for _, labels in batches]
    assert all(size == batch_size for size in sizes[:-1])
    assert sum(sizes) == len(dataset) - (len(dataset) % batch_size if drop_last else 0)
    if drop_last:
        return
    rows = sorted(
        (image.tobytes(), label) for part in batches for image, label in zip(*part, strict=True)
    )
    singles = sorted(
        (image.tobytes(), label) for image, label in (dataset[i] for i in range(len(dataset)))
    )
    assert rows == singles


def bytes_of(batches):
    return [(images.tobytes(), labels.tolist()) for images, labels in batches]


@examples(30)
@given(
    batch_size=st.integers(1, 200),
    shuffle=st.booleans(),
    shuffle_buffer=st.integers(1, 400),
    skip=st.integers(0, 12),
)
def test_a_resumed_pass_is_the_rest_of_the_pass(folder, batch_size, shuffle, shuffle_buffer, skip):
    dataset = open_shards(folder, split="train")
    options = {"shuffle": shuffle, "seed": 3, "shuffle_buffer": shuffle_buffer}
    whole = bytes_of(dataset.batches(batch_size, **options))
    assert bytes_of(dataset.batches(batch_size, skip=skip, **options)) == whole[skip:]


@examples(30)
@given(batch_size=st.integers(1, 200), shuffle=st.booleans(), world_size=st.integers(1, 5))
def test_ranks_together_see_the_batches_of_one_process(folder, batch_size, shuffle, world_size):
    dataset = open_shards(folder, split="train")
    options = {"shuffle": shuffle, "seed": 3}
    whole = bytes_of(dataset.batches(batch_size, **options))
    parts = [
        bytes_of(dataset.batches(batch_size, rank=rank, world_size=world_size, **options))
        for rank in range(world_size)
    ]
    joined = [
        (b"".join(images for images, _ in step), [x for _, labels in step for x in labels])
        for step in zip(*parts, strict=True)
    ]
    assert joined == whole


def test_batches_in_order_are_the_rows_in_order(folder):
    dataset = open_shards(folder)
    images = np.concatenate([images for images, _ in dataset.batches(64)])
    assert all(np.array_equal(images[i], dataset[i][0]) for i in range(len(dataset)))
    labels = np.concatenate([labels for _, labels in dataset.batches(64)])
    assert np.array_equal(labels, dataset.labels)


def test_take_in_any_order(folder):
    dataset = open_shards(folder)
    rows = np.random.default_rng(0).integers(0, len(dataset), 200)
    images, labels = dataset.take(rows)
    for row, image, label in zip(rows.tolist(), images, labels, strict=True):
        assert np.array_equal(image, dataset[row][0])
        assert label == dataset[row][1]
    assert len(dataset.take([])[0]) == 0
    with pytest.raises(IndexError, match=f"out of range for {len(dataset)} drawings"):
        dataset.take([len(dataset)])


def test_the_seed_decides_the_order(folder):
    dataset = open_shards(folder, split="train")

    def order(seed):
        return np.concatenate(
            [i for i, _ in dataset.batches(32, shuffle=True, seed=seed)]
        ).tobytes()

    assert order(1) == order(1)
    assert order(1) != order(2)


def test_metadata_is_in_the_order_of_the_images(folder):
    dataset = open_shards(folder)
    frame = dataset.to_pandas()
    assert [dataset.label_names[label] for label in dataset.labels] == frame["word"].tolist()
    assert (frame["label"].to_numpy() == dataset.labels).all()
    assert frame["split"].value_counts().to_dict() == {
        name: rows for name, rows in dataset.manifest.rows.items() if rows
    }


def test_a_torch_data_loader_accepts_it(folder):
    torch = pytest.importorskip("torch")
    dataset = open_shards(folder, split="train")
    loader = torch.utils.data.DataLoader(dataset, batch_size=50, collate_fn=list)
    assert sum(len(batch) for batch in loader) == len(dataset)


def test_it_can_be_pickled(folder):
    dataset = open_shards(folder, split="test")
    dataset[0]
    copy = pickle.loads(pickle.dumps(dataset))
    assert np.array_equal(copy[-1][0], dataset[len(dataset) - 1][0])


def test_writing_to_images_does_not_change_the_data_set(folder):
    dataset = open_shards(folder)
    before = dataset.take(range(len(dataset)))[0]
    dataset[0][0][:] = 99
    dataset.take([0, 1])[0][:] = 99
    for images, labels in dataset.batches(16, shuffle=True):
        images[:] = 99
        labels[:] = 0
    assert np.array_equal(dataset.take(range(len(dataset)))[0], before)


def test_missing_splits_folders_and_rows(folder, tmp_path):
    with pytest.raises(UsageError, match="unknown split 'dev'"):
        open_shards(folder, split="dev")
    with pytest.raises(DataError, match="not a finished data set"):
        open_shards(tmp_path)
    dataset = open_shards(folder)
    for index in (len(dataset), -len(dataset) - 1):
        with pytest.raises(IndexError):
            dataset[index]
    with pytest.raises(UsageError, match="at least 1"):
        next(dataset.batches(0))


def test_a_shard_of_another_shape_is_an_error(tmp_path):
    source = tmp_path / "in.ndjson"
    source.write_bytes(b"".join(map(official_line, range(100))))
    prepare([source], tmp_path / "out")
    path = next((tmp_path / "out").glob("train*.images.npy"))
    rows = len(np.load(path))
    for array, message in (
        (np.zeros((3, 28, 28), np.uint8), r"has 2480 bytes, expected \d+"),
        (np.zeros((rows, 784), np.uint8), rf"contains uint8 \({rows}, 784\), expected"),
        (np.zeros((rows, 28, 28), np.int8), rf"contains int8 \({rows}, 28, 28\), expected"),
    ):
        np.save(path, array)
        with pytest.raises(IntegrityError, match=message):
            open_shards(tmp_path / "out", split="train")[0]


def test_hugging_face_datasets_opens_parquet_shards(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    datasets = pytest.importorskip("datasets")
    source = tmp_path / "in.ndjson"
    source.write_bytes(b"".join(official_line(i, ["cat", "dog"][i % 2]) for i in range(300)))
    options = PrepareOptions(format="parquet", rows_per_shard=100, keep_strokes=True)
    prepare([source], tmp_path / "out", options=options)
    opened = datasets.load_dataset(
        str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"), keep_in_memory=True
    )
    assert set(opened) == {"train", "validation", "test"}
    ours = open_shards(tmp_path / "out", split="train")
    theirs = opened["train"]
    assert theirs.features["label"].names == list(ours.label_names)
    assert len(theirs) == len(ours)
    for row in (0, 5, len(ours) - 1):
        image, label = ours[row]
        assert np.array_equal(np.asarray(theirs[row]["image"]), image)
        assert theirs[row]["label"] == label


def test_a_shard_with_another_column_is_an_error(tmp_path):
    import pyarrow.parquet as pq

    write_sample(tmp_path / "sample", drawings=60, categories=["circle"])
    prepare(
        [tmp_path / "sample"],
        tmp_path / "out",
        options=PrepareOptions(rows_per_shard=20),
        workers=1,
    )
    path = sorted((tmp_path / "out").glob("train*.parquet"))[1]
    table = pq.read_table(path)
    names = ["w0rd" if name == "word" else name for name in table.column_names]
    pq.write_table(table.rename_columns(names), path)
    with pytest.raises(IntegrityError, match=r"has columns key_id, w0rd, .*expected key_id, word"):
        open_shards(tmp_path / "out").to_pandas()


def test_slices_lists_and_masks_select_as_in_numpy(folder):
    dataset = open_shards(folder)
    images, labels = dataset.take(range(500))
    mask = labels == 1
    for index in (slice(3, 90, 7), slice(-5, None), [4, 0, 4], [-1], np.array([9]), mask):
        selected = np.arange(500)[index]
        for chosen in (dataset[index], dataset.take(selected)):
            np.testing.assert_array_equal(chosen[0], images[selected])
            np.testing.assert_array_equal(chosen[1], labels[selected])
    with pytest.raises(IndexError, match="the mask has shape"):
        dataset[mask[1:]]


def test_names_and_transforms_are_those_of_torchvision(folder):
    dataset = open_shards(folder)
    assert dataset.classes == ["ant", "cat", "dog"]
    assert dataset.class_to_idx == {"ant": 0, "cat": 1, "dog": 2}
    assert dataset.targets == dataset.labels.tolist()
    changed = open_shards(
        folder, transform=lambda image: image / 255, target_transform=str, channel_axis=0
    )
    image, label = changed[7]
    np.testing.assert_array_equal(image, dataset[7][0][None] / 255)
    assert label == str(dataset[7][1])
    assert changed[:3][0].shape == next(changed.batches(3))[0].shape == (3, 1, 28, 28)
    assert open_shards(folder, channel_axis=-1)[0][0].shape == (28, 28, 1)
    with pytest.raises(UsageError, match="channel_axis is 2, expected 0, -1 or None"):
        open_shards(folder, channel_axis=2)
