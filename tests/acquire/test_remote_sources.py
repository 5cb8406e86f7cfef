"""Sources that are given as URLs."""

from dataclasses import replace

import fsspec
import pytest

from quickdraw_kit.acquire.download import fetching
from quickdraw_kit.acquire.remote_sources import resolve_url
from quickdraw_kit.acquire.sources import resolve_sources
from quickdraw_kit.errors import DataError, UsageError
from tests.acquire.bucket import Fault
from tests.acquire.conftest import QUICK


@pytest.fixture
def shelf():
    """A store with readable files and others."""
    system = fsspec.filesystem("memory")
    for name in ("cat.ndjson", "dog.ndjson.gz", "ant.bin", "notes.txt", "deep/cat.ndjson"):
        system.pipe(f"/shelf/{name}", name.encode())
    yield "memory://shelf"
    system.rm("/shelf", recursive=True)


def resolve(*specs):
    return resolve_sources(specs, list_url=lambda url: resolve_url(url, retry_policy=QUICK))


def test_a_folder_gives_its_readable_files_and_not_its_subfolders(shelf):
    assert [(s.name, s.format.name, s.compression, s.size) for s in resolve(shelf)] == [
        ("ant.bin", "binary", None, 7),
        ("cat.ndjson", "ndjson", None, 10),
        ("dog.ndjson.gz", "ndjson", "gzip", 13),
    ]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.ndjson", ["cat.ndjson"]),
        ("*.ndjson*", ["cat.ndjson", "dog.ndjson.gz"]),
        ("**/*.ndjson", ["deep/cat.ndjson", "shelf/cat.ndjson"]),
        ("*/cat.*", ["cat.ndjson"]),
        ("[ac]*", ["ant.bin", "cat.ndjson"]),
    ],
)
def test_patterns(shelf, pattern, names):
    assert [source.name for source in resolve(f"{shelf}/{pattern}")] == names


def test_a_file_that_is_named_twice_counts_once(shelf):
    assert len(resolve(shelf, f"{shelf}/cat.ndjson", f"{shelf}/c*")) == 3


def test_local_and_remote_files_together(shelf, tmp_path):
    (tmp_path / "cat.ndjson").write_bytes(b"{}")
    sources = resolve(tmp_path / "cat.ndjson", shelf)
    assert sorted(source.name for source in sources) == sorted(
        [f"{tmp_path.name}/cat.ndjson", "shelf/cat.ndjson", "shelf/ant.bin", "shelf/dog.ndjson.gz"]
    )


def test_a_file_url_is_a_path(tmp_path):
    path = tmp_path / "hot air balloon.ndjson"
    path.write_bytes(b"{}")
    assert resolve(path.as_uri()) == resolve(path)
    assert resolve(tmp_path.as_uri()) == resolve(path)


def test_a_file_on_a_web_server(bucket):
    bucket.put("a/hot air balloon.ndjson?version=3", b"12345")
    (source,) = resolve(f"{bucket.url}/a/hot%20air%20balloon.ndjson?version=3")
    assert (source.word, source.size) == ("hot air balloon", 5)
    assert source.remote.url.endswith("?version=3")


def test_two_versions_on_a_web_server_are_refused(bucket):
    bucket.put("cat.ndjson?a", b"12345")
    bucket.put("cat.ndjson?b", b"12345")
    with pytest.raises(UsageError, match="differ only in their query"):
        resolve(f"{bucket.url}/cat.ndjson?a", f"{bucket.url}/cat.ndjson?b")


def test_requests_are_retried(bucket):
    bucket.put("cat.ndjson", b"12345")
    bucket.fail("cat.ndjson", Fault(status=503, head=True), Fault(status=500, head=True))
    assert resolve(f"{bucket.url}/cat.ndjson")[0].size == 5


