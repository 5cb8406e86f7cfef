"""Plain lines of progress: few, and no time left that nobody can know."""

import pytest

from quickdraw_kit.cli import progress


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test sets."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_the_time_left_is_told_when_it_is_known(clock, capsys):
    advance = progress._plain_lines()
    for clock[0], done in ((0, 500), (1, 501), (6, 502), (12, 600), (13, 601), (20, 1000)):
        advance("read", done, 1000, f"{done} drawings")
    assert capsys.readouterr().err.splitlines() == [
        "read: 50%, 502 drawings",
        "read: 60%, 600 drawings, 48 s left",
        "read: 100%, 1000 drawings, 0 s left",
    ]
