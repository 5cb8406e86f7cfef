"""Clocks that jump by seconds and by decades while a command runs: its bytes are the same.

libfaketime gives the processes another clock, which a thread sets while they run; the monotonic
clock is left alone, as it is when a real clock is set.
"""

import importlib.util
import itertools
import os
import signal
import sys
import time
from email.utils import formatdate
from pathlib import Path

import pytest

from quickdraw_kit.acquire.cache_entry import CacheEntry
from quickdraw_kit.errors import DataError
from quickdraw_kit.shards.options import PrepareOptions
from quickdraw_kit.shards.prepare.extract import ChecksumTask
from quickdraw_kit.shards.prepare.pipeline import prepare
from quickdraw_kit.shards.read.dataset import open_shards
from quickdraw_kit.storage.store import RetryingStore
from quickdraw_kit.synthetic.generator import write_sample
from tests.acquire.bucket import Bucket, Fault
from tests.acquire.conftest import content as some_bytes
from tests.faults.disks import content
from tests.shards.hooks import HookedExecutor, Killed, kill_at_merge
from tests.warm import TRAIN, Warm

JUMPS = ("+0", "-3", "+3600", "-40y", "+1d", "+60y", "-1", "+200y")
SHARDS = (".npy", ".parquet", ".json", ".csv", ".ndjson")


@pytest.fixture(scope="module")
def clock(tmp_path_factory):
    """The file that says what time it is, and a process whose commands believe it."""
    package = importlib.util.find_spec("libfaketime")
    if package is None or not sys.platform.startswith("linux"):
        pytest.skip("libfaketime is not installed: the clock cannot be set")
    library = next(Path(package.origin).parent.rglob("libfaketime.so.1"))
    setting = tmp_path_factory.mktemp("clock") / "clock"
    setting.write_text("+0\n")
    environment = {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(setting),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }
    with Warm(environment) as warm:
        yield setting, warm


@pytest.fixture
def jumping(clock, tally):
    """Run the command line while its clock jumps; return the exit code and its messages."""
    setting, warm = clock
    jumps = itertools.cycle(JUMPS)

    def jump() -> None:
        setting.with_suffix(".next").write_text(next(jumps) + "\n")
        setting.with_suffix(".next").replace(setting)

    def run(kind, *command, kill_at=None):
        jump()
        process = warm.start("-m", "quickdraw_kit", *command)
        end = time.monotonic() + 200
        while process.poll() is None:
            assert time.monotonic() < end, process.stderr
            time.sleep(0.03)
            jump()
            if kill_at is not None and kill_at():
                process.kill_all()
        messages = process.stderr
        assert kill_at is None or process.returncode == -signal.SIGKILL, messages
        tally(f"clock that jumps, {kind}").add("ended or was killed, as it should")
        return process.returncode, messages

    run.warm, run.jump = warm, jump
    return run


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clock")
    write_sample(folder / "sample", drawings=4_000, categories=["circle", "line"])
    prepare(
        [folder / "sample"],
        folder / "shards",
        options=PrepareOptions(rows_per_shard=300),
        workers=1,
    )
    return folder


def test_the_clock_of_these_tests_does_jump(jumping):
    code = (
        "import time, datetime; a = time.monotonic(); time.sleep(0.05);"
        "print(datetime.date.today().year, time.monotonic() - a < 10)"
    )
    years = set()
    for _ in JUMPS:
        jumping.jump()
        year, steady = jumping.warm.run("-c", code).stdout.split()
        years.add(int(year))
        assert steady == "True"
    assert max(years) - min(years) > 90


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_prepare(jumping, sample, tmp_path, workers):
    out = tmp_path / "out"
    command = ("prepare", sample / "sample", "--out", out, "--rows-per-shard", 300)
    command += ("--workers", workers)
    half = 6

    def is_half_done():
        return len(list(out.glob("train-*.images.npy"))) >= half

    jumping("prepare", *command, kill_at=is_half_done)
    code, messages = jumping("prepare", *command)
    assert code == 0, messages
    assert content(out, SHARDS) == content(sample / "shards", SHARDS)


