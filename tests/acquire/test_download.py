"""Downloads without faults, their reports and their progress."""

import contextlib
import shutil
import time
from dataclasses import replace

import pytest

from quickdraw_kit.acquire.catalog import VARIANTS
from quickdraw_kit.acquire.download import download, fetching, iter_download
from quickdraw_kit.acquire.results import DownloadedFile, DownloadError
from quickdraw_kit.errors import QuickdrawError, UsageError
from tests.acquire.bucket import Bucket, Fault
from tests.acquire.conftest import QUICK, content, leftovers, visible


@pytest.fixture
def three(bucket):
    """Three categories of different lengths, one of them with a space."""
    files = {
        name: content(size, size)
        for name, size in (("cat", 50_000), ("dog", 200_000), ("hot air balloon", 3))
    }
    for name, data in files.items():
        bucket.put(f"full/simplified/{name}.ndjson", data, composite=name == "dog")
    return {f"simplified/{name}.ndjson": data for name, data in files.items()}


def test_files_are_complete_and_reported(get, data_home, three):
    report = get(["dog", "hot air balloon", "cat"])
    assert visible(data_home) == three
    assert [file.name for file in report.files] == list(three)
    assert {file.state for file in report.files} == {"fetched"}
    assert report.received == report.size == sum(map(len, three.values()))
    assert report.paths == tuple(data_home / name for name in three)
    assert leftovers(data_home) == []


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_folder_of_each_variant(get, data_home, bucket, variant):
    suffix = {"binary": "bin", "numpy_bitmap": "npy", "sketchrnn": "npz"}.get(variant, "ndjson")
    folder = variant if variant == "sketchrnn" else f"full/{variant}"
    bucket.put(f"{folder}/The Mona Lisa.{suffix}", b"smile")
    get(["the mona lisa"], variant)
    assert visible(data_home) == {f"{variant}/The Mona Lisa.{suffix}": b"smile"}


def test_an_empty_file_is_a_file(get, data_home, bucket):
    bucket.put("full/simplified/cat.ndjson", b"")
    assert get(["cat"]).files[0].state == "fetched"
    assert visible(data_home) == {"simplified/cat.ndjson": b""}
    assert get(["cat"]).files[0].state == "present"


def test_present_files_need_no_request(get, bucket, three):
    get(["cat", "dog"])
    bucket.log.clear()
    report = get(["cat", "dog"])
    assert [file.state for file in report.files] == ["present", "present"]
    assert report.received == 0
    assert bucket.log == []


def test_offline_with_all_files_present(get, bucket, data_home, three):
    get(["cat", "dog"])
    bucket.close()
    report = get(["cat", "dog"])
    assert [file.state for file in report.files] == ["present", "present"]
    assert [file.size for file in report.files] == [50_000, 200_000]


def test_offline_with_missing_files_names_them_and_retries_only_one(get, bucket, three):
    get(["cat"])
    bucket.close()
    waits = []
    with pytest.raises(DownloadError, match=r"2 of 3 files could not be downloaded") as caught:
        get(["cat", "dog", "hot air balloon"], workers=1, progress=waits.append)
    assert [file.state for file in caught.value.report.files] == ["present", "failed", "failed"]
    assert "no connection to 127.0.0.1" in str(caught.value)
    assert "not asked, as there was no connection to 127.0.0.1" in str(caught.value)
    assert len([step for step in waits if step.state == "waiting"]) == QUICK.attempts - 1


def test_a_dry_run_reports_sizes_and_writes_nothing(get, data_home, bucket, three):
    report = get(["cat", "dog"], dry_run=True)
    assert [(file.name, file.size, file.state) for file in report.files] == [
        ("simplified/cat.ndjson", 50_000, "planned"),
        ("simplified/dog.ndjson", 200_000, "planned"),
    ]
    assert report.to_fetch == 250_000
    assert not data_home.exists()
    assert {line.method for line in bucket.log} == {"HEAD"}


def test_a_dry_run_counts_only_what_is_missing(get, three):
    get(["cat"])
    report = get(["cat", "dog"], dry_run=True)
    assert (report.size, report.to_fetch) == (250_000, 200_000)


def test_a_server_without_head_only_hides_the_size(get, data_home, bucket, three):
    path = "full/simplified/cat.ndjson"
    bucket.fail(path, Fault(status=405, head=True), Fault(status=405, head=True))
    assert get(["cat"], dry_run=True).files[0].size is None
    get(["cat"])
    assert visible(data_home)["simplified/cat.ndjson"] == three["simplified/cat.ndjson"]


def test_a_disk_that_is_too_small_is_an_error_before_the_first_download(
    get, data_home, bucket, three, monkeypatch
):
    usage = shutil.disk_usage(data_home.parent)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=249_999))
    with pytest.raises(QuickdrawError, match=r"250\.0 kB free, and the 2 files to download take"):
        get(["cat", "dog"])
    assert bucket.gets() == []
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=250_000))
    assert len(get(["cat", "dog"]).paths) == 2


