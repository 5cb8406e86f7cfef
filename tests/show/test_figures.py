"""Figures show the numbers: read back from the text of an SVG and the pixels of a PNG."""

import re

import numpy as np
import pytest
from PIL import Image

from quickdraw_kit.categories import CATEGORIES
from quickdraw_kit.errors import UsageError
from quickdraw_kit.learn.metrics import calibration
from quickdraw_kit.learn.train import EpochMetrics
from quickdraw_kit.show.canvas import COLORS
from quickdraw_kit.show.figures import category_histogram, reliability_diagram, training_history


def make_counts(names, train=80, test=20):
    return {
        "train": dict.fromkeys(names, train),
        "validation": dict.fromkeys(names, 0),
        "test": dict.fromkeys(names, test),
    }


@pytest.mark.parametrize("names", [("cat",), CATEGORIES[:12], CATEGORIES], ids=len)
def test_histogram_names_every_category_and_its_count(tmp_path, texts, names):
    counts = make_counts(names)
    counts["train"]["aircraft carrier" if len(names) > 1 else "cat"] = 1_234
    category_histogram(counts, tmp_path / "histogram.svg")
    written = texts(tmp_path / "histogram.svg")
    assert set(names) <= set(written)
    assert {"train", "validation", "test", "1,254"} <= set(written)
    if len(names) > 1:
        assert written.count("100") >= len(names) - 1
    total = 1_254 + 100 * (len(names) - 1)
    assert f"{total:,} drawings of {len(names)} categories" in written


def test_histogram_bars_are_in_proportion(tmp_path, share_of):
    category_histogram(make_counts(("cat", "dog"), 75, 25), tmp_path / "histogram.png")
    shares = [share_of(tmp_path / "histogram.png", color) for color in COLORS]
    assert shares[0] / shares[2] == pytest.approx(3, rel=0.1)
    assert shares[1] < 0.01


def test_histogram_without_drawings(tmp_path):
    category_histogram(make_counts(("cat",), 0, 0), tmp_path / "histogram.png")
    with pytest.raises(UsageError, match="no category"):
        category_histogram({"train": {}}, tmp_path / "histogram.png")


def make_history(*, validation=True, epochs=3):
    return [
        EpochMetrics(
            epoch=epoch,
            train_loss=2 / epoch,
            train_accuracy=1 - 0.5 / epoch,
            validation_loss=2.5 / epoch if validation else None,
            validation_accuracy=1 - 0.6 / epoch if validation else None,
            learning_rate=0.01,
            seconds=1.0,
        )
        for epoch in range(1, epochs + 1)
    ]


def test_history_shows_the_final_values(tmp_path, texts):
    training_history(make_history(), tmp_path / "history.svg")
    written = texts(tmp_path / "history.svg")
    assert {"train 0.667", "validation 0.833", "train 83.3 %", "validation 80.0 %"} <= set(written)


def test_history_without_validation(tmp_path, texts):
    training_history(make_history(validation=False, epochs=1), tmp_path / "history.svg")
    written = texts(tmp_path / "history.svg")
    assert "train 2.000" in written
    assert not any("validation" in text for text in written)
    with pytest.raises(UsageError, match="no epoch"):
        training_history([], tmp_path / "history.svg")


def test_names_of_lines_do_not_overlap(tmp_path):
    history = [EpochMetrics(epoch, 0.5, 0.9, 0.5, 0.9, 0.01, 1.0) for epoch in (1, 2)]
    training_history(history, tmp_path / "history.svg")
    labels = re.findall(r"<!-- (\w+) [\d.]+ -->\s*<g[^>]*translate\(([\d.]+) ([\d.]+)\)",
                       (tmp_path / "history.svg").read_text("utf-8"))  # fmt: skip
    heights = {name: float(y) for name, _, y in labels}
    assert abs(heights["train"] - heights["validation"]) > 10


def constant_confidence(accuracy, count=1000):
    """Calibration of a model with a confidence of 80 % in every prediction."""
    return calibration(np.full(count, 0.8), np.arange(count) < accuracy * count)


def test_reliability_shows_the_mean_gap(tmp_path, texts):
    path = tmp_path / "reliability.svg"
    reliability_diagram(
        {"train": constant_confidence(0.95), "test": constant_confidence(0.5)}, path
    )
    assert {"train, mean gap 15.0 %", "test, mean gap 30.0 %"} <= set(texts(path))


def test_dots_are_at_the_accuracy_of_their_bins(tmp_path):
    """Below the diagonal for an overconfident model, above it for an underconfident one."""
    heights = {}
    for accuracy in (0.3, 0.9):
        path = tmp_path / "reliability.png"
        reliability_diagram({"test": constant_confidence(accuracy)}, path)
        pixels = np.asarray(Image.open(path).convert("RGB")).astype(int)
        half = pixels[:, : pixels.shape[1] // 2]
        blue = [int(COLORS[0][i : i + 2], 16) for i in (1, 3, 5)]
        rows, columns = np.nonzero(np.abs(half - blue).max(axis=2) < 30)
        dots = columns > 0.7 * half.shape[1]
        heights[accuracy] = rows[dots].mean() / len(pixels)
    assert heights[0.3] - heights[0.9] == pytest.approx(0.6 * 0.8, abs=0.08)


def test_reliability_without_splits(tmp_path):
    with pytest.raises(UsageError, match="0 splits to draw"):
        reliability_diagram({}, tmp_path / "reliability.png")


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_same_numbers_same_bytes(tmp_path, suffix):
    draw = {
        "histogram": lambda path: category_histogram(make_counts(("cat", "dog")), path),
        "history": lambda path: training_history(make_history(), path),
        "reliability": lambda path: reliability_diagram({"test": constant_confidence(0.8)}, path),
    }
    for name, function in draw.items():
        paths = [tmp_path / f"{name}{copy}.{suffix}" for copy in "12"]
        for path in paths:
            function(path)
        assert paths[0].read_bytes() == paths[1].read_bytes()
