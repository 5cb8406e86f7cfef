"""Guarantee: whatever a server does, a file under its final name is complete and correct."""

import re
import time
from email.utils import formatdate

import hypothesis.strategies as st
import pytest
from hypothesis import given

from quickdraw_kit.acquire.download import download
from quickdraw_kit.acquire.results import DownloadError
from quickdraw_kit.storage.retry import RetryPolicy
from tests.acquire.bucket import Bucket, Fault
from tests.acquire.conftest import QUICK, content, leftovers, visible
from tests.conftest import examples

PATH = "full/simplified/cat.ndjson"
NAME = "simplified/cat.ndjson"
SIZE = 300_000
DATA, OTHER = content(SIZE), content(SIZE, seed=2)


@pytest.fixture(params=["plain", "composite", "bare"])
def stored(request, bucket):
    """An object with both checksums, one with crc32c alone, and one with an ETag alone."""
    return bucket.put(PATH, DATA, **({} if request.param == "plain" else {request.param: True}))


def check(data_home, bucket) -> None:
    assert visible(data_home) == {NAME: bucket.objects[PATH].data}
    assert leftovers(data_home) == []


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=429),
        Fault(status=500),
        Fault(status=502),
        Fault(status=503),
        Fault(status=408),
        Fault(cut=0),
        Fault(cut=100_000),
        Fault(cut=SIZE - 1),
        Fault(cut=100_000, reset=True),
        Fault(stall=0),
        Fault(stall=100_000),
        Fault(lie=10),
        Fault(slow=0.005),
    ],
    ids=str,
)
def test_temporary_faults(get, data_home, bucket, stored, fault):
    bucket.fail(PATH, fault)
    assert get(["cat"]).files[0].state == "fetched"
    check(data_home, bucket)


@pytest.mark.parametrize("cut", [Fault(cut=100_000), Fault(stall=100_000)], ids=["cut", "stall"])
def test_after_a_cut_only_the_rest_of_the_same_version_is_requested(
    get, data_home, bucket, stored, cut
):
    bucket.fail(PATH, cut)
    report = get(["cat"])
    first, second = bucket.gets()
    assert (first.range, first.match) == (None, None)
    assert (second.range, second.match) == ("bytes=100000-", stored.etag)
    assert (second.status, second.sent) == (206, SIZE - 100_000)
    assert report.received == SIZE
    check(data_home, bucket)


def test_a_connection_that_is_cut_repeatedly_completes_the_file(get, data_home, bucket, stored):
    bucket.fail(PATH, *[Fault(cut=20_000)] * 14)
    get(["cat"])
    assert len(bucket.gets()) == 15 > QUICK.attempts
    assert bucket.sent() == SIZE
    check(data_home, bucket)


def test_a_server_that_ignores_ranges_is_read_from_the_beginning(get, data_home, bucket, stored):
    bucket.fail(PATH, Fault(cut=100_000), Fault(ignore_range=True))
    get(["cat"])
    assert [line.status for line in bucket.gets()] == [200, 200]
    check(data_home, bucket)


def test_a_server_that_cuts_and_ignores_ranges_is_given_up(get, data_home, bucket, stored):
    bucket.fail(PATH, Fault(cut=100_000, ignore_range=True, always=True))
    with pytest.raises(DownloadError, match="the connection was cut"):
        get(["cat"])
    assert len(bucket.gets()) == QUICK.attempts + 1, "the first received something new"
    assert visible(data_home) == {}


def test_a_server_that_drops_tags_is_read_from_the_beginning(get, data_home, bucket):
    bucket.put(PATH, DATA, untagged=True)
    bucket.fail(PATH, Fault(cut=100_000))
    get(["cat"])
    assert [line.range for line in bucket.gets()] == [None, None]
    check(data_home, bucket)


def test_a_weak_tag_is_not_a_version(get, data_home, bucket):
    bucket.put(PATH, DATA, bare=True)
    bucket.fail(PATH, Fault(cut=100_000, headers={"ETag": 'W/"1"'}))
    get(["cat"])
    assert [line.range for line in bucket.gets()] == [None, None]
    check(data_home, bucket)


@pytest.mark.parametrize("ignore_match", [False, True], ids=["412", "206 of another version"])
@pytest.mark.parametrize("size", [SIZE, 90_000, 400_000])
def test_a_file_that_changes_midway_is_downloaded_again(
    get, data_home, bucket, stored, ignore_match, size
):
    def change(bucket):
        bucket.put(PATH, content(size, seed=3), bare=stored.bare, composite=stored.composite)

    bucket.fail(PATH, Fault(cut=100_000), Fault(before=change, ignore_match=ignore_match))
    get(["cat"])
    assert bucket.objects[PATH].data == content(size, seed=3)
    assert bucket.gets()[-1].range is None
    check(data_home, bucket)


@pytest.mark.parametrize("composite", [False, True], ids=["md5", "crc32c alone"])
def test_a_file_with_a_wrong_byte_is_downloaded_again(get, data_home, bucket, composite):
    bucket.put(PATH, DATA, composite=composite)
    bucket.fail(PATH, Fault(flip=123_456))
    get(["cat"])
    assert bucket.sent() == 2 * SIZE
    check(data_home, bucket)


def test_a_wrong_byte_before_a_cut_is_found(get, data_home, bucket):
    bucket.put(PATH, DATA)
    bucket.fail(PATH, Fault(flip=50_000, cut=100_000))
    get(["cat"])
    check(data_home, bucket)


