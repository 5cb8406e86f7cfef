"""The progress of training: a row per epoch, a bar on a terminal, lines for long epochs."""

import pytest

from quickdraw_kit.cli.training_progress import show_epochs
from quickdraw_kit.learn.history import EpochMetrics

ROW = EpochMetrics(1, 0.5, 0.75, 0.625, 0.5, 3e-3, 61.0)
LINE = (
    "epoch   1 of 2, loss 0.500, accuracy 75.00%, validation loss 0.625, "
    "validation accuracy 50.00%, time 61.0 s\n"
)


class Clock:
    """A clock that goes on with the steps of an epoch."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def run(self, on_step, epoch: int, steps: int, seconds: float) -> None:
        """Report the steps of an epoch, each of which takes some seconds."""
        for done in range(1, steps + 1):
            self.now += seconds
            on_step(epoch, done, steps)


@pytest.fixture
def clock():
    return Clock()


def test_short_epochs_are_a_line_each(clock, capfd, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    with show_epochs(2, 64, clock=clock) as (on_epoch, on_step):
        clock.run(on_step, 1, 9, seconds=1.0)
        on_epoch(ROW)
        clock.run(on_step, 2, 9, seconds=1.0)
    assert capfd.readouterr() == (LINE, "")


def test_long_epochs_have_lines(clock, capfd):
    with show_epochs(2, 64, clock=clock) as (on_epoch, on_step):
        clock.run(on_step, 1, 61, seconds=1.0)
        on_epoch(ROW)
    out, err = capfd.readouterr()
    assert out == LINE
    lines = err.splitlines()
    assert lines[0] == "epoch 1 of 2: 18%, 64 drawings/s, ETA 50 s"
    assert len(lines) == 6


def test_a_resumed_epoch_has_the_rate_of_this_run(capfd):
    times = iter([0.0, 10.0])
    with show_epochs(2, 10, clock=lambda: next(times)) as (_, on_step):
        on_step(2, 90, 200)
        on_step(2, 100, 200)
    assert capfd.readouterr().err == "epoch 2 of 2: 50%, 10 drawings/s, ETA 100 s\n"


def test_a_bar_on_a_terminal(clock, capfd, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with show_epochs(2, 64, clock=clock) as (on_epoch, on_step):
        clock.run(on_step, 1, 4, seconds=1.0)
        on_epoch(ROW)
    out, err = capfd.readouterr()
    assert err == ""
    assert "75%" in out
    assert "64 drawings/s, ETA 1 s" in out
    assert out.rstrip().endswith("\x1b[?25h")  # the cursor is visible again
    last = out.split("61.0 s")[-1]
    assert "drawings/s" not in last  # the bar goes, the table stays


def test_quiet(clock, capfd):
    with show_epochs(2, 64, quiet=True, clock=clock) as (on_epoch, on_step):
        clock.run(on_step, 1, 9, seconds=99.0)
        on_epoch(ROW)
    assert capfd.readouterr() == ("", "")
