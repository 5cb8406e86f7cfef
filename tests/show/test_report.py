"""A report shows the metrics of every type of data set, in one file without requests."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from quickdraw_kit.errors import UsageError
from quickdraw_kit.learn.data.dataset import ArrayDataset
from quickdraw_kit.learn.data.sequences import StrokeDataset
from quickdraw_kit.learn.data.splits import open_splits
from quickdraw_kit.learn.evaluate import evaluate, training_config
from quickdraw_kit.learn.export import open_model
from quickdraw_kit.learn.train import TrainConfig, train
from quickdraw_kit.raster.render import rasterize
from quickdraw_kit.shards.options import PrepareOptions, SplitRule
from quickdraw_kit.shards.prepare.pipeline import prepare
from quickdraw_kit.show.data_sections import provenance, render_rows
from quickdraw_kit.show.report import write_report
from quickdraw_kit.synthetic.generator import generate_drawings, write_sample


@pytest.fixture(scope="module")
def folder(once):
    """Synthetic drawings as shards and as bitmaps, with models trained on both."""
    return once("report", make_models)


def make_models(folder):
    write_sample(folder / "sample", drawings=240, categories=["circle", "star", "line"])
    prepare(
        [folder / "sample"],
        folder / "shards",
        workers=1,
        options=PrepareOptions(keep_strokes=True, rows_per_shard=50),
    )
    batch = generate_drawings(("circle", "star"), 120, seed=3, raw=False)
    (folder / "bitmaps").mkdir()
    for code, name in enumerate(batch.words):
        images = rasterize(batch.filter(batch.word_code == code))
        np.save(folder / "bitmaps" / f"{name}.npy", images.reshape(-1, 784))
    networks = {"shards": "tiny-cnn", "bitmaps": "tiny-cnn", "strokes": "stroke-cnn"}
    for name, network in networks.items():
        data = folder / name.replace("strokes", "shards")
        train(
            TrainConfig(
                data=data,
                out=folder / f"{name}-model",
                network=network,
                epochs=1,
                batch_size=64,
                threads=1,
            )
        )
    return folder


class Page(HTMLParser):
    """The elements of a page, and the rows of its tables."""

    def __init__(self, path):
        super().__init__()
        self.text = path.read_text("utf-8")
        self.tags = []
        self.feed(self.text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def row(self, first):
        """Return the cells of the row that begins with a text."""
        match = re.search(rf"<tr><td[^>]*>{re.escape(first)}</td>(.*?)</tr>", self.text)
        assert match, f"no row {first!r}"
        return re.findall(r"<td[^>]*>(.*?)</td>", match[1])

    def descriptions(self):
        return [a["alt"] for tag, a in self.tags if tag == "img"]


@pytest.mark.parametrize("name", ["shards", "bitmaps", "strokes"])
def test_report_shows_the_metrics(folder, tmp_path, name):
    data, model = folder / name.replace("strokes", "shards"), folder / f"{name}-model"
    write_report(tmp_path / "page.html", "A run", data, model)
    page = Page(tmp_path / "page.html")
    loaded = open_model(model)
    splits = open_splits(training_config(loaded, data))
    written = json.loads((model / "evaluation.json").read_text("utf-8"))
    assert set(written) == set(splits)
    for split, dataset in splits.items():
        result = evaluate(loaded, dataset)
        cells = page.row(split)
        assert cells[0] == f"{len(dataset):,}"
        assert float(cells[1]) == pytest.approx(result.loss, rel=1e-2)
        assert float(cells[2]) == pytest.approx(100 * result.top1, rel=1e-2)
        assert written[split] == {"drawings": len(dataset), **result.metrics()}
    descriptions = " | ".join(page.descriptions())
    for picture in (
        "One row of drawings per category",
        "Drawings per category and split",
        "The network as a graph",
        "loss and accuracy by epoch",
        "predictions in train",
        "predictions in test",
        "Confusion matrix",
        "accuracy against confidence",
    ):
        assert picture in descriptions
    assert ("By country" in page.text) == (name != "bitmaps")
    assert ("recognized by the game" in page.text) == (name != "bitmaps")


def test_report_is_one_file_without_requests(folder, tmp_path):
    write_report(tmp_path / "page.html", "A run", folder / "bitmaps", folder / "bitmaps-model")
    page = Page(tmp_path / "page.html")
    assert not {"script", "link", "iframe", "a"} & {tag for tag, _ in page.tags}
    sources = [a["src"] for tag, a in page.tags if tag == "img"]
    assert all(source.startswith("data:image/") for source in sources)
    assert not re.search(r'(src|href)="(?!data:)', page.text)
    figures = {path.name for path in (tmp_path / "figures").iterdir()}
    assert {"confusion.png", "history.png", "model.svg", "reliability.png"} <= figures


def test_model_without_history(folder, tmp_path):
    from quickdraw_kit.learn.models.model import save_model

    save_model(open_model(folder / "bitmaps-model"), tmp_path / "model.safetensors")
    write_report(tmp_path / "page.html", "T", folder / "bitmaps", tmp_path / "model.safetensors")
    assert "Curves" not in " ".join(Page(tmp_path / "page.html").descriptions())


def test_prepared_bitmaps(folder, tmp_path):
    prepare([folder / "bitmaps"], tmp_path / "shards", workers=1)
    model = folder / "bitmaps-model"
    write_report(tmp_path / "page.html", "T", tmp_path / "shards", model)
    page = Page(tmp_path / "page.html")
    assert page.row("drawings read") == ["240"]
    assert "By country" not in page.text
    assert "recognized by the game" not in page.text


def test_report_without_a_model(folder, tmp_path):
    write_report(tmp_path / "page.html", "T", folder / "shards")
    page = Page(tmp_path / "page.html")
    assert page.row("drawings read") == ["240"]
    assert "Confusion matrix" not in page.descriptions()


def test_labels_of_data_and_model_must_match(folder, tmp_path):
    with pytest.raises(
        UsageError, match="the model has the labels circle, star, but the data set has"
    ):
        write_report(tmp_path / "page.html", "T", folder / "shards", folder / "bitmaps-model")
    assert not (tmp_path / "page.html").exists()


@pytest.mark.parametrize("count", [1, 5, 9_001])
def test_images_are_in_the_requested_order(count):
    numbers = np.arange(count)
    images = np.zeros((count, 2, 2), np.uint8)
    images[:, 0, 0], images[:, 0, 1] = numbers % 251, numbers % 241
    dataset = ArrayDataset(images, np.zeros(count, np.int64), ("cat",))
    rows = np.random.default_rng(0).integers(0, count, 20)
    assert np.array_equal(render_rows(dataset, rows), images[rows])


def test_strokes_are_rendered():
    batch = generate_drawings(("circle", "star"), 30, seed=3, raw=False)
    dataset = StrokeDataset(batch, batch.word_code.astype(np.int64), batch.words)
    rows = np.array([29, 3, 3])
    assert np.array_equal(render_rows(dataset, rows), rasterize(batch.take(rows)))


@pytest.mark.parametrize(
    ("by", "expected"), [("hash", "a hash"), ("sketch-rnn", "the position in the file")]
)
def test_report_names_the_split_rule(by, expected, tmp_path):
    write_sample(tmp_path / "sample", drawings=40, categories=["circle"])
    options = PrepareOptions(split_rule=SplitRule(by=by))
    prepare([tmp_path / "sample"], tmp_path / "shards", workers=1, options=options)
    rows = dict(provenance(tmp_path / "shards"))
    assert rows["split by"].startswith(expected)
