"""Progress: few plain lines, bars on a terminal, and a remaining time only when it is known."""

import io

import pytest
from rich.console import Console

from quickdraw_kit.cli.progress import show_progress


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_the_remaining_time_is_shown_when_it_is_known(clock, capsys):
    with show_progress(clock=clock) as progress:
        for clock.now, done in ((0, 500), (1, 501), (6, 502), (12, 600), (13, 601), (20, 1000)):
            progress.update("read", done, 1000, f"{done} drawings")
    assert capsys.readouterr().err.splitlines() == [
        "read: 50%, 502 drawings",
        "read: 60%, 600 drawings, ETA 48 s",
        "read: 100%, 1000 drawings, ETA 0 s",
    ]


def test_the_rate_is_that_of_this_run(clock, capsys):
    with show_progress(clock=clock) as progress:
        for clock.now, done in ((0, 5000), (10, 6000)):
            progress.update("read", done, 10_000, count=done)
            progress.update("send", done, 10_000, count=done * 1000, noun="byte")
    assert capsys.readouterr().err.splitlines() == [
        "read: 60%, 100 drawings/s, ETA 40 s",
        "send: 60%, 100.0 kB/s, ETA 40 s",
    ]


def test_short_tasks_have_no_lines(clock, capsys):
    with show_progress(clock=clock) as progress:
        for clock.now, done in ((0, 0), (1, 50), (4, 100)):
            progress.update("read", done, 100, count=done)
    assert capsys.readouterr().err == ""


def test_bars_show_the_same_figures(clock):
    console = Console(file=io.StringIO(), force_terminal=True, width=100, color_system=None)
    with show_progress(bars=True, console=console, clock=clock) as progress:
        for clock.now, done in ((0, 0), (10, 500)):
            progress.update("read", done, 1000, f"{done} drawings", count=done)
        progress.print("a line that stays")
        progress.end("read")
    shown = console.file.getvalue()
    assert "50%" in shown
    assert "500 drawings, 50 drawings/s, ETA 10 s" in shown
    assert "a line that stays\n" in shown.replace("\r", "").replace(" \n", "\n")
    assert shown.rstrip().endswith("\x1b[?25h")  # the cursor is visible again


def test_bars_are_drawn_a_few_times_a_second(clock):
    console = Console(file=io.StringIO(), force_terminal=True, width=100, color_system=None)
    with show_progress(
        bars=True, console=console, seconds_per_refresh=1.0, clock=clock
    ) as progress:
        for step in range(1000):
            clock.now = step / 500
            progress.update("epoch", step, 2000)
    assert console.file.getvalue().count("epoch") <= 4


def test_quiet(clock, capsys):
    with show_progress(quiet=True, clock=clock) as progress:
        for clock.now in range(100):
            progress.update("read", clock.now, 100)
        progress.print("a line")
        progress.end("read")
    assert capsys.readouterr() == ("", "")