def test_bytes_received_before_need_no_space_again(get, data_home, bucket, three, monkeypatch):
    bucket.fail("full/simplified/dog.ndjson", Fault(cut=150_000), Fault(status=404))
    with pytest.raises(DownloadError):
        get(["dog"])
    usage = shutil.disk_usage(data_home.parent)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=50_000))
    assert get(["dog"]).received == 50_000


def test_a_missing_file_is_named_and_the_others_are_downloaded(get, data_home, bucket, three):
    with pytest.raises(DownloadError) as caught:
        get(["cat", "zebra", "dog"])
    assert f"{bucket.url}/full/simplified/zebra.ndjson: the server answered 404" in str(
        caught.value
    )
    assert [file.state for file in caught.value.report.files] == ["fetched", "fetched", "failed"]
    assert sorted(visible(data_home)) == ["simplified/cat.ndjson", "simplified/dog.ndjson"]


def test_a_long_list_of_failures_is_cut(get, bucket):
    with pytest.raises(DownloadError, match=r"345 of 345 files(?s:.*)and 335 more") as caught:
        get(None)
    assert len(caught.value.report.failures) == 345
    assert len(str(caught.value).splitlines()) == 13


def test_names_are_checked_first(get, bucket):
    with pytest.raises(UsageError, match="did you mean cat"):
        get(["catt", "dog"])
    with pytest.raises(UsageError, match="expected one of simplified, raw"):
        get(["cat"], variant="bitmaps")
    assert bucket.log == []


def test_verify_downloads_a_damaged_file_again(get, data_home, bucket, three):
    get(["cat", "dog"])
    path = data_home / "simplified" / "dog.ndjson"
    damaged = bytearray(path.read_bytes())
    damaged[77_777] ^= 1
    path.write_bytes(damaged)
    assert get(["cat", "dog"]).received == 0, "without verify, nothing is read again"
    report = get(["cat", "dog"], verify=True)
    assert [file.state for file in report.files] == ["present", "fetched"]
    assert visible(data_home)["simplified/dog.ndjson"] == three["simplified/dog.ndjson"]


def test_a_damaged_file_is_removed_even_if_the_download_fails(get, data_home, bucket, three):
    get(["cat"])
    (data_home / "simplified" / "cat.ndjson").write_bytes(b"x" * 50_000)
    bucket.fail("full/simplified/cat.ndjson", Fault(status=403, always=True))
    with pytest.raises(DownloadError, match="403 Forbidden"):
        get(["cat"], verify=True)
    assert visible(data_home) == {}


def test_a_truncated_file_is_downloaded_again(get, data_home, three):
    get(["cat"])
    path = data_home / "simplified" / "cat.ndjson"
    path.write_bytes(path.read_bytes()[:-1])
    assert get(["cat"]).files[0].state == "fetched"
    assert visible(data_home)["simplified/cat.ndjson"] == three["simplified/cat.ndjson"]


@pytest.mark.parametrize("right", [True, False])
def test_a_file_of_the_user_is_kept_if_its_checksum_is_right(get, data_home, bucket, three, right):
    path = data_home / "simplified" / "cat.ndjson"
    path.parent.mkdir(parents=True)
    path.write_bytes(three["simplified/cat.ndjson"] if right else b"x" * 50_000)
    assert get(["cat"]).files[0].state == ("present" if right else "fetched")
    assert len(bucket.gets()) == (0 if right else 1)
    assert path.read_bytes() == three["simplified/cat.ndjson"]


def test_progress_adds_up(get, bucket, three):
    bucket.fail("full/simplified/dog.ndjson", Fault(cut=100_000))
    steps = []
    get(list(three_names(three)), progress=steps.append, workers=2)
    final = {step.name: step for step in steps if step.state == "fetched"}
    assert {name: step.done for name, step in final.items()} == {
        name: len(data) for name, data in three.items()
    }
    assert steps[-1].all_done == steps[-1].all_size == 250_003
    assert all(step.done <= step.size for step in steps)
    waiting = [step for step in steps if step.state == "waiting"]
    assert [step.done for step in waiting] == [100_000]
    assert "again in" in waiting[0].note
    for name in three:
        done = [step.done for step in steps if step.name == name]
        assert done == sorted(done)


def three_names(three):
    return (name.removeprefix("simplified/").removesuffix(".ndjson") for name in three)


def test_files_are_yielded_as_they_complete_and_few_at_a_time(get, data_home, bucket):
    names = ["ant", "bat", "bear", "bee", "bird", "cat", "cow", "crab", "dog", "duck"]
    for name in names:
        bucket.put(f"full/simplified/{name}.ndjson", content(1000))
    most = 0
    for count, file in enumerate(
        iter_download(
            names, data_home=data_home, mirror=bucket.url, workers=2, keep=False, retry_policy=QUICK
        )
    ):
        assert file.path.read_bytes() == content(1000)
        most = max(most, len(bucket.gets()) - count)
        file.path.unlink()
    assert len(bucket.gets()) == len(names)
    assert most <= 3, "one in use and two downloading"


