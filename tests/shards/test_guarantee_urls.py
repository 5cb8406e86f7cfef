"""Guarantee: sources in a store or on a web server give the bytes that local files give.

Whatever the store, the number of workers, and however often the run was killed; each object is
downloaded once, few are here at a time, none stays, and one that changes is noticed.
"""

import csv
import gzip
import json
import time

import pytest

from quickdraw_kit.acquire.download import DownloadOptions
from quickdraw_kit.errors import DataError, UsageError
from quickdraw_kit.learn.config import TrainConfig
from quickdraw_kit.learn.data.splits import open_splits
from quickdraw_kit.shards.options import PrepareOptions
from quickdraw_kit.shards.prepare.pipeline import prepare
from quickdraw_kit.shards.prepare.plan import plan_prepare
from quickdraw_kit.shards.read.dataset import open_shards
from quickdraw_kit.shards.verify import verify
from quickdraw_kit.storage.store import RetryingStore
from quickdraw_kit.synthetic.generator import write_sample
from tests.acquire.bucket import Bucket, Fault
from tests.acquire.conftest import QUICK
from tests.conftest import posix
from tests.shards.hooks import HookedExecutor, Killed, fail_at_second_task, kill_at_merge

WORDS = ("circle", "line", "square", "star")
SETTINGS = {"options": PrepareOptions(rows_per_shard=200), "chunk_bytes": 30_000}


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """The files, with a rejected line in one; another is compressed."""
    folder = tmp_path_factory.mktemp("urls") / "here"
    write_sample(folder, drawings=1600, categories=WORDS)
    with (folder / "line.ndjson").open("ab") as file:
        file.write(b'{"word": "cut off\n')
    star = folder / "star.ndjson"
    (folder / "star.ndjson.gz").write_bytes(gzip.compress(star.read_bytes(), mtime=0))
    star.unlink()
    return folder


@pytest.fixture(scope="module")
def whole(here):
    """The data set of the same files in a folder."""
    expected = here.with_name("expected")
    prepare([here], expected, **SETTINGS, workers=1)
    return contents(expected)


@pytest.fixture
def web(here):
    bucket = Bucket()
    for path in here.iterdir():
        bucket.put(f"set/{path.name}", path.read_bytes(), composite=True)
    yield bucket
    bucket.close()


def fill(url, here):
    store = RetryingStore(url)
    for path in here.iterdir():
        store.put(path.name, path)
    return url


def web_urls(bucket):
    return [f"{bucket.url}/{path}" for path in bucket.objects]


@pytest.mark.parametrize(
    ("format", "workers"),
    [
        ("folder", 1),
        ("pattern", 1),
        ("files", 1),
        ("folder", 3),
        pytest.param("pattern", 3, marks=pytest.mark.slow),
        pytest.param("files", 3, marks=pytest.mark.slow),
    ],
)
def test_a_store(s3, here, whole, tmp_path, format, workers):
    url = fill(f"{s3}/in-{format}-{workers}", here)
    sources = {
        "folder": [url],
        "pattern": [f"{url}/*.ndjson", f"{url}/s*"],
        "files": [f"{url}/{path.name}" for path in sorted(here.iterdir(), reverse=True)],
    }[format]
    out, data_home = tmp_path / "out", tmp_path / "home"
    prepare(sources, out, **SETTINGS, data_home=data_home, workers=workers)
    assert contents(out) == whole
    assert not data_home.exists()
    assert verify(out).ok


def test_memory_is_a_store_too(here, whole, tmp_path):
    url = fill("memory://urls", here)
    prepare([url], tmp_path / "out", **SETTINGS, workers=1)
    assert contents(tmp_path / "out") == whole


def test_from_a_store_into_a_store(s3, here, whole, tmp_path):
    url = fill(f"{s3}/from", here)
    prepare([url], f"{s3}/to", **SETTINGS, data_home=tmp_path / "home", workers=2)
    store = RetryingStore(f"{s3}/to")
    assert {name: store.get(name) for name in whole} == whole
    assert not [path for path in tmp_path.glob("home/**/*") if path.is_file()]


def test_the_web(web, whole, tmp_path):
    prepare(web_urls(web), tmp_path / "out", **SETTINGS, workers=2)
    assert contents(tmp_path / "out") == whole
    assert {len(web.gets(path)) for path in web.objects} == {1}
    prepare(web_urls(web), tmp_path / "out", **SETTINGS, workers=1)  # finished: stays as it is
    assert len(web.gets()) == len(WORDS)


