"""What a training shows: epochs as they come, a bar on a terminal, lines where epochs take long."""

import pytest

from quickdraw_kit.cli import training_progress as module
from quickdraw_kit.cli.training_progress import show_epochs
from quickdraw_kit.learn.history import EpochMetrics

ROW = EpochMetrics(1, 0.5, 0.75, 0.625, 0.5, 3e-3, 61.0)
LINE = (
    "epoch   1 of 2, loss 0.500, accuracy 75.00%, validation loss 0.625, "
    "validation accuracy 50.00%, time 61.0 s\n"
)


@pytest.fixture
def steps(monkeypatch):
    """Make an epoch of so many steps that take so many seconds each."""
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])

    def run(on_step, epoch, count, seconds):
        for done in range(1, count + 1):
            now[0] += seconds
            on_step(epoch, done, count)

    return run


def test_short_epochs_are_a_line_each(steps, capfd, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    with show_epochs(2, 64) as (on_epoch, on_step):
        steps(on_step, 1, 9, seconds=1.0)
        on_epoch(ROW)
        steps(on_step, 2, 9, seconds=1.0)
    assert capfd.readouterr() == (LINE, "")


def test_long_epochs_tell_how_far_they_are(steps, capfd):
    with show_epochs(2, 64) as (on_epoch, on_step):
        steps(on_step, 1, 61, seconds=1.0)
        on_epoch(ROW)
    out, err = capfd.readouterr()
    assert out == LINE
    lines = err.splitlines()
    assert lines[0] == "epoch 1 of 2: 18%, 64 drawings/s, 50 s left"
    assert len(lines) == 6


def test_an_epoch_that_is_continued_has_the_pace_of_this_run(capfd, monkeypatch):
    now = iter([0.0, 10.0])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(now))
    with show_epochs(2, 10) as (_, on_step):
        on_step(2, 90, 200)
        on_step(2, 100, 200)
    assert capfd.readouterr().err == "epoch 2 of 2: 50%, 10 drawings/s, 100 s left\n"


def test_a_bar_on_a_terminal(steps, capfd, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with show_epochs(2, 64) as (on_epoch, on_step):
        steps(on_step, 1, 4, seconds=1.0)
        on_epoch(ROW)
    out, err = capfd.readouterr()
    assert err == ""
    assert "75%" in out
    assert "64 drawings/s, 1 s left" in out
    assert out.rstrip().endswith("\x1b[?25h")  # the cursor is back
    last = out.split("61.0 s")[-1]
    assert "drawings/s" not in last  # the bar goes, the table stays


def test_quiet(steps, capfd):
    with show_epochs(2, 64, quiet=True) as (on_epoch, on_step):
        steps(on_step, 1, 9, seconds=99.0)
        on_epoch(ROW)
    assert capfd.readouterr() == ("", "")