def test_files_that_do_not_stay_need_space_for_a_few(data_home, bucket, three, monkeypatch):
    usage = shutil.disk_usage(data_home.parent)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=250_000))
    options = {"data_home": data_home, "mirror": bucket.url, "workers": 1, "retry_policy": QUICK}
    names = list(three_names(three))
    with pytest.raises(QuickdrawError, match=r"250\.0 kB free"):
        next(iter_download(names, **options))
    assert len(list(iter_download(names, keep=False, **options))) == 3


def test_closing_the_iterator_stops_the_rest(data_home, bucket):
    names = ["ant", "bat", "bear", "bee", "bird"]
    for name in names:
        bucket.put(f"full/simplified/{name}.ndjson", content(100_000))
        bucket.fail(f"full/simplified/{name}.ndjson", Fault(slow=0.02, always=True))
    files = iter_download(
        names, data_home=data_home, mirror=bucket.url, workers=1, retry_policy=QUICK
    )
    next(files)
    files.close()
    assert len(bucket.gets()) <= 2
    assert all(len(data) == 100_000 for data in visible(data_home).values())


def test_settings_come_from_the_environment(data_home, bucket, three, monkeypatch):
    monkeypatch.setenv("QUICKDRAW_KIT_HOME", str(data_home))
    monkeypatch.setenv("QUICKDRAW_KIT_MIRROR", bucket.url + "/")
    assert download(["cat"], retry_policy=QUICK).paths == (data_home / "simplified" / "cat.ndjson",)


@pytest.mark.slow
def test_progress_of_many_files_takes_linear_time(tmp_path, monkeypatch):
    planned = [
        DownloadedFile(f"{number}", tmp_path / f"{number}" / "a", "planned", "", 1, stays=False)
        for number in range(20_000)
    ]

    def fetch_one(self, file, planned):
        result = replace(planned, state="fetched", received=1)
        self.reporter.finish(result)
        return result

    monkeypatch.setattr("quickdraw_kit.acquire.download.Fetcher.fetch_one", fetch_one)
    steps = []
    begun = time.monotonic()
    with fetching(tmp_path, planned, progress=steps.append) as fetcher:
        for future in [fetcher.start(file) for file in planned]:
            future.result()
    assert steps[-1].all_done == len(planned)
    assert time.monotonic() - begun < 10, (
        "about one second; a minute if each report visits all files"
    )


def test_credentials_are_not_recorded_and_not_part_of_a_version(data_home, bucket, three):
    mirror = bucket.url.replace("://", "://me:secret@")
    bucket.fail("full/simplified/dog.ndjson", Fault(cut=150_000), Fault(status=404))
    with pytest.raises(DownloadError, match="404") as caught:
        download(["cat", "dog"], data_home=data_home, mirror=mirror, retry_policy=QUICK)
    assert "secret" not in str(caught.value)
    assert not [
        path for path in data_home.rglob("*") if path.is_file() and b"secret" in path.read_bytes()
    ]
    report = download(["cat", "dog"], data_home=data_home, mirror=mirror, retry_policy=QUICK)
    assert [(file.state, file.received) for file in report.files] == [
        ("present", 0),
        ("fetched", 50_000),
    ]
    other = bucket.url.replace("://", "://me:another@")
    assert (
        download(["cat", "dog"], data_home=data_home, mirror=other, retry_policy=QUICK).received
        == 0
    )


def test_a_folder_that_cannot_be_written_fails_the_file(get, data_home, three):
    data_home.mkdir()
    (data_home / "simplified").write_text("in the way")
    with pytest.raises(DownloadError, match=r"File exists|Not a directory"):
        get(["cat"])


def other_bucket(data, **traits):
    bucket = Bucket()
    bucket.put("full/simplified/cat.ndjson", data, **traits)
    return bucket


@pytest.mark.parametrize(
    ("same", "traits", "sent"),
    [(True, {}, 0), (True, {"bare": True}, 1), (False, {}, 1), (False, {"bare": True}, 1)],
)
def test_a_file_from_another_url_counts_only_with_the_checksums_of_the_mirror(
    get, data_home, bucket, same, traits, sent
):
    first, second = content(100_000, seed=1), content(100_000, seed=1 if same else 2)
    bucket.put("full/simplified/cat.ndjson", first)
    get(["cat"])
    with contextlib.closing(other_bucket(second, **traits)) as other:
        get(["cat"], mirror=other.url)
        assert visible(data_home) == {"simplified/cat.ndjson": second}
        assert len(other.gets()) == sent
        get(["cat"], mirror=other.url)
        assert len(other.gets()) == sent, "it is of this mirror now"
    report = download(["cat"], data_home=data_home)  # without a mirror any origin counts
    assert report.files[0].state == "present"


def test_an_unreachable_mirror_leaves_present_files(get, data_home, bucket):
    bucket.put("full/simplified/cat.ndjson", content(1000))
    get(["cat"])
    with pytest.raises(DownloadError, match="no connection"):
        get(["cat"], mirror="http://127.0.0.1:9")
    assert visible(data_home) == {"simplified/cat.ndjson": content(1000)}
