"""Counts of faults: how many were injected, survived and lost, printed when the suite ends."""

import sys
from collections import Counter
from dataclasses import dataclass, field

import pytest

# small disks, clocks, killed groups of processes: all that is made with tools of Linux
collect_ignore_glob = [] if sys.platform == "linux" else ["*.py"]


@dataclass
class Tally:
    """Counts of one kind of fault."""

    injected: int = 0
    survived: int = 0
    lost: int = 0
    outcomes: Counter = field(default_factory=Counter)

    def add(self, outcome: str, *, lost: bool = False, times: int = 1) -> None:
        self.injected += times
        self.survived += 0 if lost else times
        self.lost += times if lost else 0
        self.outcomes[outcome] += times


_TALLIES: dict[str, Tally] = {}


@pytest.fixture
def tally(request):
    """Give the tally of a kind of fault, by name."""
    return lambda kind: _TALLIES.setdefault(kind, Tally())


def pytest_terminal_summary(terminalreporter):
    if not _TALLIES:
        return
    terminalreporter.section("faults")
    width = max(map(len, _TALLIES))
    terminalreporter.write_line(f"{'':<{width}}  injected  survived  lost")
    for kind, each in sorted(_TALLIES.items()):
        outcomes = ", ".join(f"{n:,} {name}" for name, n in each.outcomes.most_common())
        counts = f"{each.injected:>8,}  {each.survived:>8,}  {each.lost:>4,}"
        terminalreporter.write_line(f"{kind:<{width}}  {counts}  {outcomes}")
    total = [
        sum(getattr(t, name) for t in _TALLIES.values())
        for name in ("injected", "survived", "lost")
    ]
    terminalreporter.write_line(f"{'all':<{width}}  {total[0]:>8,}  {total[1]:>8,}  {total[2]:>4,}")
