"""Folders and object stores through fsspec: as mirrors of downloads, and on their own."""

import json
import os
import ssl
import subprocess
import sys
from typing import ClassVar

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from quickdraw_kit.acquire.cache_entry import CacheEntry
from quickdraw_kit.acquire.download import download
from quickdraw_kit.acquire.results import DownloadError
from quickdraw_kit.errors import UsageError
from quickdraw_kit.storage.filesystem import FilesystemStore, translate_errors
from quickdraw_kit.storage.retry import ChangedError, PermanentError, TemporaryError
from tests.acquire.conftest import QUICK, content, leftovers, visible

SIZE = 100_000
NAME = "simplified/hot air balloon.ndjson"


@pytest.fixture
def mirror(tmp_path):
    folder = tmp_path / "a mirror"
    path = folder / "full" / NAME
    path.parent.mkdir(parents=True)
    path.write_bytes(content(SIZE))
    return folder


@pytest.fixture
def memory():
    """A mirror in fsspec's memory file system, as in an object store."""
    system = fsspec.filesystem("memory")
    system.pipe(f"/bucket/full/{NAME}", content(SIZE))
    yield system
    system.rm("/bucket", recursive=True)


def get(data_home, mirror, **options):
    return download(
        ["hot air balloon"], data_home=data_home, mirror=str(mirror), retry_policy=QUICK, **options
    )


@pytest.mark.parametrize("format", ["folder", "relative", "file address", "home"])
def test_a_folder_is_a_mirror(data_home, mirror, monkeypatch, format):
    match format:
        case "folder":
            named = str(mirror)
        case "relative":
            monkeypatch.chdir(mirror.parent)
            named = mirror.name
        case "file address":
            named = mirror.as_uri()
        case "home":  # a folder of downloads, as another run left it
            get(data_home.with_name("other"), mirror)
            named = str(data_home.with_name("other"))
    assert get(data_home, named, dry_run=True).to_fetch == SIZE
    assert get(data_home, named).received == SIZE
    assert visible(data_home) == {NAME: content(SIZE)}
    assert leftovers(data_home) == []


def test_a_store_is_a_mirror(data_home, memory):
    assert get(data_home, "memory://bucket").received == SIZE
    assert visible(data_home) == {NAME: content(SIZE)}
    assert get(data_home, "memory://bucket", verify=True).received == 0


def start_download(data_home, mirror, size) -> CacheEntry:
    """Leave a folder as after a kill when `size` bytes were received."""
    entry = CacheEntry(data_home / NAME)
    entry.path.parent.mkdir(parents=True)
    url = f"{mirror}/full/{NAME}"
    entry.start_partial(FilesystemStore(url).stat()).write_bytes(content(SIZE)[:size])
    return entry


@pytest.mark.parametrize("size", [1, 60_000, SIZE])
def test_a_download_from_a_store_is_resumed(data_home, memory, size):
    start_download(data_home, "memory://bucket", size)
    assert get(data_home, "memory://bucket").received == SIZE - size
    assert visible(data_home) == {NAME: content(SIZE)}
    assert leftovers(data_home) == []


@pytest.mark.parametrize("size", [60_000, SIZE])
def test_a_file_that_changed_since_is_downloaded_again(data_home, mirror, size):
    start_download(data_home, mirror, size)
    path = mirror / "full" / NAME
    path.write_bytes(content(SIZE, seed=2))
    os.utime(path, ns=(1, 1))
    assert get(data_home, mirror).received == SIZE
    assert visible(data_home) == {NAME: content(SIZE, seed=2)}


def test_a_file_that_changes_while_it_is_read_is_not_trusted(mirror):
    path = mirror / "full" / NAME
    with FilesystemStore(str(path)).open_range() as (info, start, chunks):
        assert (info.size, start) == (SIZE, 0)
        first = next(chunks)
        path.write_bytes(content(SIZE, seed=2))
        os.utime(path, ns=(1, 1))
        with pytest.raises(ChangedError):
            b"".join(chunks)
    assert first == content(SIZE)


def test_temporary_and_permanent_failures(mirror, monkeypatch):
    with pytest.raises(PermanentError, match="does not exist"):
        FilesystemStore(mirror).stat("absent")
    with pytest.raises(PermanentError, match="is a folder"):
        FilesystemStore(mirror).stat()
    with pytest.raises(UsageError, match="not the address of a known store"):
        FilesystemStore("nosuchthing://bucket/file")

    class BrokenError(Exception):
        """As drivers define for failures of the network."""

    def info(self, path, **options):
        raise BrokenError("reset by peer")

    monkeypatch.setattr("fsspec.implementations.local.LocalFileSystem.info", info)
    with pytest.raises(TemporaryError, match="BrokenError: reset by peer"):
        FilesystemStore(mirror).stat()


@pytest.mark.parametrize(
    "mistake",
    [
        TypeError("__init__() got an unexpected keyword argument"),
        ValueError("Failed to list path"),
        AttributeError("no attribute"),
        RuntimeError("This class is not fork-safe"),
        NotImplementedError(),
        ("aiohttp", "InvalidURL", ("http://",)),
        ("botocore.exceptions", "UnknownEndpointError", {"service_name": "s3", "region_name": "x"}),
        ("botocore.exceptions", "ParamValidationError", {"report": "Invalid bucket name"}),
        ("botocore.exceptions", "ProfileNotFound", {"profile": "x"}),
    ],
    ids=lambda mistake: mistake[1] if isinstance(mistake, tuple) else type(mistake).__name__,
)
def test_permanent_failures_of_drivers(mistake):
    with pytest.raises(PermanentError), translate_errors():
        raise make_error(mistake)


