"""Guarantee: prepared while it is downloaded, a data set has the bytes it would have had otherwise.

Whatever the number of workers, whether the sources are kept, and however often the run was killed;
and what is extracted is not downloaded again.
"""

import time

import pytest

from quickdraw_kit.acquire.download import DownloadOptions, download
from quickdraw_kit.acquire.results import DownloadError
from quickdraw_kit.errors import DataError, UsageError
from quickdraw_kit.shards.options import PrepareOptions
from quickdraw_kit.shards.prepare.pipeline import prepare
from quickdraw_kit.shards.prepare.plan import plan_prepare
from quickdraw_kit.shards.verify import verify
from tests.acquire.bucket import Bucket, Fault
from tests.acquire.conftest import QUICK
from tests.conftest import official_line, posix
from tests.shards.hooks import HookedExecutor, fail_at_second_task

WORDS = ("ant", "bee", "cat", "dog")
SETTINGS = {
    "options": PrepareOptions(rows_per_shard=500),
    "max_reject_rate": 0.1,
    "chunk_bytes": 50_000,
}


def path_of(word):
    return f"full/simplified/{word}.ndjson"


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def visible(data_home):
    files = data_home.rglob("*") if data_home.exists() else ()
    return sorted(file.name for file in files if file.is_file() and not file.name.startswith("."))


@pytest.fixture
def bucket():
    bucket = Bucket()
    for number, word in enumerate(WORDS):
        lines = [official_line(number * 10_000 + i, word) for i in range(1000)]
        lines[77] = b'{"word": "cut off\n'
        bucket.put(path_of(word), b"".join(lines))
    yield bucket
    bucket.close()


@pytest.fixture
def run(bucket, tmp_path):
    """Prepare from the bucket."""

    def run(name="out", data_home="home", keep=True, words=WORDS, workers=1, **options):
        return prepare(
            words,
            tmp_path / name,
            data_home=tmp_path / data_home,
            download=DownloadOptions(bucket.url, keep, retry_policy=QUICK),
            workers=workers,
            **SETTINGS,
            **options,
        )

    return run


@pytest.fixture
def expected(bucket, tmp_path):
    """Return what comes out when all is downloaded first."""

    def make():
        data_home = tmp_path / "first"
        download(WORDS, data_home=data_home, mirror=bucket.url, retry_policy=QUICK)
        prepare(WORDS, tmp_path / "expected", data_home=data_home, workers=1, **SETTINGS)
        bucket.log.clear()
        return contents(tmp_path / "expected")

    return make


@pytest.mark.parametrize(
    ("keep", "workers"),
    [(True, 1), (False, 1), (False, 3), pytest.param(True, 3, marks=pytest.mark.slow)],
)
def test_the_bytes_are_those_of_an_earlier_download(run, expected, bucket, tmp_path, workers, keep):
    whole = expected()
    run(keep=keep, workers=workers)
    assert contents(tmp_path / "out") == whole
    assert visible(tmp_path / "home") == ([f"{word}.ndjson" for word in WORDS] if keep else [])
    assert {len(bucket.gets(path_of(word))) for word in WORDS} == {1}
    assert verify(tmp_path / "out").ok
    run(keep=keep)  # a finished data set stays
    assert contents(tmp_path / "out") == whole
    assert len(bucket.gets()) == len(WORDS)


def test_a_removed_source_is_downloaded_again_for_the_line_of_a_duplicate(
    run, expected, bucket, tmp_path
):
    twin = official_line(5, "zebra")  # key_id 5 is the sixth ant
    bucket.put(path_of("dog"), bucket.objects[path_of("dog")].data + twin)
    whole = expected()
    assert b'"duplicate"' in whole["rejects.ndjson"]
    run(keep=False)
    assert contents(tmp_path / "out") == whole
    assert [len(bucket.gets(path_of(word))) for word in WORDS] == [1, 1, 1, 2]


def test_sources_that_were_downloaded_before_stay(run, expected, bucket, tmp_path):
    whole = expected()
    download(["bee"], data_home=tmp_path / "home", mirror=bucket.url, retry_policy=QUICK)
    bucket.log.clear()
    run(keep=False)
    assert contents(tmp_path / "out") == whole
    assert visible(tmp_path / "home") == ["bee.ndjson"]
    assert not bucket.gets(path_of("bee"))


def test_offline_with_everything_present_is_a_success(run, expected, bucket, tmp_path):
    whole = expected()
    bucket.objects.clear()
    run(data_home="first")
    assert contents(tmp_path / "out") == whole


@pytest.mark.parametrize("keep", [True, False])
def test_after_a_failure_of_the_server_only_the_rest_is_downloaded(
    run, expected, bucket, tmp_path, keep
):
    whole = expected()
    size = len(bucket.objects[path_of("bee")].data)
    # the head of the plan is answered, and then the server fails in the middle of the file
    bucket.fail(path_of("bee"), Fault(cut=100_000), Fault(status=403, always=True))
    with pytest.raises(DownloadError, match=r"(?s)1 of 4 files.*bee.*403"):
        run(keep=keep)
    assert not (tmp_path / "out" / "manifest.json").exists()
    assert {len(bucket.gets(path_of(word))) for word in ("ant", "cat", "dog")} == {1}
    bucket.faults.clear()
    bucket.log.clear()
    run(keep=keep)
    assert contents(tmp_path / "out") == whole
    (rest,) = bucket.gets()
    assert (rest.path, rest.sent) == (path_of("bee"), size - 100_000)