@pytest.mark.slow
def test_train(jumping, sample, tmp_path):
    jumping.warm.load(*TRAIN)
    settings = ("--network", "tiny-cnn", "--epochs", 3, "--threads", 1)
    command = ("train", sample / "shards", *settings, "--out")
    code, messages = jumping("train", *command, tmp_path / "once")
    assert code == 0, messages
    out = tmp_path / "out"
    jumping("train", *command, out, kill_at=(out / "checkpoint.safetensors").exists)
    code, messages = jumping("train", *command, out)
    assert code == 0, messages
    weights = [path / "model.safetensors" for path in (out, tmp_path / "once")]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def test_download(jumping, tmp_path):
    bucket, data = Bucket(), some_bytes(400_000)
    try:
        for word in ("cat", "dog"):
            path = f"full/simplified/{word}.ndjson"
            bucket.put(path, data, composite=True)
            date = formatdate(time.time() + 2, usegmt=True)
            bucket.fail(path, Fault(cut=100_000), Fault(status=503, headers={"Retry-After": date}))
            bucket.fail(path, Fault(slow=0.02, always=True))
        command = (
            "download",
            "cat",
            "dog",
            "--mirror",
            bucket.url,
            "--data-home",
            tmp_path / "home",
        )
        half = len(data)
        jumping("download", *command, kill_at=lambda: bucket.sent() > half)
        received = bucket.sent()
        code, messages = jumping("download", *command)
        assert code == 0, messages
    finally:
        bucket.close()
    for word in ("cat", "dog"):
        entry = CacheEntry(tmp_path / "home" / "simplified" / f"{word}.ndjson")
        assert entry.path.read_bytes() == data
        assert entry.is_intact()
    assert bucket.sent() - received < 2 * len(data), "what was received was not downloaded again"


@pytest.mark.slow
def test_a_server_with_another_clock_is_asked_again_at_its_time(jumping, tmp_path):
    """Retry-After is a time on the clock of the server, not on ours."""
    bucket = Bucket()
    try:
        bucket.put("full/simplified/cat.ndjson", b"12345", composite=True)
        date = formatdate(time.time() + 2, usegmt=True)
        bucket.fail("full/simplified/cat.ndjson", Fault(status=503, headers={"Retry-After": date}))
        command = ("download", "cat", "--mirror", bucket.url, "--data-home", tmp_path / "home")
        code, messages = jumping("download", *command)
    finally:
        bucket.close()
    assert code == 0, messages


YEARS = 365 * 86_400 * 10**9


@pytest.mark.parametrize("mtime_ns", [0, 1, -50 * YEARS, 69 * YEARS, 140 * YEARS, 300 * YEARS])
def test_a_source_from_any_time(tmp_path, tally, mtime_ns):
    write_sample(tmp_path / "sample", drawings=60, categories=["line"])
    path = tmp_path / "sample" / "line.ndjson"
    prepare([path], tmp_path / "expected", workers=1)
    os.utime(path, ns=(mtime_ns, mtime_ns))
    kept = path.stat().st_mtime_ns  # a file system may not hold every time
    with pytest.raises(Killed):
        prepare([path], tmp_path / "out", workers=1, progress=kill_at_merge)
    prepare([path], tmp_path / "out", workers=1)  # resumes
    assert content(tmp_path / "out", SHARDS) == content(tmp_path / "expected", SHARDS)
    assert path.stat().st_mtime_ns == kept
    tally("sources from other centuries").add("as any other")


def test_a_source_whose_time_changes_while_it_is_read_is_refused(tmp_path):
    write_sample(tmp_path / "sample", drawings=60, categories=["line"])
    path = tmp_path / "sample" / "line.ndjson"

    def change_before_the_checksum(task):
        if isinstance(task, ChecksumTask):
            os.utime(path, ns=(1, 1))

    executor = HookedExecutor(change_before_the_checksum)
    with pytest.raises(DataError, match="its modification time is different"):
        prepare([path], tmp_path / "out", executor=executor)


def test_the_shard_cache_keeps_its_bound_for_files_of_any_time(sample, tmp_path, tally):
    store = RetryingStore("memory://clock/shards")
    for path in (sample / "shards").iterdir():
        store.put(path.name, path)
    cache_bytes = 600_000
    dataset = open_shards("memory://clock/shards", cache=tmp_path, cache_bytes=cache_bytes)
    expected = open_shards(sample / "shards")
    times = itertools.cycle([0, -50 * YEARS, 300 * YEARS, 69 * YEARS])
    for row in range(0, len(dataset), 97):
        for path in tmp_path.rglob("*.npy"):
            now = next(times)
            os.utime(path, ns=(now, now))
        assert (dataset[row][0] == expected[row][0]).all()
        size = sum(path.stat().st_size for path in tmp_path.rglob("*.npy"))
        assert size <= cache_bytes
    tally("a shard cache with files from other centuries").add("within its bound")
