"""What all tests share: real data, small ndjson files, the command line, an S3 server."""

import json
import os
import pickle
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from filelock import FileLock

from quickdraw_kit.cli import main
from tests.warm import Warm

# `make test` looks at a bounded number of examples, `make test-all` at all of them. No example has
# a deadline: the first one compiles kernels, and the machine may be busy.
hypothesis.settings.register_profile("quick", deadline=None, max_examples=25)
hypothesis.settings.register_profile("full", deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


FULL = os.environ.get("HYPOTHESIS_PROFILE") == "full"


def examples(full: int, **others: Any) -> hypothesis.settings:
    """Settings of a law that needs another number of examples than the profile's."""
    return hypothesis.settings(max_examples=full if FULL else min(full, 25), **others)


posix = pytest.mark.skipif(os.name != "posix", reason="Windows has no such signals or programs")


def pytest_configure(config: pytest.Config) -> None:
    """Set what worker processes and the commands that tests start should inherit."""
    # A shell starts background jobs with SIGINT ignored, and their children inherit that. Tests of
    # Ctrl-C need what a user's terminal has.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # Each worker of pytest-xdist has its share of the cores, not all of them.
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if workers > 1:
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))


@pytest.fixture(scope="session")
def once(tmp_path_factory) -> Callable[[str, Callable[[Path], Any]], Any]:
    """Return a function that does an expensive thing once for all workers.

    ``once(name, make)`` calls ``make(folder)`` in the first worker that asks, and returns its
    pickled result in all of them; files that others should find go into the folder.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent

    def get(name: str, make: Callable[[Path], Any]) -> Any:
        folder = shared / f"once-{name}"
        result = folder.with_suffix(".pickle")
        with FileLock(folder.with_suffix(".lock")):
            if not result.exists():
                folder.mkdir()
                result.write_bytes(pickle.dumps(make(folder)))
        return pickle.loads(result.read_bytes())

    return get


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    """A process that starts commands at once."""
    if not hasattr(os, "fork"):
        pytest.skip("needs os.fork, which this platform does not have")
    with Warm() as warm:
        yield warm


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


@pytest.fixture(scope="session")
def s3_server():
    """The URL of the server."""
    moto = pytest.importorskip("moto.server")
    pytest.importorskip("s3fs")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = moto.ThreadedMotoServer("127.0.0.1", port, verbose=False)
    server.start()
    yield f"http://127.0.0.1:{port}"
    server.stop()


@pytest.fixture
def s3(s3_server, monkeypatch):
    """A bucket, and the environment variables with which drivers use it."""
    import fsspec
    import s3fs

    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": s3_server,
    }.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    system = fsspec.filesystem("s3")
    if not system.exists("shelf"):
        system.mkdir("shelf")
    yield "s3://shelf"
    s3fs.S3FileSystem.clear_instance_cache()