def test_files_are_removed_before_the_last_arrives(run, bucket, tmp_path):
    most = 0

    def count(_bucket):
        nonlocal most
        most = max(most, len(visible(tmp_path / "out" / ".prepare" / "sources")))

    words = [*WORDS, "bat", "cow", "ear", "eye"]
    for word in words[4:]:
        bucket.put(path_of(word), b"".join(official_line(i + hash(word) % 99999) for i in range(9)))
    for word in words:
        bucket.fail(path_of(word), Fault(before=count))
    run(keep=False, words=words)
    assert 1 <= most <= 3


def test_a_file_that_changed_after_a_part_was_extracted_is_refused(run, bucket, tmp_path):
    executor = HookedExecutor(fail_at_second_task())
    with pytest.raises(OSError, match="gone"):
        run(words=["cat"], keep=True, executor=executor)
    data = bucket.objects[path_of("cat")].data
    bucket.put(path_of("cat"), data.replace(b'"US"', b'"BR"'))
    (tmp_path / "home" / "simplified" / "cat.ndjson").unlink()
    with pytest.raises(DataError, match="changed at http"):
        run(words=["cat"])
    run(words=["cat"], overwrite=True)


def test_a_plan_holds_the_bytes_to_download(bucket, tmp_path):
    download(["cat"], data_home=tmp_path, mirror=bucket.url, retry_policy=QUICK)
    plan = plan_prepare(
        WORDS,
        tmp_path / "out",
        data_home=tmp_path,
        download=DownloadOptions(bucket.url, retry_policy=QUICK),
    )
    sizes = [len(bucket.objects[path_of(word)].data) for word in WORDS]
    assert [source.size for source in plan.sources] == sizes
    assert plan.to_fetch == sum(sizes) - sizes[2]
    assert not (tmp_path / "out").exists()


def test_waits_are_reported_while_the_download_is_planned(bucket, tmp_path):
    bucket.close()
    lines = []
    options = DownloadOptions(bucket.url, retry_policy=QUICK, on_wait=lines.append)
    with pytest.raises(DownloadError, match="could not be downloaded"):
        plan_prepare(["cat"], tmp_path / "out", data_home=tmp_path, download=options)
    assert len(lines) == QUICK.attempts - 1
    assert all(line.startswith("simplified/cat.ndjson: no connection") for line in lines)


def test_missing_files_and_unknown_words_are_errors_before_any_download(run, bucket, tmp_path):
    with pytest.raises(DownloadError, match="bat"):
        run(words=["cat", "bat"])
    with pytest.raises(UsageError, match="did you mean cat"):
        run(words=["catt"])
    assert not bucket.gets()
    assert not (tmp_path / "out").exists()


def test_progress_covers_download_and_extract_stage(run, bucket):
    steps = []
    run(progress=steps.append)
    size = sum(len(stored.data) for stored in bucket.objects.values())
    for stage in ("download", "extract"):
        last = [step for step in steps if step.stage == stage][-1]
        assert (last.done, last.total) == (size, size)
    assert steps[-1].stage == "merge"


RUN = """
import sys
from pathlib import Path
from quickdraw_kit.acquire.download import DownloadOptions
from quickdraw_kit.shards.options import PrepareOptions
from quickdraw_kit.shards.prepare.pipeline import prepare
out, data_home, url, keep, workers = sys.argv[1:]
prepare(["ant", "bee", "cat", "dog"], out, data_home=Path(data_home),
        options=PrepareOptions(rows_per_shard=500), max_reject_rate=0.1, workers=int(workers),
        download=DownloadOptions(url, keep == "keep"), chunk_bytes=50_000)
"""


@posix
@pytest.mark.slow
@pytest.mark.parametrize(("keep", "workers"), [("keep", 2), ("remove", 1), ("remove", 2)])
def test_killed_at_any_point_and_resumed(expected, bucket, tmp_path, warm, keep, workers):
    whole = expected()
    for word in WORDS:
        bucket.fail(path_of(word), Fault(slow=0.03, always=True))
    total = sum(len(stored.data) for stored in bucket.objects.values())
    out, data_home = tmp_path / "out", tmp_path / "home"
    command = ["-c", RUN, out, data_home, bucket.url, keep, workers]
    for share in (0.1, 0.4, 0.7, 0.95):
        process = warm.start(*command)
        while bucket.sent() < share * total:
            assert process.poll() is None, process.stderr
            time.sleep(0.01)
        process.kill_all()
    bucket.faults.clear()
    last = warm.run(*command)
    assert last.returncode == 0, last.stderr
    assert contents(out) == whole
    for word in WORDS:  # only a download that the kill cut off is sent twice
        size = len(bucket.objects[path_of(word)].data)
        assert sum(line.sent == size for line in bucket.gets(path_of(word))) <= 1
        assert bucket.sent(path_of(word)) < 2 * size