@pytest.mark.parametrize(
    "failure",
    [
        OSError("the store says: slow down"),
        ssl.SSLCertVerificationError(1, "a proxy's own certificate"),  # a ValueError as well
        json.JSONDecodeError("Expecting value", "<html>502", 0),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
        EOFError(),
        ("aiohttp", "ServerDisconnectedError", ()),
        ("aiohttp", "ClientPayloadError", ()),
        ("botocore.exceptions", "EndpointConnectionError", {"endpoint_url": "x", "error": "y"}),
        ("botocore.exceptions", "IncompleteReadError", {"actual_bytes": 1, "expected_bytes": 2}),
        ("botocore.exceptions", "ClientError", ({"Error": {"Code": "SlowDown"}}, "GetObject")),
        ("botocore.parsers", "ResponseParserError", ("no XML",)),
    ],
    ids=lambda failure: failure[1] if isinstance(failure, tuple) else type(failure).__name__,
)
def test_temporary_failures_of_drivers(failure):
    with pytest.raises(TemporaryError), translate_errors():
        raise make_error(failure)


def make_error(error):
    """Return the error; skip if it is of a driver that is not installed."""
    if isinstance(error, Exception):
        return error
    module, name, arguments = error
    kind = getattr(pytest.importorskip(module), name)
    return kind(**arguments) if isinstance(arguments, dict) else kind(*arguments)


def test_an_invalid_bucket_name_is_permanent(monkeypatch):
    pytest.importorskip("s3fs")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with pytest.raises(PermanentError, match="Invalid bucket name"):
        FilesystemStore("s3://My_Bucket!/x").list()


def test_a_name_with_two_colons_is_not_a_chain(memory):
    memory.pipe("/bucket/a::b.ndjson", b"12345")
    (listed,) = FilesystemStore("memory://bucket/a*").list()
    store = FilesystemStore(listed.url)
    with store.open_range("", 2, store.stat()) as (info, start, chunks):
        assert (info.size, start, b"".join(chunks)) == (5, 2, b"345")


class HostedFileSystem(MemoryFileSystem):
    """A store whose host and user are not part of its paths, as with FTP."""

    protocol = "hosted"
    store: ClassVar = {}

    def __init__(self, host: str, user: str) -> None:
        super().__init__()
        assert (host, user) == ("host", "me:secret"), "asked without them"

    @classmethod
    def _strip_protocol(cls, path):
        path = path.removeprefix("hosted://")
        return f"/{path.partition('/')[2]}".rstrip("/")

    @staticmethod
    def _get_kwargs_from_urls(path):
        user, _, host = path.removeprefix("hosted://").partition("/")[0].rpartition("@")
        return {"host": host, "user": user}


@pytest.mark.parametrize("location", ["shelf", "shelf/", "shelf/*.bin", "shelf/cat.bin"])
def test_listed_urls_keep_host_and_user(location):
    fsspec.register_implementation("hosted", HostedFileSystem, clobber=True)
    HostedFileSystem("host", "me:secret").pipe("/shelf/cat.bin", b"12345")
    (listed,) = FilesystemStore(f"hosted://me:secret@host/{location}").list()
    assert listed.url == "hosted://me:secret@host/shelf/cat.bin"
    assert FilesystemStore(listed.url).stat().size == 5


def test_an_error_of_the_caller_is_not_translated(mirror):
    def read() -> None:
        with FilesystemStore(mirror).open_range(f"full/{NAME}") as reader:
            next(reader.chunks)
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        read()


def test_a_missing_file_is_named(data_home, mirror):
    with pytest.raises(DownloadError, match=r"full/simplified/cat\.ndjson: it does not exist"):
        download(["cat"], data_home=data_home, mirror=str(mirror), retry_policy=QUICK)


def test_a_missing_driver_names_the_extra_to_install():
    """In a process of its own, as fsspec remembers the drivers that were imported."""
    script = (
        "import sys; sys.modules |= {'gcsfs': None, 's3fs': None}\n"
        "from quickdraw_kit.storage.filesystem import FilesystemStore\n"
        "for scheme in ('gs', 's3'):\n"
        "    try: FilesystemStore(f'{scheme}://bucket').list()\n"
        "    except Exception as error: print(f'{type(error).__name__}: {error}')\n"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    lines = run.stdout.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["UsageError"] * 2
    assert all('pip install "quickdraw-kit[cloud]"' in line for line in lines)


class GoogleFileSystem(MemoryFileSystem):
    """A store that describes its files as Google Cloud Storage does."""

    protocol = "googlelike"
    store: ClassVar = {}
    details: ClassVar = {}

    def info(self, path, **options):
        return super().info(path, **options) | self.details


@pytest.mark.parametrize(
    ("crc32c", "expected"), [("n03x6A==", "9f4df1e8"), (None, None), ("not base64!", None)]
)
def test_checksums_that_a_store_names(crc32c, expected):
    fsspec.register_implementation("googlelike", GoogleFileSystem, clobber=True)
    GoogleFileSystem.details.update(crc32c=crc32c, generation=17, etag="CJ17=")
    store = FilesystemStore("googlelike://shelf")
    store.put("cat.bin", b"12345")
    info = store.stat("cat.bin")
    assert (info.crc32c, info.generation, info.etag) == (expected, "17", "CJ17=")


def test_a_chain_of_file_systems(memory):
    store = FilesystemStore("simplecache::memory://bucket/full/simplified")
    assert [info.name for info in store.list()] == ["hot air balloon.ndjson"]
    assert store.get("hot air balloon.ndjson") == content(SIZE)
