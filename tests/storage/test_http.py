"""Headers of real servers, to the letter and otherwise."""

import socket
import time

import pytest
from httpx2 import Headers

from quickdraw_kit.storage import http as web
from quickdraw_kit.storage.retry import PermanentError, RetryPolicy, Session, TemporaryError
from tests.acquire.bucket import Fault


@pytest.fixture
def session(bucket):
    with web.new_client(connect=5, stall=1) as client:
        yield Session(client, RetryPolicy())


def test_what_the_bucket_says(session, bucket):
    bucket.put("plain", b"123456789")
    bucket.put("composite", b"123456789", composite=True)
    bucket.put("bare", b"123456789", bare=True)
    plain, composite, bare = (
        web.look(session, f"{bucket.url}/{name}") for name in ("plain", "composite", "bare")
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
    assert all(found.pinned for found in (plain, composite, bare))


@pytest.mark.parametrize(
    ("header", "sums"),
    [
        ("crc32c=4waSgw==,md5=JfnnlDI7RTiF9RgfG2JNCw==", {"crc32c", "md5"}),
        ("md5=JfnnlDI7RTiF9RgfG2JNCw==, crc32c=4waSgw==", {"crc32c", "md5"}),
        ("crc32c=4waSgw==", {"crc32c"}),
        ("crc32c=?,md5", {"md5"}),
        ("", {""}),
    ],
)
def test_hashes(header, sums):
    found = web._hashes(header)
    assert set(found) == sums
    assert found.get("crc32c", "e3069283") == "e3069283"


def test_a_name_that_leads_nowhere_is_told_from_a_host_that_refuses(session, monkeypatch):
    def nowhere(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(TemporaryError, match="no connection to 127") as refused:
        web.look(session, "http://127.0.0.1:1/cat")
    assert not refused.value.unresolved
    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    with pytest.raises(TemporaryError, match=r"no connection to nowhere\.invalid") as lost:
        web.look(session, "http://nowhere.invalid/cat")
    assert lost.value.unresolved


def test_hashes_in_two_headers():
    headers = Headers([("x-goog-hash", "crc32c=4waSgw=="), ("x-goog-hash", "md5=AAAA")])
    assert web._hashes(headers["x-goog-hash"]) == {"crc32c": "e3069283", "md5": "000000"}


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
    assert web._retry_after(Headers({} if value is None else {"Retry-After": value})) == seconds


@pytest.mark.parametrize("value", ["", "bytes", "bytes */10", "bytes 1-2/*", "items 0-1/2"])
def test_a_range_that_cannot_be_read(value):
    with pytest.raises(TemporaryError, match="Content-Range"):
        web._content_range(value)


def test_redirects_are_followed_but_not_for_ever(session, bucket):
    bucket.put("there", b"123")
    there = {"Location": f"{bucket.url}/there"}
    bucket.fail("here", Fault(status=302, headers=there, head=True))
    assert web.look(session, f"{bucket.url}/here").size == 3
    bucket.fail("there", Fault(status=302, headers=there, head=True, always=True))
    with pytest.raises(PermanentError, match="redirects"):
        web.look(session, f"{bucket.url}/there")


def test_an_address_that_is_none(session):
    with pytest.raises(PermanentError):
        web.look(session, "http://exa mple:port/")


def test_requests_ask_for_the_file_as_it_is_stored(session):
    assert session.client.headers["Accept-Encoding"] == "identity"
    assert session.client.headers["User-Agent"].startswith("quickdraw-kit/")