@pytest.mark.parametrize("kind", ["s3", "memory"])
def test_an_object_that_changed_after_an_interrupted_run_is_noticed(s3, here, tmp_path, kind):
    """As many bytes, and another content."""
    url = fill({"s3": f"{s3}/changed", "memory": "memory://changed"}[kind], here)

    def run(**options):
        return prepare([url], tmp_path / "out", **SETTINGS, workers=1, **options)

    with pytest.raises(Killed):
        run(progress=kill_at_merge)
    path = min(here.iterdir())
    RetryingStore(url).put(path.name, path.read_bytes().replace(b'"US"', b'"SU"'))
    with pytest.raises(UsageError, match="unfinished run that differs in its sources"):
        run()
    run(overwrite=True)
    assert "SU" in open_shards(tmp_path / "out").to_pandas()["countrycode"].tolist()


def test_a_file_url_is_a_folder(here, whole, tmp_path):
    out = tmp_path / "a b#c"
    prepare([here.as_uri()], out.as_uri(), **SETTINGS, data_home=tmp_path / "home", workers=1)
    assert contents(out) == whole
    assert not (tmp_path / "home").exists()
    prepare([here], out, **SETTINGS, workers=1)  # finished: stays as it is
    assert len(open_shards(out.as_uri())) == len(open_shards(out))
    assert len(open_splits(TrainConfig(data=out.as_uri()))["train"]) > 0


@pytest.mark.parametrize("url", ["memory://", "s3:///"])
def test_a_url_without_a_path_is_not_a_folder(here, tmp_path, monkeypatch, url):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="is not a location"):
        prepare([here], url, data_home=tmp_path, workers=1)
    with pytest.raises(UsageError, match="is not a location"):
        open_shards(url, cache=tmp_path)
    assert not list(tmp_path.iterdir())


def test_no_credential_is_in_the_data_set(web, tmp_path):
    urls = [url.replace("://", "://me:secret@") for url in web_urls(web)]
    manifest = prepare(urls, tmp_path / "out", **SETTINGS, workers=1)
    assert manifest.counts.rejected
    assert "secret" not in json.dumps(plan_prepare(urls, tmp_path / "out").describe())
    assert not [path for path in tmp_path.glob("out/**/*") if b"secret" in path.read_bytes()]


def test_a_web_server_a_folder_and_categories_together(here, web, tmp_path):
    for word in WORDS[:3]:
        data = (here / f"{word}.ndjson").read_bytes()
        web.put(f"full/simplified/{word}.ndjson", data)
    data_home = tmp_path / "home"
    options = DownloadOptions(web.url, retry_policy=QUICK)
    sources = ["circle", here / "line.ndjson", f"{web.url}/set/square.ndjson"]
    prepare(sources, tmp_path / "out", **SETTINGS, data_home=data_home, download=options, workers=1)
    names = ("circle.ndjson", "line.ndjson", "square.ndjson")
    local = [here / name for name in names]
    prepare(local, tmp_path / "expected", **SETTINGS, workers=1)
    assert contents(tmp_path / "out") == contents(tmp_path / "expected")
    kept = [path.name for path in data_home.rglob("*.ndjson")]
    assert kept == ["circle.ndjson"], "categories are kept, files at URLs are not"


def test_objects_are_removed_before_the_last_arrives(web, here, tmp_path):
    most = 0

    def count(_bucket):
        nonlocal most
        passing = (tmp_path / "out" / ".prepare" / "sources").glob("*/[!.]*")
        most = max(most, len(list(passing)))

    for number in range(8):
        web.put(f"set/more-{number}.ndjson", (here / "circle.ndjson").read_bytes()[:9999])
    for path in web.objects:
        web.fail(path, Fault(before=count))
    prepare(web_urls(web), tmp_path / "out", **SETTINGS, workers=1, max_reject_rate=1)
    assert 1 <= most <= 3


def test_the_plan_holds_the_bytes_to_download(web, here, tmp_path):
    plan = plan_prepare(web_urls(web), tmp_path / "out", **SETTINGS)
    sizes = [path.stat().st_size for path in here.iterdir()]
    assert plan.to_fetch == sum(sizes)
    assert 400 < plan.drawings < 6400
    assert not web.gets()


def test_an_object_that_changes_during_its_download_is_downloaded_as_one_version(
    web, here, whole, tmp_path
):
    path = "set/circle.ndjson"
    data = web.objects[path].data
    web.put(path, data.replace(b'"US"', b'"BR"'), composite=True)
    back = Fault(before=lambda bucket: bucket.put(path, data, composite=True))
    web.fail(path, Fault(cut=40_000), back)
    prepare(web_urls(web), tmp_path / "out", **SETTINGS, workers=1)
    assert contents(tmp_path / "out") == whole


