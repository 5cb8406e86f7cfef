"""SIGKILL at every commit of prepare, download, train and export: the next run ends as if nothing.

The commits of a command are counted, and then a fresh run is killed at each, before it and after
it. The folder that was left is finished by the same command and compared with one that was never
killed, byte for byte.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from quickdraw_kit.strokes.generate import write_sample
from tests.acquire.bucket import Bucket

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parent.parent.parent


def run(*arguments: object, at: int = 0, when: str = "before", count: Path | None = None) -> int:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    if count is not None:
        count.write_bytes(b"")
        environment |= {"FAULTS_COUNT": str(count), "FAULTS_AT": str(at), "FAULTS_WHEN": when}
    command = [sys.executable, "-m", "tests.faults.killed", *map(str, arguments)]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, timeout=300, check=False
    ).returncode


def content(folder: Path, suffixes: tuple[str, ...] = ()) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and (not suffixes or path.suffix in suffixes)
    }


def killed_everywhere(tally, kind, tmp_path, command, suffixes=()):
    """Kill a command at every commit; `command` makes its arguments of the output folder."""
    count = tmp_path / "count"
    assert run(*command(tmp_path / "whole"), count=count) == 0
    commits = count.stat().st_size
    expected = content(tmp_path / "whole", suffixes)
    assert commits > 0
    assert expected
    for number in range(1, commits + 1):
        for when in ("before", "after"):
            out = tmp_path / f"{number}-{when}"
            code = run(*command(out), at=number, when=when, count=count)
            died = code != 0
            assert run(*command(out)) == 0, f"not resumed after a kill {when} commit {number}"
            same = content(out, suffixes) == expected
            tally(kind).add("resumed" if died else "not reached", lost=not same)
            assert same, f"other bytes after a kill {when} commit {number}"


@pytest.fixture(scope="module")
def sample(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("faults")
    write_sample(folder / "sample", drawings=60, categories=["circle", "line"])
    return folder / "sample"


@pytest.mark.parametrize("workers", [1, 2])
def test_prepare(tally, sample, tmp_path, workers):
    killed_everywhere(
        tally,
        f"SIGKILL, prepare, {workers} worker{'s' if workers > 1 else ''}",
        tmp_path,
        lambda out: ("prepare", sample, "--out", out, "--shard-rows", 20, "--workers", workers),
    )


def test_download(tally, tmp_path):
    files = {f"full/simplified/{name}.ndjson": name.encode() * 5000 for name in ("cat", "dog")}
    with Bucket(files) as bucket:
        killed_everywhere(
            tally,
            "SIGKILL, download",
            tmp_path,
            lambda out: ("download", "cat", "dog", "--home", out, "--mirror", bucket.url),
            suffixes=(".ndjson",),
        )


def test_train_and_export(tally, sample, tmp_path):
    shards = tmp_path / "shards"
    assert run("prepare", sample, "--out", shards, "--workers", 1) == 0
    settings = ("--network", "tiny-cnn", "--epochs", 2, "--threads", 1)
    killed_everywhere(
        tally,
        "SIGKILL, train",
        tmp_path / "train",
        lambda out: ("train", shards, "--out", out, *settings),
        suffixes=(".safetensors",),
    )
    killed_everywhere(
        tally,
        "SIGKILL, export",
        tmp_path / "export",
        lambda out: ("export", tmp_path / "train" / "whole", "--out", out),
        suffixes=(".safetensors", ".json"),
    )
