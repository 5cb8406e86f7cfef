"""The history of a training run: its file, its selected epoch, and when it is complete."""

import json

import pytest

from quickdraw_kit.errors import DataError
from quickdraw_kit.learn.history import (
    EpochMetrics,
    is_complete,
    read_history,
    selected_epoch,
    write_history,
)


def history_of(*validation_losses: float) -> list[EpochMetrics]:
    return [
        EpochMetrics(epoch, 0.7, 0.5, loss, 0.5, 0.003, 2.0)
        for epoch, loss in enumerate(validation_losses, start=1)
    ]


def test_round_trip(tmp_path):
    history = [*history_of(0.5, 0.4), EpochMetrics(3, 0.7, 0.5, None, None, 0.003, 2.0)]
    assert read_history(tmp_path) == []
    write_history(tmp_path, history)
    assert read_history(tmp_path) == history
    first = (tmp_path / "metrics.jsonl").read_text().splitlines()[0]
    assert json.loads(first)["train_loss"] == 0.7


@pytest.mark.parametrize("content", ["{}", "not json", '{"epoch": 1, "loss": 2}'])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "metrics.jsonl").write_text(content)
    with pytest.raises(DataError, match="is not the history of a training run"):
        read_history(tmp_path)


@pytest.mark.parametrize(
    ("losses", "patience", "index"),
    [((0.3, 0.4), None, 1), ((0.3, 0.4), 3, 0), ((0.4, 0.3, 0.3), 3, 1)],
)
def test_the_selected_epoch(losses, patience, index):
    assert selected_epoch(history_of(*losses), patience) == index


@pytest.mark.parametrize(
    ("losses", "patience", "complete"),
    [
        ((), None, False),
        ((), 1, False),
        ((0.3,), None, False),
        ((0.3,) * 5, None, True),
        ((0.3, 0.2, 0.4), 2, False),
        ((0.3, 0.2, 0.4, 0.4), 2, True),
    ],
)
def test_when_a_run_is_complete(losses, patience, complete):
    assert is_complete(history_of(*losses), 5, patience) == complete