def test_a_server_with_wrong_bytes_is_given_up(get, data_home, bucket):
    bucket.put(PATH, DATA)
    bucket.fail(PATH, Fault(flip=0, always=True))
    with pytest.raises(DownloadError, match=r"the md5 is \w{32}, expected .*2 times"):
        get(["cat"])
    assert len(bucket.gets(PATH)) == 2
    assert visible(data_home) == {}
    assert leftovers(data_home) == []


@pytest.mark.parametrize("lie", [-1000, 1000])
def test_a_server_that_announces_a_wrong_length_is_given_up(get, data_home, bucket, lie):
    bucket.put(PATH, DATA)
    bucket.fail(PATH, Fault(lie=lie, always=True))
    with pytest.raises(DownloadError):
        get(["cat"])
    assert visible(data_home) == {}


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_permanent_errors_are_not_retried(get, data_home, bucket, status):
    bucket.put(PATH, DATA)
    bucket.fail(PATH, Fault(status=status, always=True))
    with pytest.raises(DownloadError, match=f"the server answered {status}"):
        get(["cat"])
    assert len(bucket.gets(PATH)) == 1
    assert visible(data_home) == {}


def test_a_server_that_never_recovers_is_given_up(get, data_home, bucket):
    bucket.put(PATH, DATA)
    bucket.fail(PATH, Fault(status=503, always=True))
    with pytest.raises(DownloadError, match="503 Service Unavailable"):
        get(["cat"])
    assert len(bucket.gets(PATH)) == QUICK.attempts


@pytest.mark.parametrize("format", ["seconds", "date"])
@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_retry_after_is_honored(get, bucket, format, method):
    bucket.put(PATH, DATA)
    date = int(time.time()) + 2
    value = "1" if format == "seconds" else formatdate(date, usegmt=True)
    bucket.fail(PATH, Fault(status=429, headers={"Retry-After": value}, head=method == "HEAD"))
    get(["cat"])
    number = next(number for number, line in enumerate(bucket.log) if line.status == 429)
    refused, again = bucket.log[number : number + 2]
    assert refused.method == again.method == method
    assert again.time >= (refused.time + 1 if format == "seconds" else date) - 0.05


def test_a_server_that_asks_for_an_hour_is_given_up_at_once(get, bucket):
    bucket.put(PATH, DATA)
    bucket.fail(PATH, Fault(status=503, headers={"Retry-After": "3600"}))
    with pytest.raises(DownloadError, match="503 Service Unavailable and asks to wait 3600 s"):
        get(["cat"])
    assert len(bucket.gets(PATH)) == 1


def test_a_range_beyond_the_end_starts_over(get, data_home, bucket):
    """The file was replaced by a shorter one on a server that has no preconditions."""
    bucket.put(PATH, DATA, bare=True)

    def shorten(bucket):
        bucket.put(PATH, OTHER[:1000], bare=True)

    bucket.fail(PATH, Fault(cut=100_000), Fault(before=shorten, ignore_match=True))
    get(["cat"])
    assert [line.status for line in bucket.gets()] == [200, 416, 200]
    check(data_home, bucket)


def test_a_partial_answer_without_its_range_is_not_trusted(get, data_home, bucket):
    bucket.put(PATH, DATA)
    bucket.fail(PATH, Fault(cut=100_000), Fault(headers={"Content-Range": "bytes"}))
    bucket.fail(PATH, Fault(headers={"Content-Range": f"bytes 7-{SIZE - 1}/{SIZE}"}))
    get(["cat"])
    check(data_home, bucket)


def test_a_full_disk_fails_the_file_and_keeps_what_was_received(get, data_home, bucket, warm):
    """A limit on the size of files acts as a full disk: the write fails midway."""
    pytest.importorskip("resource")
    bucket.put(PATH, DATA)
    script = (
        "import resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))\n"
        "from quickdraw_kit.acquire.download import download\n"
        f"download(['cat'], data_home={str(data_home)!r}, mirror={bucket.url!r})\n"
    )
    ran = warm.run("-c", script)
    assert ran.returncode == 1
    assert re.search(r"DownloadError: 1 of 1 file .*File too large", ran.stderr, re.DOTALL)
    assert visible(data_home) == {}
    assert get(["cat"]).received == SIZE - 150_000
    check(data_home, bucket)


FAULTS = st.builds(
    Fault,
    status=st.sampled_from([None, None, None, 429, 500, 503, 404]),
    cut=st.none() | st.integers(0, 40_000),
    reset=st.booleans(),
    flip=st.none() | st.integers(0, 39_999),
    lie=st.sampled_from([0, 0, 0, -7, 7]),
    ignore_range=st.booleans(),
    ignore_match=st.booleans(),
    before=st.sampled_from(
        [
            None,
            None,
            lambda bucket: bucket.put(PATH, content(40_000, seed=5)),
            lambda bucket: bucket.put(PATH, content(40_001, seed=6), composite=True),
        ]
    ),
)


@examples(40)
@given(faults=st.lists(FAULTS, max_size=6))
def test_no_sequence_of_faults_leaves_a_wrong_file(tmp_path_factory, faults):
    bucket, data_home = Bucket(), tmp_path_factory.mktemp("home")
    try:
        bucket.put(PATH, content(40_000))
        bucket.fail(PATH, *faults)
        retry_policy = RetryPolicy(attempts=3, first_wait=0.001, max_wait=0.002, read_timeout=0.3)
        for _ in range(len(faults) + 1):
            try:
                download(["cat"], data_home=data_home, mirror=bucket.url, retry_policy=retry_policy)
            except DownloadError:
                assert visible(data_home) == {}
            else:
                break
        assert bucket.objects[PATH].data == visible(data_home)[NAME]
        assert leftovers(data_home) == []
    finally:
        bucket.close()