def test_an_object_of_another_size_than_was_planned_is_refused(web, tmp_path):
    path = "set/circle.ndjson"
    data = web.objects[path].data
    web.fail(path, Fault(before=lambda bucket: bucket.put(path, data * 2, composite=True)))
    with pytest.raises(
        DataError, match=f"changed at http.*{len(data)} bytes then, {len(data) * 2}"
    ):
        prepare(web_urls(web), tmp_path / "out", **SETTINGS, workers=1)
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_an_object_that_changed_after_a_part_was_extracted_is_refused(web, here, tmp_path):
    url, path = f"{web.url}/set/circle.ndjson", "set/circle.ndjson"
    executor = HookedExecutor(fail_at_second_task())
    with pytest.raises(OSError, match="gone"):
        prepare([url], tmp_path / "out", **SETTINGS, executor=executor)
    for left in (tmp_path / "out" / ".prepare" / "sources").rglob("*.ndjson"):
        left.unlink()

    # it is replaced after the plan has seen the old one, and before the download
    changed = web.objects[path].data.replace(b'"US"', b'"BR"')
    web.fail(path, Fault(before=lambda bucket: bucket.put(path, changed, composite=True)))
    with pytest.raises(DataError, match="changed at http"):
        prepare([url], tmp_path / "out", **SETTINGS, workers=1)
    prepare([url], tmp_path / "out", **SETTINGS, workers=1, overwrite=True)
    (tmp_path / "circle.ndjson").write_bytes(changed)
    prepare([tmp_path / "circle.ndjson"], tmp_path / "expected", **SETTINGS, workers=1)
    assert contents(tmp_path / "out") == contents(tmp_path / "expected")


def test_an_object_that_is_compressed_and_not_named_so_is_refused(s3, here, tmp_path):
    store = RetryingStore(f"{s3}/packed")
    store.put("star.ndjson", here / "star.ndjson.gz")
    with pytest.raises(DataError, match=r"is gzip compressed.*Rename it: \.gz"):
        prepare([f"{s3}/packed"], tmp_path / "out", **SETTINGS, workers=1)


def test_missing_objects_are_an_error_before_anything_is_written(s3, web, tmp_path):
    for url, error in (
        (f"{s3}/nothing/*.ndjson", UsageError),
        ("s3://no-such-bucket/cat.ndjson", UsageError),
        (f"{web.url}/set/cat.ndjson", DataError),
    ):
        with pytest.raises(error, match=r"does not exist|404"):
            prepare([url], tmp_path / "out", **SETTINGS, workers=1)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("format", ["binary", "stroke3", "bitmaps", "csv"])
def test_other_formats(s3, tmp_path, format):
    from quickdraw_kit.conversion import convert

    here = tmp_path / "here"
    here.mkdir()
    write_sample(tmp_path / "sample", drawings=60, categories=["star"])
    sample = tmp_path / "sample" / "star.ndjson"
    if format == "bitmaps":
        import numpy as np

        np.save(here / "star.npy", np.random.default_rng(1).integers(0, 256, (60, 784), np.uint8))
    elif format == "csv":
        columns = ("countrycode", "drawing", "key_id", "recognized", "timestamp", "word")
        with (here / "star.csv").open("w", newline="") as file:
            table = csv.DictWriter(file, columns)
            table.writeheader()
            table.writerows(json.loads(line) for line in sample.read_text().splitlines())
    else:
        name = {"stroke3": "npz", "binary": "bin"}[format]
        convert(sample, here / f"star.{name}", allow_loss=True)
    url = fill(f"{s3}/{format}", here)
    prepare([here], tmp_path / "expected", **SETTINGS, workers=1)
    prepare([url], tmp_path / "out", **SETTINGS, workers=1)
    assert contents(tmp_path / "out") == contents(tmp_path / "expected")


def test_real_drawings(s3, real_data, tmp_path):
    files = sorted((real_data / "quickdraw" / "simplified").glob("*.ndjson"))[:3]
    store = RetryingStore(f"{s3}/real things")
    for path in files:
        store.put(path.name, path)
    prepare(files, tmp_path / "expected", **SETTINGS, workers=1)
    prepare([f"{s3}/real things"], tmp_path / "out", **SETTINGS, workers=1)
    assert contents(tmp_path / "out") == contents(tmp_path / "expected")


RUN = """
import sys
from quickdraw_kit.shards.options import PrepareOptions
from quickdraw_kit.shards.prepare.pipeline import prepare
out, workers, *urls = sys.argv[1:]
prepare(urls, out, options=PrepareOptions(rows_per_shard=200), workers=int(workers),
        chunk_bytes=30_000)
"""


@posix
@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_killed_at_any_point_and_resumed(web, whole, tmp_path, warm, workers):
    for path in web.objects:
        web.fail(path, Fault(slow=0.03, always=True))
    total = sum(len(stored.data) for stored in web.objects.values())
    command = ["-c", RUN, tmp_path / "out", workers, *web_urls(web)]
    for share in (0.1, 0.4, 0.7, 0.95):
        process = warm.start(*command)
        while web.sent() < share * total:
            assert process.poll() is None, process.stderr
            time.sleep(0.01)
        process.kill_all()
    web.faults.clear()
    last = warm.run(*command)
    assert last.returncode == 0, last.stderr
    assert contents(tmp_path / "out") == whole
    # what was received before each kill was not requested again
    assert web.sent() < total + 4 * (1 << 16) * len(WORDS)
