"""Run the command line in this process, as a shell would."""

import sys
from dataclasses import dataclass

import pytest

from quickdraw_kit.cli import main


@dataclass
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str


@pytest.fixture
def cli(monkeypatch, capfd):
    """Call the command line with arguments and return its exit code and what it printed."""

    def run(*arguments) -> Ran:
        monkeypatch.setattr(sys, "argv", ["quickdraw-kit", *map(str, arguments)])
        monkeypatch.setenv("NO_COLOR", "1")
        monkeypatch.setenv("COLUMNS", "100")
        capfd.readouterr()
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        out, err = capfd.readouterr()
        return Ran(code, out, err)

    return run
