"""Guarantee: a kill loses nothing that was received, and processes can share a folder."""

import signal
import time
from pathlib import Path

import pytest

from quickdraw_kit.acquire.cache_entry import CacheEntry
from tests.acquire.bucket import Fault
from tests.acquire.conftest import content, leftovers, visible
from tests.warm import Warm

PATH, NAME = "full/simplified/cat.ndjson", "simplified/cat.ndjson"
SIZE = 1_000_000
SCRIPT = """
import sys
from quickdraw_kit.acquire.download import download
data_home, mirror, *names = sys.argv[1:]
def report(step):
    sys.stderr.write(f"{step.state} {step.name} {step.done} {step.note}\\n")
    sys.stderr.flush()
report = download(names, data_home=data_home, mirror=mirror, progress=report)
sys.stdout.write(" ".join(file.state for file in report.files))
"""


class Process:
    """A download in a process of its own, whose progress can be read while it runs."""

    def __init__(self, warm: Warm, data_home: Path, bucket, *names: str) -> None:
        self._process = warm.start("-c", SCRIPT, data_home, bucket.url, *names)

    def wait_for(self, text: str) -> None:
        """Wait until the progress contains a text."""
        until = time.monotonic() + 60
        while text not in self._process.stderr:
            assert self._process.poll() is None, self._process.stderr
            assert time.monotonic() < until, f"{text!r} never came: {self._process.stderr}"
            time.sleep(0.01)

    def kill(self) -> None:
        self._process.kill_all()

    def interrupt(self) -> str:
        self._process.signal(signal.SIGINT)
        self._process.wait(timeout=60)
        return self._process.stderr

    def result(self) -> str:
        assert self._process.wait(timeout=60) == 0, self._process.stderr
        return self._process.stdout


@pytest.fixture
def slow(bucket):
    """One file of a megabyte that takes a second or two."""
    bucket.put(PATH, content(SIZE))
    bucket.fail(PATH, Fault(slow=0.02, always=True))
    return bucket


def quicken(bucket) -> None:
    bucket.faults.clear()
    bucket.log.clear()


def test_after_kill_9_only_the_rest_is_downloaded(slow, data_home, get, warm):
    process = Process(warm, data_home, slow, "cat")
    process.wait_for("receiving simplified/cat.ndjson 3")
    process.kill()
    assert visible(data_home) == {}
    kept = CacheEntry(data_home / NAME).partial_size()
    assert 0 < kept < SIZE
    quicken(slow)
    report = get(["cat"])
    (only,) = slow.gets()
    assert only.range == f"bytes={kept}-"
    assert (only.status, only.sent) == (206, SIZE - kept)
    assert report.received == SIZE - kept
    assert visible(data_home) == {NAME: content(SIZE)}
    assert leftovers(data_home) == []


def test_after_ctrl_c_only_the_rest_is_downloaded(slow, data_home, get, warm):
    process = Process(warm, data_home, slow, "cat")
    process.wait_for("receiving simplified/cat.ndjson 3")
    assert "KeyboardInterrupt" in process.interrupt()
    kept = CacheEntry(data_home / NAME).partial_size()
    assert 0 < kept < SIZE
    quicken(slow)
    assert get(["cat"]).received == SIZE - kept
    assert visible(data_home) == {NAME: content(SIZE)}


def test_a_kill_before_verification_requests_no_byte_again(bucket, data_home, get):
    bucket.put(PATH, content(SIZE))
    bucket.fail(PATH, Fault(cut=100_000), Fault(status=403))
    with pytest.raises(Exception, match="403"):
        get(["cat"])
    partial, _ = CacheEntry(data_home / NAME).partial()
    partial.write_bytes(content(SIZE))
    bucket.log.clear()
    assert get(["cat"]).received == 0
    assert bucket.gets() == []
    assert visible(data_home) == {NAME: content(SIZE)}


def test_a_kill_before_the_rename_is_recovered(bucket, data_home, get):
    bucket.put(PATH, content(SIZE))
    get(["cat"])
    (data_home / NAME).unlink()  # the record is there, the file is not
    assert get(["cat"]).files[0].state == "fetched"
    assert visible(data_home) == {NAME: content(SIZE)}


def test_bytes_lost_in_a_power_cut_are_detected(bucket, data_home, get):
    bucket.put(PATH, content(SIZE))
    bucket.fail(PATH, Fault(cut=500_000), Fault(status=403))
    with pytest.raises(Exception, match="403"):
        get(["cat"])
    partial, _ = CacheEntry(data_home / NAME).partial()
    with partial.open("r+b") as file:
        file.seek(400_000)
        file.write(bytes(100_000))
    get(["cat"])
    assert visible(data_home) == {NAME: content(SIZE)}


@pytest.mark.parametrize("damage", ["missing", "garbage", "another partial", "too long"])
def test_an_invalid_partial_file_is_discarded(bucket, data_home, get, damage):
    bucket.put(PATH, content(SIZE))
    bucket.fail(PATH, Fault(cut=500_000), Fault(status=403))
    with pytest.raises(Exception, match="403"):
        get(["cat"])
    folder = data_home / "simplified"
    partial, _ = CacheEntry(data_home / NAME).partial()
    match damage:
        case "missing":
            (folder / ".cat.ndjson.partial.json").unlink()
        case "garbage":
            (folder / ".cat.ndjson.partial.json").write_bytes(b'{"size": 3')
        case "another partial":
            (folder / ".cat.ndjson.00000000.partial").write_bytes(b"x")
        case "too long":
            partial.write_bytes(bytes(SIZE + 1))
    get(["cat"])
    assert visible(data_home) == {NAME: content(SIZE)}
    assert leftovers(data_home) == []


def test_two_processes_share_the_work(bucket, data_home, warm):
    names = ["ant", "bat", "cat", "dog"]
    for name in names:
        bucket.put(f"full/simplified/{name}.ndjson", content(400_000))
        bucket.fail(f"full/simplified/{name}.ndjson", Fault(slow=0.02, always=True))
    processes = [Process(warm, data_home, bucket, *names) for _ in range(2)]
    results = [process.result().split() for process in processes]
    assert visible(data_home) == {f"simplified/{name}.ndjson": content(400_000) for name in names}
    assert leftovers(data_home) == []
    assert [len(bucket.gets(f"full/simplified/{name}.ndjson")) for name in names] == [1] * 4
    assert all(sorted(states) != ["failed"] for states in zip(*results, strict=True))


def test_a_waiting_process_resumes_where_a_killed_one_stopped(slow, data_home, warm):
    slow.faults[PATH] = [Fault(stall=400_000)]
    first = Process(warm, data_home, slow, "cat")
    first.wait_for("receiving")
    second = Process(warm, data_home, slow, "cat")
    second.wait_for("another process is downloading it")
    first.wait_for("receiving simplified/cat.ndjson 2")
    first.kill()
    assert second.result() == "fetched"
    assert visible(data_home) == {NAME: content(SIZE)}
    assert leftovers(data_home) == []
    first_request, rest = slow.gets()
    assert first_request.range is None
    assert rest.range is not None
    assert rest.sent < SIZE
