"""Mirrors that are folders or stores: through fsspec, as carefully as from the web."""

import importlib.util
import json
import os
import ssl
from typing import ClassVar

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from quickdraw_kit.acquire.cache_entry import CacheEntry
from quickdraw_kit.acquire.download import download
from quickdraw_kit.acquire.results import DownloadError
from quickdraw_kit.errors import UsageError
from quickdraw_kit.storage import object_store as filesystem
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
    """A mirror in fsspec's file system in memory, which stands for a store in the cloud."""
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
    """Leave a folder as a kill does when `size` bytes were received."""
    place = CacheEntry(data_home / NAME)
    place.path.parent.mkdir(parents=True)
    url = f"{mirror}/full/{NAME}"
    place.start(filesystem.look(url)).write_bytes(content(SIZE)[:size])
    return place


@pytest.mark.parametrize("size", [1, 60_000, SIZE])
def test_the_rest_is_fetched_from_a_store(data_home, memory, size):
    start_download(data_home, "memory://bucket", size)
    assert get(data_home, "memory://bucket").received == SIZE - size
    assert visible(data_home) == {NAME: content(SIZE)}
    assert leftovers(data_home) == []


@pytest.mark.parametrize("size", [60_000, SIZE])
def test_a_file_that_changed_since_is_fetched_anew(data_home, mirror, size):
    start_download(data_home, mirror, size)
    path = mirror / "full" / NAME
    path.write_bytes(content(SIZE, seed=2))
    os.utime(path, ns=(1, 1))
    assert get(data_home, mirror).received == SIZE
    assert visible(data_home) == {NAME: content(SIZE, seed=2)}


def test_a_file_that_changes_while_it_is_read_is_not_trusted(mirror):
    path = mirror / "full" / NAME
    with filesystem.receive(str(path), 0, None) as (found, start, pieces):
        assert (found.size, start) == (SIZE, 0)
        first = next(pieces)
        path.write_bytes(content(SIZE, seed=2))
        os.utime(path, ns=(1, 1))
        with pytest.raises(ChangedError):
            b"".join(pieces)
    assert first == content(SIZE)


def test_failures_are_told_apart(mirror, monkeypatch):
    with pytest.raises(PermanentError, match="does not exist"):
        filesystem.look(str(mirror / "absent"))
    with pytest.raises(PermanentError, match="is a folder"):
        filesystem.look(str(mirror))
    with pytest.raises(UsageError, match="no address that is known"):
        filesystem.look("nosuchthing://bucket/file")

    class BrokenError(Exception):
        """What a driver raises of its own when the network fails."""

    def info(self, path, **options):
        raise BrokenError("reset by peer")

    monkeypatch.setattr("fsspec.implementations.local.LocalFileSystem.info", info)
    with pytest.raises(TemporaryError, match="BrokenError: reset by peer"):
        filesystem.look(str(mirror))


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
def test_a_mistake_is_not_tried_again(mistake):
    with pytest.raises(PermanentError), filesystem.failures():
        raise made(mistake)


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
def test_what_may_pass_is_tried_again(failure):
    with pytest.raises(TemporaryError), filesystem.failures():
        raise made(failure)


def made(error):
    """An error, or one of a driver that may not be installed."""
    if isinstance(error, Exception):
        return error
    module, name, arguments = error
    kind = getattr(pytest.importorskip(module), name)
    return kind(**arguments) if isinstance(arguments, dict) else kind(*arguments)


def test_a_bucket_that_cannot_be_is_said_at_once(monkeypatch):
    pytest.importorskip("s3fs")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with pytest.raises(PermanentError, match="Invalid bucket name"):
        filesystem.find("s3://My_Bucket!/x")


def test_a_name_with_two_colons_is_one_name(memory):
    memory.pipe("/bucket/a::b.ndjson", b"12345")
    (found,) = filesystem.find("memory://bucket/a*")
    with filesystem.receive(found.url, 2, filesystem.look(found.url)) as (version, start, pieces):
        assert (version.size, start, b"".join(pieces)) == (5, 2, b"345")


class HostedFileSystem(MemoryFileSystem):
    """A store whose host and user are no part of its paths, as with FTP."""

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


@pytest.mark.parametrize("place", ["shelf", "shelf/", "shelf/*.bin", "shelf/cat.bin"])
def test_what_is_found_below_an_address_is_asked_for_there(place):
    fsspec.register_implementation("hosted", HostedFileSystem, clobber=True)
    HostedFileSystem("host", "me:secret").pipe("/shelf/cat.bin", b"12345")
    (found,) = filesystem.find(f"hosted://me:secret@host/{place}")
    assert found.url == "hosted://me:secret@host/shelf/cat.bin"
    assert filesystem.look(found.url).size == 5


def test_an_error_of_the_reader_is_not_taken_for_one_of_the_mirror(mirror):
    def read() -> None:
        with filesystem.receive(str(mirror / "full" / NAME), 0, None) as (_, _, pieces):
            next(pieces)
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        read()


def test_a_missing_file_is_named(data_home, mirror):
    with pytest.raises(DownloadError, match=r"full/simplified/cat\.ndjson: it does not exist"):
        download(["cat"], data_home=data_home, mirror=str(mirror), retry_policy=QUICK)


@pytest.mark.parametrize(("scheme", "driver"), [("gs", "gcsfs"), ("s3", "s3fs")])
def test_a_missing_driver_says_what_to_install(data_home, scheme, driver):
    if importlib.util.find_spec(driver):
        pytest.skip(f"{driver} is installed")
    with pytest.raises(UsageError, match=r"pip install \"quickdraw-kit\[cloud\]\""):
        get(data_home, f"{scheme}://bucket")


def test_checksums_of_a_store_are_read():
    assert filesystem._hexadecimal("n03x6A==") == "9f4df1e8"
    assert filesystem._hexadecimal(None) is None
    assert filesystem._hexadecimal("not base64!") is None
