"""Headers of web servers, valid and not, and failures of the network."""

import socket
import time

import pytest
from httpx2 import Headers

from quickdraw_kit.errors import UsageError
from quickdraw_kit.storage import http
from quickdraw_kit.storage.http import HTTPClient, HTTPStore
from quickdraw_kit.storage.retry import PermanentError, RetryPolicy, TemporaryError
from tests.acquire.bucket import Fault


@pytest.fixture
def client():
    client = HTTPClient(RetryPolicy(connect_timeout=5, read_timeout=1))
    yield client
    client.close()


def test_headers_of_googles_bucket(client, bucket):
    bucket.put("plain", b"123456789")
    bucket.put("composite", b"123456789", composite=True)
    bucket.put("bare", b"123456789", bare=True)
    plain, composite, bare = (
        HTTPStore(bucket.url, client).stat(name) for name in ("plain", "composite", "bare")
    )
    assert (plain.size, plain.crc32c, plain.md5) == (
        9,
        "e3069283",
        "25f9e794323b453885f5181f1b624d0b",
    )
    assert plain.generation == "1500000000000000"
    assert plain.etag == '"25f9e794323b453885f5181f1b624d0b"'
    assert (composite.crc32c, composite.md5) == ("e3069283", None)
    assert (bare.crc32c, bare.md5, bare.generation) == (None, None, None)
    assert all(info.has_version for info in (plain, composite, bare))


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ("crc32c=4waSgw==,md5=JfnnlDI7RTiF9RgfG2JNCw==", {"crc32c", "md5"}),
        ("md5=JfnnlDI7RTiF9RgfG2JNCw==, crc32c=4waSgw==", {"crc32c", "md5"}),
        ("crc32c=4waSgw==", {"crc32c"}),
        ("crc32c=?,md5", {"md5"}),
        ("", {""}),
    ],
)
def test_checksums(header, names):
    checksums = http._checksums(header)
    assert set(checksums) == names
    assert checksums.get("crc32c", "e3069283") == "e3069283"


def test_an_unknown_host_and_a_refused_connection(client, monkeypatch):
    def nowhere(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(TemporaryError, match="no connection to 127") as refused:
        HTTPStore("http://127.0.0.1:1/cat", client).stat()
    assert not refused.value.unresolved
    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    with pytest.raises(TemporaryError, match=r"no connection to nowhere\.invalid") as lost:
        HTTPStore("http://nowhere.invalid/cat", client).stat()
    assert lost.value.unresolved


def test_checksums_in_two_headers():
    headers = Headers([("x-goog-hash", "crc32c=4waSgw=="), ("x-goog-hash", "md5=AAAA")])
    assert http._checksums(headers["x-goog-hash"]) == {"crc32c": "e3069283", "md5": "000000"}


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7),
        (" 120 ", 120),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 9),
        ("Fri, 31 Dec 1999 23:59:00 GMT", 0),
        ("-5", 0),
        ("soon", 0),
        ("1e3", 0),
        (None, 0),
    ],
)
def test_retry_after(monkeypatch, value, seconds):
    monkeypatch.setattr(time, "time", lambda: 946_684_790.0)  # nine seconds before that midnight
    assert http._retry_after(Headers({} if value is None else {"Retry-After": value})) == seconds


@pytest.mark.parametrize("value", ["", "bytes", "bytes */10", "bytes 1-2/*", "items 0-1/2"])
def test_an_invalid_content_range(value):
    with pytest.raises(TemporaryError, match="Content-Range"):
        http._content_range(value)


def test_redirects_are_followed_but_not_forever(client, bucket):
    bucket.put("there", b"123")
    redirect = {"Location": f"{bucket.url}/there"}
    bucket.fail("here", Fault(status=302, headers=redirect, head=True))
    assert HTTPStore(f"{bucket.url}/here", client).stat().size == 3
    bucket.fail("there", Fault(status=302, headers=redirect, head=True, always=True))
    with pytest.raises(PermanentError, match="redirects"):
        HTTPStore(f"{bucket.url}/there", client).stat()


def test_an_invalid_url(client):
    with pytest.raises(PermanentError):
        HTTPStore("http://exa mple:port/", client).stat()


def test_requests_are_for_the_stored_bytes(client, bucket):
    bucket.put("a", b"123")
    with client.request("GET", f"{bucket.url}/a") as response:
        assert response.request.headers["Accept-Encoding"] == "identity"
        assert response.request.headers["User-Agent"].startswith("quickdraw-kit/")


def test_names_are_joined_before_the_query(client, bucket):
    bucket.put("shards/a b.npy?token=1", b"123")
    store = HTTPStore(f"{bucket.url}/shards/?token=1", client)
    assert store.get("a b.npy") == b"123"
    assert [info.name for info in store.list("a b.npy")] == ["a b.npy"]


def test_a_web_server_is_read_only(client, bucket):
    store = HTTPStore(f"{bucket.url.replace('://', '://me:secret@')}/shards", client)
    for write in (lambda: store.put("a", b""), lambda: store.delete("a")):
        with pytest.raises(UsageError, match=r"shards/a cannot be written.*read-only") as error:
            write()
        assert "secret" not in str(error.value)