def test_no_name_points_outside_the_workdir(bucket):
    bucket.put("a/../../cat.ndjson", b"12345")
    (file,) = resolve_url(f"{bucket.url}/a%2F..%2F..%2Fcat.ndjson", retry_policy=QUICK)
    folder, name = file.name.split("/")
    assert (name, len(folder), file.stays) == ("cat.ndjson", 16, False)
    bucket.put("a/..", b"12345")
    with pytest.raises(DataError, match="not a file of a supported format"):
        resolve(f"{bucket.url}/a%2F..")


def test_names_and_messages_contain_no_credentials(bucket):
    bucket.put("cat.ndjson?token=secret", b"12345")
    bucket.put("notes.txt?token=secret", b"12345")
    host = bucket.url.removeprefix("http://")
    (source,) = resolve(f"http://me:secret@{host}/cat.ndjson?token=secret")
    assert source.name == "cat.ndjson"
    assert source.path.as_posix() == f"http:/{host}/cat.ndjson"
    for name in ("absent.ndjson", "notes.txt"):
        with pytest.raises(DataError) as caught:
            resolve(f"http://me:secret@{host}/{name}?token=secret")
        assert str(caught.value).startswith(f"http://{host}/{name}?...")
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize("name", ["x" * 240, "ü" * 120, "✓" * 80, "a%b" * 80])
def test_a_long_name_is_shortened_in_the_workdir(tmp_path, name):
    fsspec.filesystem("memory").pipe(f"/long/{name}.bin.gz", b"12345")
    (source,) = resolve("memory://long")
    assert source.word == name
    planned = replace(source.remote, path=tmp_path / source.remote.name)
    with fetching(tmp_path, [planned], retry_policy=QUICK) as fetcher:
        file = fetcher.start(planned).result()
    assert file.path.read_bytes() == b"12345"
    assert file.path.suffixes == [".bin", ".gz"]
    assert replace(source, path=file.path).word == name
    fsspec.filesystem("memory").rm("/long", recursive=True)


@pytest.mark.parametrize("pattern", ["many", "many/*.ndjson"])
def test_many_files_are_listed_at_once(monkeypatch, pattern):
    system, asked = fsspec.filesystem("memory"), []
    for number in range(100):
        system.pipe(f"/many/{number}.ndjson", b"{}")
    info = system.info
    monkeypatch.setattr(system, "info", lambda path: asked.append(path) or info(path))
    assert len(resolve(f"memory://{pattern}")) == 100
    assert len(asked) < 5
    system.rm("/many", recursive=True)


@pytest.mark.parametrize(
    ("url", "error", "message"),
    [
        ("memory://shelf/catt.ndjson", UsageError, "does not exist, or contains no file"),
        ("memory://shelf/*.csv", UsageError, "does not exist, or contains no file"),
        ("memory://shelf/*.txt", DataError, "found 1, the first is notes.txt"),
        ("memory://shelf/notes.txt", DataError, "not a file of a supported format"),
        ("memory://shelf/t10k-images-idx3-ubyte", UsageError, "quickdraw-kit download mnist"),
        ("nonsense://shelf/cat.ndjson", UsageError, "Protocol not known"),
        ("memory://", UsageError, "is not a location"),
        ("http://127.0.0.1:9/cat.ndjson", DataError, "no connection"),
    ],
)
def test_urls_that_cannot_be_resolved(shelf, url, error, message):
    fsspec.filesystem("memory").pipe("/shelf/t10k-images-idx3-ubyte", b"12345")
    with pytest.raises(error, match=message):
        resolve(url)


def test_a_file_of_unknown_size_is_refused(bucket):
    bucket.put("cat.ndjson", b"12345")
    bucket.fail("cat.ndjson", Fault(status=405, head=True))
    with pytest.raises(DataError, match="does not send its size"):
        resolve(f"{bucket.url}/cat.ndjson")


def test_missing_credentials_are_not_retried(monkeypatch, tmp_path):
    pytest.importorskip("s3fs").S3FileSystem.clear_instance_cache()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(DataError, match=r"credentials are needed.*FSSPEC_S3_ANON"):
        resolve("s3://shelf/cat.ndjson")
