"""The command `download`: what it prints, and its progress."""

import contextlib
import json
import os
import subprocess
import sys

import pytest
from typer.main import get_command

from quickdraw_kit.acquire.progress import DownloadProgress
from quickdraw_kit.acquire.results import DownloadError
from quickdraw_kit.cli.app import app
from quickdraw_kit.cli.download import report_to
from quickdraw_kit.cli.progress import show_progress
from quickdraw_kit.errors import UsageError
from tests.acquire.bucket import Bucket

DATA = bytes(range(256)) * 1000


@pytest.fixture
def bucket():
    bucket = Bucket()
    for name in ("cat", "hot air balloon"):
        bucket.put(f"full/simplified/{name}.ndjson", DATA)
    yield bucket
    bucket.close()


@pytest.fixture
def run(bucket, tmp_path, capfd, monkeypatch):
    """Call the command with arguments, and return what it printed to either stream."""
    for name in ("QUICKDRAW_KIT_HOME", "QUICKDRAW_KIT_MIRROR"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments):
        folders = ["--mirror", bucket.url, "--data-home", str(tmp_path / "home")]
        get_command(app)(["download", *arguments, *folders], standalone_mode=False)
        return capfd.readouterr()

    return run


def test_a_dry_run_lists_sizes(run, tmp_path):
    out = run("cat", "hot air balloon", "--dry-run").out
    assert out.splitlines() == [
        "  256.0 kB  simplified/cat.ndjson",
        "  256.0 kB  simplified/hot air balloon.ndjson",
        f"  512.0 kB  in total, 512.0 kB of it to download to {tmp_path / 'home'}",
    ]


def test_a_download_prints_its_files_and_a_summary(run, tmp_path):
    shown = run("cat")
    assert shown.out == f"1 file, 256.0 kB in {tmp_path / 'home'}; 256.0 kB received\n"
    assert shown.err == "simplified/cat.ndjson: 256.0 kB\n"
    assert run("cat", "--dry-run").out.splitlines()[0].endswith("cat.ndjson  already downloaded")
    assert "0 bytes received" in run("cat", "--verify").out


def test_a_dry_run_shows_waits_and_prints_the_reason_of_a_failure_once(bucket, run, capfd):
    bucket.close()
    with pytest.raises(DownloadError) as caught:
        run("cat", "--dry-run", "--attempts", "4", "--first-wait", "0.01", "--max-wait", "0.04")
    shown = capfd.readouterr().err
    assert "simplified/cat.ndjson: no connection to 127.0.0.1" in shown
    assert "again in" in shown
    assert "simplified/cat.ndjson: failed\n" in shown
    assert "no connection" in str(caught.value)


def test_names_from_a_file_and_json(run, tmp_path):
    names = tmp_path / "names.txt"
    names.write_text("# one a line\nhot air balloon\n")
    document = json.loads(run("cat", "--from-file", str(names), "--json").out)
    assert [(file["name"], file["state"]) for file in document["files"]] == [
        ("simplified/cat.ndjson", "fetched"),
        ("simplified/hot air balloon.ndjson", "fetched"),
    ]
    assert document["received"] == 2 * len(DATA)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "pass --all"),
        (("cat", "--all"), "pass --all"),
        (("cat", "--variant", "bitmaps"), "expected one of simplified"),
        (("catt",), "did you mean cat"),
        (("mnist", "--variant", "raw"), "mnist has no variants"),
    ],
)
def test_wrong_usage(run, arguments, message):
    with pytest.raises(UsageError, match=message):
        run(*arguments)


@pytest.mark.skipif(os.name == "nt", reason="there are no pseudo-terminals")
def test_on_a_terminal_there_are_bars(bucket, tmp_path):
    import pty

    leader, follower = pty.openpty()
    script = "from quickdraw_kit.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", script, "download", "cat", "hot air balloon"],
        env=os.environ
        | {
            "QUICKDRAW_KIT_MIRROR": bucket.url,
            "QUICKDRAW_KIT_HOME": str(tmp_path / "home"),
            "TERM": "xterm",
            "COLUMNS": "120",
        },
        stderr=follower,
        stdout=subprocess.DEVNULL,
    )
    os.close(follower)
    shown = ""
    with contextlib.suppress(OSError):  # which is the end of a terminal
        while data := os.read(leader, 1 << 16):
            shown += data.decode()
    os.close(leader)
    assert process.wait(60) == 0, shown
    assert "all files" in shown
    assert "512.0 kB of 512.0 kB" in shown
    assert "simplified/hot air balloon.ndjson: 256.0 kB" in shown


def test_plain_lines_are_few(capsys):
    with show_progress() as progress:
        update = report_to(progress)
    for done in range(1000):
        update(DownloadProgress("a", "receiving", done, 1000, done, 1000))
    update(DownloadProgress("a", "waiting", 999, 1000, 999, 1000, "503; again in 2 s"))
    update(DownloadProgress("a", "fetched", 1000, 1000, 1000, 1000))
    assert capsys.readouterr().err == "a: 503; again in 2 s\na: 1.0 kB\n"
