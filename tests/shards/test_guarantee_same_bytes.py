"""Guarantee: the bytes depend on the sources and the options, and on nothing else.

Not on the number of workers, not on the order of the sources, not on how often the run was killed.
"""

import os
import signal
import time

import pytest

from quickdraw_kit.shards.options import PrepareOptions
from quickdraw_kit.shards.prepare.pipeline import prepare
from quickdraw_kit.shards.verify import verify
from tests.conftest import official_line, posix


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture
def sources(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for number, word in enumerate(["cat", "dog", "ant", "bee"]):
        lines = [official_line(number * 10_000 + i, word) for i in range(1500)]
        lines[77] = b'{"word": "cut off\n'
        lines.append(official_line(5, "zebra"))  # a duplicate in every file but the first
        (folder / f"{word}.ndjson").write_bytes(b"".join(lines))
    return sorted(folder.iterdir())


@pytest.mark.parametrize(
    ("format", "workers"),
    [
        ("npy", [1, 2]),
        pytest.param("npy", [1, 2, 7], marks=pytest.mark.slow),
        pytest.param("parquet", [1, 2, 7], marks=pytest.mark.slow),
    ],
)
def test_workers_and_order_of_sources(sources, tmp_path, format, workers):
    options = PrepareOptions(format=format, rows_per_shard=500)
    expected = None
    for number in workers:
        out = tmp_path / f"out{number}"
        order = -1 if number == 2 else 1
        prepare(
            sources[::order],
            out,
            options=options,
            workers=number,
            max_reject_rate=0.1,
            chunk_bytes=50_000,
        )
        if expected is None:
            expected = contents(out)
        assert contents(out) == expected


RUN = """
import sys
from quickdraw_kit.shards.options import PrepareOptions
from quickdraw_kit.shards.prepare.pipeline import prepare
prepare([sys.argv[1]], sys.argv[2], options=PrepareOptions(rows_per_shard=500),
        workers=int(sys.argv[3]), max_reject_rate=0.1, chunk_bytes=50_000)
"""


@posix
@pytest.mark.parametrize(
    ("workers", "files"),
    [
        (1, 14),
        pytest.param(1, 7, marks=pytest.mark.slow),
        pytest.param(2, 14, marks=pytest.mark.slow),
    ],
)
def test_killed_at_any_point_and_resumed(sources, tmp_path, warm, workers, files):
    def command(out):
        return ["-c", RUN, sources[0].parent, out, workers]

    assert warm.run(*command(tmp_path / "whole")).returncode == 0
    expected = contents(tmp_path / "whole")
    out = tmp_path / "killed"
    killed, finished, steps = 0, False, 0
    while not finished:
        steps += 1
        assert steps < 60, "the run makes no progress"
        # let it write some more files than last time, and kill it with all its workers
        seen = count(out)
        process = warm.start(*command(out))
        while process.poll() is None and count(out) < seen + files:
            time.sleep(0.002)
        finished = process.poll() is not None
        if not finished:
            process.kill_all()
            killed += 1
    assert process.returncode == 0, process.stderr
    assert killed >= 3
    assert contents(out) == expected
    assert verify(out).ok


@posix
def test_workers_of_a_killed_parent_end(sources, tmp_path, warm):
    out = tmp_path / "out"
    process = warm.start("-c", RUN, sources[0].parent, out, 2)
    while count(out) < 3 and process.poll() is None:
        time.sleep(0.002)
    group = process.pid
    process.signal(signal.SIGKILL)
    process.wait()
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    pytest.fail("workers still run")


def count(folder):
    return sum(len(files) for _, _, files in os.walk(folder))
