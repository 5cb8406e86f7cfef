"""What all tests share: where the real data is, and a writer of small ndjson files."""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest

from quickdraw_kit.cli import main

# The first example compiles kernels, and the machine may be busy: no example is judged by its time.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data, or a skip with the reason."""
    place = os.environ.get("QUICKDRAW_KIT_REAL_DATA")
    if not place:
        pytest.skip("QUICKDRAW_KIT_REAL_DATA is not set: no real data on this machine")
    return Path(place)


@pytest.fixture
def write_lines(tmp_path: Path):
    """Write an ndjson file of (key_id, word) drawings, or of lines given as bytes."""

    def write(name: str, lines) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(
            b"".join(line if isinstance(line, bytes) else official_line(*line) for line in lines)
        )
        return path

    return write


def official_line(
    key_id: int, word: str = "cat", *, recognized: bool = True, country: str = "US", drawing=None
) -> bytes:
    """One line of a simplified file, exactly as in the official files."""
    if drawing is None:
        drawing = [[[key_id % 200, 255], [0, key_id % 100]], [[7, 8, 9], [1, 2, 3]]]
    document = {
        "word": word,
        "countrycode": country,
        "timestamp": "2017-03-02 23:25:10.07453 UTC",
        "recognized": recognized,
        "key_id": str(key_id),
        "drawing": drawing,
    }
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"


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
